"""A network that looks at each edge alone, to thin out large graphs."""

from __future__ import annotations

from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models.hit_graph_model import EdgeModel
from pcgnn.nn.input_norm import InputNorm
from pcgnn.nn.relation import EdgeMLP

__all__ = ["EdgeFilter"]


class EdgeFilter(EdgeModel):
    r"""An MLP on the two hits of an edge and the edge, without its surroundings.

    The filter of "Performance of a geometric deep learning pipeline for HL-LHC particle tracking"
    (`arXiv:2103.06995 <https://arxiv.org/abs/2103.06995>`__): between a radius graph in the space
    of an embedding, with many times more wrong edges than true ones, and a graph network that could
    not hold them all,

    .. math:: w_{ij} = \phi(x_i, x_j, e_{ij})

    before the sigmoid. Hits and edges are brought to width 1. What it keeps,
    at a low threshold, is taken by :meth:`pcgnn.tracking.HitGraphs.filter`.

    Args:
        features: features per hit.
        edge_features: features per edge.
        latent: width of the hidden layers.
        layers: number of hidden layers.
        norm: layer norm in the MLP.
        chunk: edges worked on at a time, which bounds memory without changing results; None for
            all at once.

    **Shapes:** x (N, features), edge_index (2, E), edge_attr (E, edge_features) -> (E,) logits.

    Raises:
        ConfigError: widths or numbers below 1.

    Example:
        >>> EdgeFilter(3, latent=64).num_parameters
        9473
    """

    def __init__(
        self,
        features: int,
        *,
        edge_features: int = 4,
        latent: int = 128,
        layers: int = 3,
        norm: bool = True,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        if min(features, edge_features, latent, layers) < 1:
            raise ConfigError("widths and layers must be at least 1")
        if chunk is not None and chunk < 1:
            raise ConfigError(f"chunk = {chunk} must be at least 1")
        self.config = {
            "features": features,
            "edge_features": edge_features,
            "latent": latent,
            "layers": layers,
            "norm": norm,
            "chunk": chunk,
        }
        self.chunk = chunk
        self.hit_norm = InputNorm(features)
        self.edge_norm = InputNorm(edge_features)
        self.classifier = EdgeMLP(features, edge_features, [latent] * layers, 1, norm=norm)

    def logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logits, shape (E,)."""
        x, edge = self.hit_norm(x), self.edge_norm(edge_attr)
        logits: Tensor = self.classifier(x, edge_index, edge, chunk=self.chunk)
        return logits.squeeze(1)
