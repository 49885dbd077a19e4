"""Flat columns of hits, particles and tracks, one event after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import awkward as ak
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "Events",
    "Index",
    "Table",
    "Tracks",
    "flat_list",
    "list_offsets",
    "merge",
    "offsets_of",
]

Array: TypeAlias = NDArray[Any]
Index: TypeAlias = NDArray[np.int64]


@dataclass
class Table:
    """Columns of one collection.

    Args:
        offsets: (G + 1,) where the rows of each event begin and end.
        columns: (N,) values of each field.
    """

    offsets: Index
    columns: dict[str, Array] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all events."""
        return int(self.offsets[-1])

    @property
    def counts(self) -> Index:
        """(G,) rows of each event."""
        return np.diff(self.offsets)

    @property
    def event(self) -> Index:
        """(N,) position of the event of each row."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.counts)

    def event_at(self, row: int) -> int:
        """Position of the event of one row."""
        return int(np.searchsorted(self.offsets, row, side="right")) - 1

    def local(self, row: int) -> int:
        """Number of a row inside its event."""
        return int(row - self.offsets[self.event_at(row)])


@dataclass
class Tracks:
    """Reference tracks.

    Args:
        table: columns per track.
        hit_offsets: (T + 1,) where the hits of each track begin and end in ``hit_index``.
        hit_index: numbers of the hits in their event, one track after the other.
    """

    table: Table
    hit_offsets: Index
    hit_index: Index


@dataclass
class Events:
    """Some events.

    Args:
        event_id: (G,) as the source numbers them.
        entry: (G,) entry in the file.
        file: (G,) index of the file.
        hit: the hits.
        particle: the particles, None without truth.
        tracks: reference tracks by name.
        notes: counts for the provenance.
    """

    event_id: Index
    entry: Index
    file: NDArray[np.int32]
    hit: Table
    particle: Table | None = None
    tracks: dict[str, Tracks] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event_id)

    def fields(self) -> dict[str, list[str]]:
        """Names of the fields of each collection."""
        found = {"hit": list(self.hit.columns)}
        if self.particle is not None:
            found["particle"] = list(self.particle.columns)
        return found | {name: list(tracks.table.columns) for name, tracks in self.tracks.items()}


def offsets_of(counts: Sequence[int] | Array) -> Index:
    """Offsets from counts: ``[2, 0, 3]`` gives ``[0, 2, 2, 5]``."""
    return np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))


def flat_list(layout: Any) -> tuple[Index, Array]:
    """Offsets from 0 and the numbers of a list array, uncopied where its layout allows."""
    if not (
        isinstance(layout, ak.contents.ListOffsetArray)
        and isinstance(layout.content, ak.contents.NumpyArray)
    ):
        layout = ak.to_packed(layout)
        if isinstance(layout, ak.contents.RegularArray):
            layout = layout.to_ListOffsetArray64(True)
    offsets = np.asarray(layout.offsets.data).astype(np.int64, copy=False)
    values = np.asarray(layout.content.data)[offsets[0] : offsets[-1]]
    return (offsets - offsets[0] if offsets[0] else offsets), values


def list_offsets(layout: Any) -> Index:
    """Offsets, from 0, of the outer lists of a list array."""
    offsets: Index = np.asarray(layout.offsets.data).astype(np.int64)
    offsets -= offsets[0]
    return offsets


def merge(parts: Sequence[Events]) -> Events:
    """Join events with the same fields; the one part of a single file is not copied."""
    first = parts[0]
    if len(parts) == 1:
        return first
    notes: dict[str, int] = {}
    for part in parts:
        for name, count in part.notes.items():
            notes[name] = notes.get(name, 0) + count
    return Events(
        np.concatenate([part.event_id for part in parts]),
        np.concatenate([part.entry for part in parts]),
        np.concatenate([part.file for part in parts]),
        _join([part.hit for part in parts]),
        None
        if first.particle is None
        else _join([part.particle for part in parts if part.particle is not None]),
        {
            name: Tracks(
                _join([part.tracks[name].table for part in parts]),
                _chain([part.tracks[name].hit_offsets for part in parts]),
                np.concatenate([part.tracks[name].hit_index for part in parts]),
            )
            for name in first.tracks
        },
        notes,
    )


def _join(tables: Sequence[Table]) -> Table:
    return Table(
        _chain([table.offsets for table in tables]),
        {
            name: np.concatenate([table.columns[name] for table in tables])
            for name in tables[0].columns
        },
    )


def _chain(offsets: Sequence[Index]) -> Index:
    return offsets_of(np.concatenate([np.diff(part) for part in offsets]))
