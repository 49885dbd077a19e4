"""Weighted means and covariances of a stream of rows, exact in double precision."""

from __future__ import annotations

import numpy as np

from pcgnn.errors import DataError

__all__ = ["Moments", "weighted_quantiles"]


class Moments:
    """Mean and covariance, merged piece by piece (Chan, Golub, LeVeque 1979).

    Each piece is centred before it is squared, so nothing is lost to cancellation when the mean
    is large against the width.

    Args:
        width: number of columns F.
    """

    def __init__(self, width: int) -> None:
        self.weight = 0.0
        self.count = 0
        self.mean = np.zeros(width)
        self._scatter = np.zeros((width, width))

    def update(self, rows: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Add rows.

        **Shapes:** rows (n, F), weight (n,)
        """
        if rows.shape[0] == 0:
            return
        values = rows.astype(np.float64)
        total = float(values.shape[0]) if weight is None else float(weight.sum(dtype=np.float64))
        if weight is None:
            mean = values.mean(axis=0)
            centred = values - mean
            scatter = centred.T @ centred
        else:
            factors = weight.astype(np.float64)
            # Signed weights of one piece may cancel: then any reference point will do.
            mean = values.mean(axis=0) if total == 0.0 else factors @ values / total
            centred = values - mean
            scatter = (centred * factors[:, None]).T @ centred
            if total == 0.0:
                self._merge_balanced(mean, factors @ centred, scatter)
                self.count += values.shape[0]
                return
        merged = self.weight + total
        if merged == 0.0:
            raise DataError("weights cancel to a sum of 0 on the way: no mean is defined")
        step = mean - self.mean
        self._scatter += scatter + np.outer(step, step) * (self.weight * total / merged)
        self.mean = self.mean + step * (total / merged)
        self.weight = merged
        self.count += values.shape[0]

    def _merge_balanced(self, reference: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
        """Add a piece of weight 0 by its first and second moment about a reference point."""
        if self.weight == 0.0:
            raise DataError("weights cancel to a sum of 0 on the way: no mean is defined")
        offset = reference - self.mean
        about = second + np.outer(offset, first) + np.outer(first, offset)
        step = first / self.weight
        self._scatter += about - np.outer(step, step) * self.weight
        self.mean = self.mean + step

    @property
    def covariance(self) -> np.ndarray:
        """Covariance (F, F), normalised by the sum of weights."""
        if self.weight <= 0.0:
            raise DataError(f"the weights sum to {self.weight:g}: no width is defined")
        return self._scatter / self.weight

    @property
    def variance(self) -> np.ndarray:
        """Variances (F,)."""
        return np.diagonal(self.covariance).copy()


def weighted_quantiles(
    values: np.ndarray, levels: tuple[float, ...], weight: np.ndarray | None = None
) -> np.ndarray:
    """Quantiles of one column; with weights, where the cumulated weight reaches the level.

    Without weights they are interpolated linearly as by ``np.quantile``; with weights linearly
    between the middles of the weight steps.

    Raises:
        DataError: a weight is negative, or all are 0.

    **Shapes:** values (n,), weight (n,)
    """
    if weight is None:
        return np.asarray(np.quantile(values.astype(np.float64), levels))
    if (weight < 0).any():
        raise DataError(
            "quantiles need weights that are not negative",
            remedy='use method="mean-std", or fit without weights',
        )
    order = np.argsort(values, kind="stable")
    ordered = values[order].astype(np.float64)
    steps = weight[order].astype(np.float64)
    total = steps.sum()
    if total <= 0.0:
        raise DataError("all weights are 0: no quantile is defined")
    middle = (np.cumsum(steps) - 0.5 * steps) / total
    return np.asarray(np.interp(levels, middle, ordered))
