r"""Edges between hits that are near to each other in some space.

In the coordinates of the detector, or in the space of an embedding network ("metric learning", as
in "Performance of a geometric deep learning pipeline for HL-LHC particle tracking",
`arXiv:2103.06995 <https://arxiv.org/abs/2103.06995>`__): hits of one particle lie near to each
other there, and all within a radius are joined.

Edges run from the inner to the outer hit: from the one nearer to the origin to the one further
away, or by the distance from the beam axis; of two at the same distance the first one in the event
is the inner one. Each pair of hits appears once, no hit is joined to itself, and each event is
searched on its own.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError
from pcgnn.tracking.columns import EventHits
from pcgnn.tracking.edge_maker import EdgeMaker, sorted_edges
from pcgnn.tracking.geometry import LayerGeometry, geometry
from pcgnn.tracking.graphs import HitGraphs
from pcgnn.tracking.neighbour_search import nearest_pairs, pairs_within
from pcgnn.tracking.spaces import Space, space_of

__all__ = ["NearestGraph", "Outward", "RadiusGraph"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Outward = Literal["distance", "radius"]
_Made = TypeVar("_Made", bound="_NeighbourGraph")

# layers of detectors whose geometry is not given: more than any volume has (12 bits in ACTS)
_LAYERS = 1 << 12


@dataclass(frozen=True, eq=False)
class _NeighbourGraph(EdgeMaker):
    """What radius and nearest-neighbour graphs have in common."""

    space: Any = field(default=("x", "y", "z"), kw_only=True, repr=False)
    graphs: HitGraphs | None = field(default=None, kw_only=True, repr=False)
    layers: str | LayerGeometry | None = field(default=None, kw_only=True)
    pairs_outward: Outward = field(default="distance", kw_only=True)
    pt: float | None = field(default=None, kw_only=True)
    _space: Space = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.pairs_outward not in ("distance", "radius"):
            raise ConfigError(
                f"pairs_outward = {self.pairs_outward!r}", remedy="choose 'distance' or 'radius'"
            )
        if self.pt is not None and not (math.isfinite(self.pt) and self.pt > 0):
            raise ConfigError(f"pt = {self.pt!r} must be a positive number, or None")
        if self.layers is not None:
            geometry(self.layers)
        object.__setattr__(self, "_space", space_of(self.space, self.graphs))

    @classmethod
    def from_dict(cls: type[_Made], value: Mapping[str, Any]) -> _Made:
        """From plain values, as :meth:`to_dict` gives them for a space of named coordinates.

        Raises:
            ConfigError: unknown keys, or vectors that the values only mention.
        """
        known = {item.name for item in fields(cls) if item.init} - {"graphs"}
        if unknown := sorted(set(value) - known):
            raise ConfigError(
                f"{cls.__name__} has no {unknown[0]!r}", remedy=f"choose from {sorted(known)}"
            )
        return cls(**value)

    @property
    def allowed_pairs(self) -> None:
        """All hits may be joined with all others."""
        return

    @property
    def given(self) -> Mapping[str, Any] | None:
        """Description of the graphs whose vectors were given."""
        return None if self.graphs is None else self.graphs.description

    def check(self, offsets: Index) -> None:
        """Raise a DataError if given vectors are not those of these hits."""
        self._space.check(offsets)

    def number(self, hits: EventHits, event: int) -> Index:
        """Number the layers as the geometry does; without one, 4096 volume + layer."""
        if self.layers is not None:
            layer = geometry(self.layers).number(hits.volume, hits.layer)
        else:
            layer = hits.layer.astype(np.int64)
            if hits.volume is not None:
                layer = hits.volume.astype(np.int64) * _LAYERS + layer
        return np.where(self._space.has(hits, event), layer, -1)

    def join(self, hits: EventHits, layer: Index, event: int) -> Index:
        """Join near hits, (2, E)."""
        source, target = self._pairs(self._space.points(hits, event), self._space.period)
        away = hits.r if self.pairs_outward == "radius" else np.hypot(hits.r, hits.z)
        outward = away[source] < away[target]
        outward |= (away[source] == away[target]) & (source < target)
        inner, outer = np.where(outward, source, target), np.where(outward, target, source)
        return sorted_edges(inner, outer, hits.x.size)

    @abstractmethod
    def _pairs(self, points: Array, period: Array) -> tuple[Index, Index]: ...

    def to_dict(self) -> dict[str, Any]:
        """Plain values; of given vectors only their dimension."""
        return {
            "space": self._space.to_plain(),
            "layers": None if self.layers is None else geometry(self.layers).name,
            "pairs_outward": self.pairs_outward,
            "pt": self.pt,
        }

    def _where(self) -> str:
        on = "" if self.layers is None else f", layers of {geometry(self.layers).name}"
        by = {"distance": "origin", "radius": "beam axis"}[self.pairs_outward]
        return f"in {self._space}{on}, from the hit nearer to the {by} to the other"


@dataclass(frozen=True, eq=False)
class RadiusGraph(_NeighbourGraph):
    """Joins all hits at most ``radius`` apart in some space.

    Exact, in float64. Work: N log N and the pairs found, in few dimensions; in many (above about
    ten, if the points do not cluster) it approaches N². Memory: linear in the pairs within the
    radius, with ``max_neighbours`` in N times that number.

    Args:
        radius: largest distance, in the units of the space; a pair at exactly that distance is in.
        max_neighbours: each hit asks only for so many, the nearest; a pair is joined if one of its
            hits asks for it, so that a hit may have more edges. None: all within the radius.
        space: names of coordinates out of x, y, z, r (mm), phi, theta (rad) and eta, or one vector
            per hit: (hits, D), an array per event, or what :func:`pcgnn.predict` returns for an
            embedding network. Azimuths are compared around the circle.
        graphs: the graphs whose hits the vectors belong to, if those are not all hits; others take
            no part.
        layers: geometry or its name: only hits on its layers take part; None for all hits.
        pairs_outward: which hit of a pair is the inner one: the one at smaller "distance" from the
            origin or at smaller "radius" from the beam axis.
        pt: pT floor in GeV of the truth, where build_graphs is given none.

    Raises:
        ConfigError: a radius or number that is not positive, or unknown names.
        DataError: vectors that are not finite or of no use.

    Example:
        >>> print(RadiusGraph(0.1, space=("eta", "phi")))
        within 0.1 in (eta, phi), from the hit nearer to the origin to the other
        >>> near = build_graphs(
        ...     hits, RadiusGraph(0.2, space=pcgnn.predict(embedding, graphs), graphs=graphs)
        ... )  # doctest: +SKIP
    """

    kind: ClassVar[str] = "radius"

    radius: float
    max_neighbours: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radius) and self.radius > 0):
            raise ConfigError(f"radius = {self.radius!r} must be a positive number")
        if self.max_neighbours is not None and self.max_neighbours < 1:
            raise ConfigError(f"max_neighbours = {self.max_neighbours!r} must be at least 1")
        super().__post_init__()

    def _pairs(self, points: Array, period: Array) -> tuple[Index, Index]:
        if self.max_neighbours is None:
            return pairs_within(points, period, self.radius)
        return nearest_pairs(points, period, self.max_neighbours, self.radius)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; of given vectors only their dimension."""
        own = {"radius": float(self.radius), "max_neighbours": self.max_neighbours}
        return own | super().to_dict()

    def __str__(self) -> str:
        capped = "" if self.max_neighbours is None else f", the {self.max_neighbours} nearest"
        return f"within {self.radius:g}{capped} {self._where()}"


