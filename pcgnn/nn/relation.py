"""An MLP on edges that sees both ends and the edge, its first layer split by where inputs live."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pcgnn.errors import ConfigError

__all__ = ["EdgeMLP", "mlp"]

CACHE = 2**19  # numbers: a hidden layer of 2 MB, of which a core's caches hold a few


def mlp(widths: Sequence[int], *, norm: bool = False) -> nn.Sequential:
    """Linear layers with ReLU (and layer norm before it) in between, none at the end."""
    layers: list[nn.Module] = []
    for number, (a, b) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(a, b))
        if number < len(widths) - 2:
            layers += [nn.LayerNorm(b), nn.ReLU()] if norm else [nn.ReLU()]
    return nn.Sequential(*layers)


class EdgeMLP(nn.Module):
    r"""An MLP on [x_i, x_j, e_ij] with ReLU between its layers.

    Where hits are wide, the first layer is split, :math:`W [x_i, x_j, e] = W_1 x_i + W_2 x_j +
    W_3 e`: the parts that see hits are computed once per hit and then gathered, which costs
    :math:`N` instead of :math:`E` products. Where the input of an edge is narrower than the
    layer, gathering the input moves less memory and wins. Edges may be worked on in chunks, which
    bounds memory: each chunk is computed anew in the backward pass; results do not depend on the
    chunks.

    Args:
        node_features: width of x.
        edge_features: width of e; may be 0.
        hidden: widths of the hidden layers.
        out: width of the output.
        norm: layer norm after each hidden layer.

    **Shapes:** x (N, node_features), edge_index (2, E), e (E, edge_features) -> (E, out).
    """

    def __init__(
        self,
        node_features: int,
        edge_features: int,
        hidden: Sequence[int],
        out: int,
        *,
        norm: bool = False,
    ) -> None:
        super().__init__()
        if not hidden:
            raise ConfigError("an MLP on edges needs a hidden layer")
        self.node_features = node_features
        self.split = 2 * node_features + edge_features > hidden[0]
        self.first = nn.Linear(2 * node_features + edge_features, hidden[0])
        rest: list[nn.Module] = [nn.LayerNorm(hidden[0]), nn.ReLU()] if norm else [nn.ReLU()]
        self.rest = nn.Sequential(*rest, *mlp([*hidden, out], norm=norm))

    def forward(
        self, x: Tensor, edge_index: Tensor, edge: Tensor, *, chunk: int | None = None
    ) -> Tensor:
        """Compute the outputs of all edges.

        Args:
            x: features of the hits.
            edge_index: source and target of each edge.
            edge: features of the edges.
            chunk: edges worked on at a time; None for all at once, except that a CPU that needs
                no gradients takes what its cache holds.
        """
        first = self._first_layer(x)
        step = self._step(edge, chunk)
        if step >= edge.shape[0]:
            return self._edges(first, edge_index, edge)
        parts = [
            (edge_index[:, begin : begin + step], edge[begin : begin + step])
            for begin in range(0, edge.shape[0], step)
        ]
        if torch.is_grad_enabled():
            done = [checkpoint(self._edges, first, *part, use_reentrant=False) for part in parts]
            return torch.cat(done)
        head = self._edges(first, *parts[0])
        out = head.new_empty(edge.shape[0], head.shape[1])
        for begin, part in zip(range(0, edge.shape[0], step), parts, strict=True):
            out[begin : begin + step] = head if begin == 0 else self._edges(first, *part)
        return out

    def _step(self, edge: Tensor, chunk: int | None) -> int:
        """Edges at a time: without gradients on a CPU what its cache holds, if nothing is given."""
        if chunk is not None:
            return chunk
        in_cache = edge.device.type == "cpu" and not torch.is_grad_enabled()
        return max(CACHE // self.first.out_features, 1) if in_cache else edge.shape[0]

    def _first_layer(self, x: Tensor) -> tuple[Tensor, ...]:
        """What the first layer makes of the hits, or the hits if they are narrower than that."""
        if not self.split:
            return (x,)
        width = self.node_features
        by_source, by_target, by_edge = self.first.weight.tensor_split([width, 2 * width], 1)
        source = functional.linear(x, by_source, self.first.bias)
        return source, functional.linear(x, by_target), by_edge

    def _edges(self, first: tuple[Tensor, ...], edge_index: Tensor, edge: Tensor) -> Tensor:
        source, target = edge_index[0], edge_index[1]
        if self.split:
            by_source, by_target, by_edge = first
            hidden = functional.linear(edge, by_edge)
            hidden = hidden + by_source.index_select(0, source)
            hidden = hidden + by_target.index_select(0, target)
        else:
            ends = [first[0].index_select(0, source), first[0].index_select(0, target), edge]
            hidden = self.first(torch.cat(ends, 1))
        out: Tensor = self.rest(hidden)
        return out
