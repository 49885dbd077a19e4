"""A network that clusters hits: a condensation strength and coordinates for each of them."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models.hit_graph_model import HitOutputModel
from pcgnn.nn.interaction import InteractionSteps
from pcgnn.nn.relation import mlp

__all__ = ["CondensationNetwork"]


class CondensationNetwork(HitOutputModel):
    r"""An interaction network that condenses hits into tracks, without a cut on edges.

    For object condensation (`arXiv:2002.03605 <https://arxiv.org/abs/2002.03605>`__), as used for
    tracks in `arXiv:2309.16754 <https://arxiv.org/abs/2309.16754>`__: after the steps of
    :class:`pcgnn.nn.InteractionSteps` two MLPs read off each hit

    .. math:: z = \phi_\beta(x), \qquad \mathbf{x}_c = \phi_c(x)

    the logit of its condensation strength :math:`\beta = \sigma(z)` and its coordinates in the
    space in which :func:`pcgnn.tracking.find_tracks` gathers hits.

    Args:
        features: features per hit.
        edge_features: features per edge.
        dimensions: D, of the space of the clusters.
        latent: width of hits, edges and hidden layers.
        steps: number of steps.
        layers: hidden layers of the MLPs that update hits and edges.
        weights: "shared" by all steps (recurrent) or each step its "own" (stacked).
        norm: layer norm in the MLPs.
        chunk: edges worked on at a time, which bounds memory without changing results; None for
            all at once.

    **Shapes:** x (N, features), edge_index (2, E), edge_attr (E, edge_features) -> (N, 1 + D),
    z and the coordinates.

    Raises:
        ConfigError: widths or numbers below 1.

    Example:
        >>> CondensationNetwork(3, latent=16, steps=2).num_parameters
        3655
    """

    task: ClassVar[str] = "condensation"

    def __init__(
        self,
        features: int,
        *,
        edge_features: int = 4,
        dimensions: int = 6,
        latent: int = 64,
        steps: int = 4,
        layers: int = 1,
        weights: Literal["shared", "own"] = "shared",
        norm: bool = True,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        if dimensions < 1:
            raise ConfigError(f"dimensions = {dimensions} must be at least 1")
        self.config = {
            "features": features,
            "edge_features": edge_features,
            "dimensions": dimensions,
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
        self.strength = mlp([latent, latent, 1], norm=norm)
        self.coordinates = mlp([latent, latent, dimensions], norm=norm)

    def logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logit of the strength and the coordinates, shape (N, 1 + D)."""
        x, _ = self.trunk(x, edge_index, edge_attr)
        return torch.cat([self.strength(x), self.coordinates(x)], 1)
