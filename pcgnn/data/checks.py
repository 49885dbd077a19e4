"""Checks of the flat tensors of clouds: every fault names the graph, and the entry if known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pcgnn.errors import DataError

__all__ = ["GRAPH", "PARTICLE", "Places", "check_finite", "check_ptr", "level_of"]

GRAPH = "graph"
PARTICLE = "particle"

# Rows looked at together: the temporaries of the finiteness test stay in cache, and a
# memory-mapped column is never pulled into memory as a whole.
_ROWS_PER_STEP = 65536

# Names with a meaning of their own inside a torch_geometric batch.
_RESERVED = frozenset({"batch", "ptr", "plan", "num_nodes", "edge_index", "edge_attr", "adj_t"})


class Places:
    """Tells which graph, file and entry a flat row belongs to, for error messages.

    Args:
        ptr: offsets of the graphs, (G+1,).
        columns: the per-graph columns; ``file`` and ``entry`` are used where present.
        files: file names that ``file`` points into.
    """

    def __init__(
        self, ptr: np.ndarray, columns: Mapping[str, Tensor] | None = None, files: object = ()
    ) -> None:
        self._ptr = ptr
        self._columns = columns or {}
        self._files = list(files) if isinstance(files, (list, tuple)) else []

    def graph_of_row(self, row: int) -> int:
        """Number of the graph that holds a particle row."""
        return int(np.searchsorted(self._ptr, row, side="right")) - 1

    def error(
        self, problem: str, *, graph: int, branch: str | None = None, remedy: str | None = None
    ) -> DataError:
        """A :class:`~pcgnn.errors.DataError` that names the graph and, if known, file and entry."""
        file: str | None = None
        entry: int | None = None
        if "entry" in self._columns:
            entry = int(self._columns["entry"][graph])
        if "file" in self._columns:
            index = int(self._columns["file"][graph])
            file = str(self._files[index]) if 0 <= index < len(self._files) else None
        return DataError(
            f"{problem} (graph {graph})", file=file, branch=branch, entry=entry, remedy=remedy
        )


def check_ptr(ptr: Tensor) -> np.ndarray:
    """Check offsets: int64, one-dimensional, from 0, strictly rising (no empty graph).

    Args:
        ptr: offsets of the graphs.

    Returns:
        The offsets as a NumPy array that shares memory with ``ptr``.

    Raises:
        DataError: the offsets are not of this form.

    Shapes:
        - ptr: (G+1,)
    """
    if ptr.dim() != 1 or ptr.numel() < 1 or ptr.dtype != torch.int64:
        raise DataError(
            f"ptr must be a one-dimensional int64 tensor of G+1 offsets, got {ptr.dtype} of shape "
            f"{tuple(ptr.shape)}"
        )
    offsets: np.ndarray = ptr.numpy()
    if offsets[0] != 0:
        raise DataError(f"ptr must start at 0, got {offsets[0]}")
    steps = np.diff(offsets)
    if (steps < 0).any():
        graph = int(np.argmax(steps < 0))
        raise DataError(f"ptr must not fall, it does at graph {graph}")
    if (steps == 0).any():
        graph = int(np.argmax(steps == 0))
        raise DataError(
            f"{int((steps == 0).sum())} of {steps.size} graphs are empty, the first is graph "
            f"{graph}",
            remedy='drop them, for example with cut="n_particles > 0" when reading',
        )
    return offsets


def level_of(name: str, value: Tensor, graphs: int, particles: int, given: str | None) -> str:
    """Whether a column has one row per graph or one per particle.

    Args:
        name: name of the column.
        value: the column.
        graphs: number of graphs G.
        particles: number of particles N.
        given: the level if it is known; needed only where G = N makes both possible.

    Returns:
        "graph" or "particle".

    Raises:
        DataError: the number of rows is neither, or not that of the given level.
    """
    if name in _RESERVED or name.startswith("_"):
        raise DataError(
            f"a column cannot be called {name!r}: the name has a meaning in a PyG batch",
            branch=name,
            remedy="read it under another name",
        )
    if "index" in name and value.dim() > 1:
        raise DataError(
            f"PyG joins tensors called '*index*' along the last dimension, so {name!r} with "
            f"{value.dim()} dimensions cannot be a column",
            branch=name,
            remedy="read it under another name",
        )
    rows = value.shape[0] if value.dim() else -1
    expected = {GRAPH: graphs, PARTICLE: particles}
    if given is not None:
        if given not in expected:
            raise DataError(f"unknown level {given!r}, it is 'graph' or 'particle'", branch=name)
        if rows == expected[given]:
            return given
        expected = {given: expected[given]}
    for level, count in expected.items():
        if rows == count:
            return level
    wanted = " or ".join(f"{count} (one per {level})" for level, count in expected.items())
    raise DataError(f"{name} has {rows} rows where {wanted} are needed", branch=name)


def check_finite(name: str, value: Tensor, level: str, labels: list[str], places: Places) -> None:
    """Refuse NaN and infinity, naming the first graph and column that has one.

    Args:
        name: name of the tensor.
        value: the tensor; integers pass.
        level: "graph" or "particle".
        labels: names of its columns, as far as known.
        places: who turns rows into file and entry.

    Raises:
        DataError: there is a NaN or an infinity.
    """
    if not value.dtype.is_floating_point:
        return
    array = value.detach().numpy()
    for start in range(0, array.shape[0], _ROWS_PER_STEP):
        finite = np.isfinite(array[start : start + _ROWS_PER_STEP])
        if finite.all():
            continue
        first = np.argwhere(~finite)[0]
        row = start + int(first[0])
        column = int(first[1]) if first.size > 1 else 0
        what = labels[column] if column < len(labels) else f"{name}[:, {column}]"
        if first.size == 1:
            what = name
        graph = row if level == GRAPH else places.graph_of_row(row)
        bad = array[row] if array.ndim == 1 else array[(row, *first[1:])]
        raise places.error(
            f"{what} is {bad}",
            graph=graph,
            branch=what,
            remedy="drop such entries with cut=, or guard the expression with where(...)",
        )
