r"""Tracks as paths through scored edges, where components branch.

A component in which no hit has two edges inwards or outwards is a track as it stands. In the others
the best path is taken out, then the best of what is left, and so on (the walkthrough or wrangler of
track-finding pipelines, here for all components at once). The value of a path is the sum of the
scores of its edges, so that it is long and well scored:

.. math:: V(j) = \max\Big(0, \max_{i \to j} \big[V(i) + s_{ij}\big]\Big)

Where modules overlap, a particle leaves two hits on a layer, of which a path takes one. A free hit
with two edges or more to one path therefore joins it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.tracking.components import components, keep_long

__all__ = ["walkthrough"]

Index = NDArray[np.int64]
Array = NDArray[np.float64]

# More layers than any tracker has; a path that goes on is a circle.
_LONGEST = 256


def walkthrough(edges: Index, scores: Array, hits: int, min_hits: int) -> Index:
    """Label the hits on the best paths, -1 for none; each hit is on one path at most.

    Work: each round sweeps the edges that are left as often as the longest path has hits; there are
    as many rounds as the most entangled component has tracks.

    Args:
        edges: from inner to outer hits.
        scores: of the edges, positive.
        hits: number of hits.
        min_hits: shorter paths are dropped.

    Raises:
        DataError: the edges run in a circle.

    **Shapes:** edges (2, E), scores (E,) -> (hits,)
    """
    component = components(edges, hits)
    leaving = np.bincount(edges[0], minlength=hits)
    arriving = np.bincount(edges[1], minlength=hits)
    branching = np.zeros(component.max(initial=-1) + 1, dtype=bool)
    branching[component[(leaving > 1) | (arriving > 1)]] = True
    labels = np.where(branching[component], -1, component)
    labels = keep_long(labels, min_hits)
    next_label = int(component.max(initial=-1)) + 1
    left = branching[component[edges[0]]]
    edges, scores = edges[:, left], scores[left]
    order = np.argsort(edges[1], kind="stable")
    edges, scores = edges[:, order], scores[order]
    while edges.shape[1]:
        nodes, local = np.unique(edges, return_inverse=True)
        local = local.reshape(edges.shape)
        value, best = _best_paths(local, scores, nodes.size)
        path = _trace(local, value, best, component[nodes])
        size = np.bincount(path[path >= 0])
        long = np.zeros(path.shape, dtype=bool)
        long[path >= 0] = size[path[path >= 0]] >= min_hits
        beside = _attach(local, scores, np.where(long, path, -1))
        path, long = np.where(beside >= 0, beside, path), long | (beside >= 0)
        labels[nodes[long]] = path[long] + next_label
        next_label += size.size
        # Short ends are no tracks, nor part of another one: the best path went past them.
        free = (path < 0)[local].all(axis=0)
        edges, scores = edges[:, free], scores[free]
    return labels


def _best_paths(edges: Index, scores: Array, hits: int) -> tuple[Array, Index]:
    """Value of the best path that ends at each hit, and the edge it arrives by (-1 for none)."""
    value = np.zeros(hits)
    starts = np.flatnonzero(np.diff(edges[1], prepend=-1))
    targets = edges[1, starts]
    for _ in range(_LONGEST):
        through = value[edges[0]] + scores
        new = value.copy()
        new[targets] = np.maximum.reduceat(through, starts)
        if np.array_equal(new, value):
            break
        value = new
    else:
        raise DataError("the edges run in a circle", remedy="direct them outwards")
    through = value[edges[0]] + scores
    first_best = np.flatnonzero(through == value[edges[1]])
    best = np.full(hits, -1, dtype=np.int64)
    best[edges[1, first_best[::-1]]] = first_best[::-1]
    return value, best


def _attach(edges: Index, scores: Array, path: Index) -> Index:
    """Path that each free hit joins by at least two edges, the best scored one; -1 for none."""
    ends = np.concatenate([edges, edges[::-1]], 1)
    free, taken = path[ends[0]] < 0, path[ends[1]] >= 0
    hit, joined = ends[0][free & taken], path[ends[1]][free & taken]
    score = np.concatenate([scores, scores])[free & taken]
    out = np.full(path.size, -1, dtype=np.int64)
    if hit.size == 0:
        return out
    width = int(joined.max()) + 1
    key, inverse, count = np.unique(hit * width + joined, return_inverse=True, return_counts=True)
    total = np.bincount(inverse, score)
    several = count >= 2
    hit, joined = np.divmod(key[several], width)
    order = np.argsort(total[several], kind="stable")  # the best comes last and stays
    out[hit[order]] = joined[order]
    return out


def _trace(edges: Index, value: Array, best: Index, component: Index) -> Index:
    """Number of the path each hit is on, -1 for none: the best of each component."""
    order = np.lexsort((-value, component))
    first = np.diff(component[order], prepend=-1) != 0
    here = order[first]
    number = np.arange(here.size)
    path = np.full(value.size, -1, dtype=np.int64)
    while here.size:
        path[here] = number
        goes_on = best[here] >= 0
        number = number[goes_on]
        here = edges[0, best[here[goes_on]]]
    return path
