r"""The messages of an EdgeConv in inference: batch norm folded into the linear layers.

In evaluation a batch norm is a fixed scale and offset per channel, so

.. math::
    \gamma (W r - \mu) / \sigma + \beta = (\gamma W / \sigma) r + (\beta - \gamma \mu / \sigma)

is one linear layer. Without statistics to wait for, a chunk of edges goes through the whole chain
at once and no value of an edge is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pcgnn.nn.edges import EdgeReduction, Edges

__all__ = ["fold", "folded_messages"]

# values per chunk on a CPU, where a chunk should stay in the cache
_CPU_CHUNK = 1 << 17
_DEVICE_CHUNK = 1 << 28


def fold(weight: Tensor, norm: torch.nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Fold a batch norm in evaluation into the linear layer before it; return weight and bias."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = (norm.running_var + norm.eps).rsqrt()
    if norm.weight is not None:
        gain = gain * norm.weight
    bias = -norm.running_mean * gain
    if norm.bias is not None:
        bias = bias + norm.bias
    return weight * gain[:, None], bias


def folded_messages(
    own: Tensor,
    other: Tensor,
    edges: Edges,
    layers: Sequence[tuple[Tensor, Tensor]],
    reduce: EdgeReduction,
) -> Tensor:
    """Compute the reduced messages with folded layers.

    Args:
        own: folded first term of the particle, with the bias.
        other: folded first term of the neighbour, with the ghost's row if there are ghosts.
        edges: the edges.
        layers: weight and bias of the layers after the first.
        reduce: how messages are reduced.

    **Shapes:** own (N, C_0), other (N, C_0) or (N + 1, C_0) -> (N, C_last).
    """
    width = max(own.size(1), *(bias.numel() for _, bias in layers), 1)
    values = _CPU_CHUNK if own.device.type == "cpu" else _DEVICE_CHUNK
    transposed = [(weight.t(), bias) for weight, bias in layers]
    if edges.target is None:
        step = max(1, values // (width * edges.k))
        parts = []
        for first in range(0, edges.num_nodes, step):
            last = min(first + step, edges.num_nodes)
            h = other.index_select(0, edges.source[first * edges.k : last * edges.k])
            h.view(last - first, edges.k, -1).add_(own[first:last, None])
            h = _chain(h, transposed).view(last - first, edges.k, -1)
            if reduce == "mean":
                parts.append(h.mean(1))
            else:
                parts.append(h.sum(1) if reduce == "sum" else h.amax(1))
        return parts[0] if len(parts) == 1 else torch.cat(parts)
    assert edges.degree is not None
    step = max(1, values // width)
    channels = transposed[-1][1].numel() if transposed else own.size(1)
    total: Tensor | None = None
    for first in range(0, edges.num_edges, step):
        chunk = slice(first, min(first + step, edges.num_edges))
        target = edges.target[chunk]
        h = other.index_select(0, edges.source[chunk]).add_(own.index_select(0, target))
        h = _chain(h, transposed)
        if total is None:
            total = h.new_zeros(edges.num_nodes, channels)
        if reduce == "max":  # messages are not negative, so starting from 0 changes nothing
            total.scatter_reduce_(0, target[:, None].expand_as(h), h, "amax")
        else:
            total.index_add_(0, target, h)
    if total is None:
        return own.new_zeros(edges.num_nodes, channels)
    if reduce == "mean":
        total = total / edges.degree.clamp(min=1).to(total.dtype)[:, None]
    return total


def _chain(h: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    h = h.relu_()
    for weight, bias in layers:
        h = torch.addmm(bias, h, weight).relu_()
    return h
