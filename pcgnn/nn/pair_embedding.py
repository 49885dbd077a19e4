"""Numbers per pair of particles to one attention bias per head."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError
from pcgnn.nn.batch_norm import RowNorm, batch_norm, linear_and_norm

__all__ = ["PairEmbedding"]


class PairEmbedding(nn.Module):
    r"""Dense layers on pairs: batch norm of the input, then linear, batch norm, GELU each.

    From the Particle Transformer (`arXiv:2202.03772 <https://arxiv.org/abs/2202.03772>`__), where
    they are convolutions of kernel size 1. The rows are pairs and nothing else, so in training the
    statistics are those of the pairs; in evaluation a batch norm is part of the linear layer before
    it.

    Args:
        features: numbers per pair.
        widths: of the layers, the last one the number of heads.
        pre_activation: leave out the GELU of the last layer.

    **Shapes:** (P, features) -> (P, widths[-1]).

    Raises:
        ConfigError: no layers, or sizes below 1.

    Example:
        >>> import torch
        >>> PairEmbedding(4, [16, 8])(torch.randn(10, 4)).shape
        torch.Size([10, 8])
    """

    def __init__(
        self, features: int, widths: Sequence[int], *, pre_activation: bool = False
    ) -> None:
        super().__init__()
        if not widths or min(features, *widths) < 1:
            raise ConfigError(
                f"PairEmbedding of {features} features with the widths {list(widths)}",
                remedy="give at least one layer, and sizes of at least 1",
            )
        self.pre_activation = pre_activation
        self.input_norm = nn.BatchNorm1d(features)
        inputs = [features, *widths[:-1]]
        self.linears = nn.ModuleList(nn.Linear(i, o) for i, o in zip(inputs, widths, strict=True))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths)

    def forward(self, pairs: Tensor) -> Tensor:
        """Embed pairs."""
        x = batch_norm(pairs.to(self.input_norm.weight.dtype), self.input_norm)
        last = len(self.linears) - 1
        for number, (linear, norm) in enumerate(zip(self.linears, self.norms, strict=True)):
            assert isinstance(linear, nn.Linear)
            assert isinstance(norm, RowNorm)
            x = linear_and_norm(x, linear, norm)
            if number < last or not self.pre_activation:
                x = functional.gelu(x)
        return x

    def extra_repr(self) -> str:
        """Whether the last layer has its GELU."""
        return f"pre_activation={self.pre_activation}"
