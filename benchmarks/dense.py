"""Plain reference neighbours: dense padded distances, and brute force in float64."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

__all__ = ["dense_knn", "edges_to_table", "neighbour_distances", "tree_knn"]

INFINITY = float("inf")


def dense_knn(x: Tensor, ptr: Tensor, k: int) -> Tensor:
    """All jets padded to the largest, one dense block of direct distances, topk.

    **Shapes:** x (N, D), ptr (G+1,) -> (N, k) global indices, -1 where a jet is too small.
    """
    sizes = ptr.diff()
    width = int(sizes.max())
    place = torch.arange(width)
    mask = place < sizes[:, None]
    slots = torch.where(mask, ptr[:-1, None] + place, ptr[:-1, None])
    padded = x.index_select(0, slots.reshape(-1)).view(*slots.shape, -1)
    squared = torch.cdist(padded, padded, compute_mode="donot_use_mm_for_euclid_dist")
    squared.masked_fill_(~mask[:, None, :], INFINITY)
    squared.diagonal(dim1=1, dim2=2).fill_(INFINITY)
    kept = min(k, width)
    value, local = squared.topk(kept, dim=2, largest=False, sorted=True)
    table = (local + ptr[:-1, None, None]).masked_fill(value == INFINITY, -1)[mask]
    return torch.nn.functional.pad(table, (0, k - kept), value=-1)


def tree_knn(x: Tensor, ptr: Tensor, k: int) -> Tensor:
    """One scipy k-d tree per jet, the particle itself taken out by its index."""
    import numpy as np
    from scipy.spatial import cKDTree

    values, edges = x.numpy(), ptr.tolist()
    table = np.full((len(values), k), -1)
    for start, stop in pairwise(edges):
        asked = min(k + 1, stop - start)
        own = cKDTree(values[start:stop], balanced_tree=False, compact_nodes=False)
        found = own.query(values[start:stop], asked)[1].reshape(stop - start, asked)
        others = found != np.arange(stop - start)[:, None]
        others[others.all(axis=1), -1] = False  # a duplicate came first: drop the farthest
        table[start:stop, : asked - 1] = found[others].reshape(stop - start, asked - 1) + start
    return torch.from_numpy(table)


def edges_to_table(edges: Tensor, nodes: int, k: int) -> Tensor:
    """Edge list (source, target) -> (nodes, k) table of the sources of each target."""
    target, order = edges[1].sort(stable=True)
    source = edges[0].index_select(0, order)
    counts = torch.bincount(target, minlength=nodes)
    rank = torch.arange(target.numel()) - (counts.cumsum(0) - counts).index_select(0, target)
    table = torch.full((nodes, k), -1)
    table[target, rank] = source
    return table


def neighbour_distances(x: Tensor, table: Tensor) -> Tensor:
    """Sorted float64 distances to the listed neighbours, infinite where there is none.

    Two tables are equally exact when these agree, whatever the order among equidistant neighbours.
    """
    exact = x.double()
    gaps = exact[:, None] - exact[table.clamp(min=0)]
    distances = gaps.square().sum(-1).sqrt().masked_fill(table < 0, INFINITY)
    return distances.sort(dim=1).values
