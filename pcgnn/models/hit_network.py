"""A network that classifies the hits of a graph."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from pcgnn.models.hit_graph_model import HitModel
from pcgnn.nn.interaction import InteractionSteps
from pcgnn.nn.relation import mlp

__all__ = ["HitNetwork"]


class HitNetwork(HitModel):
    """An interaction network whose hits are classified: of a track of interest, or not.

    The steps are those of :class:`pcgnn.nn.InteractionSteps`, as in
    :class:`RecurrentInteractionNetwork`; what is read off at the end are the hits.

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

    **Shapes:** x (N, features), edge_index (2, E), edge_attr (E, edge_features) -> (N,) logits.

    Example:
        >>> HitNetwork(3, latent=16, steps=2).num_parameters
        4609
    """

    def __init__(
        self,
        features: int,
        *,
        edge_features: int = 4,
        latent: int = 64,
        steps: int = 4,
        layers: int = 1,
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
        self.classifier = mlp([latent, latent, 1], norm=norm)

    def logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logits, shape (N,)."""
        x, _ = self.trunk(x, edge_index, edge_attr)
        logits: Tensor = self.classifier(x)
        return logits.squeeze(1)
