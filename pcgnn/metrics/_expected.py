"""Simulated events and the numbers of events they stand for, in the order of falling scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics._inputs import clean_sample

__all__ = ["Kept", "kept_by_cuts"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Kept:
    """What each cut, score >= threshold, keeps; one cut per distinct score.

    Attributes:
        threshold: the cuts, falling, (T,).
        signal: expected signal events, (T,).
        background: the same of the background, (T,).
        signal_squared: sums of squared weights of the signal, (T,).
        background_squared: the same of the background, (T,).
        background_events: simulated background events, (T,).
    """

    threshold: FloatArray
    signal: FloatArray
    background: FloatArray
    signal_squared: FloatArray
    background_squared: FloatArray
    background_events: NDArray[np.int64]


def kept_by_cuts(
    y: Any, score: Any, weight: Any, signal: float | None, background: float | None
) -> Kept:
    """Sums behind every cut.

    Args:
        y: 1 for signal, 0 for background.
        score: signal scores or a prediction.
        weight: weights or None.
        signal: expected signal events before any cut; None takes the sum of the weights.
        background: the same of the background.

    Shapes:
        - **y**, **weight**: $(G,)$
        - **score**: $(G,)$ or $(G, 2)$

    Raises:
        DataError: see `tagging_report`; or the weights of a class do not sum to a positive number.
        ConfigError: expected events that are not positive.
    """
    sample = clean_sample(y, score, weight, None)
    if sample.score.ndim == 2 and sample.score.shape[1] != 2:
        raise DataError(
            f"score: {sample.score.shape[1]} classes, a significance is of signal and background",
            remedy="give one signal score per event",
        )
    values = sample.score if sample.score.ndim == 1 else sample.score[:, 1]
    scaled = np.ones(len(values)) if sample.weight is None else np.array(sample.weight)
    is_signal = sample.y == 1
    for mask, expected, name in (
        (is_signal, signal, "signal"),
        (~is_signal, background, "background"),
    ):
        total = float(scaled[mask].sum())
        if not mask.any() or total <= 0:
            raise DataError(f"there is no {name}, or its weights do not sum to a positive number")
        if expected is not None:
            if not expected > 0:
                raise ConfigError(f"{name} = {expected} events", remedy="give a positive number")
            scaled[mask] *= expected / total
    order = np.argsort(-values, kind="stable")
    values, scaled, is_signal = values[order], scaled[order], is_signal[order]
    # only between different scores can be cut
    last = np.flatnonzero(np.append(np.diff(values) != 0, True))

    def behind(terms: NDArray[Any]) -> NDArray[Any]:
        return np.cumsum(terms)[last]

    return Kept(
        values[last],
        behind(scaled * is_signal),
        behind(scaled * ~is_signal),
        behind(scaled**2 * is_signal),
        behind(scaled**2 * ~is_signal),
        behind(~is_signal),
    )
