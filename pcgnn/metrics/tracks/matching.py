"""How many hits each track shares with each particle, and its majority particle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pcgnn.metrics.tracks.assignment import Assignment
from pcgnn.metrics.tracks.hits import TruthHits

__all__ = ["Matching", "match"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Matching:
    r"""Shared hits of all pairs of a track and a particle, and the majority per track.

    The majority particle $m$ of a track is the one with most hits in it, $n_m$; with equal
    numbers the smallest particle id.

    Args:
        pair_track: track of each pair, rising.
        pair_particle: particle of each pair, rising inside the track; -1 is noise.
        pair_hits: hits they share.
        size: hits of each track, $|c|$, noise included.
        majority: majority particle; -1 for none, that is noise.
        shared: its hits in the track, $n_m$.

    Shapes:
        - **pair_track**, **pair_particle**, **pair_hits**: $(K,)$
        - **others**: $(T,)$
    """

    pair_track: IntArray
    pair_particle: IntArray
    pair_hits: IntArray
    size: IntArray
    majority: IntArray
    shared: IntArray

    def elect(self, *, with_noise: bool) -> Matching:
        """The same pairs with the majority among other candidates.

        Args:
            with_noise: whether noise takes part as one more id, before all particles.
        """
        real = slice(None) if with_noise else self.pair_particle >= 0
        pairs = self.pair_track[real], self.pair_particle[real], self.pair_hits[real]
        majority, shared = _largest(*pairs, self.size.size)
        return replace(self, majority=majority, shared=shared)


def _largest(
    track: IntArray, particle: IntArray, hits: IntArray, tracks: int
) -> tuple[IntArray, IntArray]:
    """Per track the first pair of the largest number of hits; -1 and 0 without any pair."""
    best, shared = np.full(tracks, -1, np.int64), np.zeros(tracks, np.int64)
    if track.size == 0:
        return best, shared
    starts = np.flatnonzero(np.diff(track, prepend=-1))
    largest = np.maximum.reduceat(hits, starts)
    at_most = np.flatnonzero(hits == np.repeat(largest, np.diff(starts, append=track.size)))
    first = at_most[np.flatnonzero(np.diff(track[at_most], prepend=-1))]
    best[track[first]], shared[track[first]] = particle[first], hits[first]
    return best, shared


def match(hits: TruthHits, tracks: Assignment, *, with_noise: bool = False) -> Matching:
    """Count shared hits; one sort over the assigned hits, no loop over tracks.

    Args:
        hits: hits with numbered particles.
        tracks: which hit is in which track.
        with_noise: whether noise takes part in the majority as one more id, before all particles.
    """
    width = hits.particle_id.size + 1  # noise is number 0
    key = np.sort(tracks.track * width + (hits.particle[tracks.hit] + 1))
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    shared = np.diff(starts, append=key.size)
    track, particle = key[starts] // width, key[starts] % width - 1
    size = np.bincount(tracks.track, minlength=len(tracks))
    none = np.empty(0, np.int64)
    return Matching(track, particle, shared, size, none, none).elect(with_noise=with_noise)
