"""Flat columns to the awkward records that read_hits returns."""

from __future__ import annotations

from typing import Any

import awkward as ak

from pcgnn.io.hits.columns import Array, Events, Index, Table, Tracks

__all__ = ["make_hit_records"]


def make_hit_records(events: Events, attrs: dict[str, Any]) -> ak.Array:
    """Assemble the records; numbers are not copied.

    Args:
        events: completed events.
        attrs: provenance, put under the key ``pcgnn`` of the array's attributes.
    """
    contents: dict[str, Any] = {"hit": _lists(events.hit)}
    if events.particle is not None:
        contents["particle"] = _lists(events.particle)
    for name, tracks in events.tracks.items():
        contents[name] = _track_lists(tracks)
    contents["event_id"] = ak.contents.NumpyArray(events.event_id)
    contents["file"] = ak.contents.NumpyArray(events.file)
    contents["entry"] = ak.contents.NumpyArray(events.entry)
    layout = ak.contents.RecordArray(list(contents.values()), list(contents), length=len(events))
    return ak.Array(layout, attrs={"pcgnn": attrs})


def _lists(table: Table) -> Any:
    return _list(table.offsets, _record(table.columns, table.rows))


def _track_lists(tracks: Tracks) -> Any:
    index = _list(tracks.hit_offsets, ak.contents.NumpyArray(tracks.hit_index))
    columns = {"hit_index": index}
    columns |= {
        name: ak.contents.NumpyArray(values) for name, values in tracks.table.columns.items()
    }
    rows = tracks.table.rows
    return _list(
        tracks.table.offsets,
        ak.contents.RecordArray(list(columns.values()), list(columns), length=rows),
    )


def _record(columns: dict[str, Array], rows: int) -> Any:
    contents = [ak.contents.NumpyArray(values) for values in columns.values()]
    return ak.contents.RecordArray(contents, list(columns), length=rows)


def _list(offsets: Index, content: Any) -> Any:
    return ak.contents.ListOffsetArray(ak.index.Index64(offsets), content)
