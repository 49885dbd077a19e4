"""Independent random numbers for every event and purpose, whoever simulates the event."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = ["Purpose", "event_generator", "event_seed"]

_EVERY_EVENT = 2**32 - 1


class Purpose(IntEnum):
    """What random numbers are for; each purpose has a stream of its own."""

    HARD = 1
    MINIMUM_BIAS = 2
    BEAM = 3
    DETECTOR = 4
    INEFFICIENCY = 5
    NOISE = 6
    ORDER = 7
    DEPOSITS = 8
    CROSS_SECTION = 8  # of events; deposits are of jets: never drawn in one sample


def _sequence(seed: int, purpose: Purpose, event: int | None) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, int(purpose), _EVERY_EVENT if event is None else event])


def event_generator(seed: int, purpose: Purpose, event: int) -> np.random.Generator:
    """A generator that depends on nothing but its arguments.

    Args:
        seed: seed of the whole simulation.
        purpose: what for.
        event: number of the event, from 0.

    Example:
        >>> a, b = (event_generator(1, Purpose.NOISE, 7).random() for _ in range(2))
        >>> a == b
        True
    """
    return np.random.default_rng(_sequence(seed, purpose, event))


def event_seed(seed: int, purpose: Purpose, event: int | None, below: int = 900_000_000) -> int:
    """A seed, from 1, for a program with a generator of its own.

    Args:
        seed: seed of the whole simulation.
        purpose: what for.
        event: number of the event, or None for what all events share.
        below: no seed reaches this; Pythia allows no more than 900,000,000.
    """
    state = int(_sequence(seed, purpose, event).generate_state(1, np.uint64)[0])
    return 1 + state % (below - 1)
