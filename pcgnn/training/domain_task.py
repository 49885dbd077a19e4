"""Classification that does not depend on where the graphs come from: simulation or data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pcgnn.data.domains import DOMAIN
from pcgnn.errors import ConfigError, DataError
from pcgnn.losses import WeightedCrossEntropy
from pcgnn.models.hidden import capture, hidden_layer
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.gradient_reversal import reverse_gradient
from pcgnn.training.task import ClassificationTask
from pcgnn.training.task_inputs import Unbuilt, target_of, weight_of
from pcgnn.training.validation import auc, gather_rows

__all__ = ["DomainAdversarialTask"]

_STEEPNESS = 10.0


class DomainAdversarialTask(ClassificationTask):
    r"""Trains on labelled simulation and unlabelled data, so that the two look alike inside.

    From "Domain-adversarial training of neural networks" (`arXiv:1505.07818
    <https://arxiv.org/abs/1505.07818>`__). An adversary reads the hidden representation h of the
    network and tells simulation from data; behind a gradient reversal it makes the network hide
    the difference,

    .. math::
        L = L_{\rm class}(\text{simulation}) + L_{\rm domain}(\text{simulation, data}), \qquad
        \frac{\partial L_{\rm domain}}{\partial h} \to -\lambda\,
        \frac{\partial L_{\rm domain}}{\partial h}

    with :math:`\lambda` rising from 0 to ``strength`` as :math:`2 / (1 + e^{-10 p}) - 1` over the
    part p of the training that is done. Both domains count alike in the loss of the adversary.

    The clouds carry a column ``domain``, 0 for simulation and 1 for data
    (:func:`pcgnn.data.join_domains`). Beside the numbers of a classification, taken from the
    simulation alone, the validation gives ``val_domain_auc``: 0.5 if nothing of the difference is
    left that the adversary can see.

    Args:
        network: as of all tasks, like the other arguments.
        strength: largest :math:`\lambda`; 0 trains the adversary and leaves the network alone.
        adversary: widths of its hidden layers.
        ramp: whether :math:`\lambda` rises; otherwise it is ``strength`` from the beginning.
        **options: see :class:`pcgnn.training.Task`.

    Raises:
        ConfigError: a negative strength, or a network without a hidden representation.

    Example:
        >>> task = DomainAdversarialTask(model, strength=0.5)  # doctest: +SKIP
        >>> both = join_domains(simulation, data)  # doctest: +SKIP
        >>> pcgnn.fit(None, both, val, task=task, epochs=20)  # doctest: +SKIP
    """

    kind: ClassVar[str] = "domain-adversarial"

    def __init__(
        self,
        network: nn.Module | None = None,
        *,
        strength: float = 1.0,
        adversary: Sequence[int] = (64, 64),
        ramp: bool = True,
        **options: Any,
    ) -> None:
        if not 0 <= strength < math.inf or min([1, *adversary]) < 1:
            raise ConfigError(
                f"strength = {strength}, adversary = {list(adversary)}",
                remedy="a strength from 0, widths from 1",
            )
        self._widths = [int(width) for width in adversary]
        self.strength, self.ramp = float(strength), bool(ramp)
        super().__init__(network, **options)
        self.domain_loss = WeightedCrossEntropy(class_weights="balanced")
        self._domains: list[tuple[Tensor, Tensor]] = []
        if not isinstance(self.network, Unbuilt):
            self._make_adversary()

    def build(self, features: Any = None, classes: Sequence[str] | None = None) -> None:
        """Makes network and adversary; see :meth:`Task.build`."""
        super().build(features, classes)
        if not isinstance(self.network, Unbuilt) and "adversary" not in self._modules:
            self._make_adversary()

    def _make_adversary(self) -> None:
        width = hidden_layer(self.network).in_features
        self.adversary = dense_layers(
            [width, *self._widths], activation="relu", initialisation="default", out=2
        )

    @property
    def trained(self) -> nn.Module:
        """The network and its adversary."""
        return nn.ModuleList([self.network, self.adversary])

    def extra_arguments(self) -> dict[str, Any]:
        """Strength, ramp and widths of the adversary."""
        return {"strength": self.strength, "ramp": self.ramp, "adversary": list(self._widths)}

    @property
    def reversal(self) -> float:
        """The present strength of the reversal; without a trainer the largest one."""
        if not self.ramp or self._trainer is None:
            return self.strength
        steps = self.trainer.num_training_batches
        epochs = self.trainer.max_epochs or 1
        if math.isfinite(steps) and steps > 0:
            done = self.trainer.global_step / (steps * epochs)
        else:
            done = self.current_epoch / epochs  # a stream does not know its length
        return self.strength * (2 / (1 + math.exp(-_STEEPNESS * min(done, 1.0))) - 1)

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Class and weight of each graph, (G,) and (G,); the weight of data is 0."""
        target, weight = target_of(batch), weight_of(batch)
        domain = getattr(batch, DOMAIN, None)
        if domain is None:
            return target, weight
        simulated = (domain == 0).to(torch.float32 if weight is None else weight.dtype)
        return target, simulated if weight is None else weight * simulated

    def batch_loss(self, batch: Any) -> tuple[Tensor, int]:
        """Loss of one batch, of classes and of domains, and the number of its graphs."""
        domain = getattr(batch, DOMAIN, None)
        if domain is None:
            raise DataError(
                f"the graphs have no column {DOMAIN!r}: 0 for simulation, 1 for data",
                branch=DOMAIN,
                remedy="join the two with pcgnn.data.join_domains",
            )
        target, weight = self.targets(batch)
        assert weight is not None
        with capture(self.network) as hidden:
            logits = self(batch)
            inner = hidden.value
        # a batch without any simulation has no loss of classes, and no division by 0
        none = (weight.sum() == 0).to(weight.dtype)
        classes = self.loss(logits, target, weight + none) * (1 - none)
        told = self.adversary(reverse_gradient(inner, self.reversal))
        own = weight_of(batch)
        return classes + self.domain_loss(told, domain.long(), own), target.shape[0]

    def on_validation_epoch_start(self) -> None:
        """Forgets the graphs of the last validation."""
        super().on_validation_epoch_start()
        self._domains = []

    def on_test_epoch_start(self) -> None:
        """Forgets the graphs of the last test."""
        super().on_test_epoch_start()
        self._domains = []

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Keeps the logits of one batch, of classes and of domains."""
        with capture(self.network) as hidden:
            super().validation_step(batch, batch_idx)
            inner = hidden.value
        domain = getattr(batch, DOMAIN, None)
        if domain is not None:
            self._domains.append((self.adversary(inner).detach(), domain.long()))

    def evaluated_numbers(self) -> dict[str, Tensor]:
        """Loss and numbers of the classes, and how well the domains are told apart."""
        numbers = super().evaluated_numbers()
        if self._domains:
            told = gather_rows(torch.cat([part[0] for part in self._domains])).double()
            domain = gather_rows(torch.cat([part[1] for part in self._domains]))
            numbers["domain_auc"] = auc(told.softmax(1), domain, None)
        return numbers
