"""Clusters of hits by density in a learned space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pcgnn.errors import ConfigError
from pcgnn.tracking.components import components

__all__ = ["dbscan"]

Index = NDArray[np.int64]
Points = NDArray[np.float64]

# pairs of points held at a time
_PAIRS = 1 << 23


def dbscan(points: Points, event: Index, *, radius: float, min_samples: int) -> Index:
    """Label points by DBSCAN (Ester et al. 1996), -1 for noise; all events at once.

    A core point has at least ``min_samples`` points within the radius, itself counted. Core points
    within the radius of each other share a cluster; clusters count in the order of their first
    core points. Any other point within the radius of a core point joins the first of the clusters
    it borders on; the rest is noise. Work grows with the number of pairs within the radius, memory
    does not.

    Args:
        points: coordinates of the hits.
        event: event of each hit; hits of different events are never within the radius.
        radius: in the units of the coordinates; a pair at exactly this distance is within.
        min_samples: see above.

    Raises:
        ConfigError: the radius is negative or not finite, or less than one sample is asked for.

    **Shapes:** points (N, D), event (N,) -> (N,)

    Example:
        >>> points, event = np.array([[0.0], [1.0], [2.0], [9.0], [3.0]]), np.zeros(5, int)
        >>> dbscan(points, event, radius=1.0, min_samples=3)
        array([ 0,  0,  0, -1,  0])
    """
    if not 0 <= radius < np.inf:
        raise ConfigError(f"radius = {radius} must be finite and not negative")
    if min_samples < 1:
        raise ConfigError(f"min_samples = {min_samples} must be at least 1")
    # one more coordinate keeps events apart; within an event it is the same for all, exactly
    x = np.column_stack([points, event * max(2.0 * radius, 1.0)])
    labels = np.full(len(x), -1, dtype=np.int64)
    if len(x) == 0:
        return labels
    near = cKDTree(x).query_ball_point(x, radius, return_length=True)
    core = np.flatnonzero(near >= min_samples)
    if core.size == 0:
        return labels
    tree = cKDTree(x[core])
    cluster = np.arange(core.size)
    for rows in _blocks(near[core]):
        first, second = _pairs(x[core[rows]], tree, radius)
        # what is joined already counts as one point
        cluster = components(np.stack([cluster[first + rows.start], cluster[second]]), core.size)[
            cluster
        ]
    # components are numbered by their first members only if all points stand alone before
    _, start, cluster = np.unique(cluster, return_index=True, return_inverse=True)
    cluster = np.argsort(np.argsort(start))[cluster]
    labels[core] = cluster
    other = np.flatnonzero((near < min_samples) & (near > 1))
    for rows in _blocks(near[other]):
        mine = other[rows]
        first, second = _pairs(x[mine], tree, radius)
        best = np.full(mine.size, core.size)
        np.minimum.at(best, first, cluster[second])
        labels[mine] = np.where(best < core.size, best, -1)
    return labels


def _blocks(pairs: Index) -> list[slice]:
    """Rows that have at most so many pairs together, or a single row."""
    slices, begin, total = [], 0, np.cumsum(pairs)
    while begin < pairs.size:
        before = int(total[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(total, before + _PAIRS, side="right")), begin + 1)
        slices.append(slice(begin, end))
        begin = end
    return slices


def _pairs(x: Points, tree: cKDTree, radius: float) -> tuple[Index, Index]:
    """Rows of x and points of a tree within the radius of each other."""
    found = cKDTree(x).sparse_distance_matrix(tree, radius, output_type="ndarray")
    return found["i"].astype(np.int64), found["j"].astype(np.int64)
