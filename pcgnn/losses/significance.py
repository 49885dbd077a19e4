"""Losses that aim at the significance of a discovery instead of the separation of classes."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.metrics.asimov import asimov_squared

__all__ = ["AsimovLoss", "SignificanceLoss"]

Measure: TypeAlias = Literal["s/sqrt(s+b)", "s/sqrt(b)"]

# Added to the yields as a share of what is expected: 1/s stays finite where nothing is selected.
_FLOOR = 1e-6
# Simulated events of a class in a batch below which the yields of a batch fluctuate by 10%.
_FEW = 100


class _CountingLoss(nn.Module):
    """Base: the signal and background events that a cut at the score would keep, softly."""

    def __init__(self, expected_signal: float, expected_background: float) -> None:
        super().__init__()
        for name, value in (
            ("expected_signal", expected_signal),
            ("expected_background", expected_background),
        ):
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(
                    f"{name} = {value} must be a positive number of events",
                    remedy="luminosity x cross-section x efficiency of the selection",
                )
        self.expected_signal = float(expected_signal)
        self.expected_background = float(expected_background)

    def yields(
        self, logits: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Expected signal and background events, and whether the batch has both classes.

        **Shapes:** logits (G, 2), target (G,), weight (G,) or None -> three scalars.
        """
        if logits.dim() != 2 or logits.size(1) != 2:
            raise ConfigError(
                f"the loss is of two classes, the logits have the shape {tuple(logits.shape)}",
                remedy="create the model with classes=2",
            )
        score = logits.double().softmax(1)[:, 1]
        each = torch.ones_like(score) if weight is None else weight.double()
        signal = each * (target == 1)
        background = each * (target != 1)
        found = []
        for part, expected in (
            (signal, self.expected_signal),
            (background, self.expected_background),
        ):
            total = part.sum()
            share = (part * score).sum() / torch.where(total > 0, total, 1.0)
            # negative weights may make a small sum negative
            found.append(expected * (share.clamp(min=0) + _FLOOR))
        return found[0], found[1], (signal.sum() > 0) & (background.sum() > 0)

    def check_batches(self, target: Tensor, batch_size: int) -> None:
        """Warn where batches are too small for yields; called before a training begins.

        Args:
            target: classes of all training events.
            batch_size: events per batch.
        """
        share = float((target == 1).double().mean())
        for name, part in (("signal", share), ("background", 1 - share)):
            events = batch_size * part
            if events < _FEW:
                warnings.warn(
                    f"a batch of {batch_size} has {events:.0f} {name} events on average: their "
                    f"yield, of which the loss is made, fluctuates by {events**-0.5:.0%} between "
                    "batches; take larger batches (the paper has 4,096)"
                    if events > 0
                    else f"there are no {name} events to train on",
                    stacklevel=2,
                )

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return (
            f"expected_signal={self.expected_signal:g}, "
            f"expected_background={self.expected_background:g}"
        )


