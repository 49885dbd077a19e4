"""Interleaved timing: medians, quartiles and paired ratios."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

__all__ = ["CPU_ONLY", "Quartiles", "Timing", "measure", "paired_ratio"]

CPU_ONLY = "PCGNN_BENCHMARKS_CPU_ONLY"  # environment variable: leave out the wall time

WALL_THREADS = min(2, os.cpu_count() or 1)


@dataclass(frozen=True)
class Quartiles:
    """Median and quartiles of repeated measurements."""

    median: float
    q25: float
    q75: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Quartiles:
        """Summary of the samples; a single one is its own median and quartiles."""
        if not samples:
            raise ValueError("no samples to summarise")
        if len(samples) == 1:
            return cls(samples[0], samples[0], samples[0])
        q25, median, q75 = statistics.quantiles(samples, n=4, method="inclusive")
        return cls(median, q25, q75)


@dataclass
class Timing:
    """Seconds of one variant, one entry per round: CPU on 1 thread, wall on 2 threads."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def measure(
    variants: Mapping[str, Callable[[], object]],
    *,
    repeats: int = 7,
    wall_repeats: int | None = None,
    warmup: int = 1,
) -> dict[str, Timing]:
    """Time the variants in interleaved rounds.

    One round calls every variant once; the order rotates from round to round, so that no variant
    always runs behind the same neighbour. Garbage is collected before each call: nobody pays for
    the waste of another.

    Args:
        variants: name -> function of no arguments that does the whole work once.
        repeats: rounds on one thread, process CPU time of all threads.
        wall_repeats: rounds on two threads, wall time; as many as ``repeats`` by default.
        warmup: untimed calls of each variant (JIT compilation, page cache, allocator).

    Returns:
        name -> :class:`Timing`.
    """
    names = list(variants)
    timings = {name: Timing() for name in names}
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        for _ in range(warmup):
            for name in names:
                variants[name]()
        for round_number in range(repeats):
            for name in _rotated(names, round_number):
                gc.collect()
                start = time.process_time()
                variants[name]()
                timings[name].cpu.append(time.process_time() - start)
        torch.set_num_threads(WALL_THREADS)
        wall_rounds = repeats if wall_repeats is None else wall_repeats
        for round_number in range(0 if os.environ.get(CPU_ONLY) else wall_rounds):
            for name in _rotated(names, round_number):
                gc.collect()
                start = time.perf_counter()
                variants[name]()
                timings[name].wall.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return timings


def _rotated(names: list[str], by: int) -> list[str]:
    by %= max(len(names), 1)
    return names[by:] + names[:by]


def paired_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Quartiles:
    """Quartiles of the ratio taken round by round, which cancels slow drifts of the machine."""
    return Quartiles.of([a / b for a, b in zip(numerator, denominator, strict=True)])
