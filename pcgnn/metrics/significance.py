"""Discovery significance against the cut on a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics._expected import kept_by_cuts
from pcgnn.metrics.asimov import asimov_squared
from pcgnn.metrics.text import table

__all__ = ["SignificanceScan", "asimov_significance", "significance_scan"]

Floats = NDArray[np.float64]


def asimov_significance(signal: Any, background: Any, systematic: Any = 0.0) -> Floats:
    r"""Median significance :math:`Z_A` of s events over b expected ones, known to :math:`f b`.

    See :func:`pcgnn.metrics.asimov.asimov_squared` for the formula and its references; with f = 0
    it is :math:`\sqrt{2[(s+b)\ln(1+s/b)-s]}`, for few signal events :math:`s/\sqrt b`.

    Args:
        signal: expected signal events, at least 0.
        background: expected background events, above 0.
        systematic: f, the relative error of the background.

    **Shapes:** broadcast.

    Raises:
        DataError: numbers out of range.

    Example:
        >>> round(float(asimov_significance(10, 100, 0.1)), 3)
        0.69
    """
    s, b, f = (np.asarray(value, np.float64) for value in (signal, background, systematic))
    if not ((s >= 0).all() and (b > 0).all() and (f >= 0).all()):
        raise DataError(
            "a significance needs signal >= 0, background > 0 and systematic >= 0",
            remedy="leave out cuts that no background passes",
        )
    squared: Floats = asimov_squared(s, b, (f * b) ** 2, np)
    return np.asarray(np.sqrt(squared))


@dataclass(frozen=True)
class SignificanceScan:
    """What is left behind each cut, score >= threshold, and how significant it is.

    Attributes:
        threshold: the cuts, falling, (T,).
        signal: expected signal events, (T,).
        background: expected background events, (T,).
        signal_error: their statistical error from the simulation, (T,).
        background_error: the same, (T,).
        background_events: simulated background events behind each cut, (T,).
        asimov: Z_A, NaN where there are too few simulated background events, (T,).
        asimov_error: its statistical error from the simulation, (T,).
        simple: s / sqrt(s + b), NaN as above, (T,).
        systematic: f.
        minimum: simulated background events wanted.
    """

    threshold: Floats
    signal: Floats
    background: Floats
    signal_error: Floats
    background_error: Floats
    background_events: NDArray[np.int64]
    asimov: Floats
    asimov_error: Floats
    simple: Floats
    systematic: float
    minimum: int

    @property
    def best(self) -> int:
        """Number of the cut of largest Z_A."""
        return int(np.nanargmax(self.asimov))

    @property
    def best_significance(self) -> float:
        """The largest Z_A."""
        return float(self.asimov[self.best])

    @property
    def best_error(self) -> float:
        """Its statistical error; that the largest of many is taken is not part of it."""
        return float(self.asimov_error[self.best])

    def __str__(self) -> str:
        i = self.best
        simple = int(np.nanargmax(self.simple))
        head = ["largest", "value", "score >=", "signal", "background", "simulated background"]
        rows = [
            [
                name,
                f"{value:.3f} ± {error:.3f}" if np.isfinite(error) else f"{value:.3f}",
                f"{self.threshold[j]:.5g}",
                f"{self.signal[j]:.4g} ± {self.signal_error[j]:.2g}",
                f"{self.background[j]:.4g} ± {self.background_error[j]:.2g}",
                f"{self.background_events[j]:,}",
            ]
            for name, j, value, error in (
                ("Z_A", i, self.asimov[i], self.asimov_error[i]),
                ("s/sqrt(s+b)", simple, self.simple[simple], np.nan),
            )
        ]
        title = f"Significance, background known to {self.systematic:.0%}"
        return f"{title}, cuts with at least {self.minimum} simulated background events\n" + table(
            head, rows
        )


def significance_scan(
    y: Any,
    score: Any,
    *,
    signal: float | None = None,
    background: float | None = None,
    weight: Any = None,
    systematic: float = 0.0,
    min_background: int = 10,
) -> SignificanceScan:
    r"""Significance at every cut on a score.

    Expected events behind a cut are sums of weights. The background is known to its systematic
    error and to the statistics of its simulation, which join in

    .. math:: \sigma_b^2 = (f b)^2 + \sum_{\rm background} w_i^2

    and :math:`Z_A` is :func:`asimov_significance` for it. The error of :math:`Z_A` is the
    statistical one of both simulations, by propagation of :math:`\sum w_i^2`. A cut that leaves
    fewer than ``min_background`` simulated background events is not judged: an empty tail of the
    simulation is not a tail without background.

    Args:
        y: 1 for signal, 0 for background.
        score: signal scores or a prediction.
        signal: expected signal events before any cut; None takes the sum of the weights.
        background: the same of the background.
        weight: weights; their scale per class is replaced where the events are given.
        systematic: f.
        min_background: simulated background events that a cut must leave.

    Shapes:
        - **y**, **weight**: $(G,)$
        - **score**: $(G,)$ or $(G, 2)$

    Raises:
        DataError: see `tagging_report`; or no cut leaves enough background.
        ConfigError: numbers out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(20000) % 2
        >>> scan = significance_scan(y, rng.normal(size=20000) + 2 * y, signal=20, background=200)
        >>> scan.best_significance > 20 / 200**0.5
        True
    """
    if not 0 <= systematic < np.inf or min_background < 1:
        raise ConfigError(
            f"systematic = {systematic}, min_background = {min_background}",
            remedy="a systematic from 0, at least one background event",
        )
    kept = kept_by_cuts(y, score, weight, signal, background)
    s, b, events = kept.signal, kept.background, kept.background_events
    s2, b2 = kept.signal_squared, kept.background_squared
    usable = (events >= min_background) & (b > 0) & (s >= 0)
    if not usable.any():
        raise DataError(
            f"no cut leaves {min_background} simulated background events",
            remedy="simulate more background, or lower min_background",
        )
    asimov, error, simple = (np.full(len(s), np.nan) for _ in range(3))
    su, bu, s2u, b2u = (part[usable] for part in (s, b, s2, b2))
    asimov[usable] = _significance(su, bu, b2u, systematic)
    error[usable] = _propagated(su, bu, s2u, b2u, systematic)
    simple[usable] = su / np.sqrt(su + bu)
    return SignificanceScan(
        kept.threshold, s, b, np.sqrt(s2), np.sqrt(b2), events, asimov, error, simple,
        float(systematic), min_background,
    )  # fmt: skip


def _significance(s: Floats, b: Floats, b2: Floats, systematic: float) -> Floats:
    squared: Floats = asimov_squared(s, b, (systematic * b) ** 2 + b2, np)
    return np.asarray(np.sqrt(squared))


def _propagated(s: Floats, b: Floats, s2: Floats, b2: Floats, systematic: float) -> Floats:
    """Linear error of Z_A from those of s and b, slopes by central differences."""
    step = 1e-4
    slopes = []
    for ds, db in ((step * np.maximum(s, 1e-9), 0.0), (0.0, step * b)):
        up = _significance(s + ds, b + db, b2, systematic)
        down = _significance(s - ds, b - db, b2, systematic)
        slopes.append((up - down) / (2 * (ds + db)))
    return np.sqrt(slopes[0] ** 2 * s2 + slopes[1] ** 2 * b2)
