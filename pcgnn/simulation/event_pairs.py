"""Pairs of things of one event, for tables sorted by event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pairs_in_events"]


def pairs_in_events(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of all pairs that share an event.

    Args:
        first: event of each row of one table.
        second: event of each row of another, rising.

    Shapes:
        - first (N,), second (M,), outputs (P,)

    Example:
        >>> rows, others = pairs_in_events(np.array([4, 2]), np.array([2, 4, 4]))
        >>> rows.tolist(), others.tolist()
        ([0, 0, 1], [1, 2, 0])
    """
    start = np.searchsorted(second, first, side="left")
    counts = np.searchsorted(second, first, side="right") - start
    rows = np.repeat(np.arange(len(first)), counts)
    before = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) + np.repeat(start - before, counts)
