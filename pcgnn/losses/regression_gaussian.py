"""Maximum likelihood of a normal distribution whose width the network tells."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.losses.regression import ValueLoss, check_values, weighted_mean

__all__ = ["GaussianLikelihood"]


class GaussianLikelihood(ValueLoss):
    r"""Negative logarithm of a normal density with learned mean and width.

    D. A. Nix, A. S. Weigend, Proc. IEEE Int. Conf. on Neural Networks (1994) 55:

    .. math:: L = \Big\langle \frac{(y_i - \mu_i)^2}{2\,\sigma_i^2} + \ln \sigma_i \Big\rangle,
              \qquad \ln \sigma_i = b \tanh(s_i / b)

    up to a constant. The network gives :math:`\mu` of all targets and then s of all targets. The
    bound b keeps widths, and with them the slopes, finite: no width is below :math:`e^{-b}`.

    Args:
        bound: the b above, for widths in units of the spread of the target.

    **Shapes:** output (G, 2 T), target (G, T), weight (G,) or None -> scalar.

    Raises:
        ConfigError: the bound is not positive, or the shapes do not fit.

    Example:
        >>> GaussianLikelihood()(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0]]))
        tensor(2.)
    """

    outputs: ClassVar[int] = 2

    def __init__(self, bound: float = 7.0) -> None:
        super().__init__()
        if not (math.isfinite(bound) and bound > 0):
            raise ConfigError(f"bound = {bound} must be positive")
        self.bound = float(bound)

    def forward(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch."""
        both, truth = check_values(output, target, self.outputs)
        mean, raw = both.chunk(2, dim=1)
        log_width = self.log_width(raw)
        values = ((truth - mean) * (-log_width).exp()).square() / 2 + log_width
        return weighted_mean(values, weight).to(output.dtype)

    def log_width(self, raw: Tensor) -> Tensor:
        """Logarithm of the width from what the network gives.

        **Shapes:** any -> the same.
        """
        return self.bound * torch.tanh(raw / self.bound)

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return f"bound={self.bound:g}"
