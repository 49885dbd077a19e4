"""How much of the significance of a perfect classifier is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pcgnn.errors import DataError
from pcgnn.metrics._expected import kept_by_cuts
from pcgnn.metrics._inputs import numeric

__all__ = ["SignificanceRatio", "significance_ratio"]


@dataclass(frozen=True)
class SignificanceRatio:
    """Significance at the best cut over that of a perfect classifier.

    Attributes:
        value: the ratio, 0 to 1.
        error: its statistical error from the simulation, at that cut.
        threshold: the cut, score >= threshold.
        signal_efficiency: signal kept by it.
        background_efficiency: background kept by it.
    """

    value: float
    error: float
    threshold: float
    signal_efficiency: float
    background_efficiency: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error:.4f}"

    def __float__(self) -> float:
        return self.value


def significance_ratio(
    y: Any,
    score: Any,
    *,
    signal: float | None = None,
    background: float | None = None,
    weight: Any = None,
) -> SignificanceRatio:
    r"""Ratio of the best significance to the largest possible one.

    From "Improving parametric neural networks for high-energy physics (and beyond)"
    (`arXiv:2202.00424 <https://arxiv.org/abs/2202.00424>`__): with s and b events kept by a cut t,

    .. math::
        \frac{\sigma}{\sigma_{\max}}
        = \max_t \frac{s_t \sqrt{s_{\max}}}{s_{\max} \sqrt{s_t + b_t}}

    where all signal and no background would give :math:`\sigma_{\max} = \sqrt{s_{\max}}`. It
    depends on how much signal and background there are: by default as many as in the sample.

    Args:
        y: 1 for signal, 0 for background.
        score: signal scores or a prediction.
        signal: expected signal events before the cut; None takes the sum of the weights.
        background: the same of the background.
        weight: weights, at least 0; their scale per class is replaced where events are given.

    Shapes:
        - **y**, **weight**: $(G,)$
        - **score**: $(G,)$ or $(G, 2)$

    Raises:
        DataError: see `tagging_report`; there is no signal or no background; a negative weight.
        ConfigError: events that are not positive.

    Example:
        >>> significance_ratio([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1]).value
        1.0
    """
    if weight is not None and (numeric(weight, "weight") < 0).any():
        raise DataError("weights are negative", remedy="leave these events out")
    behind = kept_by_cuts(y, score, weight, signal, background)
    s, b = behind.signal, behind.background
    s2, b2 = behind.signal_squared, behind.background_squared
    some = s + b > 0
    ratio = np.zeros(len(s))
    ratio[some] = s[some] / np.sqrt((s + b)[some] * s[-1])
    best = int(np.argmax(ratio))
    # ln r = ln s - ln(s + b) / 2 - ln(s + missed) / 2, in three independent sums of weights
    by_s = 1 / s[best] - 0.5 / (s + b)[best] - 0.5 / s[-1]
    by_b, by_missed = -0.5 / (s + b)[best], -0.5 / s[-1]
    variance = by_s**2 * s2[best] + by_b**2 * b2[best] + by_missed**2 * (s2[-1] - s2[best])
    return SignificanceRatio(
        value=float(ratio[best]),
        error=float(ratio[best] * np.sqrt(variance)),
        threshold=float(behind.threshold[best]),
        signal_efficiency=float(s[best] / s[-1]),
        background_efficiency=float(b[best] / b[-1]),
    )
