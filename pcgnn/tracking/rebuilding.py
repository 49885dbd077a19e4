"""Graphs of new hits as those of a training: from the record of how these were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awkward as ak

from pcgnn.errors import ConfigError, PcgnnError
from pcgnn.tracking.building import build_graphs
from pcgnn.tracking.cuts import LayerPairCuts
from pcgnn.tracking.edge_maker import EdgeMaker
from pcgnn.tracking.edge_makers import edge_maker
from pcgnn.tracking.graphs import HitGraphs

__all__ = ["rebuild_graphs", "selects_by_truth"]


def selects_by_truth(description: Mapping[str, Any]) -> bool:
    """Whether graphs of this description hold hits selected by their truth."""
    return bool(description.get("truth_selection") or description.get("one_hit_per_layer"))


def rebuild_graphs(
    hits: ak.Array, description: Mapping[str, Any], *, ideal: bool = False
) -> HitGraphs:
    """Build graphs of other hits as the graphs of a training were built.

    Edges, features and directions are the same. A selection of hits by truth is not repeated
    unless asked for: real hits have no truth, and a network is judged on what it will be given.
    Sectors are not cut, since every edge of a whole event is there with all its surroundings.

    Args:
        hits: what :func:`pcgnn.read_hits` returns; truth may be missing.
        description: ``description`` of hit graphs, or the entry ``"graphs"`` of the provenance
            of a checkpoint.
        ideal: select hits by truth where the training did.

    Raises:
        ConfigError: the description says too little, or asks for truth that is missing.
        DataError: damaged hits.

    Example:
        >>> task = pcgnn.load_checkpoint("best.ckpt")  # doctest: +SKIP
        >>> graphs = rebuild_graphs(hits, task.provenance["graphs"])  # doctest: +SKIP
    """
    options: dict[str, Any] = {}
    if ideal:
        options["truth_selection"] = description.get("truth_selection")
        options["one_hit_per_layer"] = bool(description.get("one_hit_per_layer"))
    return build_graphs(
        hits,
        _edge_maker(description),
        truth=description.get("truth_definition", "same_particle"),
        pt_min=description.get("pt_min"),
        low_pt=description.get("low_pt", "ignore"),
        undirected=bool(description.get("undirected")),
        features=description.get("features", "published"),
        edge_features=description.get("edge_features", "published"),
        **options,
    )


def _edge_maker(description: Mapping[str, Any]) -> EdgeMaker:
    remedy = "build the graphs in Python as for the training: build_graphs(hits, cuts)"
    cuts = description.get("cuts")
    if not isinstance(cuts, Mapping):
        raise ConfigError("the graphs do not say by what their hits are joined", remedy=remedy)
    if description.get("filters"):
        raise ConfigError("edges were filtered by the scores of another network", remedy=remedy)
    try:
        return edge_maker(description.get("edge_maker", LayerPairCuts.kind), cuts)
    except PcgnnError as error:
        raise ConfigError(
            f"what joined the hits of the training cannot be made again: {error.problem}",
            remedy=remedy,
        ) from error
