"""Learning-rate schedules with a rise: one cycle, cosine with warm-up, cosine restarts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from pcgnn.errors import ConfigError
from pcgnn.training.schedules import Clock, Interval, Schedule, check_interval, check_positive

__all__ = ["Cosine", "CosineRestarts", "OneCycle"]


def _cosine(fraction: float, start: float, end: float) -> float:
    return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * min(max(fraction, 0.0), 1.0)))


def _line(fraction: float, start: float, end: float) -> float:
    return start + (end - start) * min(max(fraction, 0.0), 1.0)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One cycle: up to the nominal learning rate, then far down (Smith & Topin 1708.07120).

    ``shape="cosine"`` and ``"linear"`` rise during ``rise`` of the updates from ``start`` to 1
    and fall to ``end``; ``shape="particlenet"`` is the piecewise linear form of 1902.08570:
    40% of the time from 0.1 up to 1, 40% down to 0.1, the last 20% down to 1/6000 (3e-4 -> 3e-3
    -> 3e-4 -> 5e-7 over 8 + 8 + 4 epochs at a nominal rate of 3e-3).

    Args:
        rise: part of the updates in which the learning rate grows.
        start: first factor.
        end: last factor.
        shape: ``cosine``, ``linear`` or ``particlenet``.
        momentum_low: momentum (first beta of Adam) where the learning rate is largest.
        momentum_high: momentum at start and end.
        cycle_momentum: False leaves the momentum alone.
    """

    rise: float = 0.3
    start: float = 1.0 / 25.0
    end: float = 1.0 / 25.0e4
    shape: Literal["cosine", "linear", "particlenet"] = "cosine"
    momentum_low: float = 0.85
    momentum_high: float = 0.95
    cycle_momentum: bool = True
    name: ClassVar[str] = "one-cycle"

    def __post_init__(self) -> None:
        if not 0.0 < self.rise < 1.0:
            raise ConfigError(f"rise = {self.rise} is outside (0, 1)")
        if self.shape not in ("cosine", "linear", "particlenet"):
            raise ConfigError(
                f"one-cycle has no shape {self.shape!r}",
                remedy="choose 'cosine', 'linear' or 'particlenet'",
            )

    def factor(self, clock: Clock) -> float:
        """Piecewise cosine or line, see the class."""
        if self.shape == "particlenet":
            return self._particlenet(clock)
        return self._two_phases(clock, self.start, 1.0, self.end)

    def momentum(self, clock: Clock) -> float | None:
        """Mirrors the learning rate between ``momentum_high`` and ``momentum_low``."""
        if not self.cycle_momentum or self.shape == "particlenet":
            return None
        return self._two_phases(clock, self.momentum_high, self.momentum_low, self.momentum_high)

    def annealed_from(self, epochs: int) -> int:
        """80% of the epochs."""
        return math.ceil(0.8 * epochs)

    def _two_phases(self, clock: Clock, first: float, middle: float, last: float) -> float:
        between = _cosine if self.shape == "cosine" else _line
        # The last update is number updates - 1 and shall have the last value exactly.
        top, bottom = self.rise * clock.updates - 1.0, clock.updates - 1.0
        if clock.update <= top:
            return between(clock.update / top if top > 0 else 1.0, first, middle)
        return between((clock.update - top) / (bottom - top), middle, last)

    @staticmethod
    def _particlenet(clock: Clock) -> float:
        passed = clock.update / clock.updates
        if passed < 0.4:
            return _line(passed / 0.4, 0.1, 1.0)
        if passed < 0.8:
            return _line((passed - 0.4) / 0.4, 1.0, 0.1)
        return _line((passed - 0.8) / 0.2, 0.1, 1.0 / 6000.0)


def _warm_up(time: float, epochs: float, start: float) -> float | None:
    return _line(time / epochs, start, 1.0) if time < epochs else None


@dataclass(frozen=True)
class Cosine(Schedule):
    """Linear warm-up, then half a cosine down to ``end`` (Loshchilov & Hutter 1608.03983).

    Args:
        warmup_epochs: length of the warm-up.
        warmup_start: first factor.
        end: last factor.
    """

    warmup_epochs: float = 1.0
    warmup_start: float = 0.01
    end: float = 0.0
    name: ClassVar[str] = "cosine"

    def factor(self, clock: Clock) -> float:
        """Warm-up, then end + (1 - end) (1 + cos(pi u)) / 2."""
        time = clock.time("step")
        warm = _warm_up(time, self.warmup_epochs, self.warmup_start)
        if warm is not None:
            return warm
        length = clock.epochs - self.warmup_epochs
        return _cosine((time - self.warmup_epochs) / length if length > 0 else 1.0, 1.0, self.end)

    def annealed_from(self, epochs: int) -> int:
        """80% of the epochs."""
        return math.ceil(0.8 * epochs)


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Warm-up, cosine cycles that restart, and a tail that shrinks epoch by epoch.

    The defaults are the published training of LorentzNet (2201.08187) over 35 epochs: 5 epochs
    of warm-up, cycles of 4, 8, 16 epochs, halved per epoch from epoch 31 (counted from 0). The
    tail starts from the value of the last epoch before it.

    Args:
        warmup_epochs: length of the linear warm-up.
        warmup_start: first factor of the warm-up.
        period: epochs of the first cycle.
        growth: each cycle is this many times longer than the one before.
        end: factor at the end of a cycle.
        tail_start: first epoch of the tail; None for no tail.
        tail_decay: factor per epoch of the tail.
        interval: the cosine moves with every ``epoch`` or with every ``step``.
    """

    warmup_epochs: float = 5.0
    warmup_start: float = 0.0
    period: float = 4.0
    growth: float = 2.0
    end: float = 0.0
    tail_start: int | None = 31
    tail_decay: float = 0.5
    interval: Interval = "step"
    name: ClassVar[str] = "cosine-restarts"

    def __post_init__(self) -> None:
        check_positive("period", self.period)
        check_interval(self.interval)
        if self.growth < 1.0:
            raise ConfigError(f"growth = {self.growth} must be at least 1")

    def factor(self, clock: Clock) -> float:
        """See the class."""
        if self.tail_start is not None and clock.epoch >= self.tail_start:
            begin = self._cycles(float(self.tail_start - 1))
            return begin * float(self.tail_decay ** (clock.epoch - self.tail_start + 1))
        return self._cycles(clock.time(self.interval))

    def annealed_from(self, epochs: int) -> int:
        """The tail, or 80% of the epochs."""
        if self.tail_start is not None and self.tail_start < epochs:
            return self.tail_start
        return math.ceil(0.8 * epochs)

    def _cycles(self, time: float) -> float:
        warm = _warm_up(time, self.warmup_epochs, self.warmup_start)
        if warm is not None:
            return warm
        passed, length = time - self.warmup_epochs, self.period
        while passed >= length:
            passed, length = passed - length, length * self.growth
        return _cosine(passed / length, 1.0, self.end)
