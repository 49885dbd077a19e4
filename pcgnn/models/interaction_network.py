"""Interaction networks as edge classifiers for track finding."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models.hit_graph_model import EdgeModel
from pcgnn.nn.interaction import InteractionSteps
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

    def logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
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
    and edges are encoded and updated in steps (:class:`pcgnn.nn.InteractionSteps`), and the edges
    of the last step are classified. 8 steps of width 128 without norm have 264,705 parameters.

    Args:
        features: features per hit.
        edge_features: features per edge.
        latent: width of hits, edges and hidden layers.
        steps: number of steps.
        layers: hidden layers of the MLPs that update hits and edges.
        weights: "shared" by all steps (recurrent) or each step its "own" (stacked).
        norm: layer norm in the MLPs.
        chunk: edges worked on at a time, which bounds memory without changing results; None for
            all at once.

    **Shapes:** x (N, features), edge_index (2, E), edge_attr (E, edge_features) -> (E,) logits.

    Example:
        >>> RecurrentInteractionNetwork(3, latent=64).num_parameters
        67841
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
        self.chunk = chunk
        self.trunk = InteractionSteps(
            features,
            edge_features,
            latent=latent,
            steps=steps,
            layers=layers,
            weights=weights,
            norm=norm,
            chunk=chunk,
        )
        self.classifier = EdgeMLP(latent, latent, [latent, latent], 1, norm=norm)

    def logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logits, shape (E,)."""
        x, edge = self.trunk(x, edge_index, edge_attr)
        logits: Tensor = self.classifier(x, edge_index, edge, chunk=self.chunk)
        return logits.squeeze(1)
