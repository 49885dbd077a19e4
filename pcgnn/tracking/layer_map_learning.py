"""The pairs of layers and modules that consecutive hits of particles connect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.tracking.columns import EventHits, event_hits, hit_offsets
from pcgnn.tracking.geometry import LayerGeometry
from pcgnn.tracking.modules import code_parts, module_code
from pcgnn.tracking.truth import sequence

__all__ = ["TrueEdges", "learn_pairs"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Layer = tuple[int | None, int]
Window = tuple[int, int, tuple[float, float], tuple[float, float], int]


@dataclass(frozen=True)
class TrueEdges:
    """The true edges of all events, from the inner to the outer layer.

    Attributes:
        inner: number of the inner layer.
        outer: number of the outer layer.
        inner_module: module of the inner hit; None without modules.
        outer_module: module of the outer hit; None without modules.
        phi_slope: difference of azimuths over difference of radii, 1/mm.
        z0: where the straight line through both hits meets the beam axis, mm.

    **Shapes:** all (E,)
    """

    inner: Index
    outer: Index
    inner_module: Index | None
    outer_module: Index | None
    phi_slope: Array
    z0: Array

    def select(self, chosen: NDArray[np.bool_]) -> TrueEdges:
        """Keep some edges."""
        columns = {name: value[chosen] for name, value in vars(self).items() if value is not None}
        return replace(self, **columns)

    def windows(self, min_count: int, quantile: float, margin: float) -> Iterator[Window]:
        """The arguments of a :class:`PairWindow` for each pair of layers with enough edges."""
        pairs, number, count = np.unique(
            np.stack([self.inner, self.outer]), axis=1, return_inverse=True, return_counts=True
        )
        order = np.argsort(number.reshape(-1), kind="stable")
        stops = np.cumsum(count)
        for pair, stop, edges in zip(pairs.T, stops, count, strict=True):
            if edges >= min_count:
                mine = order[stop - edges : stop]
                slope = _window(self.phi_slope[mine], quantile, margin)
                z0 = _window(self.z0[mine], quantile, margin)
                yield int(pair[0]), int(pair[1]), slope, z0, int(edges)

    def connected_modules(self, min_count: int) -> tuple[TrueEdges, Index]:
        """The edges between modules that enough of them connect, and those pairs of modules.

        **Shapes:** -> edges, (P, 4): inner layer, module, outer layer, module
        """
        assert self.inner_module is not None
        assert self.outer_module is not None
        ends = np.stack(
            [
                module_code(self.inner, self.inner_module),
                module_code(self.outer, self.outer_module),
            ]
        )
        modules, place = np.unique(ends, return_inverse=True)
        place = place.reshape(ends.shape)
        keys, number, count = np.unique(
            place[0] * modules.size + place[1], return_inverse=True, return_counts=True
        )
        enough = count >= min_count
        inner, outer = (modules[row] for row in np.divmod(keys[enough], modules.size))
        pairs = np.stack([*code_parts(inner), *code_parts(outer)], 1)
        return self.select(enough[number]), pairs


def learn_pairs(
    hits: ak.Array,
    *,
    pt_min: float,
    layers: LayerGeometry | None,
    modules: bool,
    progress: bool,
) -> tuple[tuple[Layer, ...], TrueEdges]:
    """Collect the true edges of all events: consecutive hits on different layers.

    Each pair of layers is turned the way most of its edges go, which changes neither their slope
    nor their z0.

    Args:
        hits: what :func:`pcgnn.read_hits` returns.
        pt_min: pT floor in GeV.
        layers: the layers that take part; None for all.
        modules: whether modules are wanted.
        progress: show progress.

    Returns:
        (volume, layer) of each layer number, and the edges.

    Raises:
        DataError: no truth, no modules, or no true edge.
    """
    events = range(hit_offsets(hits).size - 1)
    if progress:
        from rich.progress import track

        events = track(events, description="learning pairs of layers")  # type: ignore[assignment]
    seen: set[Layer] = set()
    parts = []
    for event in events:
        columns = event_hits(hits, event)
        chosen = np.ones(columns.x.shape, dtype=bool)
        if layers is not None:
            chosen = layers.number(columns.volume, columns.layer) >= 0
        seen |= _layers(columns.select(chosen))
        parts.append(_event(columns, chosen, pt_min, modules, event))
    if not any(part[0].shape[1] for part in parts):
        raise DataError(
            f"no particle of pT >= {pt_min:g} GeV has hits on two layers",
            remedy="learn from more events, or lower pt_min",
        )
    names = tuple(sorted(seen, key=lambda layer: (layer[0] or 0, layer[1])))
    ends, module, measured = (np.concatenate(column, -1) for column in zip(*parts, strict=True))
    codes = np.array([_code(*name) for name in names])
    ends = np.searchsorted(codes, ends)
    count = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(count, (ends[0], ends[1]), 1)
    turned = count[ends[0], ends[1]] < count[ends[1], ends[0]]
    turned |= (count[ends[0], ends[1]] == count[ends[1], ends[0]]) & (ends[0] > ends[1])
    ends = np.where(turned, ends[::-1], ends)
    module = np.where(turned, module[::-1], module)
    inner_module, outer_module = (module[0], module[1]) if modules else (None, None)
    return names, TrueEdges(ends[0], ends[1], inner_module, outer_module, *measured)


def _event(
    hits: EventHits, chosen: NDArray[np.bool_], pt_min: float, modules: bool, event: int
) -> tuple[Index, Index, Array]:
    """Codes of the layers, modules, and slope and z0 of the true edges; all (2, E)."""
    if hits.particle is None or hits.pt is None or hits.along is None:
        raise DataError(
            "pairs of layers are learned from truth, and there is none",
            entry=event,
            remedy="read the hits with their truth",
        )
    if modules and hits.module is None:
        raise DataError(
            "the hits have no module",
            branch="hit.module",
            entry=event,
            remedy="name it in the mapping of read_hits, or learn with level='layer'",
        )
    hits = hits.select(chosen & (hits.particle > 0) & (hits.pt >= pt_min))
    assert hits.particle is not None
    assert hits.along is not None
    order = np.lexsort((sequence(hits.particle, hits.along), hits.particle))
    follows = hits.particle[order[1:]] == hits.particle[order[:-1]]
    ends = np.stack([order[:-1][follows], order[1:][follows]])
    volume = np.zeros_like(hits.layer) if hits.volume is None else hits.volume
    layer = module_code(volume, hits.layer)
    dr = hits.r[ends[1]] - hits.r[ends[0]]
    ends = ends[:, (layer[ends[0]] != layer[ends[1]]) & (dr != 0)]
    (r1, r2), (z1, z2) = hits.r[ends], hits.z[ends]
    dphi = hits.phi[ends[1]] - hits.phi[ends[0]]
    dphi -= 2 * np.pi * np.rint(dphi / (2 * np.pi))
    measured = np.stack([dphi / (r2 - r1), z1 - r1 * (z2 - z1) / (r2 - r1)])
    module = np.zeros_like(layer) if hits.module is None else hits.module.astype(np.int64)
    return layer[ends], module[ends], measured


def _layers(hits: EventHits) -> set[Layer]:
    if hits.volume is None:
        return {(None, int(layer)) for layer in np.unique(hits.layer)}
    both = np.unique(np.stack([hits.volume, hits.layer]).astype(np.int64), axis=1)
    return {(int(volume), int(layer)) for volume, layer in both.T}


def _code(volume: int | None, layer: int) -> int:
    return int(module_code(np.array(volume or 0), np.array(layer)))


def _window(values: Array, quantile: float, margin: float) -> tuple[float, float]:
    """Range of the central part of some values, widened on either side."""
    low, high = np.quantile(values, [(1 - quantile) / 2, (1 + quantile) / 2])
    # a single value, or equal ones, have no width
    wider = margin * (high - low) + 1e-9 * (1 + abs(low) + abs(high))
    return float(low - wider), float(high + wider)
