"""Simulated jets to ROOT."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import uproot

from pcgnn.io.writing import Compression, write_tree
from pcgnn.simulation.jet_chain import SimulatedJets

__all__ = ["TREE", "write_jets"]

TREE = "jets"


def write_jets(
    path: Path,
    chunks: Iterable[SimulatedJets],
    settings: Mapping[str, Any],
    compression: Compression = "zstd",
) -> Path:
    """Write jets as they come, one basket per chunk, and the settings beside the tree.

    Args:
        path: a path that does not exist.
        chunks: at least one, none of them empty.
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

    write_tree(path, TREE, types, chain(), compression, False, _branch)
    with uproot.update(path) as file:
        file["simulation"] = json.dumps(settings, sort_keys=True)
    return path


def _arrays(jets: SimulatedJets) -> dict[str, Any]:
    columns = {name: ak.unflatten(values, jets.sizes) for name, values in jets.particle.items()}
    return {"part": ak.zip(columns, depth_limit=2), **jets.jet}


def _branch(outer: str, inner: str) -> str:
    return inner if outer == "" else f"{outer}_{inner}"
