"""The space in which neighbours of hits are looked for: coordinates by name, or given vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking.columns import EventHits
from pcgnn.tracking.graphs import HitGraphs

__all__ = ["GivenVectors", "NamedSpace", "Space", "space_of"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_COORDINATES: Mapping[str, Callable[[EventHits], Array]] = {
    "x": lambda hits: hits.x,
    "y": lambda hits: hits.y,
    "z": lambda hits: hits.z,
    "r": lambda hits: hits.r,
    "phi": lambda hits: hits.phi,
    "eta": lambda hits: np.arcsinh(hits.z / hits.r),
    "theta": lambda hits: np.arctan2(hits.r, hits.z),
}


class NamedSpace:
    """Coordinates of the hits: x, y, z and r in mm, phi and theta in rad, eta.

    Args:
        names: of the coordinates, each once; azimuths are compared around the circle.

    Raises:
        ConfigError: an unknown name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(str(name) for name in names)
        unknown = [name for name in self.names if name not in _COORDINATES]
        if unknown or not self.names or len(set(self.names)) < len(self.names):
            raise ConfigError(
                f"space = {list(self.names)}",
                remedy=f"choose from {list(_COORDINATES)}, each once, or give one vector per hit",
            )
        self.period = np.array([2 * np.pi if name == "phi" else 0.0 for name in self.names])

    def check(self, offsets: Index) -> None:
        """Fit all hits."""

    def has(self, hits: EventHits, event: int) -> NDArray[np.bool_]:
        """Which hits have coordinates: all, (N,)."""
        return np.ones(hits.x.shape, dtype=bool)

    def points(self, hits: EventHits, event: int) -> Array:
        """Coordinates of hits, (N, D).

        Raises:
            DataError: one is not finite, for instance eta on the beam axis.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            points = np.stack([_COORDINATES[name](hits) for name in self.names], 1)
        finite = np.isfinite(points)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise DataError(
                f"hit {hits.index[row]} has no finite {self.names[column]}", entry=event
            )
        return points

    def to_plain(self) -> list[str]:
        """The names."""
        return list(self.names)

    def __str__(self) -> str:
        return f"({', '.join(self.names)})"


class GivenVectors:
    """One vector per hit, such as the output of an embedding network.

    Args:
        vectors: flat (hits, D), one array (N, D) per event, or what :func:`pcgnn.predict` returns.
        graphs: the graphs whose hits the vectors belong to; None: all hits of all events.

    Raises:
        DataError: shapes that cannot be, or a vector that is not finite.
    """

    def __init__(self, vectors: Any, graphs: HitGraphs | None = None) -> None:
        self.values, self.sizes = _flat(vectors)
        self.graphs = graphs
        self.period = np.zeros(self.values.shape[1])
        self._rows = np.arange(self.values.shape[0])
        self._offsets: Index = np.empty(0, dtype=np.int64)
        if graphs is not None:
            if any("owned" in graph for graph in graphs):
                raise DataError("hits in the overlap of sectors have several vectors")
            self._fit(graphs.sizes, "graphs", "embed the graphs that are given as graphs=")
            hits = [graph.hit_index.cpu().numpy() for graph in graphs]
            first = [int(graphs.offsets[int(graph.event)]) for graph in graphs]
            self._rows = np.full(int(graphs.offsets[-1]), -1, dtype=np.int64)
            if hits:
                place = np.concatenate([h + f for h, f in zip(hits, first, strict=True)])
                self._rows[place] = np.arange(place.size)
            events = np.array([int(graph.event) for graph in graphs], dtype=np.int64)
            self._finite(np.concatenate([[0], np.cumsum(graphs.sizes)]), events)

    def check(self, offsets: Index) -> None:
        """Raise unless there is one finite vector for each hit.

        Raises:
            DataError: vectors of other hits.
        """
        if self.graphs is None:
            self._fit(
                np.diff(offsets),
                "events",
                "if not all hits were embedded, say of which graphs with graphs=",
            )
            self._finite(offsets, np.arange(offsets.size - 1))
        elif not np.array_equal(self.graphs.offsets, offsets):
            raise DataError(
                f"the graphs that were embedded are of {self.graphs.offsets.size - 1} events with "
                f"{self.graphs.offsets[-1]} hits, not of these {offsets.size - 1} events with "
                f"{offsets[-1]}",
                remedy="part = part.compact(), with hits[part.events] taken before",
            )
        self._offsets = offsets

    def has(self, hits: EventHits, event: int) -> NDArray[np.bool_]:
        """Which hits have a vector, (N,)."""
        found: NDArray[np.bool_] = self._rows[self._offsets[event] + hits.index] >= 0
        return found

    def points(self, hits: EventHits, event: int) -> Array:
        """Vectors of hits, (N, D)."""
        rows = self._rows[self._offsets[event] + hits.index]
        return np.asarray(self.values[rows], dtype=np.float64)

    def to_plain(self) -> str:
        """That vectors were given; they themselves are no configuration."""
        return f"given vectors of {self.values.shape[1]} dimensions"

    def __str__(self) -> str:
        return self.to_plain()

    def _fit(self, sizes: Index, what: str, remedy: str) -> None:
        same = self.sizes is None or np.array_equal(self.sizes, sizes)
        if self.values.shape[0] != sizes.sum() or not same:
            raise DataError(
                f"{self.values.shape[0]} vectors do not fit the {int(sizes.sum())} hits of "
                f"{sizes.size} {what}",
                remedy=remedy,
            )

    def _finite(self, offsets: Index, events: Index) -> None:
        finite = np.isfinite(self.values).all(1)
        if not finite.all():
            row = int(np.argmin(finite))
            part = int(np.searchsorted(offsets, row, side="right")) - 1
            raise DataError(
                f"vector {row - int(offsets[part])} is NaN or infinite",
                entry=int(events[part]),
                remedy="look at the network and its inputs",
            )


Space: TypeAlias = NamedSpace | GivenVectors


def space_of(given: Any, graphs: HitGraphs | None) -> Space:
    """Names of coordinates or vectors -> the space.

    Raises:
        ConfigError: unknown names, or graphs without vectors.
        DataError: vectors that cannot be.
    """
    if isinstance(given, str):
        given = (given,)
    if isinstance(given, (tuple, list)) and all(isinstance(name, str) for name in given):
        if graphs is not None:
            raise ConfigError(
                "graphs= says whose hits given vectors belong to, and there are no vectors",
                remedy="leave graphs out, or give the vectors as space",
            )
        return NamedSpace(given)
    return GivenVectors(given, graphs)


def _flat(vectors: Any) -> tuple[NDArray[np.floating], Index | None]:
    """All vectors, and how many each graph has if the input says so."""
    sizes: Index | None = None
    if hasattr(vectors, "values") and hasattr(vectors, "offsets"):
        offsets: Index = np.asarray(vectors.offsets, dtype=np.int64)
        sizes = offsets[1:] - offsets[:-1]
        values = _array(vectors.values)
    elif isinstance(vectors, (list, tuple)):
        parts = [_array(part) for part in vectors]
        if len({part.shape[1:] for part in parts}) > 1:
            raise DataError("the vectors of the events have different dimensions")
        sizes = np.array([part.shape[0] for part in parts], dtype=np.int64)
        values = np.concatenate(parts)
    else:
        values = _array(vectors)
    if values.ndim != 2 or values.shape[1] == 0 or values.dtype.kind != "f":
        raise DataError(
            f"vectors of the shape {values.shape} and type {values.dtype}",
            remedy="give one vector of floating-point numbers per hit, (hits, D)",
        )
    return values, sizes


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
