"""The columns of one simulated event, and how hits and particles are taken out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "TrackColumns", "TrackEvent", "keep_hits", "without_hitless_particles"]

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class TrackColumns:
    """Reference tracks of one event.

    Args:
        columns: one value per track (T,).
        hits: indices of the hits of all tracks, one after the other.
        counts: number of hits of each track (T,).
    """

    columns: Columns
    hits: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class TrackEvent:
    """One event: hits, particles, reference tracks.

    Args:
        number: number of the event in the simulation, from 0.
        hit: columns of the hits; ``particle_id`` is 0 for noise, else row in ``particle`` + 1.
        particle: columns of the particles.
        tracks: reference tracks by name.
    """

    number: int
    hit: Columns
    particle: Columns
    tracks: Mapping[str, TrackColumns]


def without_hitless_particles(event: TrackEvent) -> TrackEvent:
    """Leave out particles without hits and count the hits of the others in ``nhits``.

    Photons that do not convert and particles that miss the detector tell nothing about tracks.
    """
    size = len(next(iter(event.particle.values())))
    counts = np.bincount(event.hit["particle_id"], minlength=size + 1)[1:]
    kept = counts > 0
    renumbered = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)])
    particle = {name: values[kept] for name, values in event.particle.items()}
    particle["nhits"] = counts[kept].astype(np.int16)
    hit = {**event.hit, "particle_id": renumbered[event.hit["particle_id"]].astype(np.int32)}
    tracks = {
        name: replace(
            found,
            columns={
                **found.columns,
                "particle_id": renumbered[found.columns["particle_id"]].astype(np.int32),
            },
        )
        for name, found in event.tracks.items()
    }
    return replace(event, hit=hit, particle=particle, tracks=tracks)


def keep_hits(event: TrackEvent, kept: NDArray[np.bool_]) -> TrackEvent:
    """The event with some of its hits; only for events without reference tracks."""
    return replace(event, hit={name: values[kept] for name, values in event.hit.items()})
