"""What clouds hold: tensors by name with their level, offsets, names and where all came from."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from pcgnn.data import storage
from pcgnn.data.checks import GRAPH
from pcgnn.data.features import FeatureDefinition
from pcgnn.data.hashing import hash_columns
from pcgnn.errors import DataError

__all__ = ["CloudColumns"]

STANDARD = ("x", "pos", "p4", "y", "weight")


class CloudColumns:
    """The contents of :class:`~pcgnn.data.ParticleClouds` and the ways to look at them."""

    _ptr: Tensor
    _offsets: np.ndarray
    _tensors: dict[str, Tensor]
    _levels: dict[str, str]
    _features: FeatureDefinition | None
    _classes: tuple[str, ...]
    _provenance: dict[str, Any]
    _storage: storage.Origin | None

    def _set(
        self,
        ptr: Tensor,
        tensors: dict[str, Tensor],
        levels: dict[str, str],
        *,
        features: FeatureDefinition | None,
        classes: tuple[str, ...],
        provenance: dict[str, Any],
        origin: storage.Origin | None = None,
    ) -> None:
        self._ptr = ptr
        self._offsets = ptr.numpy()
        self._tensors = tensors
        self._levels = levels
        self._features = features
        self._classes = classes
        self._provenance = provenance
        self._storage = origin

    @property
    def x(self) -> Tensor | None:
        """Input features of the particles, (N, F)."""
        return self._tensors.get("x")

    @property
    def pos(self) -> Tensor | None:
        """Coordinates for the neighbour search, (N, D)."""
        return self._tensors.get("pos")

    @property
    def p4(self) -> Tensor | None:
        """Four-vectors E, px, py, pz in GeV, (N, 4)."""
        return self._tensors.get("p4")

    @property
    def y(self) -> Tensor | None:
        """Targets, (G, ...) or (N, ...)."""
        return self._tensors.get("y")

    @property
    def weight(self) -> Tensor | None:
        """Weights of the graphs, (G,)."""
        return self._tensors.get("weight")

    @property
    def ptr(self) -> Tensor:
        """Offsets of the graphs, (G+1,)."""
        return self._ptr

    @property
    def sizes(self) -> np.ndarray:
        """Particles per graph, (G,), on the host."""
        return np.diff(self._offsets)

    @property
    def num_particles(self) -> int:
        """Number of particles N."""
        return int(self._offsets[-1])

    @property
    def features(self) -> FeatureDefinition | None:
        """How x and pos were made; ``len()`` of it is the number of inputs."""
        return self._features

    @property
    def multi_label(self) -> bool:
        """Whether ``y`` has a column of 0 and 1 for each of the classes, (G, L)."""
        y = self.y
        return bool(self.classes) and y is not None and y.dim() == 2 and not y.is_floating_point()

    @property
    def regression(self) -> bool:
        """Whether ``y`` holds floating-point values, one or one row of them per graph."""
        y = self.y
        if y is None or not y.is_floating_point() or y.dim() > 2:
            return False
        return self._levels["y"] == GRAPH

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty if there are none."""
        return self._classes

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the data come from: files, tree, cut, entries read and kept, jet axis."""
        return self._provenance

    @property
    def columns(self) -> dict[str, Tensor]:
        """The further columns by name."""
        return {k: v for k, v in self._tensors.items() if k not in STANDARD}

    @property
    def levels(self) -> dict[str, str]:
        """For every tensor whether it has a row per "graph" or per "particle"."""
        return dict(self._levels)

    @property
    def nbytes(self) -> int:
        """Size of all tensors in bytes."""
        return sum(t.numel() * t.element_size() for t in (self._ptr, *self._tensors.values()))

    def data_hash(self) -> str:
        """SHA-256 over names, types, shapes and contents; from the file's record if mapped."""
        if self._storage is not None:
            return self._storage.data_hash
        return hash_columns({"ptr": self._ptr, **self._tensors})

    def __getattr__(self, name: str) -> Tensor:
        tensors = None if name.startswith("_") else self.__dict__.get("_tensors")
        if tensors is None or name not in tensors:
            known = [] if tensors is None else [k for k in tensors if k not in STANDARD]
            raise AttributeError(f"clouds have no column {name!r}; there are {known}")
        value: Tensor = tensors[name]
        return value

    def __getstate__(self) -> dict[str, Any]:
        # The offsets share memory with ptr; they are shared again on the other side.
        return {key: value for key, value in self.__dict__.items() if key != "_offsets"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._offsets = self._ptr.numpy()

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(k for k in self._tensors if k.isidentifier())]

    def __len__(self) -> int:
        return int(self._offsets.size) - 1

    def graph_column(self, name: str) -> Tensor:
        """A column with one row per graph.

        Raises:
            DataError: there is none of that name.
        """
        if self._levels.get(name) != GRAPH:
            known = [k for k, level in self._levels.items() if level == GRAPH]
            raise DataError(f"there is no per-graph column {name!r}, only {known}", branch=name)
        return self._tensors[name]
