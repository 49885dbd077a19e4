"""Sum of a term of the particle and a term of its neighbour, on every edge."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from pcgnn.nn.edges import Edges

__all__ = ["gather_add"]


class _GatherAdd(torch.autograd.Function):
    """One buffer in the forward pass, only indices kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, other: Tensor, edges: Edges) -> Tensor:
        ctx.edges = edges
        ctx.rows = other.size(0)
        out = other.index_select(0, edges.source)
        if edges.target is None:
            out.view(edges.num_nodes, edges.k, out.size(1)).add_(own[:, None])
        else:
            out.add_(own.index_select(0, edges.target))
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        edges: Edges = ctx.edges
        grad = grads[0]
        if edges.target is None:
            own = grad.view(edges.num_nodes, edges.k, grad.size(1)).sum(1)
        else:
            own = grad.new_zeros(edges.num_nodes, grad.size(1)).index_add(0, edges.target, grad)
        other = grad.new_zeros(ctx.rows, grad.size(1)).index_add(0, edges.source, grad)
        return own, other, None


def gather_add(own: Tensor, other: Tensor, edges: Edges) -> Tensor:
    r"""Compute :math:`h_{ij} = a_i + b_j` on every edge.

    Args:
        own: term a of the particle.
        other: term b of the neighbour; one row more, of zeros, if the edges have ghosts.
        edges: the edges.

    **Shapes:** own (N, C), other (N, C) or (N + 1, C) -> (E, C).
    """
    return cast(Tensor, _GatherAdd.apply(own, other, edges))  # type: ignore[no-untyped-call]
