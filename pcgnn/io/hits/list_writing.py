"""Numbers per hit, edge or anything an event has many of, to ROOT."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import WriteError
from pcgnn.io.hits.writing import branch_name
from pcgnn.io.writing import write_tree

__all__ = ["write_event_lists"]


def write_event_lists(
    path: str | os.PathLike[str],
    collection: str,
    columns: Mapping[str, NDArray[Any]],
    counts: NDArray[np.integer],
    hits: ak.Array,
    tree: str,
    *,
    overwrite: bool = False,
) -> Path:
    """Write one list per event and column, with the events in the order of the hits.

    Branches: ``event_id`` and ``<collection>_<column>``. Entry by entry the tree fits the one the
    hits were read from, if they were read whole.

    Args:
        path: the file to write; it appears when it is complete.
        collection: what there are many of: ``hit``, ``edge``.
        columns: flat over all events.
        counts: how many of each belong to each event.
        hits: what ``read_hits`` returned.
        tree: name of the tree.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        WriteError: the file exists or cannot be written, or the numbers do not fit the events.

    Shapes:
        - columns (N,) each; counts (G,), its sum is N
    """
    if len(counts) != len(hits):
        raise WriteError(f"numbers of {len(counts)} events for {len(hits)} events", file=path)
    for name, values in columns.items():
        if values.shape != (int(np.sum(counts)),):
            raise WriteError(
                f"{collection}_{name} has the shape {values.shape}, the events have "
                f"{int(np.sum(counts))} of them",
                file=path,
                branch=f"{collection}_{name}",
            )
    lists = {name: ak.unflatten(values, counts) for name, values in columns.items()}
    data: dict[str, Any] = {collection: ak.zip(lists, depth_limit=2)}
    if "event_id" in hits.fields:
        data["event_id"] = ak.to_numpy(hits["event_id"])
    types = {n: v.dtype if isinstance(v, np.ndarray) else v.type.content for n, v in data.items()}
    return write_tree(path, tree, types, [data], "zstd", overwrite, branch_name)
