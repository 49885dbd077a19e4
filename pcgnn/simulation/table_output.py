"""Simulated entries with their lists to ROOT."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import uproot

from pcgnn.io.writing import Compression, write_tree
from pcgnn.simulation.tables import JaggedTable

__all__ = ["write_tables"]


def write_tables(
    path: Path,
    tree: str,
    chunks: Iterable[JaggedTable],
    settings: Mapping[str, Any],
    compression: Compression = "zstd",
) -> Path:
    """Write tables as they come, one basket each, and the settings beside the tree.

    The lists become branches ``part_...`` with the counter ``npart``.

    Args:
        path: a path that does not exist.
        tree: name of the tree.
        chunks: at least one.
        settings: plain values, kept as JSON under the key ``simulation``.
        compression: algorithm.

    Raises:
        WriteError: if it cannot be written.
    """
    arrays = (_arrays(chunk) for chunk in chunks)
    first = next(arrays)
    types = {
        name: values.type.content if isinstance(values, ak.Array) else values.dtype
        for name, values in first.items()
    }

    def chain() -> Iterable[dict[str, Any]]:
        yield first
        yield from arrays

    write_tree(path, tree, types, chain(), compression, False, _branch)
    with uproot.update(path) as file:
        file["simulation"] = json.dumps(settings, sort_keys=True)
    return path


def _arrays(table: JaggedTable) -> dict[str, Any]:
    columns = {name: ak.unflatten(values, table.sizes) for name, values in table.listed.items()}
    return {"part": ak.zip(columns, depth_limit=2), **table.entry}


def _branch(outer: str, inner: str) -> str:
    return inner if outer == "" else f"{outer}_{inner}"
