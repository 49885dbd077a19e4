"""Mini-batches as gathers of ranges: flat tensors in, one ``torch_geometric`` batch out.

No list of small graphs is ever made: the particles of the wanted graphs are copied in one
``index_select`` per tensor, or one ``memcpy`` where the graphs follow each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pcgnn.data.checks import GRAPH
from pcgnn.ops.ragged import SizePlan

__all__ = ["gather_rows", "make_batch", "make_item"]

# ``Batch(...)`` inspects signatures on every call; the class itself is made once here.
_DATA_BATCH: Any = type(Batch(_base_cls=Data))
# PyG counts nodes from these; a graph without them has to carry ``num_nodes``.
_NODE_KEYS = ("x", "pos")


def is_range(indices: np.ndarray) -> bool:
    """Whether graph numbers are consecutive and rising.

    Shapes:
        - indices: (B,)
    """
    if indices.size == 0:
        return False
    first, last = int(indices[0]), int(indices[-1])
    return last - first + 1 == indices.size and bool((np.diff(indices) == 1).all())


def gather_rows(starts: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of several ranges, one after the other.

    Args:
        starts: first row of each range.
        sizes: number of rows of each range.

    Returns:
        The flat row numbers and the offsets of the ranges in them.

    Shapes:
        - starts, sizes: (B,)
        - rows: (n,) with n the sum of the sizes
        - offsets: (B+1,)

    Example:
        >>> gather_rows(np.array([5, 0]), np.array([2, 1]))[0]
        array([5, 6, 0])
    """
    offsets = np.zeros(sizes.size + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    rows = np.repeat(starts - offsets[:-1], sizes)
    rows += np.arange(int(offsets[-1]), dtype=np.int64)
    return rows, offsets


def make_batch(
    tensors: Mapping[str, Tensor],
    levels: Mapping[str, str],
    offsets: np.ndarray,
    indices: np.ndarray,
) -> Batch:
    """Collate the listed graphs into a PyG batch.

    The result equals ``Batch.from_data_list`` over the single graphs, ``to_data_list()``
    included, and also carries ``plan``, the :class:`~pcgnn.ops.ragged.SizePlan` made on the host.

    Args:
        tensors: the columns of a cloud set by name.
        levels: "graph" or "particle" for each column.
        offsets: offsets of all graphs.
        indices: which graphs, in the order wanted; repetitions are allowed.

    Returns:
        The batch; it owns its memory.

    Shapes:
        - tensors: (G, ...) or (N, ...) each
        - offsets: (G+1,)
        - indices: (B,)
    """
    count = int(indices.size)
    starts = offsets[indices]
    sizes = offsets[indices + 1] - starts
    if is_range(indices):
        first = int(starts[0])
        ptr = offsets[int(indices[0]) : int(indices[-1]) + 2] - first
        total = int(ptr[-1])
        values = {
            name: value.narrow(0, int(indices[0]), count).clone()
            if levels[name] == GRAPH
            else value.narrow(0, first, total).clone()
            for name, value in tensors.items()
        }
    else:
        row_numbers, ptr = gather_rows(starts, sizes)
        total = int(ptr[-1])
        rows = torch.from_numpy(row_numbers)
        graphs = torch.from_numpy(indices)
        values = {
            name: value.index_select(0, graphs if levels[name] == GRAPH else rows)
            for name, value in tensors.items()
        }
    pointer = torch.from_numpy(ptr)
    batch = _empty_batch()
    store = batch._store
    store.update(values)
    # Column slices and increments, by which ``to_data_list`` takes the batch apart again.
    every = torch.arange(count + 1)
    no_increment = torch.zeros(count, dtype=torch.int64)
    slices = {name: every if levels[name] == GRAPH else pointer.clone() for name in values}
    state = batch.__dict__
    state["_num_graphs"] = count
    state["_slice_dict"] = slices
    state["_inc_dict"] = dict.fromkeys(values, no_increment)
    if not any(key in values for key in _NODE_KEYS):
        store["num_nodes"] = total
        store._num_nodes = sizes.tolist()
    store["batch"] = torch.from_numpy(np.repeat(np.arange(count, dtype=np.int64), sizes))
    store["ptr"] = pointer
    store["plan"] = SizePlan.from_sizes(sizes)
    return batch


def make_item(
    tensors: Mapping[str, Tensor], levels: Mapping[str, str], offsets: np.ndarray, graph: int
) -> Data:
    """One graph as PyG data; per-graph columns keep a leading dimension of one.

    Shapes:
        - tensors: (G, ...) or (N, ...) each
        - offsets: (G+1,)
    """
    start, stop = int(offsets[graph]), int(offsets[graph + 1])
    item = Data()
    for name, value in tensors.items():
        rows = slice(graph, graph + 1) if levels[name] == GRAPH else slice(start, stop)
        item[name] = value[rows].clone()
    if not any(key in tensors for key in _NODE_KEYS):
        item.num_nodes = stop - start
    return item


def _empty_batch() -> Batch:
    batch = _DATA_BATCH.__new__(_DATA_BATCH)
    Data.__init__(batch)
    return batch
