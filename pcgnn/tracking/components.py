"""Tracks as connected components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["components", "keep_long", "renumber"]

Index = NDArray[np.int64]


def components(edges: Index, hits: int) -> Index:
    """Number the connected component of every hit; work and memory linear in hits and edges.

    **Shapes:** edges (2, E) -> (hits,)
    """
    ones = np.ones(edges.shape[1], dtype=np.int8)
    matrix = coo_array((ones, (edges[0], edges[1])), shape=(hits, hits))
    labels: Index = connected_components(matrix, directed=False)[1].astype(np.int64)
    return labels


def keep_long(labels: Index, min_hits: int) -> Index:
    """Set the labels of groups with fewer hits to -1.

    **Shapes:** (N,) -> (N,)
    """
    counts = np.bincount(labels[labels >= 0], minlength=1)
    long = np.zeros(labels.shape, dtype=bool)
    long[labels >= 0] = counts[labels[labels >= 0]] >= min_hits
    return np.where(long, labels, -1)


def renumber(labels: Index) -> Index:
    """Number the groups 0, 1, ... in the order of their first hits; -1 stays.

    **Shapes:** (N,) -> (N,)
    """
    out = np.full(labels.shape, -1, dtype=np.int64)
    used = labels >= 0
    _, first, inverse = np.unique(labels[used], return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    out[used] = rank[inverse]
    return out
