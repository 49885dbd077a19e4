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

    The first layer is split, :math:`W [x_i, x_j, e] = W_1 x_i + W_2 x_j + W_3 e`: the parts that
    see hits are computed once per hit and then gathered, which costs :math:`N` instead of
    :math:`E` products. Edges may be worked on in chunks, which bounds memory: each chunk is
    computed anew in the backward pass; results do not depend on the chunks.

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
            chunk: edges worked on at a time; None for all at once.
        """
        width = self.node_features
        by_source, by_target, by_edge = self.first.weight.tensor_split([width, 2 * width], 1)
        source = functional.linear(x, by_source, self.first.bias)
        target = functional.linear(x, by_target)
        if chunk is None or edge.shape[0] <= chunk:
            return self._edges(source, target, by_edge, edge_index, edge)
        parts = []
        for begin in range(0, edge.shape[0], chunk):
            end = min(begin + chunk, edge.shape[0])
            arguments = (source, target, by_edge, edge_index[:, begin:end], edge[begin:end])
            if torch.is_grad_enabled():
                parts.append(checkpoint(self._edges, *arguments, use_reentrant=False))
            else:
                parts.append(self._edges(*arguments))
        return torch.cat(parts)

    def _edges(
        self, source: Tensor, target: Tensor, by_edge: Tensor, edge_index: Tensor, edge: Tensor
    ) -> Tensor:
        first = functional.linear(edge, by_edge)
        first = first + source.index_select(0, edge_index[0])
        first = first + target.index_select(0, edge_index[1])
        out: Tensor = self.rest(first)
        return out
