"""Pairs of near points of one event, exact, by a k-d tree that knows of azimuths.

The tree of scipy takes periods, which an azimuth needs and :mod:`pcgnn.ops.neighbours` has not.
It looks a little further than asked for; distances computed here in float64 decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["distances", "nearest_pairs", "pairs_within"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_WIDER = 1e-9
_BLOCK = 1 << 14


def distances(points: Array, period: Array, source: Index, target: Index) -> Array:
    """Euclidean distances of pairs, coordinates with a period compared around their circle.

    **Shapes:** points (N, D), period (D,), source and target (E,) -> (E,)
    """
    total = np.zeros(source.shape)
    for column in range(points.shape[1]):
        step = points[target, column] - points[source, column]
        if period[column] > 0:
            step -= period[column] * np.rint(step / period[column])
        total += step * step
    return np.sqrt(total, out=total)


def pairs_within(points: Array, period: Array, radius: float) -> tuple[Index, Index]:
    """All pairs of different points at most ``radius`` apart, each once.

    Args:
        points: coordinates.
        period: of each coordinate, 0 for none.
        radius: a pair at exactly the radius is in.

    **Shapes:** points (N, D), period (D,) -> (E,), (E,)
    """
    if points.shape[0] < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    wider = radius * (1 + _WIDER)
    pairs = _tree(points, period).query_pairs(wider, output_type="ndarray").astype(np.int64)
    first, second = pairs[:, 0], pairs[:, 1]
    near = distances(points, period, first, second) <= radius
    return first[near], second[near]


def nearest_pairs(
    points: Array, period: Array, k: int, radius: float | None = None
) -> tuple[Index, Index]:
    """Each point with its k nearest others, fewer if there are not so many within ``radius``.

    Args:
        points: coordinates.
        period: of each coordinate, 0 for none.
        k: number of neighbours; of equidistant ones any may be taken.
        radius: largest distance; None for any.

    Returns:
        Points and their neighbours; two points that are near to each other appear in both orders.

    **Shapes:** points (N, D), period (D,) -> (E,), (E,)
    """
    sources: list[Index] = [np.empty(0, dtype=np.int64)]
    targets: list[Index] = [np.empty(0, dtype=np.int64)]
    if points.shape[0] > 1:
        for source, target in _neighbours(points, period, k, radius):
            if radius is not None:
                near = distances(points, period, source, target) <= radius
                source, target = source[near], target[near]
            sources.append(source)
            targets.append(target)
    return np.concatenate(sources), np.concatenate(targets)


def _neighbours(
    points: Array, period: Array, k: int, radius: float | None
) -> Iterator[tuple[Index, Index]]:
    """Blocks of points with their nearest others."""
    size = points.shape[0]
    tree = _tree(points, period)
    wanted = min(k + 1, size)
    bound = np.inf if radius is None else radius * (1 + _WIDER) + np.finfo(np.float64).tiny
    for begin in range(0, size, _BLOCK):
        own = np.arange(begin, min(begin + _BLOCK, size))
        _, found = tree.query(tree.data[own], np.arange(1, wanted + 1), distance_upper_bound=bound)
        itself = found == own[:, None]
        # among many points at one place the point itself need not be found: the last one goes
        itself[~itself.any(1), -1] = True
        kept = ~itself & (found < size)
        yield np.broadcast_to(own[:, None], found.shape)[kept], found[kept].astype(np.int64)


def _tree(points: Array, period: Array) -> Any:
    from scipy.spatial import cKDTree

    if not period.any():
        return cKDTree(points)
    turns = np.where(period > 0, period, 1.0)
    inside = points - np.where(period > 0, turns * np.floor(points / turns), 0.0)
    # rounding may reach the period itself, which the tree refuses
    inside = np.where((period > 0) & (inside >= period), 0.0, inside)
    return cKDTree(inside, boxsize=period)
