"""The edges of a k-nearest-neighbour graph, from the neighbour table to messages and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pcgnn.ops.ragged import SizePlan, graph_index

__all__ = ["EdgeReduction", "Edges", "neighbour_edges"]

EdgeReduction = Literal["mean", "sum", "max"]


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges from neighbours to particles, grouped by particle.

    Where every particle has all its k neighbours, the edges are a full (N, k) table and a reduction
    over neighbours is a reshape (``target`` and ``degree`` are None). Otherwise the edges that do
    not exist are left out.

    Attributes:
        source: neighbour j of each edge, shape (E,); N stands for a particle of zeros (ghost).
        target: particle i of each edge, increasing, shape (E,), or None.
        degree: number of edges of each particle, shape (N,), or None.
        k: most edges a particle has.
        num_nodes: number of particles N.
        num_edges: number of edges E.
        ghosts: whether some of the edges come from a particle of zeros.
    """

    source: Tensor
    target: Tensor | None
    degree: Tensor | None
    k: int
    num_nodes: int
    num_edges: int
    ghosts: bool

    def reduce(self, messages: Tensor, op: EdgeReduction) -> Tensor:
        """Reduce the messages of the edges of each particle; without edges the result is 0.

        **Shapes:** messages (E, C) -> (N, C).
        """
        if self.target is None or self.degree is None:
            table = messages.view(self.num_nodes, self.k, messages.size(1))
            if op == "mean":
                return table.mean(1)
            return table.sum(1) if op == "sum" else table.amax(1)
        zeros = messages.new_zeros(self.num_nodes, messages.size(1))
        if op == "max":
            index = self.target[:, None].expand_as(messages)
            return zeros.scatter_reduce(0, index, messages, "amax", include_self=False)
        total = zeros.index_add(0, self.target, messages)
        return total / self.degree.clamp(min=1).to(total.dtype)[:, None] if op == "mean" else total


def neighbour_edges(
    neighbours: Tensor, ptr: Tensor, plan: SizePlan, *, ghost_edges: bool = False
) -> Edges:
    """Turn a neighbour table into edges; asks the device for nothing.

    Args:
        neighbours: table from :func:`pcgnn.ops.knn`, -1 (at the end of a row) where there is none.
        ptr: offsets of the graphs.
        plan: sizes of the graphs.
        ghost_edges: give particles with too few neighbours edges from a particle of zeros instead,
            so that all have k.

    **Shapes:** neighbours (N, k), ptr (G + 1,).
    """
    total, k = neighbours.shape
    if ghost_edges or plan.min_size > k:
        ghosts = plan.min_size <= k
        source = neighbours.reshape(-1)
        if ghosts:
            source = torch.where(source < 0, total, source)
        return Edges(source, None, None, k, total, total * k, ghosts)
    num_edges = plan.num_edges(k)
    graph = graph_index(ptr, total)
    degree = (ptr.diff() - 1).clamp(min=0, max=k).index_select(0, graph)
    target = torch.repeat_interleave(
        torch.arange(total, device=ptr.device), degree, output_size=num_edges
    )
    rank = torch.arange(num_edges, device=ptr.device)
    rank = rank - (degree.cumsum(0) - degree).index_select(0, target)
    source = neighbours.reshape(-1).index_select(0, target * k + rank)
    return Edges(source, target, degree, k, total, num_edges, False)
