"""From hits to graphs, whatever it is that joins the hits."""

from __future__ import annotations

from typing import Any, Literal

import awkward as ak
import numpy as np
import torch
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError, PcgnnError
from pcgnn.tracking.columns import EventHits, event_hits, hit_offsets
from pcgnn.tracking.edge_maker import EdgeMaker
from pcgnn.tracking.features import (
    EDGE_SETS,
    HIT_SETS,
    FeatureNames,
    feature_names,
    hit_features,
    reversed_signs,
)
from pcgnn.tracking.features import (
    edge_features as features_of_edges,
)
from pcgnn.tracking.graphs import HitGraph, HitGraphs
from pcgnn.tracking.locating import located
from pcgnn.tracking.truth import Truth, check_truth, count_true, is_true, sequence

__all__ = ["LowPt", "build_graphs"]

LowPt = Literal["ignore", "background", "signal"]
Index = NDArray[np.int64]


def build_graphs(
    hits: ak.Array,
    cuts: EdgeMaker,
    *,
    truth: Truth = "same_particle",
    pt_min: float | None = None,
    low_pt: LowPt = "ignore",
    truth_selection: Literal["ideal"] | None = None,
    one_hit_per_layer: bool = False,
    undirected: bool = False,
    features: FeatureNames = "published",
    edge_features: FeatureNames = "published",
    progress: bool = False,
) -> HitGraphs:
    """Join hits into one graph per event.

    All hits on the layers that ``cuts`` knows take part, noise and hits of soft particles included;
    hits on other layers are left out. With :class:`LayerPairCuts` and :class:`LayerMap` work grows
    as N log N in the hits and linearly in the edges, memory linearly in the edges kept; other edge
    makers say how theirs grow.

    Args:
        hits: what :func:`pcgnn.read_hits` returns; truth may be missing.
        cuts: which pairs of hits are joined: :class:`LayerPairCuts`, :class:`LayerMap`,
            :class:`RadiusGraph`, :class:`NearestGraph` or another :class:`EdgeMaker`.
        truth: which edges are true, see :mod:`pcgnn.tracking.truth`.
        pt_min: pT floor in GeV; default: the one the cuts are made for. Particles at the floor
            are above it.
        low_pt: what edges within a particle below the floor are: ``ignore`` (neither signal nor
            background), ``background`` or ``signal``.
        truth_selection: ``ideal`` removes noise and hits of particles below the floor by their
            truth, as published graphs do. An idealisation, which every report repeats.
        one_hit_per_layer: keep one hit per particle and layer, that of smallest radius; also by
            truth. Noise is not thinned.
        undirected: append every edge reversed, with dr, d_phi and dz negated and dR as it is.
        features: inputs of the hits: "published", "helix", or names, see
            :mod:`pcgnn.tracking.features`.
        edge_features: inputs of the edges, likewise.
        progress: show progress.

    Returns:
        One graph per event; an event without hits or edges gives a graph without them.

    Raises:
        ConfigError: options that do not fit, or a selection by truth where there is none.
        DataError: damaged hits, not a single hit on the layers, or an edge maker of other hits.

    Example:
        >>> graphs = build_graphs(hits, LayerPairCuts.for_pt(1.0))  # doctest: +SKIP
    """
    if not isinstance(cuts, EdgeMaker):
        raise ConfigError(
            f"hits cannot be joined by {type(cuts).__name__}",
            remedy="give LayerPairCuts, LayerMap, RadiusGraph or NearestGraph",
        )
    check_truth(truth)
    if low_pt not in ("ignore", "background", "signal"):
        raise ConfigError(f"low_pt = {low_pt!r}", remedy="choose ignore, background or signal")
    if truth_selection not in (None, "ideal"):
        raise ConfigError(f"truth_selection = {truth_selection!r}", remedy="choose 'ideal' or None")
    floor = pt_min if pt_min is not None else cuts.pt
    options = _Options(
        cuts,
        truth,
        floor,
        low_pt,
        truth_selection,
        one_hit_per_layer,
        undirected,
        feature_names(features, HIT_SETS),
        feature_names(edge_features, EDGE_SETS),
    )
    offsets = hit_offsets(hits)
    cuts.check(offsets)
    ids = ak.to_numpy(hits["event_id"]) if "event_id" in ak.fields(hits) else np.arange(len(hits))
    graphs = []
    for event in _counted(len(hits), progress):
        try:
            graph = _event_graph(event_hits(hits, event), options, event)
        except PcgnnError as error:
            raise located(error, hits, event) from error
        graph.event = torch.tensor([event])
        graph.event_id = torch.tensor([int(ids[event])])
        graphs.append(graph)
    if not graphs:
        raise DataError("there are no events", remedy="check files and entry range")
    if offsets[-1] and truth_selection is None and not any(g.hit_index.numel() for g in graphs):
        nowhere = DataError(
            f"none of the {offsets[-1]} hits lies on the layers of: {cuts}",
            branch="hit.layer",
            remedy="give the layers of this detector: layers=LayerGeometry(...)",
        )
        raise located(nowhere, hits)
    provenance = dict(hits.attrs.get("pcgnn") or {})
    description = options.describe()
    if provenance.get("truth_selection"):
        # of a file that holds selected hits alone, "all" is all of the file
        description["selection"] = (
            description["selection"].replace("all on these", "all of the file on these")
            + f"; {provenance['truth_selection']}"
        )
    return HitGraphs(graphs, description, provenance, offsets)


