"""From the name of a schedule to a torch scheduler."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pcgnn.errors import ConfigError
from pcgnn.training import cycles, schedules
from pcgnn.training.schedules import Clock, Schedule

__all__ = ["FactorLR", "create_schedule", "list_schedules", "scheduler_config"]

SCHEDULES: dict[str, type[Schedule]] = {
    schedule.name: schedule
    for schedule in (
        schedules.Constant,
        schedules.TimeBased,
        schedules.StepDecay,
        schedules.Exponential,
        cycles.OneCycle,
        cycles.Cosine,
        cycles.CosineRestarts,
        schedules.FlatThenDecay,
    )
}


def list_schedules() -> list[str]:
    """The names that :func:`create_schedule` knows.

    Example:
        >>> "one-cycle" in list_schedules()
        True
    """
    return sorted(SCHEDULES)


def create_schedule(name: str, **arguments: Any) -> Schedule:
    """Makes a schedule from its name.

    Args:
        name: one of :func:`list_schedules`.
        **arguments: fields of the schedule.

    Raises:
        ConfigError: if the name or an argument is not known.

    Example:
        >>> create_schedule("time-based", k=0.5)
        TimeBased(k=0.5, interval='epoch')
    """
    if name not in SCHEDULES:
        close = difflib.get_close_matches(name, SCHEDULES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose from {list_schedules()}"
        raise ConfigError(f"no schedule is called {name!r}", remedy=hint)
    schedule = SCHEDULES[name]
    known = {field.name for field in dataclasses.fields(schedule)}
    if unknown := set(arguments) - known:
        raise ConfigError(
            f"schedule {name!r} has no argument {sorted(unknown)[0]!r}",
            remedy=f"choose from {sorted(known)}" if known else "it takes none",
        )
    return schedule(**arguments)


class FactorLR(LRScheduler):
    """A torch scheduler that follows a :class:`~pcgnn.training.schedules.Schedule`.

    Args:
        optimizer: its groups keep their ratio of learning rates.
        schedule: the formula.
        updates_per_epoch: updates in one epoch.
        epochs: epochs of the whole training.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
        >>> FactorLR(optimizer, create_schedule("constant"), 10, 2).get_last_lr()
        [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, schedule: Schedule, updates_per_epoch: int, epochs: int
    ) -> None:
        self.schedule = schedule
        self.updates_per_epoch = max(1, updates_per_epoch)
        self.epochs = max(1, epochs)
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """Learning rate of every group; sets the momentum too where the schedule gives one."""
        clock = Clock(self.last_epoch, self.updates_per_epoch, self.epochs)
        momentum = self.schedule.momentum(clock)
        if momentum is not None:
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                elif group.get("momentum", 0.0) > 0.0:
                    group["momentum"] = momentum
        factor = self.schedule.factor(clock)
        return [float(base) * factor for base in self.base_lrs]

    def go_to(self, update: int) -> None:
        """Sets the learning rate that belongs to this number of updates."""
        self.last_epoch = update
        rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr: list[float] = rates  # type: ignore[assignment]

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers only; the formula itself belongs to the configuration."""
        return {
            "last_epoch": self.last_epoch,
            "base_lrs": [float(rate) for rate in self.base_lrs],
            "_step_count": self._step_count,
            "_last_lr": [float(rate) for rate in self._last_lr],
        }


def scheduler_config(
    optimizer: Optimizer, schedule: Schedule, updates_per_epoch: int, epochs: int
) -> dict[str, Any]:
    """The dictionary Lightning takes, with the scheduler stepped after every update.

    Schedules that change per epoch do so by their formula, which keeps a checkpoint written
    between two epochs consistent.
    """
    scheduler = FactorLR(optimizer, schedule, updates_per_epoch, epochs)
    return {"scheduler": scheduler, "interval": "step", "frequency": 1, "name": "lr"}
