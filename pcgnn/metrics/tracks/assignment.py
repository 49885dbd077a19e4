"""Tracks as labels or as lists of hits -> pairs of a hit and a track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.metrics.tracks.columns import integers, split_levels
from pcgnn.metrics.tracks.grouping import group
from pcgnn.metrics.tracks.hits import TruthHits

__all__ = ["Assignment", "assign"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which hit is in which track.

    Args:
        hit: flat index of the hit, over all events.
        track: number of the track, over all events.
        track_event: event of each track.
        label: the label of each track, or its place in the list of its event.
        exclusive: whether no hit can be in two tracks (labels were given).

    Shapes:
        - **hit**, **track**: $(M,)$
        - **track_event**, **label**: $(T,)$
    """

    hit: IntArray
    track: IntArray
    track_event: IntArray
    label: IntArray
    exclusive: bool

    def __len__(self) -> int:
        return len(self.label)


def assign(hits: TruthHits, tracks: Any) -> Assignment:
    """Normalise tracks.

    Args:
        hits: the hits.
        tracks: one label per hit, flat or one list per event, where negative means none and
            labels count inside their event; or lists of hit indices (events, tracks, hits),
            counted inside the event, where tracks may share hits; or records with such a field
            `hit_index`.

    Raises:
        DataError: lengths that do not fit, an index out of range, a hit twice in one track.
    """
    names = getattr(tracks, "fields", None)
    if names and "hit_index" in names:
        tracks = tracks["hit_index"]
    flat, levels = split_levels(tracks, "tracks")
    if len(levels) > 2:
        raise DataError(
            f"tracks: {len(levels) + 1} levels of lists",
            remedy="give labels per hit, or hit indices as (events, tracks, hits)",
        )
    values = integers(flat, "tracks", remedy="give whole numbers; -1 for a hit in no track")
    if len(levels) == 2:
        return _from_lists(hits, values, *levels)
    if values.size == 0 and levels and levels[0].size == hits.events:  # no track in any event
        return _from_lists(hits, values, levels[0], values)
    if values.size != len(hits):
        raise DataError(
            f"tracks: {values.size} labels for {len(hits)} hits",
            remedy="give one label per hit, -1 for none; lists of hit indices need three levels "
            "(events, tracks, hits): put the lists of a single event into one more list",
        )
    if levels and (hits.counts is None or not np.array_equal(levels[0], hits.counts)):
        raise DataError(
            "tracks: the lists of labels have other lengths than the events",
            remedy="give one list per event with one label per hit, events in the same order",
        )
    taken = np.flatnonzero(values >= 0)
    event = hits.event[taken] if hits.events > 1 else None
    groups = group(values[taken], event, hits.events)
    return Assignment(taken, groups.number, groups.event, groups.id, exclusive=True)


def _from_lists(
    hits: TruthHits, index: IntArray, per_event: IntArray, per_track: IntArray
) -> Assignment:
    if hits.counts is None or per_event.size != hits.events:
        problem = (
            "the events of the hits do not lie in blocks"
            if hits.counts is None
            else f"lists of {per_event.size} events for hits of {hits.events}"
        )
        raise DataError(
            f"tracks: {problem}",
            remedy="hit indices count inside an event: give hits event by event, and one list "
            "of tracks per event",
        )
    track_event = np.repeat(np.arange(hits.events), per_event)
    label = np.arange(track_event.size) - np.repeat(np.cumsum(per_event) - per_event, per_event)
    track = np.repeat(np.arange(track_event.size), per_track)
    event = track_event[track]
    wrong = (index < 0) | (index >= hits.counts[event])
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"tracks: hit index {index[first]} in track {label[track[first]]} of event "
            f"{event[first]}, which has {hits.counts[event[first]]} hits",
            remedy="indices count the hits of their own event from 0",
        )
    hit = index + (np.cumsum(hits.counts) - hits.counts)[event]
    ordered = np.sort(track * len(hits) + hit)
    again = np.flatnonzero(ordered[1:] == ordered[:-1])
    if again.size:
        which = int(ordered[again[0]]) // len(hits)
        raise DataError(
            f"tracks: track {label[which]} of event {track_event[which]} holds a hit twice",
            remedy="list each hit of a track once",
        )
    return Assignment(hit, track, track_event, label, exclusive=False)
