"""The loss of an autoencoder whose output is the distance already."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["MeanDistance"]


class MeanDistance(nn.Module):
    r"""Weighted mean of the distances between the graphs and their images.

    .. math:: L = \sum_g w_g d_g \Big/ \sum_g w_g

    **Shapes**
        - distance, weight: (G,); the target is not read
        - output: scalar; 0 where the weights sum to 0

    Example:
        >>> MeanDistance()(torch.tensor([1.0, 3.0]), torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(2.5000)
    """

    def forward(self, distance: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch."""
        if weight is None:
            return distance.mean()
        weight = weight.to(distance.dtype)
        total = weight.sum()
        return (weight * distance).sum() / torch.where(total == 0, 1.0, total)
