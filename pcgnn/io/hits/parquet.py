"""Hits in Parquet files: ColliderML and others with one row per event.

Either one table with columns such as ``hit_x`` and ``particle_px``, or one table each of hits,
particles and (optionally) tracks, joined by the event number, as in ColliderML (arXiv:2512.15230).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.errors import ReadError
from pcgnn.io.hits.columns import Events, Index, Table, Tracks, flat_list, list_offsets
from pcgnn.io.hits.complete import complete
from pcgnn.io.hits.families import EVENT_IDS, Layout, canonical, find_layout
from pcgnn.io.hits.options import TRUTH_FIELDS, Options
from pcgnn.io.hits.parquet_join import JoinedTables
from pcgnn.io.hits.parquet_tables import ParquetTable, open_parquet
from pcgnn.io.hits.place import MAPPING_EXAMPLE, HitPlace
from pcgnn.io.hits.root import assemble_events

__all__ = ["iterate_parquet_hits"]

_HIT_NAMES = {
    "surface_id": "module",
    **{f"true_{name}": f"t{name}" for name in "xyz"},
}
_PARTICLE_NAMES = {"pdg_id": "pdg", "num_tracker_hits": "nhits"}
_TRACK_NAMES = {"hit_ids": "hit_index", "majority_particle_id": "particle_id"}


@dataclass(frozen=True)
class _Role:
    """What a table holds: "hit", "particle", "tracks", "events" (all in one) or "other"."""

    kind: str
    event_id: str | None


def iterate_parquet_hits(files: Sequence[str], options: Options) -> Iterator[Events]:
    """Yield the events of one file of hits after the other.

    Args:
        files: all files, in any order; those of hits count for the numbers of events.
        options: what to read.

    Raises:
        ReadError: if a file or column is missing or damaged, or events do not fit together.
        BackendError: if pyarrow is not installed.
    """
    tables = [open_parquet(file) for file in files]
    roles = [_role(table, options) for table in tables]
    main = [i for i, role in enumerate(roles) if role.kind in ("hit", "events")]
    if not main:
        raise ReadError(
            f"no table of hits; the first has the columns {', '.join(_all_names(tables[0]))}",
            file=files[0],
            remedy=f"name the columns, as in {MAPPING_EXAMPLE}",
        )
    others = {kind: _tables_of(kind, tables, roles) for kind in ("particle", "tracks")}
    before = 0
    for index in main:
        table = tables[index]
        start = min(max(options.start - before, 0), table.rows)
        stop = table.rows if options.stop is None else min(options.stop - before, table.rows)
        before += table.rows
        if start < stop:
            part = _Part(table, roles[index].event_id, index, start, stop, options)
            yield _one_table(part) if roles[index].kind == "events" else _join(part, others)


@dataclass(frozen=True)
class _Part:
    """Events of one file of hits."""

    table: ParquetTable
    event_id: str | None
    file: int
    start: int
    stop: int
    options: Options

    def read(self, layout: Layout, place: HitPlace) -> Events:
        """Read what the layout names, without the checks that all formats share."""
        _check_columns(self.table, layout.columns, place)
        names = [*layout.columns.values(), *([self.event_id] if self.event_id else [])]
        arrays = self.table.read(list(dict.fromkeys(names)), self.start, self.stop)
        event_id = arrays[self.event_id] if self.event_id else None
        entry = np.arange(self.start, self.stop)
        return assemble_events(arrays, layout, entry, event_id, self.file, place)


def _tables_of(kind: str, tables: Sequence[ParquetTable], roles: Sequence[_Role]) -> JoinedTables:
    chosen = [i for i, role in enumerate(roles) if role.kind == kind]
    return JoinedTables([tables[i] for i in chosen], [roles[i].event_id for i in chosen])


def _role(table: ParquetTable, options: Options) -> _Role:
    lists, names = set(table.lists), _all_names(table)
    known = [options.event_id] if options.event_id else EVENT_IDS
    event_id = next((name for name in known if name in table.numbers), None)
    family = find_layout(lists, (), Options.make(None, options.truth, None, None)).hit
    hit, particle = set(options.hit.values()), set(options.particle.values())
    everything = bool(hit and particle) and hit | particle <= lists
    if everything or {"x", "y", "z"} & set(family):
        return _Role("events", event_id)
    calorimeter = any("energy" in name for name in names)
    if (hit and hit <= lists) or ({"x", "y", "z"} <= lists and not calorimeter):
        return _Role("hit", event_id)
    if {"px", "py", "pz"} <= lists or (particle and particle <= lists):
        return _Role("particle", event_id)
    if "hit_ids" in table.nested or "hit_index" in table.nested:
        return _Role("tracks", event_id)
    return _Role("other", event_id)


def _all_names(table: ParquetTable) -> list[str]:
    return [*table.numbers, *table.lists, *table.nested]


def _fields(
    collection: str, names: Sequence[str], renamed: Mapping[str, str], mapping: Mapping[str, str]
) -> dict[str, str]:
    """Column of each field."""
    taken = set(mapping.values())
    fields = {renamed.get(n, canonical(collection, n)): n for n in names if n not in taken}
    return {**fields, **mapping}


def _one_table(part: _Part) -> Events:
    layout = find_layout(part.table.lists, part.table.numbers, part.options)
    place = HitPlace(part.table.file, None, layout.columns)
    return complete(part.read(layout, place), place, part.options.truth)


def _join(part: _Part, others: Mapping[str, JoinedTables]) -> Events:
    """Hits of one table, particles and tracks of others."""
    options = part.options
    hit = _fields("hit", part.table.lists, _HIT_NAMES, options.hit)
    if options.truth is False:
        hit = {field: name for field, name in hit.items() if field not in TRUTH_FIELDS}
    layout = Layout(hit, {}, {}, part.event_id)
    place = HitPlace(part.table.file, None, layout.columns)
    events = part.read(layout, place)
    if others["particle"].tables and options.truth is not False:
        source, rows = others["particle"].rows(events.event_id, part.table)
        fields = _fields("particle", source.lists, _PARTICLE_NAMES, options.particle)
        names = {("particle", field): name for field, name in fields.items()}
        place = HitPlace(place.file, None, {**place.names, **names}, {"particle": source.file})
        _check_columns(source, names, place)
        events.particle = _take(source, fields, rows, events.event_id, place)
    if others["tracks"].tables:
        source, rows = others["tracks"].rows(events.event_id, part.table)
        events.tracks["tracks"] = _tracks(source, rows)
    return complete(events, place, options.truth)


def _take(
    source: ParquetTable,
    fields: Mapping[str, str],
    rows: Index,
    event_id: Index,
    place: HitPlace,
) -> Table:
    """Particles of the given rows."""
    low, high = int(rows.min()), int(rows.max()) + 1
    arrays = source.read(list(dict.fromkeys(fields.values())), low, high)
    taken = {name: _rows(layout, rows - low) for name, layout in arrays.items()}
    layout = Layout(fields, {}, {}, None)
    found = assemble_events(taken, layout, rows, event_id, 0, place)
    return found.hit


def _rows(layout: Any, rows: Index) -> Any:
    if np.array_equal(rows, np.arange(len(layout))):
        return layout
    return ak.to_packed(ak.Array(layout)[rows]).layout


def _tracks(source: ParquetTable, rows: Index) -> Tracks:
    """Tracks with ``hit_ids``, lists of numbers of hits; momenta from theta and q/p (1/GeV)."""
    nested = "hit_ids" if "hit_ids" in source.nested else "hit_index"
    low, high = int(rows.min()), int(rows.max()) + 1
    arrays = source.read([*source.lists, nested], low, high)
    lists = _rows(arrays[nested], rows - low)
    table = Table(list_offsets(lists))
    hit_offsets, index = flat_list(lists.content)
    for name in source.lists:
        offsets, values = flat_list(_rows(arrays[name], rows - low))
        if not np.array_equal(offsets, table.offsets):
            raise ReadError("its lists have other lengths", file=source.file, branch=name)
        table.columns[_TRACK_NAMES.get(name, name)] = values
    columns = table.columns
    if {"theta", "qop"} <= set(columns) and "pt" not in columns:
        theta = columns["theta"].astype(np.float64)
        with np.errstate(all="ignore"):
            pt = np.abs(np.sin(theta) / columns["qop"])
            eta = -np.log(np.tan(theta / 2))
        columns["pt"] = pt.astype(columns["theta"].dtype)
        columns["eta"] = eta.astype(columns["theta"].dtype)
    return Tracks(table, hit_offsets, index.astype(np.int64))


def _check_columns(
    table: ParquetTable, columns: Mapping[tuple[str, str], str], place: HitPlace
) -> None:
    for (collection, field), name in columns.items():
        if name not in table.lists:
            raise place.missing(collection, field, list(table.lists))
