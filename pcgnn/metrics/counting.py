"""Single efficiencies and rejections with their counts, from entries or from sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcgnn.errors import DataError
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import (
    LEVEL,
    EfficiencyInterval,
    efficiency_interval,
    rejection_interval,
)

__all__ = ["efficiency_estimate", "estimate_from_sums", "rejection_estimate"]


def efficiency_estimate(
    passed: ArrayLike, weight: ArrayLike | None = None, *, level: float = LEVEL
) -> Estimate:
    """Efficiency of a selection given entry by entry.

    Args:
        passed: True for each entry that passed.
        weight: one weight per entry; None counts each once.
        level: confidence level.

    Shapes:
        - **passed**, **weight**: $(G,)$

    Raises:
        DataError: the lengths differ.

    Example:
        >>> estimate = efficiency_estimate([True, True, False, True])
        >>> estimate.value, estimate.counts
        (0.75, '3 / 4')
    """
    mask = np.asarray(passed, bool)
    if weight is None:
        return estimate_from_sums(int(mask.sum()), mask.size, level=level)
    w = np.asarray(weight, np.float64)
    if w.shape != mask.shape:
        raise DataError(f"{mask.size} entries but {w.size} weights")
    w_pass = w[mask]
    sums = (w_pass.sum(), w.sum(), (w_pass**2).sum(), (w**2).sum())
    return estimate_from_sums(int(mask.sum()), mask.size, sums, level=level)


def estimate_from_sums(
    passed: int,
    total: int,
    sums: tuple[float, float, float, float] | None = None,
    *,
    level: float = LEVEL,
) -> Estimate:
    """One efficiency from counts and, with weights, the four sums in the order of the function.

    Args:
        passed: number of entries that passed.
        total: number of entries.
        sums: sum of weights passed and all, then of squared weights passed and all.
        level: confidence level.
    """
    names = ("weight_passed", "weight_total", "weight2_passed", "weight2_total")
    keywords = {} if sums is None else dict(zip(names, sums, strict=True))
    value, lower, upper, n_eff = efficiency_interval(passed, total, level=level, **keywords)
    return Estimate(
        value=float(value),
        lower=float(lower),
        upper=float(upper),
        passed=int(passed),
        total=int(total),
        weighted_passed=None if sums is None else float(sums[0]),
        weighted_total=None if sums is None else float(sums[1]),
        n_eff=float(n_eff),
        level=level,
    )


def rejection_estimate(background_efficiency: Estimate) -> Estimate:
    """Background rejection from a background efficiency; the counts stay those of the background.

    Args:
        background_efficiency: the efficiency with its counts and interval.

    Returns:
        The rejection; a lower limit where no background passed.

    Example:
        >>> print(rejection_estimate(efficiency_estimate([False] * 100)))
        > 54.8 (84% CL)
    """
    old = background_efficiency
    arrays = (np.asarray(old.value), np.asarray(old.lower), np.asarray(old.upper))
    value, lower, upper, limit = rejection_interval(EfficiencyInterval(*arrays, np.asarray(0.0)))
    return Estimate(
        value=float(value),
        lower=float(lower),
        upper=float(upper),
        passed=old.passed,
        total=old.total,
        weighted_passed=old.weighted_passed,
        weighted_total=old.weighted_total,
        n_eff=old.n_eff,
        level=old.level,
        method=old.method,
        is_lower_limit=bool(limit),
    )
