"""Attention of the hits of a graph over their edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pcgnn.errors import ConfigError
from pcgnn.ops.segments import segment_softmax

__all__ = ["EdgeAttention"]


class EdgeAttention(nn.Module):
    r"""Multi-head attention of each hit over its incident edges.

    The graph transformer layer of "Masked label prediction: unified message passing model for
    semi-supervised classification" (`arXiv:2009.03509 <https://arxiv.org/abs/2009.03509>`__), whose
    keys and values see the edge, for graphs whose edges have a direction: a hit h attends to the
    edges that arrive at it and to those that leave it, with different weights for the edge, in one
    softmax. With u the other end of the edge, and per head of width d:

    .. math::
        \alpha_{hu} = \mathrm{softmax}_{u}\,
            \frac{Q x_h \cdot (K x_u + K_\pm e_{hu})}{\sqrt{d}}, \qquad
        a_h = O \sum_u \alpha_{hu} \, (V x_u + V_\pm e_{hu})

    A hit without edges gets the bias of O. Edges may be worked on in chunks: a first pass collects
    the scores, of which there are 2 E for each head, a second one the values, and each chunk is
    computed anew in the backward pass.

    Args:
        width: width of hits, edges and output.
        heads: number of heads; divides the width.
        norm: layer norm of hits and edges before all of this.

    **Shapes:** x (N, width), edge_index (2, E), edge (E, width) -> (N, width).

    Raises:
        ConfigError: the heads do not divide the width.

    Example:
        >>> EdgeAttention(16, 4)
        EdgeAttention(16, heads=4, norm=False)
    """

    def __init__(self, width: int, heads: int, *, norm: bool = False) -> None:
        super().__init__()
        if heads < 1 or width < 1 or width % heads:
            raise ConfigError(
                f"a width of {width} cannot be split among {heads} heads",
                remedy="choose a width that is a multiple of the heads",
            )
        self.width, self.heads, self.norm = width, heads, norm
        self.hit_norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.edge_norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.query = nn.Linear(width, width)
        # a bias of the keys would shift all scores of a hit alike
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.edge_key = nn.Linear(width, 2 * width, bias=False)
        self.edge_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge: Tensor, *, chunk: int | None = None
    ) -> Tensor:
        """Compute what each hit gathers from its edges.

        Args:
            x: hits.
            edge_index: inner and outer hit of each edge.
            edge: edges.
            chunk: edges worked on at a time; None for all at once.
        """
        hits, edges = x.shape[0], edge.shape[0]
        x = self.hit_norm(x)
        query, key, value = (layer(x) for layer in (self.query, self.key, self.value))
        step = max(edges, 1) if chunk is None else chunk
        parts = [slice(begin, begin + step) for begin in range(0, max(edges, 1), step)]
        in_parts = len(parts) > 1 and torch.is_grad_enabled()
        scores = torch.cat(
            [
                _again(in_parts, self._scores, query, key, edge_index[:, part], edge[part])
                for part in parts
            ],
            1,
        )
        # at the outer hit of each edge, then at the inner one
        ends = edge_index.flip(0).reshape(-1)
        shares = segment_softmax(scores.reshape(2 * edges, self.heads), ends, hits)
        shares = shares.view(2, edges, self.heads).to(value.dtype)
        gathered = value.new_zeros(hits, self.width)
        for part in parts:
            arguments = (value, edge_index[:, part], edge[part], shares[:, part])
            gathered = gathered + _again(in_parts, self._gather, *arguments)
        out: Tensor = self.out(gathered)
        return out

    def _scores(self, query: Tensor, key: Tensor, edge_index: Tensor, edge: Tensor) -> Tensor:
        """Scores of some edges at their outer and at their inner hit, (2, E, heads)."""
        inner, outer = edge_index
        arriving, leaving = self.edge_key(self.edge_norm(edge)).chunk(2, 1)
        at_outer = query.index_select(0, outer) * (key.index_select(0, inner) + arriving)
        at_inner = query.index_select(0, inner) * (key.index_select(0, outer) + leaving)
        size = self.width // self.heads
        both = torch.stack([at_outer, at_inner]).view(2, -1, self.heads, size)
        return both.sum(-1) / math.sqrt(size)

    def _gather(self, value: Tensor, edge_index: Tensor, edge: Tensor, shares: Tensor) -> Tensor:
        """Sums of the values of some edges at their hits, (N, width)."""
        inner, outer = edge_index
        arriving, leaving = self.edge_value(self.edge_norm(edge)).chunk(2, 1)
        gathered, size = value.new_zeros(value.shape), self.width // self.heads
        for end, other, by_edge, share in (
            (outer, inner, arriving, shares[0]),
            (inner, outer, leaving, shares[1]),
        ):
            message = (value.index_select(0, other) + by_edge).view(-1, self.heads, size)
            message = (message * share[:, :, None]).view(-1, self.width)
            gathered = gathered.index_add(0, end, message)
        return gathered

    def __repr__(self) -> str:
        return f"EdgeAttention({self.width}, heads={self.heads}, norm={self.norm})"


def _again(anew: bool, function: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
    """Call a function, and once more in the backward pass instead of keeping what is in between."""
    if not anew:
        return function(*arguments)
    result: Tensor = checkpoint(function, *arguments, use_reentrant=False)
    return result
