"""EdgeConv as its formula says, edge by edge: what the fast paths are tested against."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pcgnn.nn.edge_conv import EdgeConv

__all__ = ["edge_conv_formula"]


def edge_conv_formula(layer: EdgeConv, x: Tensor, neighbours: Tensor) -> Tensor:
    r"""Compute :math:`\mathrm{ReLU}(S(x_i) + \mathrm{mean}_j\, h([x_i, x_j - x_i]))` plainly.

    Every edge feature is written out, batch norm sees exactly the edges that exist, and nothing is
    updated. Slow; for tests and for reading.

    Args:
        layer: the layer whose weights are used; its mode says which statistics.
        x: features.
        neighbours: table from :func:`pcgnn.ops.knn`.

    **Shapes:** x (N, F), neighbours (N, k) -> (N, C).
    """
    total, k = neighbours.shape
    particle = torch.arange(total, device=x.device)[:, None].expand(total, k)
    exists = neighbours >= 0
    if layer.ghost_edges:
        with_ghost = torch.cat([x, x.new_zeros(1, x.size(1))])
        source = torch.where(exists, neighbours, total).reshape(-1)
        target = particle.reshape(-1)
        from_source = with_ghost[source]
    else:
        source, target = neighbours[exists], particle[exists]
        from_source = x[source]
    h = torch.cat([x[target], from_source - x[target]], 1)
    for linear, norm in zip(layer.linears, layer.norms, strict=True):
        h = functional.relu(_normalise(h @ linear.weight.t(), norm))  # type: ignore[operator]
    out = []
    for i in range(total):  # one particle at a time: the definition, not the fast way
        messages = h[target == i]
        if messages.size(0) == 0:
            out.append(h.new_zeros(h.size(1)))
        elif layer.reduce == "max":
            out.append(messages.max(0).values)
        else:
            out.append(messages.sum(0) / (messages.size(0) if layer.reduce == "mean" else 1))
    if layer.shortcut is None:
        own = x
    else:
        own = _normalise(x @ layer.shortcut.weight.t(), layer.shortcut_norm)
    return functional.relu(own + torch.stack(out))


def _normalise(h: Tensor, norm: torch.nn.Module | None) -> Tensor:
    assert isinstance(norm, torch.nn.BatchNorm1d)
    if norm.training:
        if h.size(0) == 0:
            return h
        mean, variance = h.mean(0), ((h - h.mean(0)) ** 2).mean(0)
    else:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, variance = norm.running_mean, norm.running_var
    return (h - mean) / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias
