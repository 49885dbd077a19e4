"""Matched, duplicate and fake tracks, counted as the authors of each family of rules do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcgnn.metrics.counting import estimate_from_sums
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.tracks.matching import Matching
from pcgnn.metrics.tracks.rules import MatchRule

__all__ = ["STATUS", "Counted", "count", "extra_per_unique"]

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

STATUS = ("not counted", "matched", "duplicate", "fake")
"""What a track can be; arrays hold the position in this tuple."""
_MATCHED, _DUPLICATE, _FAKE = 1, 2, 3


@dataclass(frozen=True, eq=False)
class Counted:
    """The outcome of one family.

    Args:
        status: what each track is, a position in `STATUS`.
        majority: the majority particle that decided; -1 for none.
        shared: its hits in the track.
        denominator: tracks in the denominator of the fake rate.
        matches: tracks (for `one_way`: tracks that hold enough of it) per selected particle.
        efficiency: the efficiency of the rule.
        fake_rate: share of fakes.
        duplicate_rate: share of duplicates.

    Shapes:
        - **status**, **majority**, **shared**, **denominator**: $(T,)$
        - **matches**: $(P,)$
    """

    status: NDArray[np.uint8]
    majority: IntArray
    shared: IntArray
    denominator: BoolArray
    matches: IntArray
    efficiency: Estimate
    fake_rate: Estimate
    duplicate_rate: Estimate


def _duplicates(table: Matching, good: BoolArray) -> IntArray:
    """The tracks that are not the best of their particle: most shared hits, then fewest others."""
    index = np.flatnonzero(good)
    owner = table.majority[index]
    order = np.lexsort((index, table.size[index], -table.shared[index], owner))
    return index[order[np.flatnonzero(np.diff(owner[order], prepend=-1) == 0)]]


def count(
    rule: MatchRule,
    table: Matching,
    totals: IntArray,
    selected: BoolArray,
    min_track_hits: int,
    level: float,
) -> Counted:
    r"""Apply a rule.

    Args:
        rule: the rule.
        table: shared hits and majorities; for the family `clusters` with noise in the race.
        totals: hits of each particle.
        selected: the particles in the denominator.
        min_track_hits: fewest hits of a track.
        level: confidence level of the intervals.

    Shapes:
        - **totals**, **selected**: $(P,)$
    """
    long = table.size >= min_track_hits
    if rule.family == "pairs":
        return _pairs(rule, table, totals, selected, long, level)
    clusters = rule.family == "clusters"
    majority, shared = table.majority, table.shared
    # position -1 (noise) reads the entry put at the end
    chosen = long & np.append(selected, False)[majority]
    good = chosen & rule.passes(shared, table.size, np.append(totals, 1)[majority])
    status = np.zeros(table.size.size, np.uint8)
    status[chosen] = _FAKE
    status[good] = _MATCHED
    matches = np.bincount(majority[good], minlength=selected.size)
    duplicates = _duplicates(table, good & np.append(matches > 1, False)[majority])
    status[duplicates] = _DUPLICATE
    denominator = chosen if clusters else long
    tracks, matched = int(denominator.sum()), int(good.sum())
    if rule.name == "lhc":
        efficiency = estimate_from_sums(matched, tracks, level=level)
    else:
        found = int(np.count_nonzero(matches))
        efficiency = estimate_from_sums(found, int(selected.sum()), level=level)
    return Counted(
        status,
        majority,
        shared,
        denominator,
        matches,
        efficiency,
        estimate_from_sums(int((status == _FAKE).sum()), tracks, level=level),
        estimate_from_sums(duplicates.size, tracks, level=level),
    )


def _pairs(
    rule: MatchRule,
    table: Matching,
    totals: IntArray,
    selected: BoolArray,
    long: BoolArray,
    level: float,
) -> Counted:
    use = (table.pair_particle >= 0) & long[table.pair_track]
    track, particle, shared = (
        values[use] for values in (table.pair_track, table.pair_particle, table.pair_hits)
    )
    pure = rule.pure(shared, table.size[track])
    complete = rule.complete(shared, totals[particle])
    track_good = pure if rule.separate else pure & complete
    particle_good = (complete if rule.separate else pure & complete) & selected[particle]
    status = np.zeros(table.size.size, np.uint8)
    status[long] = _FAKE
    status[track[track_good]] = _MATCHED
    matches = np.bincount(particle[particle_good], minlength=selected.size)
    found = int(np.count_nonzero(matches))
    fakes = int((status == _FAKE).sum())
    return Counted(
        status,
        table.majority,
        table.shared,
        long,
        matches,
        estimate_from_sums(found, int(selected.sum()), level=level),
        estimate_from_sums(fakes, int(long.sum()), level=level),
        extra_per_unique(int(matches.sum()) - found, found, level),
    )


def extra_per_unique(extra: int, unique: int, level: float) -> Estimate:
    """Further matches per particle found; can exceed 1, so the share of all is what has counts.

    Args:
        extra: matches beyond the first of each particle.
        unique: particles found.
        level: confidence level of the interval.
    """
    share = estimate_from_sums(extra, extra + unique, level=level)
    if unique == 0:
        return Estimate(float("nan"), 0.0, float("inf"), extra, unique, level=level)
    return Estimate(
        extra / unique,
        share.lower / (1 - share.lower),
        share.upper / (1 - share.upper) if share.upper < 1 else float("inf"),
        extra,
        unique,
        level=level,
        method="Clopper-Pearson of the share of all matches",
    )
