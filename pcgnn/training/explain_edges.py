"""Attributions to the edges between neighbours in an EdgeConv block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import CloudModel
from pcgnn.nn.edge_conv import EdgeConv
from pcgnn.nn.edge_gate import gated_edges
from pcgnn.ops.order import canonical_order
from pcgnn.training.explain_gradients import GRADIENT_METHODS, attribute

__all__ = ["EdgeJob", "edge_block"]


def edge_block(network: nn.Module, number: int, method: str) -> EdgeConv:
    """The EdgeConv block of a network with this number.

    Raises:
        ConfigError: no such block, or a method without gradients.
    """
    blocks = [layer for layer in network.modules() if isinstance(layer, EdgeConv)]
    if not isinstance(network, CloudModel) or not -len(blocks) <= number < len(blocks):
        name = getattr(network, "name", "") or type(network).__name__
        raise ConfigError(
            f"{name} has {len(blocks)} EdgeConv blocks, none of the number {number}",
            remedy="explain edges of a ParticleNet, blocks counted from 0",
        )
    if method not in GRADIENT_METHODS:
        raise ConfigError(
            f"edges are not explained by {method!r}",
            remedy=f"choose from {', '.join(GRADIENT_METHODS)}",
        )
    return blocks[number]


class EdgeJob:
    r"""Edges of one block and one batch: what the message of each adds to the output.

    Messages are multiplied by a strength s, 1 for all edges. Integrated gradients over s from 0
    to 1 add up to the output with all edges of the block less the output with none of them; the
    other methods give the derivative at 1.

    Args:
        network: the network.
        block: the block.
    """

    def __init__(self, network: CloudModel, block: EdgeConv) -> None:
        self.network, self.block = network, block

    def run(
        self,
        batch: Any,
        forward: Callable[[int], Tensor],
        method: str,
        steps: int,
    ) -> tuple[Tensor, Tensor]:
        """Explain the edges.

        Args:
            batch: the batch as the network sees it, behind a standardisation.
            forward: outputs of so many copies of the batch.
            method: see :func:`pcgnn.training.explain`.
            steps: points of the integral.

        Returns:
            numbers of the two ends (2, E), neighbour first, and the attributions (E,).
        """
        with gated_edges(self.block) as gate:
            with torch.no_grad():
                forward(1)
            edges = gate.edges
            if edges is None:
                empty = batch.ptr.new_zeros(2, 0)
                return empty, empty[0].double()
            ones = torch.ones(edges.num_edges, 1, device=batch.ptr.device)

            def outputs(strength: Tensor) -> Tensor:
                gate.strength = strength
                return forward(len(strength) // len(ones))

            with torch.enable_grad():
                (found,) = attribute(
                    method,
                    outputs,
                    (ones,),
                    (ones.new_zeros(1),),
                    steps,
                    examples=int(batch.ptr.numel() - 1),
                )
        target = edges.target
        if target is None:
            rows = torch.arange(edges.num_nodes, device=ones.device)
            target = rows.repeat_interleave(edges.k, output_size=edges.num_edges)
        ends = torch.stack([edges.source, target])
        real = edges.source < edges.num_nodes  # not from the particle of zeros
        ends, found = ends[:, real], found.squeeze(1)[real]
        if not self.network.ordered:
            tensors = [getattr(batch, name) for name in sorted(self.network.needs)]
            order = canonical_order(batch.ptr, edges.num_nodes, *tensors)
            ends = order[ends]
        return ends, found.double()
