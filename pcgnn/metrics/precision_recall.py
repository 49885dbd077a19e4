"""Purity against efficiency of a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.metrics._inputs import clean_sample

__all__ = ["PrecisionRecall", "precision_recall"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    r"""Purity against efficiency, one point per distinct score, nothing interpolated.

    Point $t$ keeps what has `score >= threshold[t]`; thresholds fall.

    Args:
        threshold: the distinct scores.
        efficiency: share of the signal kept (recall).
        purity: share of signal among what is kept (precision).
        average_precision: $\sum_t (\epsilon_t - \epsilon_{t-1}) \, p_t$.

    Shapes:
        - **threshold**, **efficiency**, **purity**: $(T,)$
    """

    threshold: FloatArray
    efficiency: FloatArray
    purity: FloatArray
    average_precision: float

    @classmethod
    def from_sums(
        cls, threshold: FloatArray, signal: NDArray[Any], background: NDArray[Any]
    ) -> PrecisionRecall:
        """Of the signal and background kept by each threshold; the last one keeps all.

        Args:
            threshold: falling.
            signal: sums of weights of the signal kept.
            background: the same of the background.

        Shapes:
            - **threshold**, **signal**, **background**: $(T,)$
        """
        efficiency, purity = signal / signal[-1], signal / (signal + background)
        average = float(np.sum(np.diff(efficiency, prepend=0.0) * purity))
        return cls(threshold, efficiency, purity, average)


def precision_recall(y: Any, score: Any, weight: Any = None) -> PrecisionRecall:
    """Purity against efficiency for two classes.

    Unlike the ROC curve it depends on how much background there is beside the signal: give the
    weights that the events have in nature, or judge it for the sample at hand.

    Args:
        y: 1 for signal, 0 for background.
        score: signal scores or a prediction.
        weight: weights, at least 0.

    Shapes:
        - **y**, **weight**: $(G,)$
        - **score**: $(G,)$ or $(G, 2)$

    Raises:
        DataError: see `tagging_report`; or there is no signal, or a weight is negative.

    Example:
        >>> curve = precision_recall([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
        >>> curve.efficiency.tolist(), curve.purity.round(2).tolist()
        ([0.5, 0.5, 1.0, 1.0], [1.0, 0.5, 0.67, 0.5])
    """
    sample = clean_sample(y, score, weight, None)
    if sample.score.ndim == 2 and sample.score.shape[1] > 2:
        raise DataError(f"score: {sample.score.shape[1]} classes", remedy="give one signal score")
    values = sample.score if sample.score.ndim == 1 else sample.score[:, 1]
    each = np.ones(len(values)) if sample.weight is None else sample.weight
    is_signal = sample.y == 1
    if (each < 0).any() or not each[is_signal].sum() > 0:
        raise DataError(
            "a curve of purities needs signal and weights of at least 0",
            remedy="leave negative weights out, or take their absolute values",
        )
    order = np.argsort(-values, kind="stable")
    values, each, is_signal = values[order], each[order], is_signal[order]
    last = np.flatnonzero(np.append(np.diff(values) != 0, True))
    signal, background = (np.cumsum(each * part)[last] for part in (is_signal, ~is_signal))
    kept = signal + background > 0  # nothing but weights of 0 so far has no purity
    return PrecisionRecall.from_sums(values[last][kept], signal[kept], background[kept])
