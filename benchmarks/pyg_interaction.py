"""Interaction networks as one writes them with torch_geometric: a MessagePassing that concatenates.

They carry the weights of pcgnn's networks, so that both must give the same logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing

from pcgnn.nn import InputNorm

__all__ = ["PlainInteractionNetwork", "PlainRecurrentNetwork", "plain_copy"]


def perceptron(widths: list[int], *, norm: bool = False) -> nn.Sequential:
    """Linear layers with ReLU between them, after a layer norm if wanted."""
    layers: list[nn.Module] = []
    for number in range(len(widths) - 1):
        layers.append(nn.Linear(widths[number], widths[number + 1]))
        if number < len(widths) - 2:
            layers += [nn.LayerNorm(widths[number + 1]), nn.ReLU()] if norm else [nn.ReLU()]
    return nn.Sequential(*layers)


class PlainInteractionNetwork(MessagePassing):  # type: ignore[misc]
    """The edge classifier of 2103.16701; the messages are kept for the second look at the edges."""

    def __init__(self, features: int, edge_features: int, hidden: int, messages: int) -> None:
        super().__init__(aggr="add", flow="source_to_target")
        self.relational = perceptron([2 * features + edge_features, hidden, hidden, messages])
        self.objects = perceptron([features + messages, hidden, hidden, features])
        self.classifier = perceptron([2 * features + messages, hidden, hidden, 1])

    def forward(self, graph: Data) -> Tensor:
        """Logits (E,)."""
        x = self.propagate(graph.edge_index, x=graph.x, edge_attr=graph.edge_attr)
        source, target = graph.edge_index
        return self.classifier(torch.cat([x[source], x[target], self.kept], 1)).squeeze(1)

    def message(self, x_i: Tensor, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        """Messages of the edges; j is the inner hit."""
        self.kept = self.relational(torch.cat([x_j, x_i, edge_attr], 1))
        return self.kept

    def update(self, arriving: Tensor, x: Tensor) -> Tensor:
        """New features of the hits."""
        return self.objects(torch.cat([x, arriving], 1))


class PlainStep(MessagePassing):  # type: ignore[misc]
    """One step: edges from both ends and the edge, hits from the edges that arrive and leave."""

    def __init__(self, latent: int, layers: int, *, norm: bool) -> None:
        super().__init__(aggr="add")
        self.edges = perceptron([3 * latent, *[latent] * layers, latent], norm=norm)
        self.hits = perceptron([3 * latent, *[latent] * (layers + 1)], norm=norm)

    def forward(self, x: Tensor, edge_index: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
        """Hits (N, latent) and edges (E, latent)."""
        source, target = edge_index
        edge = edge + self.edges(torch.cat([x[source], x[target], edge], 1))
        arriving = self.propagate(edge_index, edge=edge, size=(x.size(0), x.size(0)))
        leaving = self.propagate(edge_index.flip(0), edge=edge, size=(x.size(0), x.size(0)))
        return x + self.hits(torch.cat([x, arriving, leaving], 1)), edge

    def message(self, edge: Tensor) -> Tensor:
        """The edges themselves are what is summed."""
        return edge


class PlainRecurrentNetwork(nn.Module):
    """Encoders, one step that is repeated, a classifier of the edges."""

    def __init__(
        self,
        features: int,
        edge_features: int,
        latent: int,
        steps: int,
        layers: int,
        norm: bool,
    ) -> None:
        super().__init__()
        self.steps = steps
        self.hit_norm = InputNorm(features)
        self.edge_norm = InputNorm(edge_features)
        self.encode_hits = perceptron([features, latent, latent], norm=norm)
        self.encode_edges = perceptron([edge_features, latent, latent], norm=norm)
        self.step = PlainStep(latent, layers, norm=norm)
        self.classifier = perceptron([3 * latent, latent, latent, 1], norm=norm)

    def forward(self, graph: Data) -> Tensor:
        """Logits (E,)."""
        x = self.encode_hits(self.hit_norm(graph.x))
        edge = self.encode_edges(self.edge_norm(graph.edge_attr))
        for _ in range(self.steps):
            x, edge = self.step(x, graph.edge_index, edge)
        source, target = graph.edge_index
        return self.classifier(torch.cat([x[source], x[target], edge], 1)).squeeze(1)


def plain_copy(model: Any) -> nn.Module:
    """The plain form of one of pcgnn's networks, with its weights.

    Args:
        model: an ``interaction-network`` or a ``recurrent-interaction-network`` that shares the
            weights of its steps.
    """
    config = {key: value for key, value in model.config.items() if key != "chunk"}
    if "messages" in config:
        plain: nn.Module = PlainInteractionNetwork(**config)
    else:
        if config.pop("weights") != "shared":
            raise ValueError("the plain network repeats one step: weights='shared'")
        plain = PlainRecurrentNetwork(**config)
    own, names = list(model.state_dict().items()), list(plain.state_dict())
    # both list their parts in one order; theirs have other names
    if [value.shape for _, value in own] != [v.shape for v in plain.state_dict().values()]:
        raise ValueError("the plain network has other weights than pcgnn's")
    plain.load_state_dict({name: value for name, (_, value) in zip(names, own, strict=True)})
    return plain.to(next(model.parameters()).dtype)
