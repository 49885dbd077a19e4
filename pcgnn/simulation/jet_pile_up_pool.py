"""Minimum-bias collisions made once and used again and again, each time turned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import BackendError
from pcgnn.simulation.jet_particles import Particles, concatenate, visible_particles

__all__ = ["PileUpPool", "make_pool"]

_AT_ONCE = 500


@dataclass(frozen=True)
class PileUpPool:
    """Collisions to draw from.

    Drawn collisions are turned around the beam by a random angle, and every second one is
    mirrored in its transverse plane: both leave proton collisions what they are. The number of
    different collisions around a jet is that of fresh ones; a sample of many jets has each
    collision many times, in other places.

    Args:
        particles: of all collisions, sorted by collision.
        start: row of the first particle of each, and the number of rows.

    Shapes:
        - start (C + 1,)
    """

    particles: Particles
    start: NDArray[np.int64]

    def draw(self, collisions: int, random: np.random.Generator) -> Particles:
        """So many collisions, numbered from 0.

        Args:
            collisions: how many.
            random: chooses, turns and mirrors them.
        """
        which = random.integers(0, len(self.start) - 1, collisions)
        angle = random.uniform(-np.pi, np.pi, collisions)
        side = random.choice((-1.0, 1.0), collisions)
        sizes = self.start[which + 1] - self.start[which]
        first = np.cumsum(sizes) - sizes
        rows = np.arange(int(sizes.sum())) + np.repeat(self.start[which] - first, sizes)
        event = np.repeat(np.arange(collisions), sizes)
        drawn = self.particles.take(rows)
        cos, sin, sign = np.cos(angle)[event], np.sin(angle)[event], side[event]
        return replace(
            drawn,
            event=event,
            px=cos * drawn.px - sin * drawn.py,
            py=sin * drawn.px + cos * drawn.py,
            pz=sign * drawn.pz,
            vx=cos * drawn.vx - sin * drawn.vy,
            vy=sin * drawn.vx + cos * drawn.vy,
            vz=sign * drawn.vz,
        )


def make_pool(pythia: Any, collisions: int) -> PileUpPool:
    """Make the collisions of a pool.

    Args:
        pythia: set up for minimum bias, its random numbers set.
        collisions: how many.

    Raises:
        BackendError: Pythia fails.
    """
    parts = []
    for begin in range(0, collisions, _AT_ONCE):
        size = min(_AT_ONCE, collisions - begin)
        record = pythia.nextBatch(size).prt
        if len(record) != size:
            raise BackendError(f"Pythia made {len(record)} of {size} collisions")
        some = visible_particles(pythia, record)
        parts.append(replace(some, event=some.event + begin))
    particles = concatenate(parts)
    counts = np.bincount(particles.event, minlength=collisions)
    return PileUpPool(particles, np.concatenate([[0], np.cumsum(counts)]))
