"""Normalisation of inputs by all rows seen in training, the same in training and evaluation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["InputNorm"]


class InputNorm(nn.Module):
    r"""Brings each column to mean 0 and width 1 over all rows seen in training.

    A batch norm would centre every batch by itself. A batch of hits is one event or one sector of
    it: its mean azimuth or its vertex would be taken out in training and not in evaluation, and the
    network would meet inputs it has never seen. Here mean and variance are those of all rows so
    far, pooled with their between-batch spread, and a training batch is normalised by them like any
    other. After the first batches they hardly move.

    Args:
        features: number of columns.
        eps: added to the variance.

    **Shapes:** (R, features) -> (R, features).

    Example:
        >>> norm = InputNorm(1)
        >>> _ = norm(torch.tensor([[0.0], [2.0]])), norm(torch.tensor([[4.0], [6.0]]))
        >>> norm.mean, norm.var
        (tensor([3.]), tensor([5.]))
    """

    mean: Tensor
    var: Tensor
    rows: Tensor

    def __init__(self, features: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))
        self.register_buffer("rows", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; in training first take the rows into account."""
        if self.training and x.size(0) > 0:
            self._update(x.detach())
        return (x - self.mean) * (self.var + self.eps).rsqrt()

    @torch.no_grad()
    def _update(self, x: Tensor) -> None:
        x = x.to(self.mean.dtype)
        share = x.size(0) / (self.rows + x.size(0))
        mean, away = x.mean(0), x.mean(0) - self.mean
        var = (x - mean).square().mean(0)
        # pooled: within either part, and between their means; nothing is known of before row 0
        known = torch.where(self.rows > 0, self.var, 0.0)
        between = torch.where(self.rows > 0, away.square() * share * (1 - share), 0.0)
        self.var.copy_(known * (1 - share) + var * share + between)
        self.mean.add_(away * share)
        self.rows.add_(x.size(0))

    def extra_repr(self) -> str:
        """Number of columns."""
        return f"{self.mean.numel()}"
