"""Weights of pairs of nodes that are told apart by their places alone."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.nn.rank_weights import rows_by_rank

__all__ = ["PairWeights", "RankPairWeights", "TablePairWeights"]


class PairWeights(nn.Module, ABC):
    r"""Weights :math:`w^c_{jm}` of the message from node m to node j, by their places.

    All graphs have the same weights at the same places, so that a bucket of graphs needs them
    once. Places beyond the last one known share its weights.

    Args:
        places: places with weights of their own.
        channels: independent sets of weights.

    Raises:
        ConfigError: sizes below 1.
    """

    def __init__(self, places: int, channels: int) -> None:
        super().__init__()
        if min(places, channels) < 1:
            raise ConfigError(f"{channels} weights of pairs of {places} places: at least 1 of each")
        self.places, self.channels = places, channels

    @abstractmethod
    def forward(self, width: int) -> Tensor:
        """The weights of graphs of ``width`` nodes, shape (channels, width, width)."""

    def extra_repr(self) -> str:
        """Sizes."""
        return f"places={self.places}, channels={self.channels}"


class TablePairWeights(PairWeights):
    """One number per pair of places.

    Args:
        places: places with weights of their own.
        channels: independent sets of weights.
        spread: the weights begin normally distributed about 1 with this width.

    Example:
        >>> TablePairWeights(4, 5)(6).shape
        torch.Size([5, 6, 6])
    """

    def __init__(self, places: int, channels: int, *, spread: float = 0.5) -> None:
        super().__init__(places, channels)
        self.weight = nn.Parameter(1 + spread * torch.randn(channels, places, places))

    def forward(self, width: int) -> Tensor:
        """The weights, shape (channels, width, width)."""
        receivers = rows_by_rank(self.weight.transpose(0, 1), width)
        return rows_by_rank(receivers.transpose(0, 2), width).permute(1, 2, 0)


class RankPairWeights(PairWeights):
    r"""A function of the two places: the product of their embeddings.

    .. math::
        w^c_{jm} = b^c + u^c_j \cdot v^c_m

    Args:
        places: places with an embedding of their own.
        channels: independent sets of weights.
        rank: length of the embeddings.
        spread: the products begin distributed about 0 with this width, b begins at 1.

    Raises:
        ConfigError: sizes below 1.

    Example:
        >>> RankPairWeights(4, 5, rank=3)(6).shape
        torch.Size([5, 6, 6])
    """

    def __init__(self, places: int, channels: int, *, rank: int = 8, spread: float = 0.5) -> None:
        super().__init__(places, channels)
        if rank < 1:
            raise ConfigError(f"embeddings of length {rank}", remedy="at least 1")
        width = (spread / rank**0.5) ** 0.5
        self.receiver = nn.Parameter(width * torch.randn(places, channels, rank))
        self.sender = nn.Parameter(width * torch.randn(places, channels, rank))
        self.offset = nn.Parameter(torch.ones(channels))

    def forward(self, width: int) -> Tensor:
        """The weights, shape (channels, width, width)."""
        receiver = rows_by_rank(self.receiver, width).transpose(0, 1)
        sender = rows_by_rank(self.sender, width).permute(1, 2, 0)
        # autocast leaves float64 alone: the weights meet numbers of many decades
        offset = self.offset.double()[:, None, None]
        return torch.baddbmm(offset, receiver.double(), sender.double())
