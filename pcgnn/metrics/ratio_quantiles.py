"""Median and width of ratios of prediction and truth, with bootstrapped errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcgnn.metrics.estimate import Estimate

__all__ = ["RatioShape", "ratio_shape", "weighted_quantiles"]

FloatArray = NDArray[np.float64]

_LEVELS = (0.16, 0.5, 0.84)
_REPLICAS = 400
# Replicas of more entries are drawn from so many, and their spread scaled by the root of the ratio.
_MOST = 10_000
_METHOD = f"bootstrap, {_REPLICAS} replicas"
_FEWEST = 5


@dataclass(frozen=True)
class RatioShape:
    """Resolution and bias of a sample of ratios.

    Args:
        resolution: half of the central 68% over the median.
        bias: median minus 1.
    """

    resolution: Estimate
    bias: Estimate


def weighted_quantiles(
    values: FloatArray, weight: FloatArray | None, levels: tuple[float, ...]
) -> FloatArray:
    r"""Quantiles of entries with weights, NaN of no entries.

    Entries stand at the middle of their share of the sum of weights, with straight lines between;
    equal weights give the definition of Hazen.

    Args:
        values: entries.
        weight: not negative, or None for equal ones.
        levels: in [0, 1].

    Shapes:
        - **values**, **weight**: $(G,)$
        - **output**: one per level

    Example:
        >>> weighted_quantiles(np.array([1.0, 2.0, 3.0]), None, (0.5,))
        array([2.])
    """
    if not len(values):
        return np.full(len(levels), np.nan)
    order = np.argsort(values, kind="stable")
    each = np.ones(len(values)) if weight is None else weight[order]
    return _at(values[order], each, levels)


def _at(ordered: FloatArray, weight: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    counted = weight > 0
    if not counted.any():
        return np.full(len(levels), np.nan)
    ordered, weight = ordered[counted], weight[counted]
    place = (np.cumsum(weight) - weight / 2) / weight.sum()
    return np.interp(levels, place, ordered)


def ratio_shape(ratio: FloatArray, weight: FloatArray | None, level: float) -> RatioShape:
    r"""Resolution $(a - b) / (2c)$ and bias $c - 1$ of ratios.

    a and b are the 84% and 16% quantiles, c is the median. The intervals are the standard
    deviations of 400 Poisson bootstrap replicas: each entry counts a Poisson(1) number of times.
    They need no assumption on the shape of the tails. Below five entries there is no interval.

    Args:
        ratio: prediction over truth.
        weight: not negative, or None.
        level: confidence level of the (normal) intervals.

    Shapes:
        - **ratio**, **weight**: $(G,)$
    """
    low, middle, high = weighted_quantiles(ratio, weight, _LEVELS)
    with np.errstate(invalid="ignore", divide="ignore"):
        resolution = (high - low) / (2 * middle)
    spread = _spread(ratio, weight)
    scale = _normal_quantile(level)
    found = [
        Estimate(
            float(value),
            float(value - scale * error),
            float(value + scale * error),
            level=level,
            method=_METHOD,
        )
        for value, error in zip((resolution, middle - 1.0), spread, strict=True)
    ]
    return RatioShape(*found)


def _spread(ratio: FloatArray, weight: FloatArray | None) -> tuple[float, float]:
    """Standard deviations of resolution and median over the replicas."""
    size = len(ratio)
    if size < _FEWEST:
        return np.inf, np.inf
    random = np.random.default_rng(0)
    each = np.ones(size) if weight is None else weight
    shrink = 1.0
    if size > _MOST:
        some = random.choice(size, _MOST, replace=False)
        ratio, each, shrink = ratio[some], each[some], np.sqrt(_MOST / size)
    order = np.argsort(ratio, kind="stable")
    ordered, each = ratio[order], each[order]
    drawn = np.array(
        [_at(ordered, each * random.poisson(1.0, len(ordered)), _LEVELS) for _ in range(_REPLICAS)]
    )
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        resolutions = (drawn[:, 2] - drawn[:, 0]) / (2 * drawn[:, 1])
    if len(drawn) < 2:
        return np.inf, np.inf
    return float(resolutions.std(ddof=1) * shrink), float(drawn[:, 1].std(ddof=1) * shrink)


def _normal_quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))
