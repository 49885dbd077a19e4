"""What a loss may have beside its value, and a training then makes use of."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

__all__ = ["BatchLoss", "EpochLoss"]


@runtime_checkable
class EpochLoss(Protocol):
    """A loss that is another one in later epochs."""

    def begin_epoch(self, epoch: int) -> None:
        """Told before each epoch, from 0."""


@runtime_checkable
class BatchLoss(Protocol):
    """A loss that is no mean over examples and needs batches of some size."""

    def check_batches(self, target: Tensor, batch_size: int) -> None:
        """Told the classes of all training examples before a training begins."""
