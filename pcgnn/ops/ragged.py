"""Ragged sets: how many particles each graph has, known on the host and on the device.

A batch of particle clouds is one flat tensor of N rows plus offsets ``ptr`` of length G + 1. The
offsets live on the device; a :class:`SizePlan` holds the same sizes on the host, so that an
operation can size its outputs and its loops without asking the device for a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pcgnn.errors import DataError

__all__ = ["Bucket", "SizePlan", "gather_ranges", "graph_index"]

IntArray = npt.NDArray[np.int64]


class Bucket(NamedTuple):
    """Graphs ``order[start:stop]`` of a plan, none of which has more than ``width`` particles."""

    start: int
    stop: int
    width: int


@dataclass(frozen=True, eq=False)
class SizePlan:
    """Sizes of the graphs of a batch, on the host, with the graphs grouped by similar size.

    Made by the loader, which knows the sizes anyway; holds no tensors, so moving a batch to
    another device leaves it as it is.

    Attributes:
        sizes: particles per graph, shape (G,).
        num_graphs: number of graphs G.
        total: number of particles N.
        min_size: size of the smallest graph (0 if there are no graphs).
        max_size: size of the largest graph (0 if there are no graphs).
        ptr: offsets, shape (G + 1,).
        order: graphs by increasing size, graphs of equal size in the order of the batch.
        buckets: slices of ``order`` holding graphs of similar size.
        ascending: the sizes in that order, as plain numbers (a compiler can look through those).

    Example:
        >>> plan = SizePlan.from_sizes([3, 1, 2], num_buckets=2)
        >>> plan.total, plan.min_size, plan.max_size, plan.order.tolist()
        (6, 1, 3, [1, 2, 0])
        >>> plan.buckets
        (Bucket(start=0, stop=1, width=1), Bucket(start=1, stop=3, width=3))
    """

    sizes: IntArray
    num_graphs: int
    total: int
    min_size: int
    max_size: int
    ptr: IntArray
    order: IntArray
    buckets: tuple[Bucket, ...]
    ascending: tuple[int, ...]

    @classmethod
    def from_sizes(cls, sizes: npt.ArrayLike, num_buckets: int = 8) -> SizePlan:
        """Make the plan of graphs of the given sizes.

        Args:
            sizes: particles per graph, shape (G,); whole numbers, none negative.
            num_buckets: into how many groups of about equal count the graphs are sorted by size.

        Raises:
            DataError: if the sizes are not a flat list of whole numbers >= 0.
        """
        given = np.asarray(sizes)
        if given.size == 0:
            given = given.astype(np.int64)
        if given.ndim != 1 or given.dtype.kind not in "iu":
            raise DataError(
                f"sizes must be a flat list of whole numbers, got {given.dtype} of shape "
                f"{given.shape}"
            )
        if given.size and int(given.min()) < 0:
            graph = int(np.argmin(given))
            raise DataError(f"graph {graph} has a negative size ({int(given[graph])})")
        if num_buckets < 1:
            raise DataError(f"num_buckets must be at least 1, got {num_buckets}")
        flat = given.astype(np.int64)
        ptr = np.zeros(flat.size + 1, dtype=np.int64)
        np.cumsum(flat, out=ptr[1:])
        order = np.argsort(flat, kind="stable").astype(np.int64, copy=False)
        for array in (flat, ptr, order):
            array.setflags(write=False)
        return cls(
            sizes=flat,
            num_graphs=int(flat.size),
            total=int(ptr[-1]),
            min_size=int(flat.min()) if flat.size else 0,
            max_size=int(flat.max()) if flat.size else 0,
            ptr=ptr,
            order=order,
            buckets=_buckets(flat[order], num_buckets),
            ascending=tuple(flat[order].tolist()),
        )

    @classmethod
    def from_ptr(cls, ptr: Tensor, num_buckets: int = 8) -> SizePlan:
        """Make the plan from the offsets of a batch; waits for the device (one transfer).

        Args:
            ptr: offsets, shape (G + 1,).
            num_buckets: see :meth:`from_sizes`.

        Raises:
            DataError: if the offsets are not increasing whole numbers that start at 0, or have no
                values (``meta`` tensors).
        """
        if ptr.device.type == "meta":
            raise DataError(
                "offsets on the meta device have no values",
                remedy="give a plan made with SizePlan.from_sizes",
            )
        host = ptr.detach().cpu().numpy()
        if host.ndim != 1 or host.size < 1 or host.dtype.kind not in "iu" or host[0] != 0:
            raise DataError(
                f"ptr must be a flat list of whole numbers that starts at 0, got {host.dtype} of "
                f"shape {host.shape}"
            )
        return cls.from_sizes(np.diff(host), num_buckets)

    def num_edges(self, k: int) -> int:
        """Return the edges of a k-nearest-neighbour graph, the sum of n min(k, n - 1)."""
        return sum(n * min(k, n - 1) for n in self.ascending if n > 1)

    def __len__(self) -> int:
        return self.num_graphs

    def __repr__(self) -> str:
        return (
            f"SizePlan({self.num_graphs} graphs, {self.total} particles, "
            f"{self.min_size} to {self.max_size} each, {len(self.buckets)} buckets)"
        )


def _buckets(ascending: IntArray, num_buckets: int) -> tuple[Bucket, ...]:
    """Cut the sorted sizes into groups of about equal count, merging those of equal width."""
    count = int(ascending.size)
    edges = [count * b // num_buckets for b in range(num_buckets + 1)]
    buckets: list[Bucket] = []
    for start, stop in pairwise(edges):
        if stop == start:
            continue
        width = int(ascending[stop - 1])
        if buckets and buckets[-1].width == width:
            buckets[-1] = Bucket(buckets[-1].start, stop, width)
        else:
            buckets.append(Bucket(start, stop, width))
    return tuple(buckets)


def graph_index(ptr: Tensor, total: int) -> Tensor:
    """Graph of every particle.

    Args:
        ptr: offsets, shape (G + 1,).
        total: number of particles N, known on the host (``plan.total``), so that the device is
            not asked for it.

    **Shapes:** ptr (G + 1,) -> (N,), int64.

    Example:
        >>> graph_index(torch.tensor([0, 2, 3]), 3).tolist()
        [0, 0, 1]
    """
    graphs = torch.arange(ptr.numel() - 1, device=ptr.device)
    return torch.repeat_interleave(graphs, ptr.diff(), output_size=total)


def gather_ranges(ptr: Tensor, graphs: Tensor, total: int | None = None) -> Tensor:
    """Flat index of the particles of the listed graphs, graph after graph.

    Args:
        ptr: offsets, shape (G + 1,).
        graphs: graphs wanted, in the order wanted, repeats allowed, shape (g,).
        total: number of particles in them, if known on the host; otherwise the device is asked.

    **Shapes:** ptr (G + 1,), graphs (g,) -> (sum of sizes of the graphs,), int64.

    Example:
        >>> gather_ranges(torch.tensor([0, 2, 3, 6]), torch.tensor([2, 0])).tolist()
        [3, 4, 5, 0, 1]
    """
    starts = ptr.index_select(0, graphs)
    sizes = ptr.index_select(0, graphs + 1) - starts
    if total is None:
        total = int(sizes.sum())
    # position in the output minus position in the input, constant within a graph
    shift = starts - (sizes.cumsum(0) - sizes)
    return torch.arange(total, device=ptr.device) + torch.repeat_interleave(
        shift, sizes, output_size=total
    )
