"""From awkward records to flat NumPy columns by way of the layout buffers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np

from pcgnn.errors import DataError

__all__ = ["FlatRecords", "flatten_records"]

_PARTICLES = "particles"


@dataclass(frozen=True)
class FlatRecords:
    """Jagged records as flat columns.

    The arrays may share memory with the awkward array: they are read, never written.

    Attributes:
        offsets: offsets of the jets, from 0, (G+1,).
        particles: particle fields by name, (N,) each.
        event: numeric event columns by name, (G, ...) each.
        skipped: event columns that are no numbers or are jagged, with the reason.
        bare: the records are events without particles; the offsets are all 0.
    """

    offsets: np.ndarray
    particles: dict[str, np.ndarray]
    event: dict[str, np.ndarray]
    skipped: dict[str, str]
    bare: bool = False

    @property
    def sizes(self) -> np.ndarray:
        """Particles per jet, (G,)."""
        return np.diff(self.offsets)


def flatten_records(jets: ak.Array, fields: Sequence[str] | None = None) -> FlatRecords:
    """Take records apart; no loop over jets.

    Sliced, masked, indexed and partitioned layouts are packed first.

    Args:
        jets: records; ``particles``, where there are any, is a list of records of numbers.
        fields: the particle fields wanted, by default all.

    Raises:
        DataError: there are no records, a value is missing (None), or a field is no number.
    """
    if not isinstance(jets, ak.Array) or not ak.fields(jets) or jets.ndim != 1:
        raise DataError(
            "clouds are made from an awkward array of records with event columns and, usually, a "
            f"'particles' field, got {type(jets).__name__}",
            remedy="read the file with pcgnn.read_root, or use ak.zip",
        )
    entries = _entries(jets)
    bare = _PARTICLES not in ak.fields(jets)
    offsets = np.zeros(len(jets) + 1, np.int64)
    particles: dict[str, np.ndarray] = {}
    if not bare:
        offsets, particles = _particles(jets[_PARTICLES], fields, entries)
    event: dict[str, np.ndarray] = {}
    skipped: dict[str, str] = {}
    for name in ak.fields(jets):
        if name == _PARTICLES:
            continue
        column = _event_column(name, jets[name], entries)
        if isinstance(column, str):
            skipped[name] = column
        else:
            event[name] = column
    return FlatRecords(offsets, particles, event, skipped, bare)


def _entries(jets: ak.Array) -> np.ndarray | None:
    """Entry numbers for error messages, if they are there."""
    if "entry" not in ak.fields(jets):
        return None
    try:
        return np.asarray(ak.to_numpy(jets["entry"], allow_missing=False))
    except (ValueError, TypeError):
        return None


def _particles(
    particles: ak.Array, fields: Sequence[str] | None, entries: np.ndarray | None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    layout = ak.to_layout(particles)
    if layout.is_option:
        _refuse_missing(particles, _PARTICLES, entries)
        particles = ak.drop_none(particles, axis=0)
        layout = ak.to_layout(particles)
    if layout.is_indexed:
        layout = layout.project()
    if not layout.is_list or layout.purelist_depth != 2:
        raise DataError(
            f"particles must be one list of records per jet, got {particles.type}",
            branch=_PARTICLES,
        )
    # A slice or a list with gaps has to be brought in order; buffers in order are used as they are.
    jagged = layout.to_ListOffsetArray64(False)
    offsets = np.asarray(jagged.offsets.data, dtype=np.int64)
    first, last = (int(offsets[0]), int(offsets[-1])) if offsets.size else (0, 0)
    content = jagged.content
    if content.is_option:
        raise DataError("a particle is missing (None)", branch=_PARTICLES)
    if content.is_indexed:
        content = content[first:last].project()
        offsets, first, last = offsets - first, 0, last - first
    if not content.is_record:
        raise DataError("particles have no named fields", branch=_PARTICLES)
    names = list(content.fields) if fields is None else [f for f in content.fields if f in fields]
    columns = {}
    for name in names:
        column = content.content(name)[first:last]
        columns[name] = _numbers(column, f"particles.{name}", offsets, entries)
    return offsets - first if first else offsets, columns


def _numbers(
    layout: ak.contents.Content, name: str, offsets: np.ndarray, entries: np.ndarray | None
) -> np.ndarray:
    if layout.is_option:
        missing = np.flatnonzero(np.asarray(ak.is_none(ak.Array(layout))))
        if missing.size:
            graph = int(np.searchsorted(offsets - offsets[0], missing[0], side="right")) - 1
            raise DataError(
                f"{name} of a particle is missing (None) (graph {graph})",
                branch=name,
                entry=None if entries is None else int(entries[graph]),
            )
        layout = ak.to_packed(ak.drop_none(ak.Array(layout)), highlevel=False)
    if not layout.is_numpy:
        layout = ak.to_packed(layout, highlevel=False)
    if not layout.is_numpy or layout.purelist_depth != 1:
        raise DataError(f"{name} is no number per particle but {layout.form.type}", branch=name)
    array = np.asarray(layout.data)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} is no number but {array.dtype}", branch=name)
    return array


def _event_column(name: str, column: ak.Array, entries: np.ndarray | None) -> np.ndarray | str:
    """An event column as NumPy, or the reason why it is none."""
    _refuse_missing(column, name, entries)
    try:
        array = np.asarray(ak.to_numpy(column, allow_missing=False))
    except (ValueError, TypeError):
        return f"jagged or mixed ({column.type.content})"
    if array.dtype.kind not in "biuf":
        return f"not numeric ({column.type.content})"
    return array


def _refuse_missing(column: ak.Array, name: str, entries: np.ndarray | None) -> None:
    if not ak.to_layout(column).is_option:
        return
    missing = np.flatnonzero(np.asarray(ak.is_none(column)))
    if missing.size:
        graph = int(missing[0])
        raise DataError(
            f"{name} is missing (None) in {missing.size} of {len(column)} jets, first in graph "
            f"{graph}",
            branch=name,
            entry=None if entries is None else int(entries[graph]),
        )
