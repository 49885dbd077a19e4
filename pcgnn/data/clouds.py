"""The one data structure: many jagged particle sets as flat tensors plus offsets."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pcgnn.data import splitting, storage
from pcgnn.data.batch import gather_rows, is_range, make_batch, make_item
from pcgnn.data.checks import GRAPH, PARTICLE, Places, check_finite, check_ptr, level_of
from pcgnn.data.columns import STANDARD, CloudColumns
from pcgnn.data.describe import describe
from pcgnn.data.features import FeatureDefinition
from pcgnn.data.targets import check_classes
from pcgnn.errors import DataError

if TYPE_CHECKING:
    import awkward as ak

__all__ = ["ParticleClouds"]

_PER_PARTICLE = ("x", "pos", "p4")


class ParticleClouds(CloudColumns):
    """Jagged sets of particles: one flat tensor per quantity, and where each set begins.

    Clouds stay raw: nothing fitted is applied to them. Particles of one graph (a jet, an event)
    are contiguous. Tensors live in host memory or are mapped from a file.

    Args:
        x: input features of the particles.
        pos: coordinates in which neighbours are searched, for jets (Δη, Δφ).
        p4: four-vectors E, px, py, pz in GeV.
        ptr: offsets, graph g owns the particles ``ptr[g]`` to ``ptr[g + 1] - 1``.
        y: targets, per graph or per particle; whole numbers are classes, floats a regression.
        weight: weight of each graph; negative ones are fine.
        features: how ``x`` and ``pos`` were made.
        classes: names of the classes in the order of their numbers.
        provenance: where the data come from, JSON-able.
        levels: "graph" or "particle" for columns where the number of rows cannot tell.
        columns: anything else per graph or per particle, reachable as an attribute.

    **Shapes:**
        - x: (N, F), pos: (N, D), p4: (N, 4)
        - ptr: (G+1,), int64
        - y: (G, ...) or (N, ...), weight: (G,)
        - columns: (G, ...) or (N, ...)

    Raises:
        DataError: numbers of rows disagree, offsets do not rise, a graph is empty, a NaN or
            infinity in x, pos, p4, y or weight, or a label that is no class. The message names
            the graph, and file and entry where known.

    Example:
        >>> clouds = ParticleClouds(x=torch.ones(5, 2), ptr=torch.tensor([0, 2, 5]),
        ...                         y=torch.tensor([0, 1]), jet_pt=torch.tensor([600.0, 580.0]))
        >>> len(clouds), clouds.num_particles, clouds.jet_pt[1].item()
        (2, 5, 580.0)
        >>> clouds.batch([1, 0]).ptr.tolist()
        [0, 3, 5]
    """

    def __init__(
        self,
        x: Any = None,
        pos: Any = None,
        p4: Any = None,
        *,
        ptr: Any,
        y: Any = None,
        weight: Any = None,
        features: FeatureDefinition | None = None,
        classes: Sequence[str] | None = None,
        provenance: Mapping[str, Any] | None = None,
        levels: Mapping[str, str] | None = None,
        **columns: Any,
    ) -> None:
        given = {"x": x, "pos": pos, "p4": p4, "y": y, "weight": weight, **columns}
        self._fill(ptr, given, features, classes, provenance, levels)
        self._check(STANDARD)

    def _fill(
        self,
        ptr: Any,
        given: Mapping[str, Any],
        features: FeatureDefinition | None,
        classes: Sequence[str] | None,
        provenance: Mapping[str, Any] | None,
        levels: Mapping[str, str] | None,
    ) -> None:
        tensors = {
            name: _as_tensor(name, value) for name, value in given.items() if value is not None
        }
        if not tensors:
            raise DataError("clouds need at least one column of particles or graphs")
        pointer = _as_tensor("ptr", ptr)
        offsets = check_ptr(pointer)
        known = dict.fromkeys(_PER_PARTICLE, PARTICLE) | {"weight": GRAPH} | dict(levels or {})
        graphs, particles = offsets.size - 1, int(offsets[-1])
        self._set(
            pointer,
            tensors,
            {
                name: level_of(name, value, graphs, particles, known.get(name))
                for name, value in tensors.items()
            },
            features=features,
            classes=() if classes is None else tuple(str(name) for name in classes),
            provenance=dict(provenance or {}),
        )

    @classmethod
    def _computed(
        cls, ptr: Any, given: Mapping[str, Any], *, finite: Collection[str], **meta: Any
    ) -> ParticleClouds:
        """Make clouds as the constructor does, of tensors some of which are known to be finite."""
        clouds = cls.__new__(cls)
        clouds._fill(ptr, given, **meta)
        clouds._check([name for name in STANDARD if name not in finite])
        return clouds

    @classmethod
    def _trusted(cls, ptr: Tensor, tensors: dict[str, Tensor], **meta: Any) -> ParticleClouds:
        """Make clouds of columns that were checked before."""
        clouds = cls.__new__(cls)
        clouds._set(ptr, tensors, **meta)
        return clouds

    def _like(
        self, ptr: Tensor, tensors: dict[str, Tensor], provenance: dict[str, Any] | None = None
    ) -> ParticleClouds:
        return ParticleClouds._trusted(
            ptr,
            tensors,
            levels=dict(self._levels),
            features=self._features,
            classes=self._classes,
            provenance=dict(self._provenance) if provenance is None else provenance,
        )

    def _check(self, unknown: Sequence[str]) -> None:
        """Check shapes and labels, and that the tensors named are finite."""
        for name, columns in (("x", None), ("pos", None), ("p4", 4)):
            value = self._tensors.get(name)
            if value is not None and (
                value.dim() != 2 or (columns is not None and value.shape[1] != columns)
            ):
                raise DataError(
                    f"{name} must have shape (N, {columns or 'any'}), got {tuple(value.shape)}",
                    branch=name,
                )
        if self.weight is not None and self.weight.dim() != 1:
            raise DataError(
                f"weight must have shape (G,), got {tuple(self.weight.shape)}", branch="weight"
            )
        if self._features is not None and self.x is not None:
            self._features.check_width(self.x.shape[1])
        for name in unknown:
            value = self._tensors.get(name)
            if value is not None:
                labels = self._labels(name)
                check_finite(name, value, self._levels[name], labels, self._places())
        if self.y is not None:
            check_classes(self.y, self._classes, self._levels["y"], self._places())

    def _labels(self, name: str) -> list[str]:
        if name == "p4":
            return ["E", "px", "py", "pz"]
        if self._features is None:
            return []
        if name == "x":
            return list(self._features.names)
        return list(self._features.pos) if name == "pos" else []

    def _places(self) -> Places:
        columns = {
            name: self._tensors[name]
            for name in ("file", "entry")
            if self._levels.get(name) == GRAPH
        }
        return Places(self._offsets, columns, self._provenance.get("files", ()))

    @classmethod
    def from_awkward(
        cls,
        jets: ak.Array,
        *,
        features: Any = "particlenet",
        target: Any = None,
        weight: str | None = None,
        max_particles: int | None = None,
        columns: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        dtype: torch.dtype = torch.float32,
        p4: bool = True,
    ) -> ParticleClouds:
        """Turn awkward records, as the readers give them, into clouds.

        Args:
            jets: records with a ``particles`` field and event columns.
            features: name of a definition, a :class:`FeatureDefinition`, or a list of expressions.
            target: event or particle column, expression over them, a list of one-hot columns, or a
                mapping from names of labels, of which any number may be 1, to columns or
                expressions.
            weight: event column or expression over event columns.
            max_particles: keep the leading ones by pT (equal pT: the earlier one).
            columns: event or particle columns to keep; by default every numeric event column.
                ``file`` and ``entry`` are always kept.
            classes: names of the classes.
            dtype: type of x, pos and p4; all arithmetic before is in float64.
            p4: keep the four-vectors.

        Raises:
            DataError: an empty jet, a missing column, a NaN or infinity, an unknown label.
            ExpressionError: an expression is not in the safe language.

        Example:
            >>> clouds = ParticleClouds.from_awkward(jets, target="is_top")  # doctest: +SKIP
        """
        from pcgnn.data.conversion import CloudOptions, clouds_from_awkward

        options = CloudOptions(
            features=features,
            target=target,
            weight=weight,
            max_particles=max_particles,
            columns=columns,
            classes=classes,
            dtype=dtype,
            p4=p4,
        )
        return clouds_from_awkward(jets, options)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify: bool = False) -> ParticleClouds:
        """Map a file written by :meth:`save`; nothing but the offsets is read.

        Changes made to the tensors stay in memory and never reach the file.

        Args:
            path: the file.
            verify: read everything once and compare with the recorded checksums.

        Raises:
            ReadError: the file is missing, truncated, not of this format or damaged.
        """
        ptr, tensors, meta, origin = storage.open_columns(path, verify=verify)
        definition = meta.get("features")
        return cls._trusted(
            ptr,
            tensors,
            levels=meta["levels"],
            features=None if definition is None else FeatureDefinition.from_dict(definition),
            classes=tuple(meta["classes"]),
            provenance=meta["provenance"],
            origin=origin,
        )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the clouds to one file, which :meth:`open` maps.

        The file is an uncompressed zip archive of ``.npy`` columns and a ``meta.json`` with the
        checksum of each, so NumPy alone reads it too. It appears under its name when complete.

        Raises:
            WriteError: it exists and ``overwrite`` is false, or cannot be written.
        """
        meta = {
            "levels": self._levels,
            "features": None if self._features is None else self._features.to_dict(),
            "classes": list(self._classes),
            "provenance": self._provenance,
        }
        storage.save_columns(path, self._ptr, self._tensors, meta, overwrite=overwrite)

    @classmethod
    def concatenate(cls, parts: Sequence[ParticleClouds]) -> ParticleClouds:
        """Join clouds with the same columns, features and classes, in the order given.

        The provenance of the first is kept; file numbers are shifted where the files differ.

        Raises:
            DataError: columns, types, features or classes differ, or there is nothing to join.
        """
        from pcgnn.data.joining import concatenate

        return concatenate(parts)

    def to_awkward(self) -> ak.Array:
        """Records with ``particles`` (px, py, pz, E where p4 is kept; columns) and event columns.

        ``x`` and ``pos`` become particle fields under the names of their features.
        """
        from pcgnn.data.conversion import clouds_to_awkward

        return clouds_to_awkward(self)

    def __repr__(self) -> str:
        return describe(self, mapped=None if self._storage is None else self._storage.path)

    # Selecting

    @overload
    def __getitem__(self, index: int) -> Data: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | np.ndarray | Tensor) -> ParticleClouds: ...

    def __getitem__(self, index: Any) -> Data | ParticleClouds:
        """One graph as PyG data, or a slice, mask or list of graphs as clouds."""
        if isinstance(index, (int, np.integer)):
            graph = int(index)
            if not -len(self) <= graph < len(self):
                raise IndexError(f"graph {graph} of {len(self)}")
            return make_item(self._tensors, self._levels, self._offsets, graph % len(self))
        return self.select(self._indices(index))

    def __iter__(self) -> Iterator[Data]:
        for graph in range(len(self)):
            yield self[graph]

    def select(self, indices: np.ndarray) -> ParticleClouds:
        """Clouds of the listed graphs, in that order.

        Consecutive graphs are a view of the same memory, others are copied.

        Shapes:
            - indices: (B,)
        """
        indices = self._indices(indices)
        starts = self._offsets[indices]
        sizes = self._offsets[indices + 1] - starts
        if is_range(indices):
            first = int(indices[0])
            ptr = self._offsets[first : first + indices.size + 1] - starts[0]
            spans = {
                GRAPH: slice(first, first + indices.size),
                PARTICLE: slice(int(starts[0]), int(starts[0] + ptr[-1])),
            }
            tensors = {name: t[spans[self._levels[name]]] for name, t in self._tensors.items()}
        else:
            rows, ptr = gather_rows(starts, sizes)
            where = {GRAPH: torch.from_numpy(indices), PARTICLE: torch.from_numpy(rows)}
            tensors = {
                name: t.index_select(0, where[self._levels[name]])
                for name, t in self._tensors.items()
            }
        return self._like(torch.from_numpy(ptr), tensors)

    def replace(self, **tensors: Any) -> ParticleClouds:
        """The same graphs with some tensors replaced, added or, by None, taken away.

        The feature definition is kept as long as ``x`` has its width, the names of the classes
        as long as there is a ``y``. Columns that are not named share their memory.

        Args:
            **tensors: x, pos, p4, y, weight or columns by name.

        Raises:
            DataError: the numbers of rows do not fit, or nothing is left.

        Example:
            >>> clouds = ParticleClouds(x=torch.ones(3, 2), ptr=torch.tensor([0, 1, 3]))
            >>> clouds.replace(y=torch.tensor([0, 1])).y.tolist()
            [0, 1]
        """
        given: dict[str, Any] = {**self._tensors, **tensors}
        given = {name: value for name, value in given.items() if value is not None}
        features, x = self._features, given.get("x")
        if features is not None and x is not None and x.shape[1] != len(features):
            features = None
        return ParticleClouds(
            ptr=self._ptr,
            features=features,
            classes=(self._classes or None) if "y" in given else None,
            provenance=self._provenance,
            levels={n: level for n, level in self._levels.items() if n in given},
            **given,
        )

    def copy(self) -> ParticleClouds:
        """The same clouds in memory of their own."""
        tensors = {name: tensor.clone() for name, tensor in self._tensors.items()}
        return self._like(self._ptr.clone(), tensors)

    def batch(self, indices: Any) -> Batch:
        """The listed graphs as a PyG batch that owns its memory.

        Besides the columns it has ``batch``, ``ptr`` and, made on the host, ``plan``
        (:class:`~pcgnn.ops.ragged.SizePlan`).

        Args:
            indices: numbers of graphs, a slice or a mask.

        Raises:
            DataError: a number is not one of the graphs.

        Shapes:
            - indices: (B,)
        """
        return make_batch(self._tensors, self._levels, self._offsets, self._indices(indices))

    def split(
        self,
        parts: Sequence[float] | Sequence[int] | None = None,
        *,
        column: str | None = None,
        seed: int = 0,
        stratify: bool | str = True,
    ) -> tuple[ParticleClouds, ...]:
        """Cut the clouds into disjoint parts, each in the original order.

        Args:
            parts: fractions that sum to 1, or exact numbers of graphs (a rest stays unused).
            column: instead of ``parts``, a per-graph column of whole numbers: one part for each
                value, in rising order.
            seed: which of the possible splits.
            stratify: keep the class shares of ``y`` equal in all parts (to within two graphs of
                each class), or the name of a per-graph column to do it by.

        Raises:
            DataError: the parts do not add up, one would be empty, or there is no such column.

        Example:
            >>> train, val, test = clouds.split((0.6, 0.2, 0.2), seed=1)  # doctest: +SKIP
        """
        if (parts is None) == (column is None):
            raise DataError("give either parts or column to split by")
        if column is not None:
            indices = splitting.by_column(self.graph_column(column), column)
        else:
            assert parts is not None
            strata = None
            if isinstance(stratify, str):
                strata = self.graph_column(stratify).numpy()
            elif stratify and self.y is not None and self._levels["y"] == GRAPH:
                strata = self.y.numpy()
            indices = splitting.by_parts(len(self), parts, strata, seed)
        return tuple(self.select(part) for part in indices)

    def _indices(self, index: Any) -> np.ndarray:
        if isinstance(index, slice):
            return np.arange(len(self), dtype=np.int64)[index]
        array = index.numpy() if isinstance(index, Tensor) else np.asarray(index)
        if array.size == 0 and array.dtype.kind == "f":
            array = array.astype(np.int64)
        if array.dtype == np.bool_:
            if array.shape != (len(self),):
                raise DataError(f"a mask over {len(self)} graphs has shape {array.shape}")
            return np.flatnonzero(array)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DataError(
                f"graphs are chosen by a flat list of numbers, a mask or a slice, got "
                f"{array.dtype} of shape {array.shape}"
            )
        if array.size and (int(array.min()) < -len(self) or int(array.max()) >= len(self)):
            raise DataError(f"a graph number lies outside of 0 to {len(self) - 1}")
        numbers = np.ascontiguousarray(array, dtype=np.int64)
        return (
            np.where(numbers < 0, numbers + len(self), numbers) if _negative(numbers) else numbers
        )


def _negative(numbers: np.ndarray) -> bool:
    return bool(numbers.size) and int(numbers.min()) < 0


def _as_tensor(name: str, value: Any) -> Tensor:
    """A contiguous tensor in host memory; NumPy memory that is read-only is copied."""
    if isinstance(value, Tensor):
        if value.device.type != "cpu":
            raise DataError(
                f"{name} is on {value.device}; clouds live in host memory, batches are moved",
                branch=name,
                remedy="pass tensor.cpu()",
            )
        return value.detach().contiguous()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} of type {array.dtype} is no numeric column", branch=name)
    if not array.flags.writeable or not array.flags.c_contiguous:
        array = array.copy()
    try:
        return torch.from_numpy(array)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} of type {array.dtype} is no numeric column", branch=name
        ) from error
