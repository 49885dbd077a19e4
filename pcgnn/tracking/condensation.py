r"""Tracks as hits around condensation points (2002.03605).

The hit of largest :math:`\beta` is a condensation point and takes all hits within a radius; of the
hits that are left the one of largest :math:`\beta` is the next, as long as it passes a threshold.
A hit is thus a point if it passes and no earlier point is within the radius, and every hit belongs
to the first point within its radius. Candidates are looked at in blocks of falling :math:`\beta`:
a tree of the points found so far tells which of the block are taken; among the others, pairs within
the radius decide in a few rounds. The result is that of the loop over hits, exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["condense"]

Index = NDArray[np.int64]
Points = NDArray[np.float64]

# candidates looked at together: all of them may lie within the radius of each other
_BLOCK = 1024


def condense(beta: Points, x: Points, radius: float, beta_min: float) -> Index:
    """Label hits by the condensation point they belong to, in the order of falling beta.

    Hits of equal beta count in their order. Hits without a point within the radius get -1.

    Args:
        beta: condensation strengths of the hits of one event.
        x: their coordinates.
        radius: in the units of x; a hit at exactly this distance is taken.
        beta_min: a point has at least this strength.

    **Shapes:** beta (N,), x (N, D) -> (N,)

    Example:
        >>> beta, x = np.array([0.2, 0.9, 0.8, 0.1]), np.array([[0.0], [0.3], [5.0], [9.0]])
        >>> condense(beta, x, 0.5, 0.15)
        array([ 0,  0,  1, -1])
    """
    order = np.argsort(-beta, kind="stable")
    candidates = order[: np.count_nonzero(beta >= beta_min)]
    points = np.empty(0, dtype=np.int64)
    for begin in range(0, candidates.size, _BLOCK):
        block = candidates[begin : begin + _BLOCK]
        if points.size:
            # by the same comparison as below: a distance of a rounding more is more
            near = cKDTree(x[block]).sparse_distance_matrix(
                cKDTree(x[points]), radius, output_type="ndarray"
            )
            block = np.delete(block, np.unique(near["i"]))
        if block.size == 0:
            continue
        pairs = cKDTree(x[block]).query_pairs(radius, output_type="ndarray")
        points = np.concatenate([points, block[_first_come(block.size, pairs)]])
    labels = np.full(beta.size, -1, dtype=np.int64)
    if points.size == 0:
        return labels
    taken = cKDTree(x).sparse_distance_matrix(cKDTree(x[points]), radius, output_type="ndarray")
    first = np.full(beta.size, points.size, dtype=np.int64)
    np.minimum.at(first, taken["i"], taken["j"])
    return np.where(first < points.size, first, labels)


def _first_come(count: int, pairs: Index) -> NDArray[np.bool_]:
    """Which of some in a row stay, if each one that stays drives out those it is paired with.

    **Shapes:** pairs (P, 2) -> (count,)
    """
    early, late = pairs.min(1, initial=count), pairs.max(1, initial=0)
    stays = np.zeros(count, dtype=bool)
    left = np.ones(count, dtype=bool)
    while early.size:
        waits = np.zeros(count, dtype=bool)
        waits[late] = True
        stays |= left & ~waits
        left &= ~stays
        left[late[stays[early]]] = False
        undecided = left[early] & left[late]
        early, late = early[undecided], late[undecided]
    return stays | left
