"""Interaction networks as edge classifiers for track finding."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pcgnn.errors import ConfigError
from pcgnn.models.edge_model import EdgeModel
from pcgnn.nn.relation import EdgeMLP, mlp

__all__ = ["InteractionNetwork", "RecurrentInteractionNetwork"]


class InteractionNetwork(EdgeModel):
    r"""The interaction network for track finding.

    From "Charged particle tracking via edge-classifying interaction networks" (`arXiv:2103.16701
    <https://arxiv.org/abs/2103.16701>`__): messages on the edges, a sum of the messages that
    arrive at a hit, an update of the hits, and a second look at the edges:

    .. math::
        e'_{ij} = \phi_1(x_i, x_j, e_{ij}), \quad
        x'_j = \phi_2\Big(x_j, \sum_i e'_{ij}\Big), \quad
        w_{ij} = \phi_3(x'_i, x'_j, e'_{ij})

    with :math:`\phi` of two hidden layers and ReLU. The defaults are the published network with
    its 6,448 parameters; w is given before the sigmoid.

    Args:
        features: features per hit.
        edge_features: features per edge.
        hidden: width of the hidden layers.
        messages: width of e'.
        chunk: edges worked on at a time, which bounds memory without changing results; None for
            all at once.

    **Shapes:** x (N, 3), edge_index (2, E), edge_attr (E, 4) -> (E,) logits.

    Example:
        >>> InteractionNetwork(3).num_parameters
        6448
    """

    def __init__(
        self,
        features: int,
        *,
        edge_features: int = 4,
        hidden: int = 40,
        messages: int = 4,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        if min(features, edge_features, hidden, messages) < 1:
            raise ConfigError("widths must be at least 1")
        self.config = {
            "features": features,
            "edge_features": edge_features,
            "hidden": hidden,
            "messages": messages,
            "chunk": chunk,
        }
        self.chunk = chunk
        self.relational = EdgeMLP(features, edge_features, [hidden, hidden], messages)
        self.objects = mlp([features + messages, hidden, hidden, features])
        self.classifier = EdgeMLP(features, messages, [hidden, hidden], 1)

    def edge_logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logits, shape (E,)."""
        message = self.relational(x, edge_index, edge_attr, chunk=self.chunk)
        arriving = message.new_zeros(x.shape[0], message.shape[1])
        arriving = arriving.index_add(0, edge_index[1], message)
        x = self.objects(torch.cat([x, arriving], 1))
        logits: Tensor = self.classifier(x, edge_index, message, chunk=self.chunk)
        return logits.squeeze(1)


class RecurrentInteractionNetwork(EdgeModel):
    r"""An interaction network of several steps in a latent space.

    In the line of "Novel deep learning methods for track reconstruction" (`arXiv:1810.06111
    <https://arxiv.org/abs/1810.06111>`__) and "Performance of a geometric deep learning pipeline
    for HL-LHC particle tracking" (`arXiv:2103.06995 <https://arxiv.org/abs/2103.06995>`__): hits
    and edges are encoded, then each step updates

    .. math::
        e \leftarrow e + \phi_e(x_i, x_j, e), \qquad
        x \leftarrow x + \phi_x\Big(x, \sum_{\rm in} e, \sum_{\rm out} e\Big)

    and the edges of the last step are classified. With ``shared`` weights the same
    :math:`\phi_e, \phi_x` serve all steps (recurrent); otherwise each step has its own (stacked).

    Args:
        features: features per hit.
        edge_features: features per edge.
        latent: width of hits, edges and hidden layers.
        steps: number of steps.
        layers: hidden layers of the MLPs that update hits and edges.
        weights: "shared" (recurrent) or "own" (stacked).
        norm: layer norm in the MLPs.
        chunk: edges worked on at a time; each step is then also computed anew in the backward
            pass. Bounds memory without changing results; None for all at once.

    **Shapes:** x (N, features), edge_index (2, E), edge_attr (E, edge_features) -> (E,) logits.

    Example:
        >>> RecurrentInteractionNetwork(3, latent=64).num_parameters
        80705
    """

    def __init__(
        self,
        features: int,
        *,
        edge_features: int = 4,
        latent: int = 128,
        steps: int = 8,
        layers: int = 2,
        weights: Literal["shared", "own"] = "shared",
        norm: bool = True,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        if min(features, edge_features, latent, steps, layers) < 1:
            raise ConfigError("widths, steps and layers must be at least 1")
        if weights not in ("shared", "own"):
            raise ConfigError(f"weights = {weights!r}", remedy="choose 'shared' or 'own'")
        self.config = {
            "features": features,
            "edge_features": edge_features,
            "latent": latent,
            "steps": steps,
            "layers": layers,
            "weights": weights,
            "norm": norm,
            "chunk": chunk,
        }
        self.chunk, self.steps = chunk, steps
        self.encode_hits = mlp([features, latent, latent], norm=norm)
        self.encode_edges = mlp([edge_features, latent, latent], norm=norm)
        own = 1 if weights == "shared" else steps
        self.edge_updates = nn.ModuleList(
            EdgeMLP(latent, latent, [latent] * layers, latent, norm=norm) for _ in range(own)
        )
        self.hit_updates = nn.ModuleList(
            mlp([3 * latent, *[latent] * (layers + 1)], norm=norm) for _ in range(own)
        )
        self.classifier = EdgeMLP(latent, latent, [latent, latent], 1, norm=norm)

    def edge_logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logits, shape (E,)."""
        x, edge = self.encode_hits(x), self._encode_edges(edge_attr)
        for step in range(self.steps):
            number = step % len(self.edge_updates)
            if self.chunk is not None and torch.is_grad_enabled():
                x, edge = checkpoint(self._step, x, edge, edge_index, number, use_reentrant=False)
            else:
                x, edge = self._step(x, edge, edge_index, number)
        logits: Tensor = self.classifier(x, edge_index, edge, chunk=self.chunk)
        return logits.squeeze(1)

    def _encode_edges(self, edge_attr: Tensor) -> Tensor:
        if self.chunk is None or edge_attr.shape[0] <= self.chunk:
            encoded: Tensor = self.encode_edges(edge_attr)
            return encoded
        parts = torch.split(edge_attr, self.chunk)
        if torch.is_grad_enabled():
            return torch.cat([checkpoint(self.encode_edges, p, use_reentrant=False) for p in parts])
        return torch.cat([self.encode_edges(part) for part in parts])

    def _step(
        self, x: Tensor, edge: Tensor, edge_index: Tensor, number: int
    ) -> tuple[Tensor, Tensor]:
        edge = edge + self.edge_updates[number](x, edge_index, edge, chunk=self.chunk)
        zero = edge.new_zeros(x.shape[0], edge.shape[1])
        arriving = zero.index_add(0, edge_index[1], edge)
        leaving = zero.index_add(0, edge_index[0], edge)
        return x + self.hit_updates[number](torch.cat([x, arriving, leaving], 1)), edge