class SignificanceLoss(_CountingLoss):
    r"""The inverse square of :math:`s/\sqrt{s+b}` or :math:`s/\sqrt b`.

    From "Direct optimisation of the discovery significance when training neural networks to search
    for new physics in particle colliders" (`arXiv:1806.00322 <https://arxiv.org/abs/1806.00322>`__):
    with the score p of an event as the probability to keep it, and S, B the events expected before,

    .. math::
        s = S\,\frac{\sum_i w_i p_i y_i}{\sum_i w_i y_i}, \qquad
        b = B\,\frac{\sum_i w_i p_i (1-y_i)}{\sum_i w_i (1-y_i)}, \qquad
        L = \frac{s+b}{s^2} \;\text{ or }\; \frac{b}{s^2}

    The loss is one number per batch, not a mean over events: batches must be large. One that holds
    a single class counts 0. Computed in float64.

    Args:
        expected_signal: S, luminosity times cross-section times efficiency.
        expected_background: B.
        measure: "s/sqrt(s+b)" or "s/sqrt(b)".

    **Shapes:** logits (G, 2), target (G,), weight (G,) or None -> scalar.

    Raises:
        ConfigError: yields that are not positive, an unknown measure, or not two classes.

    Example:
        >>> loss = SignificanceLoss(10.0, 100.0)
        >>> loss(torch.tensor([[0.0, 40.0], [40.0, 0.0]]), torch.tensor([1, 0])).round(decimals=3)
        tensor(0.1000)
    """

    def __init__(
        self,
        expected_signal: float,
        expected_background: float,
        measure: Measure = "s/sqrt(s+b)",
    ) -> None:
        super().__init__(expected_signal, expected_background)
        if measure not in ("s/sqrt(s+b)", "s/sqrt(b)"):
            raise ConfigError(f"measure = {measure!r}", remedy="use 's/sqrt(s+b)' or 's/sqrt(b)'")
        self.measure = measure

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch."""
        s, b, usable = self.yields(logits, target, weight)
        events = s + b if self.measure == "s/sqrt(s+b)" else b
        return torch.where(usable, events / (s * s), 0.0 * s).to(logits.dtype)

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return f"{super().extra_repr()}, measure={self.measure}"


class AsimovLoss(_CountingLoss):
    r"""The inverse of the Asimov significance, with a systematic error of the background.

    From `arXiv:1806.00322 <https://arxiv.org/abs/1806.00322>`__, :math:`L = 1/Z_A` or
    :math:`1/Z_A^2`, with :math:`Z_A` of :func:`pcgnn.metrics.asimov_significance` for
    :math:`\sigma_b = f b` and the yields s and b of :class:`SignificanceLoss`.

    Where the signal is small against the systematic error the slope vanishes, and a network that
    knows nothing yet stays where it is. So the first epochs of a training have the loss
    :math:`(s+b)/s^2` (the warm start). Validation has the Asimov loss from the beginning, so that
    the epochs can be compared.

    Args:
        expected_signal: S, luminosity times cross-section times efficiency.
        expected_background: B.
        systematic: f, the relative error of the background.
        power: 1 or 2, of 1/Z.
        warm_start: number of epochs with the other loss; 0 for none.

    **Shapes:** logits (G, 2), target (G,), weight (G,) or None -> scalar.

    Raises:
        ConfigError: numbers out of range, or not two classes.

    Example:
        >>> loss = AsimovLoss(10.0, 100.0, systematic=0.1).eval()
        >>> loss(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([1, 0])).round(decimals=3)
        tensor(1.7500)
    """

    def __init__(
        self,
        expected_signal: float,
        expected_background: float,
        systematic: float = 0.1,
        power: Literal[1, 2] = 1,
        warm_start: int = 5,
    ) -> None:
        super().__init__(expected_signal, expected_background)
        if not 0 <= systematic < math.inf or power not in (1, 2) or warm_start < 0:
            raise ConfigError(
                f"systematic = {systematic}, power = {power}, warm_start = {warm_start}",
                remedy="a systematic and a number of epochs from 0, power 1 or 2",
            )
        self.systematic, self.power, self.warm_start = float(systematic), power, int(warm_start)
        self.first = SignificanceLoss(expected_signal, expected_background)
        self._epoch = 0

    def begin_epoch(self, epoch: int) -> None:
        """Told by the training; the loss is a function of the epoch alone, so it can be resumed."""
        if epoch == 0 and self.warm_start == 0 and self.systematic > 0:
            warnings.warn(
                "the Asimov loss starts without a warm start: where the signal is small against "
                f"the systematic error ({self.systematic:.0%}) it may not learn at all; "
                "set warm_start=5",
                stacklevel=2,
            )
        self._epoch = epoch

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch: in training that of the epoch, else 1/Z."""
        if self.training and self._epoch < self.warm_start:
            found: Tensor = self.first(logits, target, weight)
            return found
        s, b, usable = self.yields(logits, target, weight)
        squared: Any = asimov_squared(s, b, (self.systematic * b) ** 2, torch)
        value = 1 / squared if self.power == 2 else squared.rsqrt()
        return torch.where(usable, value, 0.0 * s).to(logits.dtype)

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return (
            f"{super().extra_repr()}, systematic={self.systematic:g}, power={self.power}, "
            f"warm_start={self.warm_start}"
        )
