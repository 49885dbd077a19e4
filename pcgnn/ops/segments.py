"""Reductions over the particles of each graph, and a softmax over rows that belong together."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from pcgnn.errors import BackendError, ConfigError, DataError
from pcgnn.ops.neighbours.accel import load_extension
from pcgnn.ops.ragged import SizePlan, graph_index

__all__ = ["Reduction", "SegmentBackend", "segment_reduce", "segment_softmax"]

Reduction = Literal["sum", "mean", "max", "min", "std"]
SegmentBackend = Literal["auto", "torch", "torch-scatter"]


def segment_reduce(
    x: Tensor,
    ptr: Tensor,
    op: Reduction,
    *,
    plan: SizePlan | None = None,
    backend: SegmentBackend = "auto",
) -> Tensor:
    """Reduce the rows of each graph to one row; a graph without rows gives zeros.

    ``std`` is the spread within the graph, sqrt(mean((x - mean)^2)), with gradient 0 where it is 0.
    The gradient of ``max`` and ``min`` goes to one row, the first of equal ones on a CPU.

    Args:
        x: values.
        ptr: offsets of the graphs.
        op: ``"sum"``, ``"mean"``, ``"max"``, ``"min"`` or ``"std"``.
        plan: sizes of the graphs on the host; without it ``max`` and ``min`` ask the device.
        backend: ``"torch"``, the optional extension ``"torch-scatter"``, or ``"auto"`` (torch).

    **Shapes:** x (N, ...), ptr (G + 1,) -> (G, ...).

    Raises:
        DataError: if shapes do not fit together.
        ConfigError: if a name is not valid.
        BackendError: if torch-scatter is asked for and not installed.

    Example:
        >>> segment_reduce(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 2, 3]), "mean")
        tensor([2., 5.])
    """
    if op not in get_args(Reduction):
        raise ConfigError(
            f"no such reduction: {op!r}", remedy=f"use one of {', '.join(get_args(Reduction))}"
        )
    if backend not in get_args(SegmentBackend):
        raise ConfigError(
            f"no such backend for reductions: {backend!r}",
            remedy=f"use one of {', '.join(get_args(SegmentBackend))}",
        )
    if ptr.dim() != 1 or ptr.numel() < 1 or x.dim() < 1:
        raise DataError(f"cannot reduce {tuple(x.shape)} over offsets {tuple(ptr.shape)}")
    if plan is not None and (plan.total, plan.num_graphs) != (x.size(0), ptr.numel() - 1):
        raise DataError(
            f"the plan is of {plan.num_graphs} graphs with {plan.total} particles, the tensors "
            f"hold {ptr.numel() - 1} graphs with {x.size(0)}"
        )
    if backend == "torch-scatter":
        return _scatter_extension(x, ptr, op)
    rows = x.reshape(x.size(0), math.prod(x.shape[1:]))
    if op in ("max", "min"):
        out = _extreme(rows, ptr, op, plan if plan is not None else SizePlan.from_ptr(ptr))
    else:
        graph = graph_index(ptr, x.size(0))
        out = _total(rows, graph, ptr)
        if op != "sum":
            count = ptr.diff().clamp(min=1).to(rows.dtype)[:, None]
            out = out / count
            if op == "std":
                away = rows - out.index_select(0, graph)
                out = _safe_sqrt(_total(away * away, graph, ptr) / count)
    return out.reshape(ptr.numel() - 1, *x.shape[1:])


def segment_softmax(x: Tensor, segment: Tensor, count: int) -> Tensor:
    r"""Softmax over the rows of each segment, :math:`e^{x_i} / \sum_{j \in s(i)} e^{x_j}`.

    Rows of a segment need not be next to each other. Half-precision values are computed and
    returned in float32. The device is never waited for.

    Args:
        x: values.
        segment: the segment of each row, from 0 to count - 1; segments may be empty.
        count: number of segments.

    **Shapes:** x (N, ...), segment (N,) -> (N, ...).

    Raises:
        DataError: if shapes do not fit together.

    Example:
        >>> segment_softmax(torch.zeros(3), torch.tensor([1, 0, 1]), 2)
        tensor([0.5000, 1.0000, 0.5000])
    """
    if x.dim() < 1 or segment.shape != x.shape[:1]:
        raise DataError(f"rows of shape {tuple(x.shape)} in segments {tuple(segment.shape)}")
    rows = x.reshape(x.size(0), math.prod(x.shape[1:]))
    if rows.dtype in (torch.float16, torch.bfloat16):
        rows = rows.float()
    with torch.no_grad():  # any shift gives the same softmax; the largest value keeps it finite
        places = segment[:, None].expand_as(rows)
        largest = rows.new_full((count, rows.size(1)), -math.inf)
        largest = largest.scatter_reduce(0, places, rows, "amax")
    powers = (rows - largest.index_select(0, segment)).exp()
    total = powers.new_zeros(count, rows.size(1)).index_add(0, segment, powers)
    return (powers / total.index_select(0, segment)).reshape(x.shape)


def _total(rows: Tensor, graph: Tensor, ptr: Tensor) -> Tensor:
    return rows.new_zeros(ptr.numel() - 1, rows.size(1)).index_add(0, graph, rows)


def _safe_sqrt(x: Tensor) -> Tensor:
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, torch.ones_like(x)).sqrt(), x)


def _extreme(rows: Tensor, ptr: Tensor, op: Reduction, plan: SizePlan) -> Tensor:
    """Find in dense blocks where the extremes stand, then fetch them.

    Only the fetch is differentiated: its gradient touches one row per graph and column.
    """
    if plan.total == 0:
        return rows.new_zeros(plan.num_graphs, rows.size(1))
    with torch.no_grad():
        where = torch.zeros(plan.num_graphs, rows.size(1), dtype=torch.long, device=rows.device)
        order = torch.argsort(ptr.diff(), stable=True)
        for start, stop, width in plan.buckets:
            if width == 0:
                continue
            ids = order[start:stop]
            first = ptr.index_select(0, ids)[:, None]
            last = (ptr.index_select(0, ids + 1)[:, None] - 1).clamp_(min=0)
            # slots beyond the end repeat the last particle, which changes no extreme
            slots = torch.minimum(first + torch.arange(width, device=rows.device), last)
            block = rows.index_select(0, slots.view(-1)).view(stop - start, width, -1)
            place = block.argmax(1) if op == "max" else block.argmin(1)
            where.index_copy_(0, ids, torch.minimum(first + place, last))
    out = rows.gather(0, where)
    if plan.min_size > 0:
        return out
    return out.masked_fill(ptr.diff()[:, None] == 0, 0)


def _scatter_extension(x: Tensor, ptr: Tensor, op: Reduction) -> Tensor:
    extension: Any = load_extension("torch-scatter")
    if op == "std":
        raise BackendError("torch-scatter has no std over offsets", remedy="use backend='torch'")
    return torch.as_tensor(extension.segment_csr(x, ptr, reduce=op))
