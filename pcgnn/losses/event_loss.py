"""What losses over whole events have in common: named terms, their factors, and a plan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError

__all__ = ["EventLoss"]

Plan = TypeVar("Plan")


class EventLoss(nn.Module, ABC, Generic[Plan]):
    """A sum of named terms, each over the hits of whole events.

    Args:
        factors: of the terms, by name.

    **Shapes**
        - output: (N, C)
        - target: (N, 2), event and particle of each hit, the particle 0 for noise; weight: (N,)
        - result: scalar

    Raises:
        ConfigError: a factor is negative or not a number.
    """

    def __init__(self, factors: Mapping[str, float]) -> None:
        super().__init__()
        self.factors = {name: float(value) for name, value in factors.items()}
        for name, value in self.factors.items():
            if not value >= 0:
                raise ConfigError(f"{name} = {value} must not be negative")

    @abstractmethod
    def plan(self, target: Tensor, weight: Tensor | None = None) -> Plan:
        """What the loss must know on the host; made before the batch goes to its device."""

    @abstractmethod
    def parts(
        self,
        output: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        plan: Plan | None = None,
    ) -> dict[str, Tensor]:
        """The terms, without their factors: scalars, averaged over events."""

    def forward(
        self,
        output: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        plan: Plan | None = None,
    ) -> Tensor:
        """The loss of a batch.

        Args:
            output: of the network.
            target: event and particle of each hit.
            weight: how much each hit counts; None for 1.
            plan: :meth:`plan` of the same target and weight; without it the device is asked.

        Raises:
            DataError: shapes do not fit.
        """
        parts = self.parts(output, target, weight, plan)
        return torch.stack([self.factors[name] * value for name, value in parts.items()]).sum()
