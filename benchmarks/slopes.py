"""How a cost grows with a size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["log_slope"]


def log_slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Slope of the straight line through the logarithms: the power with which the cost grows.

    Example:
        >>> round(log_slope([1, 2, 4], [3, 12, 48]), 6)
        2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
