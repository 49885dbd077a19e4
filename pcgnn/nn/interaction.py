"""Steps of an interaction network in a latent space, for whatever is read off at the end."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pcgnn.errors import ConfigError
from pcgnn.nn.chunked import apply_in_chunks
from pcgnn.nn.input_norm import InputNorm
from pcgnn.nn.relation import EdgeMLP, mlp

__all__ = ["InteractionSteps"]


class InteractionSteps(nn.Module):
    r"""Encoders of hits and edges and several steps of message passing.

    Hits and edges are first brought to width 1 (:class:`InputNorm`): differences of azimuth are a
    hundredth of differences in z, and no network should have to find that out. Each step updates

    .. math::
        e \leftarrow e + \phi_e(x_i, x_j, e), \qquad
        x \leftarrow x + \phi_x\Big(x, \sum_{\rm in} e, \sum_{\rm out} e\Big)

    Args:
        features: features per hit.
        edge_features: features per edge.
        latent: width of hits, edges and hidden layers.
        steps: number of steps.
        layers: hidden layers of the MLPs that update hits and edges.
        weights: "shared" by all steps (recurrent) or each step its "own" (stacked).
        norm: layer norm in the MLPs.
        chunk: edges worked on at a time; each step is then also computed anew in the backward
            pass. Bounds memory without changing results; None for all at once.

    **Shapes:** x (N, features), edge_index (2, E), edge_attr (E, edge_features) ->
    (N, latent), (E, latent).
    """

    def __init__(
        self,
        features: int,
        edge_features: int,
        *,
        latent: int,
        steps: int,
        layers: int,
        weights: Literal["shared", "own"],
        norm: bool,
        chunk: int | None,
    ) -> None:
        super().__init__()
        if min(features, edge_features, latent, steps, layers) < 1:
            raise ConfigError("widths, steps and layers must be at least 1")
        if weights not in ("shared", "own"):
            raise ConfigError(f"weights = {weights!r}", remedy="choose 'shared' or 'own'")
        if chunk is not None and chunk < 1:
            raise ConfigError(f"chunk = {chunk} must be at least 1")
        self.chunk, self.steps = chunk, steps
        self.hit_norm = InputNorm(features)
        self.edge_norm = InputNorm(edge_features)
        self.encode_hits = mlp([features, latent, latent], norm=norm)
        self.encode_edges = mlp([edge_features, latent, latent], norm=norm)
        own = 1 if weights == "shared" else steps
        self.edge_updates = nn.ModuleList(
            EdgeMLP(latent, latent, [latent] * layers, latent, norm=norm) for _ in range(own)
        )
        self.hit_updates = nn.ModuleList(
            mlp([3 * latent, *[latent] * (layers + 1)], norm=norm) for _ in range(own)
        )

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the latent hits and edges after the last step."""
        x = self.encode_hits(self.hit_norm(x))
        edge = self.edge_norm(edge_attr)
        edge = apply_in_chunks(self.encode_edges, edge, self.chunk)
        for step in range(self.steps):
            number = step % len(self.edge_updates)
            if self.chunk is not None and torch.is_grad_enabled():
                x, edge = checkpoint(self._step, x, edge, edge_index, number, use_reentrant=False)
            else:
                x, edge = self._step(x, edge, edge_index, number)
        return x, edge

    def _step(
        self, x: Tensor, edge: Tensor, edge_index: Tensor, number: int
    ) -> tuple[Tensor, Tensor]:
        edge = edge + self.edge_updates[number](x, edge_index, edge, chunk=self.chunk)
        zero = edge.new_zeros(x.shape[0], edge.shape[1])
        arriving = zero.index_add(0, edge_index[1], edge)
        leaving = zero.index_add(0, edge_index[0], edge)
        return x + self.hit_updates[number](torch.cat([x, arriving, leaving], 1)), edge
