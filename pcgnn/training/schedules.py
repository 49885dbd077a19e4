"""Learning-rate schedules as closed formulas.

A schedule gives the factor on the initial (for one-cycle: the largest) learning rate as a pure
function of the number of updates done. Nothing is accumulated from step to step, so a training
that is resumed has the same learning rate as one that was never interrupted.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from pcgnn.errors import ConfigError

__all__ = [
    "Clock",
    "Constant",
    "Exponential",
    "FlatThenDecay",
    "Interval",
    "Schedule",
    "StepDecay",
    "TimeBased",
    "check_interval",
    "check_positive",
]

Interval: TypeAlias = Literal["epoch", "step"]


@dataclass(frozen=True)
class Clock:
    """Where a training stands.

    Args:
        update: optimiser updates done so far.
        updates_per_epoch: updates in one epoch.
        epochs: epochs of the whole training.
    """

    update: int
    updates_per_epoch: int
    epochs: int

    @property
    def epoch(self) -> int:
        """Number of complete epochs."""
        return self.update // self.updates_per_epoch

    @property
    def updates(self) -> int:
        """Updates of the whole training."""
        return self.updates_per_epoch * self.epochs

    def time(self, interval: Interval) -> float:
        """Time in epochs: whole ones (``epoch``) or with their fraction (``step``)."""
        return float(self.epoch) if interval == "epoch" else self.update / self.updates_per_epoch


@dataclass(frozen=True)
class Schedule(ABC):
    """Base of all schedules."""

    name: ClassVar[str] = ""

    @abstractmethod
    def factor(self, clock: Clock) -> float:
        """Learning rate divided by the nominal one."""

    def momentum(self, clock: Clock) -> float | None:
        """Momentum (SGD) or first beta (Adam) at this time; None leaves it as it is."""
        return None

    def annealed_from(self, epochs: int) -> int:
        """First epoch (from 0) from which a validation loss may be judged.

        Before, the learning rate is large and the validation result swings.
        """
        return 0


def check_positive(name: str, value: float) -> None:
    """Refuses numbers that are not positive."""
    if not value > 0:
        raise ConfigError(f"{name} = {value} must be positive")


def check_interval(value: str) -> None:
    """Refuses everything but ``epoch`` and ``step``."""
    if value not in ("epoch", "step"):
        raise ConfigError(f"interval {value!r} is not known", remedy="choose 'epoch' or 'step'")


@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate throughout."""

    name: ClassVar[str] = "constant"

    def factor(self, clock: Clock) -> float:
        """1."""
        return 1.0


@dataclass(frozen=True)
class TimeBased(Schedule):
    r"""Time-based decay :math:`l_0 / (1 + k t)`, t in epochs.

    Args:
        k: the decay rate per epoch.
        interval: t changes with every ``epoch`` or with every ``step``.
    """

    k: float = 0.1
    interval: Interval = "epoch"
    name: ClassVar[str] = "time-based"

    def __post_init__(self) -> None:
        check_positive("k", self.k)
        check_interval(self.interval)

    def factor(self, clock: Clock) -> float:
        """1 / (1 + k t)."""
        return 1.0 / (1.0 + self.k * clock.time(self.interval))


@dataclass(frozen=True)
class StepDecay(Schedule):
    r"""Step decay :math:`l_0 \lambda^{\mathrm{int}(t/\tau)}`, t and tau in epochs.

    Args:
        decay: the factor lambda of each step.
        tau: epochs between steps.
    """

    decay: float = 0.5
    tau: float = 10.0
    name: ClassVar[str] = "step"

    def __post_init__(self) -> None:
        check_positive("decay", self.decay)
        check_positive("tau", self.tau)

    def factor(self, clock: Clock) -> float:
        """Lambda to the power int(t / tau)."""
        return float(self.decay ** int(clock.time("step") / self.tau))


@dataclass(frozen=True)
class Exponential(Schedule):
    r"""Exponential decay :math:`l_0 e^{-t/\tau}`, t and tau in epochs.

    Args:
        tau: epochs in which the learning rate falls by e.
        interval: t changes with every ``epoch`` or with every ``step``.
    """

    tau: float = 10.0
    interval: Interval = "epoch"
    name: ClassVar[str] = "exponential"

    def __post_init__(self) -> None:
        check_positive("tau", self.tau)
        check_interval(self.interval)

    def factor(self, clock: Clock) -> float:
        """exp(-t / tau)."""
        return math.exp(-clock.time(self.interval) / self.tau)


@dataclass(frozen=True)
class FlatThenDecay(Schedule):
    """Constant, then a geometric fall per epoch over the last part (weaver's "flat+decay").

    With D = max(1, int(decay_part * epochs)) decay epochs the factor falls by end^(1/D) at the
    start of each of them, so the last epoch runs at ``end``.

    Args:
        decay_part: part of the epochs in which the learning rate falls.
        end: factor of the last epoch.
    """

    decay_part: float = 0.3
    end: float = 0.01
    name: ClassVar[str] = "flat-then-decay"

    def __post_init__(self) -> None:
        check_positive("end", self.end)
        if not 0.0 < self.decay_part <= 1.0:
            raise ConfigError(f"decay_part = {self.decay_part} is outside (0, 1]")

    def _decay_epochs(self, epochs: int) -> int:
        return max(1, int(self.decay_part * epochs))

    def factor(self, clock: Clock) -> float:
        """end^(n / D) with n the decay epochs begun."""
        length = self._decay_epochs(clock.epochs)
        begun = max(0, min(clock.epoch, clock.epochs - 1) - (clock.epochs - length) + 1)
        return float(self.end ** (begun / length))

    def annealed_from(self, epochs: int) -> int:
        """The first epoch of the decay."""
        return epochs - self._decay_epochs(epochs)
