"""Cuts on a score and what they keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import EfficiencyInterval

__all__ = ["RocPoints", "WorkingPoint"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class RocPoints(NamedTuple):
    """Arrays over points of a ROC curve; rejections with interval, from real counts."""

    threshold: FloatArray
    signal_efficiency: FloatArray
    background_passed: IntArray
    background_efficiency: EfficiencyInterval
    rejection: FloatArray
    rejection_lower: FloatArray
    rejection_upper: FloatArray
    is_lower_limit: NDArray[np.bool_]


@dataclass(frozen=True)
class WorkingPoint:
    """One cut on the score: jets with `score >= threshold` are tagged.

    Args:
        requested: the signal efficiency asked for; None where the threshold was given.
        threshold: the cut on the score.
        signal_efficiency: what the cut really keeps of the signal.
        background_efficiency: what it keeps of the background (the mistag rate).
        rejection: 1 / background efficiency.
    """

    requested: float | None
    threshold: float
    signal_efficiency: Estimate
    background_efficiency: Estimate
    rejection: Estimate

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "requested": self.requested,
            "threshold": float(self.threshold) if np.isfinite(self.threshold) else None,
            "signal_efficiency": self.signal_efficiency.to_dict(),
            "background_efficiency": self.background_efficiency.to_dict(),
            "rejection": self.rejection.to_dict(),
        }
