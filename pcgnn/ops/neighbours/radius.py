"""All pairs within a distance, inside each graph."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.ops.neighbours.accel import load_extension
from pcgnn.ops.neighbours.distances import full_precision, pairwise_squared
from pcgnn.ops.neighbours.knn import check_cloud, prefers_tree
from pcgnn.ops.neighbours.trees import pairs_in_tree
from pcgnn.ops.ragged import SizePlan, graph_index

__all__ = ["RadiusBackend", "radius"]

RadiusBackend = Literal["auto", "bucketed", "tree", "torch-cluster"]

# largest number of distances held at a time
_BLOCK = 1 << 22


def radius(
    x: Tensor,
    ptr: Tensor,
    r: float,
    *,
    max_neighbours: int | None = None,
    plan: SizePlan | None = None,
    backend: RadiusBackend = "auto",
) -> Tensor:
    """Find all ordered pairs of different particles of a graph at most ``r`` apart.

    Exact (direct differences in the precision of ``x``), whatever the backend. The number of pairs
    is not known beforehand, so this waits for the device. No gradient.

    Args:
        x: coordinates.
        ptr: offsets of the graphs.
        r: largest distance, in the units of x; a pair at exactly r is in.
        max_neighbours: keep for each particle only so many, the nearest, equidistant ones by the
            lowest index; None keeps all.
        plan: sizes of the graphs on the host.
        backend: ``"bucketed"`` (dense blocks), ``"tree"`` (scipy's k-d tree, CPU),
            ``"torch-cluster"``, or ``"auto"``: trees for large graphs in few dimensions on a CPU.

    **Shapes:** x (N, D), ptr (G + 1,) -> (2, E), int64: ``[0]`` the neighbour, ``[1]`` the particle
    whose neighbour it is, sorted by particle, then by neighbour.

    Raises:
        DataError: if the shapes do not fit together.
        ConfigError: if r, max_neighbours or a name is not valid.
        BackendError: if torch-cluster is asked for and not installed.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [3.0], [9.0], [9.5]])
        >>> radius(x, torch.tensor([0, 3, 5]), 1.0).tolist()
        [[1, 0, 4, 3], [0, 1, 3, 4]]
    """
    if backend not in get_args(RadiusBackend):
        raise ConfigError(
            f"no such neighbour backend: {backend!r}",
            remedy=f"use one of {', '.join(get_args(RadiusBackend))}",
        )
    if not r >= 0:
        raise ConfigError(f"the radius must not be negative, got {r}")
    if max_neighbours is not None and max_neighbours < 1:
        raise ConfigError(f"max_neighbours must be at least 1, got {max_neighbours}")
    x = check_cloud(x, ptr, plan)
    if plan is None:
        plan = SizePlan.from_ptr(ptr)
        check_cloud(x, ptr, plan)
    with torch.no_grad():
        if backend == "tree" or (backend == "auto" and prefers_tree(x, plan)):
            source, target = _confirmed(pairs_in_tree(x, plan, r), x, r)
        elif backend == "torch-cluster":
            source, target = _confirmed(_pairs_by_extension(x, ptr, r, plan), x, r)
        else:
            source, target = _pairs_in_blocks(x, ptr, r, plan)
        # one key sorts by particle, then by neighbour
        key, _ = (target * max(plan.total, 1) + source).sort()
        target, source = key // max(plan.total, 1), key % max(plan.total, 1)
        if max_neighbours is not None:
            source, target = _nearest_only(source, target, x, max_neighbours)
        return torch.stack([source, target])


def _squared(source: Tensor, target: Tensor, x: Tensor) -> Tensor:
    total = x.new_zeros(source.numel())
    for d in range(x.size(1)):
        column = x[:, d].contiguous()
        step = column.index_select(0, target) - column.index_select(0, source)
        total += step * step
    return total


def _within(squared: Tensor, r: float) -> Tensor:
    return squared.sqrt() <= r


def _confirmed(pairs: tuple[Tensor, Tensor], x: Tensor, r: float) -> tuple[Tensor, Tensor]:
    """Keep the pairs of a slightly larger search that are within r by the common formula."""
    source, target = pairs
    keep = (source != target) & _within(_squared(source, target, x), r)
    return source[keep], target[keep]


def _pairs_by_extension(x: Tensor, ptr: Tensor, r: float, plan: SizePlan) -> tuple[Tensor, Tensor]:
    extension: Any = load_extension("torch-cluster")
    batch = graph_index(ptr, plan.total)
    # it compares squares and wants less than: its radius must have a square above zero
    wider = r * (1 + 1e-5) + 2 * torch.finfo(x.dtype).tiny ** 0.5
    pairs = extension.radius(x, x, wider, batch, batch, max_num_neighbors=max(plan.max_size, 1))
    return pairs[1], pairs[0]


def _pairs_in_blocks(x: Tensor, ptr: Tensor, r: float, plan: SizePlan) -> tuple[Tensor, Tensor]:
    order = torch.argsort(ptr.diff(), stable=True)
    sources, targets = [ptr.new_zeros(0)], [ptr.new_zeros(0)]
    with full_precision(x.device):
        for start, stop, width in plan.buckets:
            if width < 2:
                continue
            graphs = max(1, _BLOCK // (width * width))
            rows = max(1, _BLOCK // (width * graphs))
            for first in range(start, stop, graphs):
                ids = order[first : min(first + graphs, stop)]
                begin = ptr.index_select(0, ids)[:, None]
                end = ptr.index_select(0, ids + 1)[:, None]
                slots = begin + torch.arange(width, device=x.device)
                absent = slots >= end
                points = x.index_select(0, slots.clamp(max=plan.total - 1).view(-1))
                points = points.view(ids.numel(), width, -1)
                for top in range(0, width, rows):
                    bottom = min(top + rows, width)
                    squared = pairwise_squared(points[:, top:bottom], points, absent, "direct")
                    near = _within(squared, r) & ~absent[:, top:bottom, None]
                    near.diagonal(top, dim1=1, dim2=2).fill_(False)
                    graph, query, point = near.nonzero(as_tuple=True)
                    shift = begin.view(-1).index_select(0, graph)
                    sources.append(shift + point)
                    targets.append(shift + query + top)
    return torch.cat(sources), torch.cat(targets)


def _nearest_only(source: Tensor, target: Tensor, x: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """Keep the nearest pairs of each particle; the pairs come and leave sorted."""
    by_distance = _squared(source, target, x).argsort(stable=True)
    order = by_distance.index_select(0, target.index_select(0, by_distance).argsort(stable=True))
    counts = torch.bincount(target, minlength=x.size(0))
    first = (counts.cumsum(0) - counts).index_select(0, target)
    rank = torch.arange(target.numel(), device=x.device) - first
    keep = torch.zeros_like(target, dtype=torch.bool).index_copy_(0, order, rank < limit)
    return source[keep], target[keep]
