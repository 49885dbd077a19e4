r"""Confidence intervals of efficiencies and rejections, counted or weighted.

Everything here is vectorised: arrays of counts go in, arrays of interval ends come out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, erfinv

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.estimate import Estimate

__all__ = [
    "LEVEL",
    "EfficiencyInterval",
    "Estimate",
    "clopper_pearson",
    "efficiency_interval",
    "kish_n_eff",
    "rejection_interval",
]

LEVEL = 0.6827
"""The confidence level used everywhere unless asked otherwise: one standard deviation."""

FloatArray = NDArray[np.float64]


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ConfigError(
            f"the confidence level is {level}", remedy="give a number between 0 and 1, say 0.6827"
        )


def clopper_pearson(
    passed: ArrayLike, total: ArrayLike, level: float = LEVEL
) -> tuple[FloatArray, FloatArray]:
    r"""Exact central binomial interval (Clopper and Pearson, Biometrika 26 (1934) 404).

    $$\epsilon_{lo} = B^{-1}(\alpha/2;\, k,\, n-k+1), \qquad
      \epsilon_{up} = B^{-1}(1-\alpha/2;\, k+1,\, n-k)$$

    with $B^{-1}$ the quantile of the beta distribution and $\alpha = 1 - \mathrm{level}$. It
    covers the true efficiency with at least the stated probability, whatever it is. Both tails
    keep $\alpha/2$ also where $k = 0$ (lower end 0) and $k = n$ (upper end 1).

    Args:
        passed: number that passed, $k$. Effective (fractional) counts are allowed.
        total: number of trials, $n$; where it is 0 the interval is (0, 1).
        level: confidence level.

    Shapes:
        - **passed**, **total**: any two shapes that broadcast to $(\ldots)$
        - **output**: two arrays of shape $(\ldots)$

    Raises:
        DataError: a count is negative or not finite, or more passed than there were.
        ConfigError: the level is not between 0 and 1.

    Example:
        >>> lower, upper = clopper_pearson([0, 5, 10], 10)
        >>> np.round(upper, 3)
        array([0.168, 0.695, 1.   ])
    """
    _check_level(level)
    k, n = np.broadcast_arrays(np.asarray(passed, np.float64), np.asarray(total, np.float64))
    if not (np.isfinite(k).all() and np.isfinite(n).all()):
        raise DataError("a count is NaN or infinite")
    if (k < 0).any() or (k > n).any():
        raise DataError(
            "the number that passed is negative or larger than the total",
            remedy="give passed and total in this order, with 0 <= passed <= total",
        )
    tail = (1 - level) / 2
    none, all_ = k <= 0, k >= n
    # The parameters of the excluded cases are replaced by valid ones, then overwritten.
    lower = betaincinv(np.where(none, 1.0, k), np.where(none, 1.0, n - k + 1), tail)
    upper = betaincinv(np.where(all_, 1.0, k + 1), np.where(all_, 1.0, n - k), 1 - tail)
    return np.where(none, 0.0, lower), np.where(all_, 1.0, upper)


def kish_n_eff(weight: ArrayLike) -> float:
    r"""Effective number of unweighted entries, $(\sum w)^2 / \sum w^2$ (Kish 1965).

    Args:
        weight: one weight per entry; negative ones reduce the effective number.

    Shapes:
        - **weight**: $(G,)$

    Returns:
        The effective number; 0 for no entries.

    Example:
        >>> kish_n_eff([2.0, 2.0, 2.0])
        3.0
    """
    w = np.asarray(weight, np.float64)
    squares = float(np.sum(w * w))
    return float(np.sum(w)) ** 2 / squares if squares > 0 else 0.0


class EfficiencyInterval(NamedTuple):
    """Arrays: the efficiency, the ends of its interval and the effective number of entries."""

    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    n_eff: FloatArray


def efficiency_interval(
    passed: ArrayLike,
    total: ArrayLike,
    *,
    weight_passed: ArrayLike | None = None,
    weight_total: ArrayLike | None = None,
    weight2_passed: ArrayLike | None = None,
    weight2_total: ArrayLike | None = None,
    level: float = LEVEL,
) -> EfficiencyInterval:
    r"""Efficiency and interval from counts, or from sums of weights.

    Without weights: Clopper-Pearson. With weights the efficiency is
    $\epsilon = \sum_{pass} w / \sum w$ and its variance, to first order,

    $$V = \frac{(1-\epsilon)^2 \sum_{pass} w^2 + \epsilon^2 \sum_{fail} w^2}{(\sum w)^2}.$$

    The interval is Clopper-Pearson's for the effective counts $k = \epsilon\,n_{eff}$ of
    $n_{eff} = \epsilon (1-\epsilon) / V$: the number of unweighted entries with that variance
    (Korn and Graubard, Survey Methodology 24 (1998) 193). It exceeds the number of entries where
    those that pass weigh little. Where none or all passed, $V$ says nothing and Kish's
    $(\sum w)^2 / \sum w^2$ is used. Negative weights are allowed; where they push the efficiency
    out of (0, 1) the interval is $\epsilon \pm \sqrt V$.

    Args:
        passed: number of entries that passed.
        total: number of entries.
        weight_passed: sum of weights of those that passed; all four sums or none.
        weight_total: sum of weights of all.
        weight2_passed: sum of squared weights of those that passed.
        weight2_total: sum of squared weights of all.
        level: confidence level.

    Shapes:
        - **inputs**: shapes that broadcast to $(\ldots)$
        - **output**: four arrays of shape $(\ldots)$

    Returns:
        Value, lower, upper, n_eff. The value is NaN and the interval (0, 1) where the total (or
        the sum of weights) is not positive.

    Raises:
        DataError: impossible counts.
        ConfigError: some of the four sums of weights are missing, or a bad level.
    """
    k, n = np.broadcast_arrays(np.asarray(passed, np.float64), np.asarray(total, np.float64))
    given = (weight_passed, weight_total, weight2_passed, weight2_total)
    if all(item is None for item in given):
        lower, upper = clopper_pearson(k, n, level)
        value = np.divide(k, n, out=np.full(k.shape, np.nan), where=n > 0)
        return EfficiencyInterval(value, lower, upper, n.copy())
    if any(item is None for item in given):
        raise ConfigError("a weighted efficiency needs all four sums of weights")
    _check_level(level)
    sums = [np.asarray(item, np.float64) for item in given]
    k, n, w_pass, w_all, w2_pass, w2_all = np.broadcast_arrays(k, n, *sums)
    usable = (n > 0) & (w_all > 0)
    safe_all = np.where(usable, w_all, 1.0)
    # Counts decide the edges exactly; sums of floats would leave 1 - 1e-16.
    value = np.where(k == 0, 0.0, np.where(k == n, 1.0, w_pass / safe_all))
    w2_fail = np.where(k == n, 0.0, np.maximum(w2_all - w2_pass, 0.0))
    w2_pass = np.where(k == 0, 0.0, w2_pass)
    variance = ((1 - value) ** 2 * w2_pass + value**2 * w2_fail) / safe_all**2
    kish = safe_all**2 / np.where(w2_all > 0, w2_all, 1.0)
    inside = (value > 0) & (value < 1) & (variance > 0)
    matched = value * (1 - value) / np.where(inside, variance, 1.0)
    n_eff = np.where(usable, np.where(inside, matched, kish), 0.0)
    k_eff = np.where(usable, np.clip(value, 0.0, 1.0), 0.0) * n_eff
    lower, upper = clopper_pearson(k_eff, n_eff, level)
    beyond = usable & ~inside & (variance > 0)
    if beyond.any():
        # the half width in standard deviations: 1 for the default level
        sigma = math.sqrt(2) * float(erfinv(level)) * np.sqrt(variance)
        lower = np.where(beyond, value - sigma, lower)
        upper = np.where(beyond, value + sigma, upper)
    return EfficiencyInterval(np.where(usable, value, np.nan), lower, upper, n_eff)


def rejection_interval(
    efficiency: EfficiencyInterval,
) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]:
    r"""Background rejection $1/\epsilon_B$ from background efficiencies, interval included.

    Args:
        efficiency: background efficiencies with intervals.

    Shapes:
        - **efficiency**: arrays of shape $(\ldots)$
        - **output**: four arrays of shape $(\ldots)$

    Returns:
        Value, lower end, upper end, and where only a lower limit is known (nothing passed: the
        value is the limit $1/\epsilon_{up}$ and the upper end infinite). NaN where there was no
        background at all.
    """
    value, low, up, _ = efficiency
    defined = ~np.isnan(value)
    limit = defined & (value <= 0)
    lower = np.divide(1.0, up, out=np.full(up.shape, np.inf), where=up > 0)
    upper = np.divide(1.0, low, out=np.full(low.shape, np.inf), where=low > 0)
    inverse = np.divide(1.0, value, out=np.full(value.shape, np.nan), where=defined & (value > 0))
    return np.where(limit, lower, inverse), lower, upper, limit
