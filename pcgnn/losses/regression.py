"""Losses of targets with a value, such as a mass, instead of a class."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError

__all__ = ["HuberLoss", "MeanSquaredError", "MeanSquaredRatio", "ValueLoss", "check_values"]


class ValueLoss(nn.Module):
    """Base of the losses of a regression, and what a regression has to know of one.

    Attributes:
        positive: whether predictions and targets must be above 0, as for a ratio of the two.
        outputs: outputs of the network per target.
        aim: ratio of prediction and target that the loss drives to.
    """

    positive: ClassVar[bool] = False
    outputs: ClassVar[int] = 1

    @property
    def aim(self) -> float:
        """Ratio of prediction and target that the loss drives to."""
        return 1.0


def check_values(output: Tensor, target: Tensor, outputs: int = 1) -> tuple[Tensor, Tensor]:
    """Both in float64 and of two axes.

    Raises:
        ConfigError: the shapes do not fit.

    **Shapes:** output (G, outputs * T), target (G, T) or (G,) -> the same with two axes.
    """
    rows = target[:, None] if target.dim() == 1 else target
    columns = output[:, None] if output.dim() == 1 else output
    if columns.dim() != 2 or columns.shape != (rows.shape[0], outputs * rows.shape[1]):
        raise ConfigError(
            f"outputs of the shape {tuple(output.shape)} for targets of {tuple(target.shape)}",
            remedy=f"create the model with {outputs} output(s) per target (classes=...)",
        )
    return columns.double(), rows.double()


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over the graphs, each counted with its weight, and over the targets.

    **Shapes:** values (G, T), weight (G,) or None -> scalar.
    """
    if weight is None:
        return values.mean()
    each = weight.double()
    return (each[:, None] * values).sum() / (each.sum() * values.shape[1])


class MeanSquaredError(ValueLoss):
    r"""Mean square of the difference.

    .. math:: L = \frac{\sum_i w_i\,(p_i - y_i)^2}{\sum_i w_i}

    Several targets are averaged. A :class:`pcgnn.training.RegressionTask` hands over targets of
    mean 0 and width 1, so that the loss is 1 for a network that knows nothing.

    **Shapes:** prediction (G, T), target (G, T), weight (G,) or None -> scalar.

    Raises:
        ConfigError: the shapes do not fit.

    Example:
        >>> MeanSquaredError()(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [4.0]]))
        tensor(2.)
    """

    def forward(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch."""
        prediction, truth = check_values(output, target)
        return weighted_mean((prediction - truth).square(), weight).to(output.dtype)


class HuberLoss(ValueLoss):
    r"""Square of small differences, absolute value of large ones (P. J. Huber, 1964).

    .. math:: \ell(r) = r^2/2 \;\text{ for } |r| < \delta, \quad \delta\,(|r| - \delta/2)
              \;\text{ beyond}

    Args:
        delta: where the one becomes the other, in widths of the target
            (:class:`pcgnn.training.RegressionTask` scales targets to width 1).

    **Shapes:** prediction (G, T), target (G, T), weight (G,) or None -> scalar.

    Raises:
        ConfigError: delta is not positive, or the shapes do not fit.

    Example:
        >>> HuberLoss(1.0)(torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [3.0]]))
        tensor(1.5000)
    """

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        if not (math.isfinite(delta) and delta > 0):
            raise ConfigError(f"delta = {delta} must be positive")
        self.delta = float(delta)

    def forward(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch."""
        prediction, truth = check_values(output, target)
        values = functional.huber_loss(prediction, truth, reduction="none", delta=self.delta)
        return weighted_mean(values, weight).to(output.dtype)

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return f"delta={self.delta:g}"


class MeanSquaredRatio(ValueLoss):
    r"""Mean square of the relative difference.

    .. math:: L = \frac{\sum_i w_i\,(1 - R_i)^2}{\sum_i w_i}, \qquad R_i = p_i / y_i

    Small targets count as much as large ones. Among targets that cannot be told apart the best
    prediction is :math:`\langle 1/y\rangle / \langle 1/y^2\rangle`, which is below their mean.
    Graphs whose target is not above 0 are left out.

    **Shapes:** prediction (G, T), target (G, T), weight (G,) or None -> scalar.

    Raises:
        ConfigError: the shapes do not fit.

    Example:
        >>> MeanSquaredRatio()(torch.tensor([[1.0], [5.0]]), torch.tensor([[2.0], [5.0]]))
        tensor(0.1250)
    """

    positive: ClassVar[bool] = True

    def forward(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch."""
        prediction, truth = check_values(output, target)
        ratio, each = ratios(prediction, truth, weight)
        total = each.sum(0)
        total = torch.where(total == 0, 1.0, total)  # nothing usable: 0
        return ((each * (1.0 - ratio).square()).sum(0) / total).mean().to(output.dtype)


def ratios(prediction: Tensor, truth: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Prediction over truth with its weight, which is 0 where the truth is not above 0.

    **Shapes:** all (G, T), weight (G,) or None -> (G, T) and (G, T).
    """
    usable = truth > 0
    each = usable.double() if weight is None else usable * weight.double()[:, None]
    return prediction / torch.where(usable, truth, 1.0), each
