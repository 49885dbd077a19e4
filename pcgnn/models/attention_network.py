"""A graph transformer that classifies the edges of hit graphs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pcgnn.errors import ConfigError
from pcgnn.models.hit_graph_model import EdgeModel
from pcgnn.nn.chunked import apply_in_chunks
from pcgnn.nn.edge_attention import EdgeAttention
from pcgnn.nn.input_norm import InputNorm
from pcgnn.nn.relation import EdgeMLP, mlp

__all__ = ["EdgeAttentionNetwork"]


class EdgeAttentionNetwork(EdgeModel):
    r"""Hits that attend to their edges, edges that are updated by their hits.

    Attention over the neighbours of a graph as in "Graph attention networks" (`arXiv:1710.10903
    <https://arxiv.org/abs/1710.10903>`__), in the form of a transformer with edges
    (`arXiv:2009.03509 <https://arxiv.org/abs/2009.03509>`__, :class:`pcgnn.nn.EdgeAttention`): a
    hit weighs its edges against each other instead of adding them all up, which is what true edges
    among many wrong ones ask for. Hits and edges are brought to width 1 and
    encoded; each step, with weights of its own, updates

    .. math::
        e_{ij} \leftarrow e_{ij} + \phi_e(x_i, x_j, e_{ij}), \qquad
        x_i \leftarrow x_i + \phi_x\big(x_i, \mathrm{attention}(x, e)_i\big)

    and the edges of the last step are classified.

    Args:
        features: features per hit.
        edge_features: features per edge.
        latent: width of hits, edges and hidden layers.
        heads: heads of the attention; divides ``latent``.
        steps: number of steps.
        layers: hidden layers of the MLPs that update hits and edges.
        norm: layer norm in the MLPs and before the attention.
        chunk: edges worked on at a time; each step is then also computed anew in the backward
            pass. Bounds memory without changing results; None for all at once.

    **Shapes:** x (N, features), edge_index (2, E), edge_attr (E, edge_features) -> (E,) logits.

    Raises:
        ConfigError: widths or numbers below 1, or heads that do not divide ``latent``.

    Example:
        >>> EdgeAttentionNetwork(3, latent=32, steps=2).num_parameters
        38529
    """

    def __init__(
        self,
        features: int,
        *,
        edge_features: int = 4,
        latent: int = 64,
        heads: int = 4,
        steps: int = 4,
        layers: int = 1,
        norm: bool = True,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        if min(features, edge_features, latent, steps, layers) < 1:
            raise ConfigError("widths, steps and layers must be at least 1")
        if chunk is not None and chunk < 1:
            raise ConfigError(f"chunk = {chunk} must be at least 1")
        self.config = {
            "features": features,
            "edge_features": edge_features,
            "latent": latent,
            "heads": heads,
            "steps": steps,
            "layers": layers,
            "norm": norm,
            "chunk": chunk,
        }
        self.chunk, self.steps = chunk, steps
        self.hit_norm = InputNorm(features)
        self.edge_norm = InputNorm(edge_features)
        self.encode_hits = mlp([features, latent, latent], norm=norm)
        self.encode_edges = mlp([edge_features, latent, latent], norm=norm)
        self.edge_updates = nn.ModuleList(
            EdgeMLP(latent, latent, [latent] * layers, latent, norm=norm) for _ in range(steps)
        )
        self.attentions = nn.ModuleList(
            EdgeAttention(latent, heads, norm=norm) for _ in range(steps)
        )
        self.hit_updates = nn.ModuleList(
            mlp([2 * latent, *[latent] * (layers + 1)], norm=norm) for _ in range(steps)
        )
        self.classifier = EdgeMLP(latent, latent, [latent, latent], 1, norm=norm)

    def logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logits, shape (E,)."""
        x = self.encode_hits(self.hit_norm(x))
        edge = self.edge_norm(edge_attr)
        edge = apply_in_chunks(self.encode_edges, edge, self.chunk)
        for step in range(self.steps):
            if self.chunk is not None and torch.is_grad_enabled():
                x, edge = checkpoint(self._step, x, edge, edge_index, step, use_reentrant=False)
            else:
                x, edge = self._step(x, edge, edge_index, step)
        logits: Tensor = self.classifier(x, edge_index, edge, chunk=self.chunk)
        return logits.squeeze(1)

    def _step(
        self, x: Tensor, edge: Tensor, edge_index: Tensor, number: int
    ) -> tuple[Tensor, Tensor]:
        edge = edge + self.edge_updates[number](x, edge_index, edge, chunk=self.chunk)
        attended = self.attentions[number](x, edge_index, edge, chunk=self.chunk)
        return x + self.hit_updates[number](torch.cat([x, attended], 1)), edge
