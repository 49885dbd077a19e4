"""Hits in ROOT files: one entry per event, jagged branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.io.boundary import reading
from pcgnn.io.chunks import table_of
from pcgnn.io.hits.columns import Array, Events, Index, Table, Tracks, flat_list, offsets_of
from pcgnn.io.hits.complete import complete
from pcgnn.io.hits.families import Layout, find_layout
from pcgnn.io.hits.options import Options
from pcgnn.io.hits.place import MAPPING_EXAMPLE, HitPlace
from pcgnn.io.rntuple import RNTupleTable, iterate_rntuple
from pcgnn.io.sources import Source, open_tree
from pcgnn.io.tables import BranchTable

__all__ = ["TRUTH_SELECTED", "assemble_events", "iterate_root_hits"]

TRUTH_SELECTED = "truth_selected"
"""Branch with 1 for events of which only hits chosen by truth were kept."""


def iterate_root_hits(
    sources: Sequence[Source], options: Options
) -> Iterator[tuple[Events, str | None]]:
    """Yield the events of one file after the other, and the name of the tree.

    Args:
        sources: the files.
        options: what to read.

    Raises:
        ReadError: if a file, tree or branch is missing or damaged or makes no sense.
    """
    before = 0
    for index, source in enumerate(sources):
        if options.stop is not None and before >= options.stop:
            return
        with open_tree(source) as (tree, name):
            table = table_of(tree, source.file, name)
            with reading(source.file, name):
                entries = int(tree.num_entries)
            start = min(max(options.start - before, 0), entries)
            stop = entries if options.stop is None else min(options.stop - before, entries)
            before += entries
            layout = _layout(table, options)
            if start < stop:
                chunk = _read(tree, table, layout, start, stop)
                place = HitPlace(source.file, name, layout.columns)
                entry = np.arange(start, stop)
                event_id = None if layout.event_id is None else chunk[layout.event_id]
                events = assemble_events(chunk, layout, entry, event_id, index, place)
                events = complete(events, place, options.truth)
                events.notes["truth_selected"] = _truth_selected(tree, table, start, stop)
                yield events, name


def _truth_selected(tree: Any, table: BranchTable, start: int, stop: int) -> int:
    """Events whose hits were selected by truth when the file was made, as the file says."""
    found = [b for b in table.usable() if b.short == TRUTH_SELECTED and b.level == "event"]
    if not found or isinstance(table, RNTupleTable):
        return 0
    with reading(table.file, table.name):
        flags = tree[found[0].key].array(entry_start=start, entry_stop=stop, library="np")
    return int(np.count_nonzero(flags))


def _layout(table: BranchTable, options: Options) -> Layout:
    table.prepare_all()
    usable = table.usable()
    jagged = [branch.short for branch in usable if branch.level == "jagged"]
    flat = [
        branch.short
        for branch in usable
        if branch.level == "event" and not branch.shape and branch.dtype.kind in "iu"
    ]
    layout = find_layout(jagged, flat, options)
    for name in layout.columns.values():
        branch = table.find(name)
        if branch.level != "jagged":
            raise table.error(
                f"hits, particles and tracks need one list of numbers per entry, this branch is "
                f"{branch.type_name}",
                name,
            )
    if layout.event_id is not None and table.find(layout.event_id).dtype.kind not in "iu":
        raise table.error("the event number must be an integer", layout.event_id)
    if not layout.hit:
        raise table.error(
            f"no hits are recognised; there are: {table.some()}",
            "hit_x",
            f"name the branches, as in {MAPPING_EXAMPLE}",
        )
    return layout


def _read(tree: Any, table: BranchTable, layout: Layout, start: int, stop: int) -> dict[str, Any]:
    """Arrays by the names of the layout."""
    names = list(layout.columns.values())
    if layout.event_id is not None:
        names.append(layout.event_id)
    keys = {name: table.find(name).key for name in names}
    wanted = list(dict.fromkeys(keys.values()))
    with reading(table.file, table.name):
        if isinstance(table, RNTupleTable):
            chunk = next(iterate_rntuple(tree, wanted, start, stop, stop - start))
        else:
            chunk = tree.arrays(wanted, entry_start=start, entry_stop=stop, library="ak", how=dict)
        arrays: dict[str, Any] = {name: chunk[key].layout for name, key in keys.items()}
        if layout.event_id is not None:
            arrays[layout.event_id] = ak.to_numpy(arrays[layout.event_id])
    for name, array in arrays.items():
        if len(array) != stop - start:
            raise table.error(f"{len(array)} entries instead of {stop - start}", name)
    return arrays


def assemble_events(
    arrays: Mapping[str, Any],
    layout: Layout,
    entry: Index,
    event_id: Array | None,
    file: int,
    place: HitPlace,
) -> Events:
    """Make events of jagged arrays, without the checks that all formats share.

    Args:
        arrays: layouts of lists by name of the column.
        layout: what they are.
        entry: entry numbers.
        event_id: event numbers, the entry numbers if None.
        file: index of the file.
        place: for messages.

    Raises:
        ReadError: if the columns of a collection have different lengths.
    """
    hit = _table("hit", layout.hit, arrays, entry, place)
    particle = _table("particle", layout.particle, arrays, entry, place)
    assert hit is not None
    return Events(
        entry if event_id is None else event_id.astype(np.int64),
        entry,
        np.full(len(entry), file, dtype=np.int32),
        hit,
        particle,
        {
            name: _tracks(name, columns, arrays, entry, place)
            for name, columns in layout.tracks.items()
        },
    )


def _table(
    collection: str,
    columns: Mapping[str, str],
    arrays: Mapping[str, Any],
    entry: Index,
    place: HitPlace,
) -> Table | None:
    table: Table | None = None
    for name, column in columns.items():
        with reading(place.file, place.tree, column):
            offsets, values = flat_list(arrays[column])
        if table is None:
            table, first = Table(offsets), name
        elif not np.array_equal(offsets, table.offsets):
            counts = np.diff(offsets)
            position = int(np.flatnonzero(counts != table.counts)[0])
            raise place.error(
                f"{counts[position]} values here but {table.counts[position]} in "
                f"{columns[first]}: not of one collection",
                collection,
                name,
                entry=int(entry[position]),
            )
        table.columns[name] = values
    return table


def _tracks(
    name: str,
    columns: Mapping[str, str],
    arrays: Mapping[str, Any],
    entry: Index,
    place: HitPlace,
) -> Tracks:
    for needed in ("nhits", "hit_index"):
        if needed not in columns:
            raise place.missing(name, needed, list(columns))
    per_track = {field: column for field, column in columns.items() if field != "hit_index"}
    table = _table(name, per_track, arrays, entry, place)
    assert table is not None
    lengths = table.columns.pop("nhits").astype(np.int64)
    with reading(place.file, place.tree, columns["hit_index"]):
        offsets, index = flat_list(arrays[columns["hit_index"]])
    if (lengths < 0).any():
        row = int(np.argmax(lengths < 0))
        raise place.error(
            f"track {table.local(row)} has {lengths[row]} hits",
            name,
            "nhits",
            entry=int(entry[table.event_at(row)]),
        )
    hit_offsets = offsets_of(lengths)
    promised = hit_offsets[table.offsets]
    if not np.array_equal(promised, offsets):
        position = int(np.flatnonzero(np.diff(promised) != np.diff(offsets))[0])
        raise place.error(
            f"{np.diff(offsets)[position]} hit indices, but the tracks have "
            f"{np.diff(promised)[position]} hits by {columns['nhits']}",
            name,
            "hit_index",
            entry=int(entry[position]),
        )
    return Tracks(table, hit_offsets, index.astype(np.int64))
