"""Hits to ROOT: ``write_hits``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import awkward as ak
import numpy as np

from pcgnn.errors import ConfigError, WriteError
from pcgnn.io.hits.root import TRUTH_SELECTED
from pcgnn.io.tables import identifier
from pcgnn.io.writing import Compression, write_tree

__all__ = ["write_hits"]

_EVENTS_PER_BASKET = 20
"""An event has some 100,000 hits with pile-up 200."""


def write_hits(
    path: str | os.PathLike[str],
    hits: ak.Array,
    tree: str = "events",
    *,
    compression: Compression = "zstd",
    overwrite: bool = False,
) -> Path:
    """Write hits to a TTree that :func:`pcgnn.read_hits` reads back exactly.

    Branches are ``hit_<field>``, ``particle_<field>``, and for each collection of tracks
    ``<name>_<field>``. A TTree cannot hold lists of lists: the hits of all tracks of an event
    are one list, ``<name>hit_index``, and ``<name>_nhits`` tells how many belong to each track.
    Where the provenance says that the hits were selected by truth, the branch ``truth_selected``
    says so too. ``file`` and ``entry`` are not written; whoever reads the file counts them anew.

    Args:
        path: the file to write; it appears when it is complete.
        hits: what ``read_hits`` or ``simulate_toy`` returns.
        tree: name of the tree.
        compression: "zstd", "lz4", "zlib", "lzma" or "none".
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        WriteError: if the file exists or cannot be written, or ``hits`` are no such records.
        ConfigError: if the compression is unknown.

    Example:
        >>> write_hits("tracks.root", hits)  # doctest: +SKIP
    """
    if compression not in get_args(Compression):
        raise ConfigError(
            f"compression={compression!r} is not one of {', '.join(get_args(Compression))}"
        )
    data = _branches(path, hits)
    if (hits.attrs.get("pcgnn") or {}).get("truth_selection"):
        data[TRUTH_SELECTED] = np.ones(len(hits), np.int8)
    types = {name: _type(values) for name, values in data.items()}
    step = _EVENTS_PER_BASKET
    chunks = (
        {name: values[start : start + step] for name, values in data.items()}
        for start in range(0, len(hits), step)
    )
    return write_tree(path, tree, types, chunks, compression, overwrite, branch_name)


def branch_name(collection: str, field: str) -> str:
    """Name of the branch of a field: ``hit_x``."""
    return field if collection == "" else f"{collection}_{field}"


def _branches(path: object, hits: Any) -> dict[str, Any]:
    if not isinstance(hits, ak.Array) or "hit" not in hits.fields:
        raise WriteError(
            f"only what read_hits returns can be written, not {type(hits).__name__} without a "
            "field hit",
            file=path,
        )
    data: dict[str, Any] = {}
    for name in hits.fields:
        if name in ("file", "entry"):
            continue
        if name == "event_id":
            data[name] = ak.to_numpy(hits[name])
        elif "hit_index" in hits[name].fields:
            data |= _tracks(path, name, hits[name])
        else:
            fields = hits[name].fields
            data[name] = _zip(path, name, {field: hits[name, field] for field in fields})
    return data


def _tracks(path: object, name: str, tracks: ak.Array) -> dict[str, Any]:
    lists = tracks["hit_index"]
    names = [name for name in tracks.fields if name not in ("hit_index", "nhits")]
    fields = {name: tracks[name] for name in names}
    fields["nhits"] = ak.values_astype(ak.num(lists, axis=2), np.int32)
    index = {"index": ak.flatten(lists, axis=2)}
    return {
        name: _zip(path, name, fields),
        f"{name}hit": _zip(path, f"{name}hit", index),
    }


def _zip(path: object, collection: str, fields: dict[str, ak.Array]) -> ak.Array:
    """Jagged records of plain numbers, packed so that the collection has one counter."""
    plain = {}
    for name, values in fields.items():
        layout = ak.to_packed(values).layout
        if isinstance(layout, ak.contents.RegularArray):
            layout = layout.to_ListOffsetArray64(True)
        content = layout.content if isinstance(layout, ak.contents.ListOffsetArray) else None
        numbers = isinstance(content, ak.contents.NumpyArray) and content.dtype.kind in "biuf"
        if not numbers or identifier(name) != name:
            raise WriteError(
                f"must be one list of numbers per event, is {layout.form.type}",
                file=path,
                branch=branch_name(collection, name),
                remedy="take the field out, or fill what is missing with ak.fill_none",
            )
        plain[name] = ak.Array(layout)
    if not plain:
        raise WriteError("the collection has no fields", file=path, branch=collection)
    return ak.zip(plain, depth_limit=2)


def _type(values: Any) -> Any:
    return values.dtype if isinstance(values, np.ndarray) else values.type.content
