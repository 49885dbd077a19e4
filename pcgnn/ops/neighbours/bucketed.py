"""Nearest neighbours in dense blocks over graphs of similar size.

Graphs sorted by size are cut into buckets (:class:`~pcgnn.ops.ragged.SizePlan`); each bucket is one
dense (graphs, width, width) block of distances. All sizes come from the plan, so nothing asks the
device for a number.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pcgnn.ops.neighbours.distances import Formula, full_precision, pairwise_squared
from pcgnn.ops.ragged import SizePlan

__all__ = ["knn_bucketed"]

# Largest block of distances held at a time. Small enough on a CPU to stay in its cache.
_CPU_BLOCK = 1 << 19
_DEVICE_BLOCK = 1 << 26


def knn_bucketed(
    x: Tensor, ptr: Tensor, k: int, plan: SizePlan, formula: Formula, block: int | None = None
) -> Tensor:
    """Find the k nearest other particles of the same graph, with dense blocks of distances.

    Args:
        x: coordinates (float32 or float64).
        ptr: offsets of the graphs.
        k: number of neighbours.
        plan: sizes of the graphs.
        formula: how distances are computed, see :mod:`pcgnn.ops.neighbours.distances`.
        block: largest number of distances held at a time.

    **Shapes:** x (N, D), ptr (G + 1,) -> (N, k), int64, -1 where a graph has too few particles.
    """
    if block is None:
        block = _CPU_BLOCK if x.device.type == "cpu" else _DEVICE_BLOCK
    table = torch.full((plan.total, k), -1, dtype=torch.long, device=x.device)
    if plan.max_size < 2 or k == 0:
        return table
    order = torch.argsort(ptr.diff(), stable=True)  # the same as plan.order, made on the device
    with full_precision(x.device):
        for start, stop, width in plan.buckets:
            if width < 2:
                continue
            graphs = max(1, block // (width * width))
            for first in range(start, stop, graphs):
                last = min(first + graphs, stop)
                _fill(table, x, ptr, order[first:last], plan, (first, last), formula, block)
    return table


def _fill(
    table: Tensor,
    x: Tensor,
    ptr: Tensor,
    ids: Tensor,
    plan: SizePlan,
    span: tuple[int, int],
    formula: Formula,
    block: int,
) -> None:
    """Write the neighbours of the particles of ``plan.order[span]`` into their rows of the table.

    Everything of length T below is per particle, everything of shape (b, m) per padded slot.
    """
    first, last = span
    total, b, m = sum(plan.ascending[first:last]), last - first, plan.ascending[last - 1]
    if m < 2:
        return
    k = table.size(1)
    starts = ptr.index_select(0, ids)
    sizes = ptr.index_select(0, ids + 1) - starts
    offset = torch.arange(m, device=x.device)
    absent = offset >= sizes[:, None]
    slots = torch.minimum(starts[:, None] + offset, (starts + sizes - 1).clamp_(min=0)[:, None])
    padded = _scaled(x.index_select(0, slots.view(-1)).view(b, m, -1))
    if formula == "product":
        inside = padded.masked_fill(absent[:, :, None], 0)
        padded = padded - inside.sum(1, keepdim=True) / sizes.clamp(min=1)[:, None, None]

    graph = torch.repeat_interleave(torch.arange(b, device=x.device), sizes, output_size=total)
    local = torch.arange(total, device=x.device) - (sizes.cumsum(0) - sizes).index_select(0, graph)
    row = graph * m + local
    if b > 1 or m * m <= block:
        distances = pairwise_squared(padded, padded, absent, formula)
        distances.diagonal(dim1=1, dim2=2).fill_(float("inf"))  # not the particle itself
        picked = _nearest(distances.view(b * m, m), row, k)
    else:  # one large graph: some rows at a time
        step = max(1, block // m)
        parts = []
        for first in range(0, m, step):
            last = min(first + step, m)
            distances = pairwise_squared(padded[:, first:last], padded, absent, formula)
            distances.diagonal(first, dim1=1, dim2=2).fill_(float("inf"))
            every = torch.arange(last - first, device=x.device)
            parts.append(_nearest(distances.view(last - first, m), every, k))
        picked = torch.cat(parts)
    own = sizes.index_select(0, graph)[:, None]
    # the clamp only acts on NaN coordinates, and keeps them from reaching into another graph
    found = torch.minimum(picked, own - 1) + starts.index_select(0, graph)[:, None]
    found = found.masked_fill_(torch.arange(picked.size(1), device=x.device) >= own - 1, -1)
    particles = starts.index_select(0, graph) + local
    table[:, : found.size(1)].index_copy_(0, particles, found)


def _scaled(padded: Tensor) -> Tensor:
    """Shrink graphs with coordinates so large that their squared distances would overflow."""
    limit = math.sqrt(torch.finfo(padded.dtype).max) / (4 * math.sqrt(padded.size(2)) + 1)
    largest = padded.abs().amax((1, 2), keepdim=True)
    return padded / (largest / limit).clamp_(min=1)


def _nearest(distances: Tensor, rows: Tensor, k: int) -> Tensor:
    """Columns of the k smallest entries of the wanted rows, ties broken by the lowest column.

    A partial selection (``topk``) orders equal values as it likes, so it is trusted only where it
    saw none: one value more than needed is selected, and rows with two equal values among them are
    sorted stably. Asking whether there are any is free on a CPU; elsewhere, and where the
    operations are being recorded, all rows are sorted.

    **Shapes:** distances (R, m), rows (T,) -> (T, min(k, m)).
    """
    width = distances.size(1)
    keep = min(k, width)
    if distances.device.type != "cpu" or torch.compiler.is_compiling():
        order = distances.sort(dim=1, stable=True)[1]
        return order[:, :keep].index_select(0, rows)
    values, columns = distances.topk(min(k + 1, width), dim=1, largest=False, sorted=True)
    values, columns = values.index_select(0, rows), columns.index_select(0, rows)
    equal = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] < float("inf"))
    tied = equal.any(1)
    columns = columns[:, :keep]
    if bool(tied.any()):
        which = tied.nonzero().view(-1)
        order = distances.index_select(0, rows.index_select(0, which)).sort(dim=1, stable=True)[1]
        columns = columns.index_copy(0, which, order[:, :keep])
    return columns
