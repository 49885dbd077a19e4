"""The loss of the central part of a batch, which ignores the tails."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.losses.regression import ValueLoss, check_values, ratios

__all__ = ["CentralFractionLoss"]

Form: TypeAlias = Literal["as-printed", "mean-square"]

# Keeps the slope of the square root finite where all ratios are right.
_TINY = 1e-24


class CentralFractionLoss(ValueLoss):
    r"""Spread of the central ratios of prediction and truth around a constant.

    The loss of a winning entry to the regression of the soft-drop mass in the challenge of the
    workshop on machine learning at CERN in 2018. With the ratios :math:`R_i = p_i / y_i` of a batch
    of n graphs, those in the central part C (74%: 13% are cut off at either end) count:

    .. math::
        L = \frac{1}{n\,t} \Big(\sum_{i \in C} (t - R_i)^2\Big)^{1/2} \quad\text{(as printed)},
        \qquad
        L = \frac{1}{|C|} \sum_{i \in C} \Big(\frac{t - R_i}{t}\Big)^2 \quad\text{(mean-square)}

    As printed the loss falls with the size of the batch, :math:`L \sim 1/\sqrt n`: the learning
    rate of one batch size does not suit another one, and the losses of training and validation
    cannot be compared. The mean square has neither property. For either the slope is that of a
    central part held fixed, and batches should be large (4096 in the recipe).

    The constant t, 3 as printed, is where the ratios go to; the resolution (a - b)/(2c) of the
    challenge does not know it. :class:`pcgnn.training.RegressionTask` divides its predictions by t.

    With weights the central part is that of the sum of weights, and :math:`w_i n / \sum w` stands
    before the squares; negative weights count 0. Graphs whose target is not above 0 are left out.
    Several targets are averaged.

    Args:
        fraction: the central part of the ratios that counts, in (0, 1].
        t: the constant.
        form: "as-printed" or "mean-square".

    **Shapes:** prediction (G, T), target (G, T), weight (G,) or None -> scalar.

    Raises:
        ConfigError: numbers out of range, an unknown form, or shapes that do not fit.

    Example:
        >>> loss = CentralFractionLoss(fraction=1.0, t=1.0, form="mean-square")
        >>> loss(torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [2.0]]))
        tensor(0.2500)
    """

    positive: ClassVar[bool] = True

    def __init__(self, fraction: float = 0.74, t: float = 3.0, form: Form = "as-printed") -> None:
        super().__init__()
        if not 0 < fraction <= 1 or not (math.isfinite(t) and t > 0):
            raise ConfigError(
                f"fraction = {fraction}, t = {t}", remedy="a fraction in (0, 1] and a positive t"
            )
        if form not in get_args(Form):
            raise ConfigError(f"form = {form!r}", remedy="use 'as-printed' or 'mean-square'")
        self.fraction, self.t, self.form = float(fraction), float(t), form

    @property
    def aim(self) -> float:
        """The constant t."""
        return self.t

    def forward(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch."""
        prediction, truth = check_values(output, target)
        ratio, each = ratios(prediction, truth, weight)
        each = each.clamp(min=0)
        inside = each * self.central(ratio.detach(), each)
        squares = (inside * (self.t - ratio).square()).sum(0)
        if self.form == "mean-square":
            found = squares / (self.t**2 * inside.sum(0).clamp(min=_TINY))
        else:
            graphs = ratio.shape[0]
            total = each.sum(0).clamp(min=_TINY)
            found = (squares * graphs / total).clamp(min=_TINY).sqrt() / (graphs * self.t)
        return found.mean().to(output.dtype)

    def central(self, ratio: Tensor, weight: Tensor) -> Tensor:
        """Whether each ratio lies in the central part, by its rank; one sort, no host.

        **Shapes:** ratio, weight (G, T) -> (G, T)
        """
        # what counts 0 must not stand between the others
        order = torch.where(weight > 0, ratio, torch.inf).argsort(0)
        sorted_weight = weight.gather(0, order)
        total = sorted_weight.sum(0).clamp(min=_TINY)
        middle = (sorted_weight.cumsum(0) - sorted_weight / 2) / total
        kept = (middle - 0.5).abs() < self.fraction / 2
        return torch.zeros_like(kept).scatter(0, order, kept)

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return f"fraction={self.fraction:g}, t={self.t:g}, form={self.form}"
