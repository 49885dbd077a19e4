"""Nearest neighbours within each graph: the choice among the ways to find them."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.ops.neighbours.accel import knn_accel
from pcgnn.ops.neighbours.bucketed import knn_bucketed
from pcgnn.ops.neighbours.distances import Formula, choose_formula
from pcgnn.ops.neighbours.trees import knn_tree
from pcgnn.ops.ragged import SizePlan

__all__ = ["KnnBackend", "check_cloud", "knn", "prefers_tree"]

KnnBackend = Literal["auto", "bucketed", "tree", "torch-cluster", "pyg-lib"]

# From this size on, and in few dimensions, a k-d tree beats n^2 distances on a CPU.
_TREE_SIZE = 1500
_TREE_DIMENSIONS = 8


def knn(
    x: Tensor,
    ptr: Tensor,
    k: int,
    *,
    plan: SizePlan | None = None,
    backend: KnnBackend = "auto",
    distance: Formula | Literal["auto"] = "auto",
) -> Tensor:
    """Find the k nearest other particles of the same graph (Euclidean distance).

    Exact; a particle is never its own neighbour, also among duplicated particles; equidistant
    neighbours are taken by the lowest index, whatever the backend, the padding or the other graphs
    of the batch. Half-precision coordinates are compared in float32, autocast or not. No gradient.

    Args:
        x: coordinates.
        ptr: offsets of the graphs.
        k: number of neighbours.
        plan: sizes of the graphs on the host; without it the device is asked for them.
        backend: ``"bucketed"`` (dense blocks over graphs of similar size), ``"tree"`` (scipy's k-d
            tree, CPU), the optional extensions ``"torch-cluster"`` and ``"pyg-lib"``, or
            ``"auto"``: trees for large graphs in few dimensions on a CPU, dense blocks otherwise.
        distance: of the dense blocks: ``"direct"`` differences, matrix ``"product"`` on points
            centred per graph, or ``"auto"``: the product for float32 in more than 8 dimensions.

    **Shapes:** x (N, D), ptr (G + 1,) -> (N, k), int64: indices into x, nearest first; -1 at the
    end of the row where a graph has fewer than k + 1 particles.

    Raises:
        DataError: if the shapes do not fit together.
        BackendError: if the backend named is not installed or cannot run on this device.
        ConfigError: if k or a name is not valid.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [3.0], [9.0], [9.5]])
        >>> knn(x, torch.tensor([0, 3, 5]), 2).tolist()
        [[1, 2], [0, 2], [1, 0], [4, -1], [3, -1]]
    """
    if backend not in get_args(KnnBackend):
        raise ConfigError(
            f"no such neighbour backend: {backend!r}",
            remedy=f"use one of {', '.join(get_args(KnnBackend))}",
        )
    if distance not in ("auto", "direct", "product"):
        raise ConfigError(f"distance must be 'auto', 'direct' or 'product', got {distance!r}")
    if k < 0:
        raise ConfigError(f"k must not be negative, got {k}")
    x = check_cloud(x, ptr, plan)
    if plan is None:
        plan = SizePlan.from_ptr(ptr)
        check_cloud(x, ptr, plan)
    with torch.no_grad():
        if backend == "tree" or (backend == "auto" and prefers_tree(x, plan)):
            return knn_tree(x, ptr, k, plan)
        if backend == "torch-cluster" or backend == "pyg-lib":
            return knn_accel(x, ptr, k, plan, backend)
        formula = choose_formula(x) if distance == "auto" else distance
        return knn_bucketed(x, ptr, k, plan, formula)


def check_cloud(x: Tensor, ptr: Tensor, plan: SizePlan | None) -> Tensor:
    """Check that coordinates, offsets and plan fit; return the coordinates as float32 or float64.

    Raises:
        DataError: if they do not fit.
    """
    if x.dim() != 2 or x.size(1) == 0 or not x.dtype.is_floating_point:
        raise DataError(
            f"coordinates must be floating point of shape (N, D), got {x.dtype} {tuple(x.shape)}"
        )
    if ptr.dim() != 1 or ptr.numel() < 1:
        raise DataError(f"ptr must have the shape (G + 1,), got {tuple(ptr.shape)}")
    if plan is not None and (plan.total != x.size(0) or plan.num_graphs != ptr.numel() - 1):
        raise DataError(
            f"the plan is of {plan.num_graphs} graphs with {plan.total} particles, the tensors "
            f"hold {ptr.numel() - 1} graphs with {x.size(0)}"
        )
    x = x.detach()
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def prefers_tree(x: Tensor, plan: SizePlan) -> bool:
    """Tell whether a k-d tree is the faster choice."""
    return (
        x.device.type == "cpu"
        and plan.max_size >= _TREE_SIZE
        and x.size(1) <= _TREE_DIMENSIONS
        and not torch.compiler.is_compiling()
    )
