"""A factor on the message of each edge, by which edges can be weakened and explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor

from pcgnn.nn.edges import Edges

if TYPE_CHECKING:
    from pcgnn.nn.edge_conv import EdgeConv

__all__ = ["EdgeGate", "gated_edges"]


class EdgeGate:
    r"""Multiplies messages by a strength per edge, :math:`m_{ij} \to s_{ij} m_{ij}`.

    Attributes:
        strength: factor of each edge, (E,) or (E, 1); None leaves the messages as they are.
        edges: the edges that came by last; None if there were none.
    """

    def __init__(self) -> None:
        self.strength: Tensor | None = None
        self.edges: Edges | None = None

    def __call__(self, messages: Tensor, edges: Edges) -> Tensor:
        """Multiply the messages, (E, C) -> (E, C)."""
        self.edges = edges
        if self.strength is None:
            return messages
        return messages * self.strength.view(-1, 1).to(messages.dtype)


@contextmanager
def gated_edges(layer: EdgeConv) -> Iterator[EdgeGate]:
    """Put a gate on the edges of an EdgeConv block, and take it away at the end.

    Example:
        >>> import torch
        >>> from pcgnn.nn import EdgeConv
        >>> layer = EdgeConv(3, (4,), k=2).eval()
        >>> with gated_edges(layer) as gate, torch.no_grad():
        ...     _ = layer(torch.randn(5, 3), torch.tensor([0, 5]))
        >>> gate.edges.num_edges
        10
    """
    gate = EdgeGate()
    before = layer.gate
    layer.gate = gate
    try:
        yield gate
    finally:
        layer.gate = before
