"""Columns of one chunk, their validation, and the awkward records made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import awkward as ak
import numpy as np
import vector
from numpy.typing import NDArray

from pcgnn.errors import ReadError

__all__ = [
    "RESERVED",
    "Columns",
    "concatenate_records",
    "derived_names",
    "find_nonfinite",
    "make_records",
    "particle_quantity",
]

Array: TypeAlias = NDArray[Any]

RESERVED = ("particles", "file", "entry")
"""Fields of the records that no event column may be called."""

_DERIVED_KINEMATICS = ("px", "py", "pz", "energy", "pt", "eta", "phi", "mass", "p")


class _Behavior(dict[Any, Any]):
    """The behaviours of vector, attached to each array so that nobody has to register them.

    They hold functions that cannot be pickled, so an array is pickled with a reference to them.
    """

    def __reduce__(self) -> tuple[Callable[[], _Behavior], tuple[()]]:
        return _behavior, ()


def _behavior() -> _Behavior:
    return _BEHAVIOR


_BEHAVIOR = _Behavior(vector.backends.awkward.behavior)


@dataclass
class Columns:
    """The flat columns of some entries: numbers of all particles one after another.

    Args:
        entry: (G,) entry numbers in the tree.
        offsets: (G + 1,) where each entry's particles begin and end, None without particles.
        particles: (N,) numbers of each particle field.
        event: (G, ...) numbers of each event column.
        lists: other jagged columns, only for expressions.
    """

    entry: NDArray[np.int64]
    offsets: NDArray[np.int64] | None = None
    particles: dict[str, Array] = field(default_factory=dict)
    event: dict[str, Array] = field(default_factory=dict)
    lists: dict[str, ak.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.entry)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(G,) particles of each entry."""
        if self.offsets is None:
            raise ValueError("there are no particles")
        return self.offsets[1:] - self.offsets[:-1]

    def jagged(self, values: Array) -> ak.Array:
        """Give values of the particles as one list per entry, without copying."""
        offsets = ak.index.Index64(self.offsets)
        return ak.Array(ak.contents.ListOffsetArray(offsets, ak.contents.NumpyArray(values)))

    def select(self, mask: NDArray[np.bool_]) -> Columns:
        """Keep the entries where the mask is true."""
        if mask.all():
            return self
        selected = replace(
            self,
            entry=self.entry[mask],
            event={name: values[mask] for name, values in self.event.items()},
            lists={name: values[mask] for name, values in self.lists.items()},
        )
        if self.offsets is not None:
            counts = self.counts
            of_particles = np.repeat(mask, counts)
            selected.offsets = np.concatenate(([0], np.cumsum(counts[mask])))
            selected.particles = {k: v[of_particles] for k, v in self.particles.items()}
        return selected