@dataclass(frozen=True, eq=False)
class NearestGraph(_NeighbourGraph):
    """Joins each hit to its k nearest in some space.

    A pair is joined if one of its hits is among the k nearest of the other, so that a hit may have
    more than k edges; an event of k hits or fewer is joined completely. Exact, in float64. Work:
    N log N in few dimensions, in many it approaches N²; memory: linear in k N.

    Args:
        k: number of neighbours.
        space: as in :class:`RadiusGraph`.
        graphs: as in :class:`RadiusGraph`.
        layers: as in :class:`RadiusGraph`.
        pairs_outward: as in :class:`RadiusGraph`.
        pt: as in :class:`RadiusGraph`.

    Raises:
        ConfigError: k that is not positive, or unknown names.
        DataError: vectors that are not finite or of no use.

    Example:
        >>> print(NearestGraph(8))
        8 nearest in (x, y, z), from the hit nearer to the origin to the other
    """

    kind: ClassVar[str] = "nearest"

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"k = {self.k!r} must be at least 1")
        super().__post_init__()

    def _pairs(self, points: Array, period: Array) -> tuple[Index, Index]:
        return nearest_pairs(points, period, self.k)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; of given vectors only their dimension."""
        return {"k": self.k} | super().to_dict()

    def __str__(self) -> str:
        return f"{self.k} nearest {self._where()}"
