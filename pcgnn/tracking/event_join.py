"""The edges of an event from all its pairs of layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pcgnn.tracking.columns import EventHits
from pcgnn.tracking.edge_maker import sorted_edges
from pcgnn.tracking.geometry import LayerGeometry
from pcgnn.tracking.joins import LayerHits, PairCuts, join_layers

__all__ = ["join_event"]

Index = NDArray[np.int64]


def join_event(
    hits: EventHits,
    layer: Index,
    geometry: LayerGeometry,
    cuts: Callable[[int, int], PairCuts],
    accept: Callable[[Index, Index], NDArray[np.bool_]] | None = None,
) -> Index:
    """Edges of one event, sorted by inner and outer hit.

    Args:
        hits: the hits.
        layer: their layers as the geometry numbers them, none of them -1.
        geometry: the layers and the pairs of them that are joined.
        cuts: gives the cuts of a pair of layers.
        accept: a further choice among the edges of a pair of layers, by inner and outer hits.

    **Shapes:** layer (N,) -> (2, E)
    """
    r, phi = hits.r, hits.phi
    order = np.argsort(layer, kind="stable")
    bounds = np.searchsorted(layer[order], np.arange(geometry.count + 1))
    layers = {
        number: LayerHits(rows, r[rows], phi[rows], hits.z[rows])
        for number in range(geometry.count)
        if (rows := order[bounds[number] : bounds[number + 1]]).size
    }
    crossings = {
        (crossing.inner, outer): crossing
        for crossing in geometry.crossings
        for outer in crossing.outer
    }
    sources: list[Index] = []
    targets: list[Index] = []
    for a, b in geometry.pairs:
        if a not in layers or b not in layers:
            continue
        source, target = join_layers(layers[a], layers[b], cuts(a, b), crossings.get((a, b)))
        if accept is not None:
            passed = accept(source, target)
            source, target = source[passed], target[passed]
        sources.append(source)
        targets.append(target)
    if not sources:
        return np.empty((2, 0), dtype=np.int64)
    return sorted_edges(np.concatenate(sources), np.concatenate(targets), r.size)