class _Options:
    """What build_graphs was asked for."""

    def __init__(
        self,
        cuts: EdgeMaker,
        truth: Truth,
        floor: float | None,
        low_pt: LowPt,
        selection: str | None,
        one_hit: bool,
        undirected: bool,
        features: tuple[str, ...],
        edge_features: tuple[str, ...],
    ) -> None:
        self.cuts, self.truth, self.floor, self.low_pt = cuts, truth, floor, low_pt
        self.selection, self.one_hit, self.undirected = selection, one_hit, undirected
        self.features, self.edge_features = features, edge_features
        if selection == "ideal" and floor is None:
            raise ConfigError(
                "truth_selection='ideal' needs a pT floor", remedy="give pt_min (0 for all)"
            )

    def describe(self) -> dict[str, Any]:
        """Plain values for reports and checkpoints."""
        floor = "no pT floor" if not self.floor else f"pT >= {self.floor:g} GeV"
        selection = "all on these layers, noise and soft particles included"
        if self.selection == "ideal":
            selection = f"TRUTH-SELECTED ('ideal'): no noise, {floor}"
        if self.one_hit:
            selection += "; one hit per particle and layer (by truth)"
        given = self.cuts.given or {}
        if given.get("truth_selection") or given.get("one_hit_per_layer"):
            selection = f"of the graphs given: {given['selection']}"
        soft = {
            "ignore": "edges of softer particles neither signal nor background",
            "background": "edges of softer particles are background",
            "signal": "edges of softer particles are signal",
        }[self.low_pt]
        truth = f"{self.truth}, {floor}" + (f", {soft}" if self.floor else "")
        return {
            "edges": str(self.cuts) + (", both directions" if self.undirected else ""),
            "selection": selection,
            "truth": truth,
            "truth_definition": self.truth,
            "truth_selection": self.selection or given.get("truth_selection"),
            "one_hit_per_layer": self.one_hit or bool(given.get("one_hit_per_layer")),
            "pt_min": self.floor,
            "low_pt": self.low_pt,
            "undirected": self.undirected,
            "edge_maker": self.cuts.kind,
            "cuts": self.cuts.record(),
            "features": list(self.features),
            "edge_features": list(self.edge_features),
        }


def _counted(number: int, progress: bool) -> Any:
    if not progress:
        return range(number)
    from rich.progress import track

    return track(range(number), description="building graphs")


def _event_graph(hits: EventHits, options: _Options, event: int) -> HitGraph:
    layer = options.cuts.number(hits, event)
    hits, layer = _choose(hits, layer, options, event)
    edges = options.cuts.join(hits, layer, event)
    graph = HitGraph(
        x=torch.from_numpy(hit_features(hits, options.features)),
        pos=torch.from_numpy(np.stack([hits.x, hits.y, hits.z], 1).astype(np.float32)),
        layer=torch.from_numpy(layer),
        hit_index=torch.from_numpy(hits.index),
    )
    attributes = features_of_edges(hits, edges, options.edge_features)
    labels = None if hits.particle is None else _labels(hits, layer, edges, options)
    if options.undirected:
        back = attributes * reversed_signs(options.edge_features)
        attributes = np.concatenate([attributes, back])
        edges = np.concatenate([edges, edges[::-1]], 1)
    graph.edge_index = torch.from_numpy(np.ascontiguousarray(edges))
    graph.edge_attr = torch.from_numpy(attributes.astype(np.float32, copy=False))
    if labels is not None and hits.particle is not None and hits.pt is not None:
        y, counted, total = labels
        times = 2 if options.undirected else 1
        graph.y = torch.from_numpy(np.tile(y, times))
        graph.edge_mask = torch.from_numpy(np.tile(counted, times))
        graph.particle_id = torch.from_numpy(hits.particle)
        graph.pt = torch.from_numpy(hits.pt.astype(np.float32))
        wanted = (hits.particle > 0) & (hits.pt >= (options.floor or 0.0))
        graph.hit_y = torch.from_numpy(wanted.astype(np.float32))
        graph.true_edges = torch.tensor([total * times])
    return graph


def _choose(
    hits: EventHits, layer: Index, options: _Options, event: int
) -> tuple[EventHits, Index]:
    """The hits that take part."""
    chosen = layer >= 0
    if options.selection == "ideal" or options.one_hit:
        if hits.particle is None or hits.pt is None:
            raise ConfigError(
                "hits cannot be selected by truth: there is none",
                entry=event,
                remedy="leave truth_selection and one_hit_per_layer out",
            )
        if options.selection == "ideal":
            chosen &= (hits.particle > 0) & (hits.pt >= (options.floor or 0.0))
        if options.one_hit:
            chosen &= _first_on_layer(hits.particle, layer, hits.r)
    return hits.select(chosen), layer[chosen]


def _first_on_layer(particle: Index, layer: Index, r: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The hit of smallest radius of each particle on each layer; all of noise."""
    order = np.lexsort((r, layer, particle))
    first = np.ones(order.size, dtype=bool)
    first[1:] = (np.diff(particle[order]) != 0) | (np.diff(layer[order]) != 0)
    kept = np.empty(order.size, dtype=bool)
    kept[order] = first
    return kept | (particle <= 0)


def _labels(
    hits: EventHits, layer: Index, edges: Index, options: _Options
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
    """Truth of the edges, which of them count, and how many true ones there are in all."""
    assert hits.particle is not None
    assert hits.pt is not None
    assert hits.along is not None
    place = sequence(hits.particle, hits.along) if options.truth == "consecutive" else None
    true = is_true(edges[0], edges[1], hits.particle, place, layer)
    counted = np.ones(true.shape, dtype=bool)
    hard = np.ones(hits.pt.shape, dtype=bool)
    if options.floor and options.low_pt != "signal":
        hard = hits.pt >= options.floor
        soft = true & ~hard[edges[0]]
        if options.low_pt == "ignore":
            counted = ~soft
        else:
            true = true & ~soft
    total = count_true(hits.particle, layer, options.cuts.allowed_pairs, place, hard)
    return true.astype(np.float32), counted, total
