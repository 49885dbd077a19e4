"""Minimum-bias collisions over the collisions that made the jets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import BackendError
from pcgnn.simulation.jet_clustering import distance
from pcgnn.simulation.jet_particles import Particles, concatenate, visible_particles
from pcgnn.simulation.pythia import BEAM_SPOT

__all__ = ["Source", "fresh", "overlay"]

Source: TypeAlias = Callable[[int], Particles]
"""Makes so many minimum-bias collisions, numbered from 0."""

# Their whole records are in memory at once, 0.2 MB each.
_COLLISIONS_AT_ONCE = 500
# In units of the jet radius: what lies further away cannot become part of the jet.
_REACH = 2.5


def overlay(
    particles: Particles,
    pile_up: float,
    axes: tuple[NDArray[np.float64], NDArray[np.float64]],
    radius: float,
    source: Source,
    random: np.random.Generator,
) -> Particles:
    """Add a Poisson number of minimum-bias collisions to every event, around its jet.

    They are displaced against the hard collision, which stays at the origin, by the difference
    of two places drawn from the beam spot.

    Args:
        particles: of the hard collisions.
        pile_up: mean number of collisions added to an event.
        axes: pseudorapidity and azimuth of the jet of every event.
        radius: of the jets; only what comes within 2.5 radii is added.
        source: makes so many collisions, numbered from 0.
        random: for their numbers and places.

    Raises:
        BackendError: Pythia fails.
    """
    numbers = random.poisson(pile_up, len(axes[0]))
    owner = np.repeat(np.arange(len(numbers)), numbers)
    hard = random.normal(0.0, BEAM_SPOT, (len(numbers), 3))
    place = random.normal(0.0, BEAM_SPOT, (len(owner), 3)) - hard[owner]
    parts = [particles]
    for begin in range(0, len(owner), _COLLISIONS_AT_ONCE):
        some = slice(begin, min(begin + _COLLISIONS_AT_ONCE, len(owner)))
        drawn = source(some.stop - some.start)
        parts.append(_near(drawn, owner[some], place[some], axes, radius))
    return concatenate(parts)


def fresh(pythia: Any) -> Source:
    """Collisions that are made for the purpose.

    Args:
        pythia: set up for minimum bias.

    Raises:
        BackendError: Pythia fails, when collisions are wanted.
    """

    def make(collisions: int) -> Particles:
        record = pythia.nextBatch(collisions).prt
        if len(record) != collisions:
            raise BackendError(f"Pythia made {len(record)} of {collisions} collisions")
        return visible_particles(pythia, record)

    return make


def _near(
    drawn: Particles,
    owner: NDArray[np.int64],
    place: NDArray[np.float64],
    axes: tuple[NDArray[np.float64], NDArray[np.float64]],
    radius: float,
) -> Particles:
    event = owner[drawn.event]
    reach = _REACH * radius
    near = distance(drawn.eta, drawn.phi, axes[0][event], axes[1][event]) < reach
    kept, event, place = drawn.take(near), event[near], place[drawn.event[near]]
    return replace(
        kept,
        event=event,
        vx=kept.vx + place[:, 0],
        vy=kept.vy + place[:, 1],
        vz=kept.vz + place[:, 2],
        pile_up=np.ones(len(kept), dtype=bool),
    )