def find_nonfinite(
    columns: Columns, names: Callable[[str, str], bool] | None = None
) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Find NaN and infinities.

    Args:
        columns: what to look through.
        names: says whether to look at a column, given its level ("particles", "event", "lists")
            and name; all by default.

    Returns:
        Positions (not entry numbers) of the entries at fault, by level and name.
    """
    found: dict[tuple[str, str], NDArray[np.int64]] = {}
    for level in ("particles", "event", "lists"):
        for name, values in getattr(columns, level).items():
            if names is not None and not names(level, name):
                continue
            offsets: Array | None
            if level == "lists":
                counts = ak.to_numpy(ak.num(values)).astype(np.int64)
                flat = ak.to_numpy(ak.flatten(values))
                offsets = np.concatenate(([0], np.cumsum(counts)))
            else:
                flat, offsets = values, columns.offsets
            if _all_finite(flat):
                continue
            bad = ~np.isfinite(flat)
            if level == "event":
                where = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
            else:
                assert offsets is not None
                where = np.unique(np.searchsorted(offsets, np.flatnonzero(bad), side="right") - 1)
            found[level, name] = where
    return found


def _all_finite(values: Array) -> bool:
    """A sum is finite only if all terms are, and is much quicker than looking at each."""
    if values.dtype.kind != "f" or values.size == 0:
        return True
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())


def particle_quantity(columns: Columns, name: str) -> Array:
    """Compute a quantity of the particles in double precision through vector.

    Args:
        columns: with the coordinates among their particle fields.
        name: a field, or one of px, py, pz, energy, pt, eta, phi, mass, p.

    Shapes:
        - output (N,)
    """
    if name in columns.particles:
        return columns.particles[name]
    if name == "energy" and "E" in columns.particles:
        return columns.particles["E"]
    coordinates = {
        key: columns.particles[key].astype(np.float64, copy=False)
        for key in ("px", "py", "pz", "pt", "eta", "phi", "E", "mass")
        if key in columns.particles
    }
    with np.errstate(all="ignore"):
        return np.asarray(getattr(vector.array(coordinates), name))


def derived_names(fields: Mapping[str, Any]) -> list[str]:
    """Names of all particle quantities in expressions."""
    return [f"part_{name}" for name in dict.fromkeys((*_DERIVED_KINEMATICS, *fields))]


def make_records(columns: Columns, file: int, attrs: dict[str, Any]) -> ak.Array:
    """Assemble the records a reader returns; numbers are not copied.

    Args:
        columns: validated columns.
        file: index of the file.
        attrs: provenance, put under the key ``pcgnn`` of the array's attributes.

    Returns:
        G records with ``particles`` (Momentum4D), the event columns, ``file`` and ``entry``.
    """
    contents: list[Any] = []
    names: list[str] = []
    if columns.offsets is not None:
        particles = ak.contents.RecordArray(
            [ak.contents.NumpyArray(values) for values in columns.particles.values()],
            list(columns.particles),
            length=int(columns.offsets[-1]),
            parameters={"__record__": "Momentum4D"},
        )
        contents.append(ak.contents.ListOffsetArray(ak.index.Index64(columns.offsets), particles))
        names.append("particles")
    for name, values in columns.event.items():
        # from_numpy with regulararray gives a fixed-size list for what has more dimensions
        contents.append(ak.from_numpy(values, regulararray=True, highlevel=False))
        names.append(name)
    contents.append(ak.contents.NumpyArray(np.full(len(columns), file, dtype=np.int32)))
    contents.append(ak.contents.NumpyArray(columns.entry))
    names += ["file", "entry"]
    layout = ak.contents.RecordArray(contents, names, length=len(columns))
    return ak.Array(layout, behavior=_BEHAVIOR, attrs={"pcgnn": attrs})


def concatenate_records(parts: Sequence[ak.Array], attrs: dict[str, Any]) -> ak.Array:
    """Join records of several chunks under one provenance.

    Args:
        parts: at least one array of :func:`make_records`.
        attrs: provenance of the whole.
    """
    filled = [part for part in parts if len(part)] or list(parts[:1])
    _refuse_lossy_types(filled, attrs)
    layout = filled[0].layout
    if len(filled) > 1:
        # joined as layouts: the attributes of the parts, which hold their counts, would conflict
        layout = ak.concatenate([part.layout for part in filled], highlevel=False)
    return ak.Array(layout, behavior=_BEHAVIOR, attrs={"pcgnn": attrs})


def _refuse_lossy_types(parts: Sequence[ak.Array], attrs: dict[str, Any]) -> None:
    """Integers of one file beside floats of another would lose digits in a common type."""
    for name in parts[0].fields:
        types = {_dtype(part[name]) for part in parts if name in part.fields} - {None}
        if len(types) < 2:
            continue
        common = np.result_type(*types)
        if common.kind == "f" and any(t.kind in "iu" and t.itemsize > 4 for t in types if t):
            raise ReadError(
                f"the files hold the column as {', '.join(sorted(map(str, types)))}, which have "
                "no common type without loss",
                file=f"{len(attrs.get('files', []))} files",
                branch=name,
                remedy="read them one by one and convert the column",
            )


def _dtype(values: ak.Array) -> np.dtype[Any] | None:
    layout = values.layout
    return layout.dtype if isinstance(layout, ak.contents.NumpyArray) else None
