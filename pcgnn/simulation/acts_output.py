"""Simulated events to ROOT."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from pcgnn.io.writing import Compression, write_tree
from pcgnn.simulation.acts_events import Columns, TrackEvent

__all__ = ["TREE", "track_arrays", "write_track_events"]

TREE = "events"


def write_track_events(
    path: Path,
    chunks: Iterable[Sequence[TrackEvent]],
    settings: Mapping[str, Any],
    compression: Compression = "zstd",
    constants: Mapping[str, int] | None = None,
) -> Path:
    """Write events as they come, one basket per chunk, and the settings beside the tree.

    Branches: ``hit_*`` with ``hit_particle``, the row of the particle in this event or -1;
    ``particle_*``; for reference tracks ``ckf_*``, of which ``ckf_nhits`` cuts the flat list
    ``ckfhit_index`` (a TTree holds no lists of lists), and ``event``, the number of the event.

    Args:
        path: a path that does not exist.
        chunks: at least one, none of them empty.
        settings: plain values, kept as JSON under the key ``simulation``.
        compression: algorithm.
        constants: event branches with the same value throughout.

    Raises:
        WriteError: if it cannot be written.
    """
    arrays = (_with_constants(track_arrays(chunk), constants or {}) for chunk in chunks)
    first = next(arrays)
    types = {
        name: values.dtype if isinstance(values, np.ndarray) else values.type.content
        for name, values in first.items()
    }
    write_tree(path, TREE, types, _chain(first, arrays), compression, False, _branch)
    with uproot.update(path) as file:
        file["simulation"] = json.dumps(settings, sort_keys=True)
    return path


def track_arrays(events: Sequence[TrackEvent]) -> dict[str, Any]:
    """Arrays of the branches for some events, by name of the collection."""
    arrays: dict[str, Any] = {
        "hit": _jagged([_with_index(event.hit) for event in events]),
        "particle": _jagged([event.particle for event in events]),
    }
    for name in events[0].tracks:
        found = [event.tracks[name] for event in events]
        columns = [
            {**_with_index(tracks.columns), "nhits": tracks.counts.astype(np.int16)}
            for tracks in found
        ]
        arrays[name] = _jagged(columns)
        arrays[f"{name}hit"] = _jagged([{"index": t.hits.astype(np.int32)} for t in found])
    arrays["event"] = np.array([event.number for event in events], dtype=np.int64)
    return arrays


def _with_constants(arrays: dict[str, Any], constants: Mapping[str, int]) -> dict[str, Any]:
    size = len(arrays["event"])
    return arrays | {name: np.full(size, value, np.int32) for name, value in constants.items()}


def _with_index(columns: Columns) -> dict[str, NDArray[Any]]:
    """The row of the particle in place of its id."""
    return {
        ("particle" if name == "particle_id" else name): (
            values - 1 if name == "particle_id" else values
        )
        for name, values in columns.items()
    }


def _jagged(events: Sequence[Columns]) -> ak.Array:
    names = list(events[0])
    counts = [len(columns[names[0]]) for columns in events]
    fields = {
        name: ak.unflatten(np.concatenate([columns[name] for columns in events]), counts)
        for name in names
    }
    return ak.zip(fields, depth_limit=2)


def _chain(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _branch(outer: str, inner: str) -> str:
    return inner if outer == "" else f"{outer}_{inner}"
