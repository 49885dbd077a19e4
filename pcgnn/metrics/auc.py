r"""The area under the ROC curve and its error, from counts per distinct score.

All functions take the same few arrays: distinct scores in ascending order are called groups, and
each class comes as the sum of weights (and of squared weights) of its jets in each group. Jets
with equal scores so share a group, which is what makes ties exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from pcgnn.errors import ConfigError
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import clopper_pearson, kish_n_eff

__all__ = [
    "auc_value",
    "bootstrap_interval",
    "delong_variance",
    "influences",
    "interval_of_auc",
    "placements",
]

FloatArray = NDArray[np.float64]


def placements(other: FloatArray) -> FloatArray:
    r"""Share of the other class's weight at lower scores, plus half of that at the same score.

    For a signal jet with score $s$ this is $\hat P(s_B < s) + \tfrac12 \hat P(s_B = s)$: the
    placement value whose mean over the signal is the AUC.

    Args:
        other: sum of weights of the other class in each group, ascending scores.

    Shapes:
        - **other**: $(\ldots, T)$
        - **output**: $(\ldots, T)$
    """
    cumulative = np.cumsum(other, axis=-1)
    placed: FloatArray = (cumulative - 0.5 * other) / cumulative[..., -1:]
    return placed


def auc_value(signal: FloatArray, background: FloatArray) -> FloatArray:
    r"""$P(s_S > s_B) + \tfrac12 P(s_S = s_B)$, the Mann-Whitney statistic with weights.

    Args:
        signal: sum of weights of the signal in each group.
        background: the same of the background.

    Shapes:
        - **signal**, **background**: $(\ldots, T)$
        - **output**: $(\ldots)$
    """
    numerator = np.sum(signal * placements(background), axis=-1)
    value: FloatArray = np.asarray(numerator / np.sum(signal, axis=-1))
    return value


def delong_variance(
    signal: FloatArray, background: FloatArray, signal2: FloatArray, background2: FloatArray
) -> float:
    r"""Variance of the AUC (DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837).

    $$V = \sum_{c \in \{S, B\}} \frac{n_c}{n_c - 1}\,
          \frac{\sum_{i \in c} w_i^2 (v_i - A)^2}{(\sum_{i \in c} w_i)^2}$$

    with the placement values $v_i$ of each jet in the other class. For unit weights this is
    DeLong's estimate exactly; with weights $n_c$ is Kish's effective number. It needs one sort,
    $O(G \log G)$ (the idea of Sun and Xu, IEEE Signal Process. Lett. 21 (2014) 1389).

    Args:
        signal: sum of weights of the signal in each group.
        background: the same of the background.
        signal2: sum of squared weights of the signal in each group.
        background2: the same of the background.

    Shapes:
        - **all**: $(T,)$

    Returns:
        The variance; NaN where a class has an effective number of 1 or less.
    """
    auc = float(auc_value(signal, background))
    below = placements(background)  # of a signal jet
    above = 1.0 - placements(signal)  # of a background jet
    variance = 0.0
    for w, w2, placed in ((signal, signal2, below), (background, background2, above)):
        total, squares = float(w.sum()), float(w2.sum())
        n_eff = total**2 / squares
        if n_eff <= 1:
            return float("nan")
        spread = float(np.sum(w2 * (placed - auc) ** 2)) / total**2
        variance += spread * n_eff / (n_eff - 1)
    return variance


def influences(
    signal: NDArray[np.bool_], score: FloatArray, weight: FloatArray | None
) -> FloatArray:
    r"""What each jet adds to the deviation of the AUC; the squares sum to DeLong's variance.

    Influences of several AUCs on the same jets can be added before squaring: so the error of
    their mean keeps the correlation between them.

    Args:
        signal: True for signal.
        score: signal score.
        weight: weights or None.

    Shapes:
        - **signal**, **score**, **weight**: $(G,)$
        - **output**: $(G,)$, NaN where a class has an effective number of 1 or less
    """
    w = np.ones(len(score)) if weight is None else weight
    groups, inverse = np.unique(score, return_inverse=True)
    size = len(groups)
    w_signal, w_background = (
        np.bincount(inverse[mask], w[mask], minlength=size).astype(np.float64)
        for mask in (signal, ~signal)
    )
    auc = float(auc_value(w_signal, w_background))
    out = np.empty(len(score))
    for mask, placed in ((signal, placements(w_background)), (~signal, 1 - placements(w_signal))):
        wm = w[mask]
        n_eff = kish_n_eff(wm)
        factor = np.sqrt(n_eff / (n_eff - 1)) if n_eff > 1 else np.nan
        out[mask] = wm * (placed[inverse[mask]] - auc) / wm.sum() * factor
    return out


def bootstrap_interval(
    signal: tuple[NDArray[np.int64], FloatArray],
    background: tuple[NDArray[np.int64], FloatArray],
    groups: int,
    *,
    replicas: int,
    seed: int,
    level: float,
) -> tuple[float, float]:
    """Percentile bootstrap of the AUC: jets are redrawn with their weights, class by class.

    Args:
        signal: group number and weight of each signal jet.
        background: the same of the background.
        groups: number of groups.
        replicas: number of samples drawn.
        seed: seed of the draws.
        level: confidence level.

    Shapes:
        - **signal**, **background**: $(n,)$ each

    Raises:
        ConfigError: fewer than 50 replicas, too few for a central interval.
    """
    if replicas < 50:
        raise ConfigError(f"{replicas} bootstrap replicas are too few", remedy="use 200 or more")
    rng = np.random.default_rng(seed)
    values = np.full(replicas, np.nan)
    for replica in range(replicas):
        sums = []
        for group, weight in (signal, background):
            drawn = rng.integers(0, len(group), len(group))
            total = np.bincount(group[drawn], weight[drawn], minlength=groups)
            sums.append(total.astype(np.float64))
        if sums[0].sum() > 0 and sums[1].sum() > 0:  # negative weights can break a small sample
            values[replica] = auc_value(sums[0], sums[1])
    lower, upper = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)


def interval_of_auc(value: float, variance: float, pairs: int, level: float) -> Estimate:
    r"""The AUC with an interval, also where the variance estimate has nothing to say.

    Regular case: $A \pm z \sqrt V$, kept within [0, 1]. If the classes separate perfectly
    ($A$ = 0 or 1, $V = 0$) or one of them has a single jet, DeLong's variance is void. Matching
    the jets into `pairs` disjoint signal-background pairs gives independent trials, each ordered
    rightly with probability AUC, so Clopper-Pearson on them is a valid (wide) interval.

    Args:
        value: the AUC.
        variance: its variance; NaN where it cannot be estimated.
        pairs: size of the smaller class.
        level: confidence level.
    """
    if not np.isfinite(variance) or (variance == 0 and not 0 < value < 1):
        inside = min(max(value, 0.0), 1.0)
        low, up = clopper_pearson(inside * pairs, pairs, level)
        return Estimate(value, float(low), float(up), level=level, method="pairs")
    width = float(ndtri((1 + level) / 2)) * float(np.sqrt(variance))
    lower, upper = max(value - width, min(value, 0.0)), min(value + width, max(value, 1.0))
    return Estimate(value, lower, upper, level=level, method="DeLong")
