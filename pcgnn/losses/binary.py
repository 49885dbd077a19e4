"""Losses for one logit per edge or hit: binary cross entropy and focal loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError

__all__ = ["BinaryCrossEntropy", "FocalLoss"]


class BinaryCrossEntropy(nn.Module):
    r"""Binary cross entropy with a weight per example and a balance of the classes.

    .. math:: L = \frac{\sum_i w_i c_i\,\ell_i}{\sum_i w_i c_i}, \qquad
              \ell_i = -y_i \ln\sigma(z_i) - (1 - y_i)\ln(1 - \sigma(z_i))

    Args:
        positive_weight: c of the positives (that of the negatives is 1): a number, or
            ``"balanced"`` to give both classes of each batch the same sum of weights, label by
            label if there are several.

    **Shapes**
        - logits, target, weight: (E,), or (G, L) for L labels
        - output: scalar; 0 where the weights sum to 0

    Raises:
        ConfigError: if the weight is not positive.

    Example:
        >>> BinaryCrossEntropy()(torch.zeros(2), torch.tensor([0.0, 1.0]))
        tensor(0.6931)
    """

    def __init__(self, positive_weight: float | str = 1.0) -> None:
        super().__init__()
        if positive_weight != "balanced" and not (
            isinstance(positive_weight, (int, float)) and positive_weight > 0
        ):
            raise ConfigError(
                f"positive_weight = {positive_weight!r}",
                remedy="give a positive number or 'balanced'",
            )
        self.positive_weight = positive_weight

    def values(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of every example, (E,)."""
        return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch."""
        target = target.to(logits.dtype)
        weight = torch.ones_like(logits) if weight is None else weight.to(logits.dtype)
        if self.positive_weight == "balanced":
            positive = (weight * target).sum(0, keepdim=True)
            negative = weight.sum(0, keepdim=True) - positive
            tiny = torch.finfo(logits.dtype).tiny
            ratio = torch.where(
                (positive > 0) & (negative > 0), negative / positive.clamp(min=tiny), 1.0
            )
            weight = weight * torch.where(target > 0, ratio, 1.0)
        elif self.positive_weight != 1.0:
            weight = weight * torch.where(target > 0, float(self.positive_weight), 1.0)
        total = weight.sum()
        values = self.values(logits, target)
        return (weight * values).sum() / total.clamp(min=torch.finfo(logits.dtype).tiny)

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return f"positive_weight={self.positive_weight}"


class FocalLoss(BinaryCrossEntropy):
    r"""Focal loss: what is classified well already counts less.

    From "Focal loss for dense object detection" (`arXiv:1708.02002
    <https://arxiv.org/abs/1708.02002>`__):

    .. math:: \ell_i = -(1 - p_i)^\gamma \ln p_i, \qquad
              p_i = \sigma(z_i) \text{ for positives, } 1 - \sigma(z_i) \text{ for negatives}

    With :math:`\gamma = 0` it is the binary cross entropy.

    Args:
        gamma: the exponent.
        positive_weight: see :class:`BinaryCrossEntropy`.

    Raises:
        ConfigError: if gamma is negative.
    """

    def __init__(self, gamma: float = 2.0, positive_weight: float | str = 1.0) -> None:
        super().__init__(positive_weight)
        if not gamma >= 0:
            raise ConfigError(f"gamma = {gamma} must not be negative")
        self.gamma = float(gamma)

    def values(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of every example, (E,)."""
        entropy = super().values(logits, target)
        # ln(1 - p): the cross entropy with the target turned around, exact where p is near 1
        others = functional.binary_cross_entropy_with_logits(logits, 1 - target, reduction="none")
        return torch.exp(-self.gamma * others) * entropy

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return f"gamma={self.gamma}, {super().extra_repr()}"
