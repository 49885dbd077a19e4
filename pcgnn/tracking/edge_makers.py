"""The ways to join hits by name, for configurations and for graphs that are built again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcgnn.errors import ConfigError
from pcgnn.tracking.cuts import LayerPairCuts
from pcgnn.tracking.edge_maker import EdgeMaker
from pcgnn.tracking.layer_map import LayerMap
from pcgnn.tracking.neighbour_graphs import NearestGraph, RadiusGraph

__all__ = ["edge_maker"]

_Made = type[LayerPairCuts] | type[LayerMap] | type[RadiusGraph] | type[NearestGraph]
_KINDS: dict[str, _Made] = {
    made.kind: made for made in (LayerPairCuts, LayerMap, RadiusGraph, NearestGraph)
}


def edge_maker(kind: str, values: Mapping[str, Any]) -> EdgeMaker:
    """An edge maker from its name and plain values, as its ``to_dict`` gives them.

    Args:
        kind: "layer-pairs", "layer-map", "radius" or "nearest"; ``edge_maker`` in the description
            of graphs.
        values: ``cuts`` in the description of graphs.

    Raises:
        ConfigError: an unknown name, or values that do not suffice: given vectors and pairs of
            modules are not kept in descriptions.

    Example:
        >>> print(edge_maker("nearest", {"k": 4, "space": ["eta", "phi"]}))
        4 nearest in (eta, phi), from the hit nearer to the origin to the other
    """
    if kind not in _KINDS:
        raise ConfigError(f"no edges are called {kind!r}", remedy=f"choose one of {sorted(_KINDS)}")
    return _KINDS[kind].from_dict(values)
