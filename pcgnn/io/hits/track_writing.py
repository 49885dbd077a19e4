"""Tracks that were found, back to ROOT: ``write_tracks``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.errors import WriteError
from pcgnn.io.hits.columns import Index, offsets_of
from pcgnn.io.hits.writing import branch_name
from pcgnn.io.writing import write_tree

__all__ = ["write_tracks"]


def write_tracks(
    path: str | os.PathLike[str],
    labels: Any,
    hits: ak.Array,
    tree: str = "tracks",
    *,
    overwrite: bool = False,
) -> Path:
    """Write tracks, one entry per event and in the order of the hits.

    Branches: ``event_id``; ``hit_track``, the label of each hit, -1 for none; per track
    ``track_label`` and ``track_nhits``, and ``trackhit_index``, the numbers of the hits of all
    tracks of the event one after another, cut by ``track_nhits``. Entry by entry the tree fits
    the one the hits were read from, if they were read whole: ROOT's ``AddFriend`` lines it up.

    Args:
        path: the file to write; it appears when it is complete.
        labels: one per hit, flat over all events or one list per event; negative for none.
        hits: what ``read_hits`` returned, whose hits the labels belong to.
        tree: name of the tree.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        WriteError: if the file exists or cannot be written, or labels and hits do not fit.

    Example:
        >>> write_tracks("found.root", labels, hits)  # doctest: +SKIP
    """
    if not isinstance(hits, ak.Array) or "hit" not in hits.fields:
        raise WriteError("hits must be what read_hits returns, with a field hit", file=path)
    counts = ak.to_numpy(ak.num(hits["hit"], axis=1)).astype(np.int64)
    flat = np.maximum(_flat(path, labels, counts), -1)
    event = np.repeat(np.arange(len(counts)), counts)
    local = np.arange(len(flat)) - np.repeat(offsets_of(counts)[:-1], counts)
    order = np.lexsort((local, flat, event))
    order = order[flat[order] >= 0]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(flat[order]) != 0) | (np.diff(event[order]) != 0)
    first = np.flatnonzero(new)
    lengths = np.diff(first, append=len(order))
    tracks = np.bincount(event[order][first], minlength=len(counts))
    used = np.bincount(event[order], minlength=len(counts))
    data: dict[str, Any] = {
        "hit": _record({"track": flat}, counts),
        "track": _record({"label": flat[order][first], "nhits": lengths.astype(np.int32)}, tracks),
        "trackhit": _record({"index": local[order]}, used),
    }
    if "event_id" in hits.fields:
        data["event_id"] = ak.to_numpy(hits["event_id"])
    types = {n: v.dtype if isinstance(v, np.ndarray) else v.type.content for n, v in data.items()}
    return write_tree(
        path, tree, types, [data] if len(counts) else [], "zstd", overwrite, branch_name
    )


def _record(columns: dict[str, Any], counts: Any) -> ak.Array:
    lists = {name: ak.unflatten(values, counts) for name, values in columns.items()}
    return ak.zip(lists, depth_limit=2)


def _flat(path: object, labels: Any, counts: Index) -> Index:
    jagged = isinstance(labels, ak.Array) and labels.ndim == 2
    if isinstance(labels, list | tuple) and any(np.iterable(part) for part in labels):
        labels, jagged = ak.Array([np.asarray(part) for part in labels]), True
    if jagged:
        found = ak.to_numpy(ak.num(labels, axis=1))
        if not np.array_equal(found, counts):
            wrong = np.flatnonzero(found != counts) if len(found) == len(counts) else [0]
            raise WriteError(
                f"labels for {len(found)} events with {int(found.sum())} hits, the hits are "
                f"{len(counts)} events with {int(counts.sum())}",
                file=path,
                entry=int(wrong[0]),
                remedy="give one label per hit, -1 for none",
            )
        labels = ak.flatten(labels)
    values = np.asarray(labels)
    if values.dtype.kind not in "iu" and values.size:
        raise WriteError(f"labels must be integers, are {values.dtype}", file=path)
    if values.shape != (int(counts.sum()),):
        raise WriteError(
            f"labels of the shape {values.shape} for {int(counts.sum())} hits",
            file=path,
            remedy="give one label per hit, -1 for none",
        )
    return values.astype(np.int64)
