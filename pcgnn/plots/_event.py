"""One event as displays need it: positions, and tracks or particles as paths from inside out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import track_report
from pcgnn.metrics.tracks.assignment import assign
from pcgnn.metrics.tracks.columns import flatten, is_awkward
from pcgnn.metrics.tracks.hits import TruthHits, truth_hits
from pcgnn.metrics.tracks.matching import match
from pcgnn.plots.style import COLOURS

__all__ = ["STATUS_COLOURS", "TRACK_COLOURS", "Event", "Paths", "drawn_paths", "view_event"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

TRACK_COLOURS = tuple(c for c in COLOURS if c != "#9c9ca1")
"""Colours of tracks that are not judged; grey belongs to the hits."""

STATUS_COLOURS = {
    "matched": COLOURS[0],
    "duplicate": COLOURS[2],
    "fake": COLOURS[1],
    "not counted": "0.35",
    "missed": COLOURS[5],
}
"""What a track can be in the eyes of a matching rule, and particles without a track."""

_STATUS = ("not counted", "matched", "duplicate", "fake")  # as metrics.tracks.STATUS counts


@dataclass(frozen=True, eq=False)
class Paths:
    """Tracks or particles as rows of hits, each from the inside out.

    Args:
        hit: hits of all paths, path after path.
        offsets: where each path begins in `hit`, and the end of the last one.
        label: label of each track, or its place in the list; of particles their id.
        particle: id of the particle with most hits, 0 for noise or without truth.
        pt: transverse momentum in GeV; NaN where not known.
        status: what each path is, a key of `STATUS_COLOURS`; empty where nobody judged it.

    Shapes:
        - **hit**: $(M,)$
        - **offsets**: $(T + 1,)$
        - **label**, **particle**, **pt**, **status**: $(T,)$
    """

    hit: IntArray
    offsets: IntArray
    label: IntArray
    particle: IntArray
    pt: FloatArray
    status: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, chosen: BoolArray) -> Paths:
        """Some of the paths.

        Args:
            chosen: True for those to keep.
        """
        sizes = np.diff(self.offsets)
        return Paths(
            self.hit[np.repeat(chosen, sizes)],
            np.concatenate([[0], np.cumsum(sizes[chosen])]),
            self.label[chosen],
            self.particle[chosen],
            self.pt[chosen],
            self.status[chosen],
        )

    def lines(self, *columns: FloatArray) -> list[FloatArray]:
        """The points of each path, (hits, columns).

        Args:
            *columns: coordinates of the hits of the event.
        """
        points = np.stack([column[self.hit] for column in columns], axis=1)
        return np.split(points, self.offsets[1:-1]) if len(self) else []


@dataclass(frozen=True, eq=False)
class Event:
    """The hits of one event.

    Args:
        number: of the event.
        x: mm.
        y: mm.
        z: mm.
        truth: the particles, None where the hits have no truth.

    Shapes:
        - **x**, **y**, **z**: $(N,)$
    """

    number: int
    x: FloatArray
    y: FloatArray
    z: FloatArray
    truth: TruthHits | None

    @property
    def r(self) -> FloatArray:
        """Distance from the beam axis, mm."""
        return np.hypot(self.x, self.y)

    def paths(self, hit: IntArray, owner: IntArray, along: FloatArray, count: int) -> Paths:
        """Hits with an owner -> paths.

        Args:
            hit: hits that belong to something.
            owner: number of what each belongs to.
            along: grows along a path; one value per hit of the event.
            count: number of owners.
        """
        order = np.lexsort((along[hit], owner))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=count))])
        nothing = np.zeros(count, np.int64)
        return Paths(
            hit[order],
            offsets.astype(np.int64),
            np.arange(count),
            nothing,
            np.full(count, np.nan),
            np.full(count, "", dtype="<U11"),
        )


def view_event(hits: Any, event: int) -> tuple[Event, Any]:
    """The event for drawing, and its record as an array of one event.

    Args:
        hits: what `read_hits` returns.
        event: number of the event; negative ones count from the end.

    Raises:
        DataError: no such event, or no positions.
    """
    if not is_awkward(hits) or "hit" not in hits.fields:
        raise DataError(
            f"cannot draw {type(hits).__name__} as events", remedy="give what read_hits returns"
        )
    if not hasattr(hits, "ndim"):
        raise DataError(
            "a single event is given, not events", remedy="give hits[i : i + 1], or all and event=i"
        )
    if not -len(hits) <= event < len(hits):
        raise DataError(f"there is no event {event}, the hits are of {len(hits)} events")
    event %= len(hits)
    one = hits[event : event + 1]
    table = one["hit"]
    missing = [name for name in ("x", "y", "z") if name not in table.fields]
    if missing:
        raise DataError(f"the hits have no {missing[0]}", remedy="name it in the mapping")
    x, y, z = (np.asarray(flatten(table[name], name)[0], np.float64) for name in ("x", "y", "z"))
    if x.size == 0:
        raise DataError(f"event {event} has no hits")
    truth = truth_hits(one) if "particle_id" in table.fields else None
    return Event(event, x, y, z, truth), one


def _hits_per_event(hits: Any) -> IntArray:
    counts = flatten(hits["hit"]["x"], "x")[1]
    assert counts is not None  # hits of events are jagged
    return counts


def _tracks_of(hits: Any, tracks: Any, event: int) -> Any:
    """The tracks of one event, out of those of all."""
    if getattr(tracks, "fields", None):
        if "hit_index" not in tracks.fields:
            raise DataError(f"tracks: records with fields {tracks.fields}", remedy="hit_index")
        tracks = tracks["hit_index"]
    jagged = tracks.ndim > 1 if is_awkward(tracks) else isinstance(tracks, list | tuple)
    if jagged and (len(tracks) == 0 or np.iterable(tracks[0])):
        if len(tracks) != len(hits):
            raise DataError(f"tracks: lists of {len(tracks)} events for hits of {len(hits)}")
        return tracks[event : event + 1]
    counts = _hits_per_event(hits)
    flat, begin = np.asarray(tracks), int(counts[:event].sum())
    if flat.shape != (int(counts.sum()),):
        raise DataError(
            f"tracks: shape {flat.shape} for {int(counts.sum())} hits of {len(hits)} events",
            remedy="give the tracks of all events, as find_tracks and read_hits return them",
        )
    return flat[begin : begin + int(counts[event])]


def _particle_paths(event: Event, pt_min: float | None) -> Paths:
    truth = event.truth
    if truth is None:
        raise DataError("the hits have no truth", remedy="draw found tracks alone")
    real = np.flatnonzero(truth.particle >= 0)
    column = next((c for n in ("order", "time") if (c := truth.column(n)) is not None), event.r)
    along = np.asarray(column, np.float64)
    paths = event.paths(real, truth.particle[real], along, len(truth.particle_id))
    pt = truth.of_particles("pt")
    paths = Paths(
        paths.hit,
        paths.offsets,
        truth.particle_id,
        truth.particle_id,
        np.full(len(paths), np.nan) if pt is None else pt,
        paths.status,
    )
    chosen = np.diff(paths.offsets) > 0
    if pt_min is not None:
        if pt is None:
            raise DataError("the pT of the particles is not known", remedy="leave out pt_min")
        chosen &= paths.pt >= pt_min
    return paths.take(chosen)


def _track_paths(event: Event, hits: Any, tracks: Any, pt_min: float | None) -> Paths:
    given = tracks
    tracks = _tracks_of(hits, tracks, event.number)
    # without truth every hit is noise: what is asked for here is the list of hits alone
    truth = event.truth or truth_hits({"particle_id": np.zeros(event.x.size, np.int64)})
    found = assign(truth, tracks)
    paths = event.paths(found.hit, found.track, event.r, len(found))
    majority = match(truth, found).majority
    pt = truth.of_particles("pt") if event.truth else None
    if event.truth is None and "pt" in (getattr(given, "fields", None) or ()):
        pt_of = np.asarray(given["pt"][event.number], np.float64)
    else:
        pt_of = np.append(np.full(len(truth.particle_id), np.nan) if pt is None else pt, np.nan)
        pt_of = pt_of[majority]
    paths = Paths(
        paths.hit,
        paths.offsets,
        found.label,
        np.append(truth.particle_id, 0)[majority],
        pt_of,
        paths.status,
    )
    if pt_min is not None and np.isnan(pt_of).all() and len(paths):
        raise DataError("the pT of the tracks is not known", remedy="leave out pt_min")
    return paths


def _judged(
    one: Any, event: Event, paths: Paths, tracks: Any, rule: str, pt_min: float, eta_max: float
) -> tuple[Paths, IntArray]:
    """Paths with their status, and the ids of the particles that no track found."""
    if event.truth is None:
        raise DataError("a rule compares with the truth, and the hits have none")
    report = track_report(one, tracks, rule=rule, pt_min=pt_min, eta_max=eta_max)
    status = np.array(_STATUS)[report.tracks.status]
    missed = report.particles.particle_id[~report.particles.matched]
    return (
        Paths(paths.hit, paths.offsets, paths.label, paths.particle, paths.pt, status),
        missed,
    )


def drawn_paths(
    hits: Any,
    one: Any,
    event: Event,
    tracks: Any,
    *,
    truth: bool,
    pt_min: float | None,
    rule: str | None,
    eta_max: float,
) -> tuple[Paths | None, Paths | None, Paths | None]:
    """Found tracks, true particles and missed particles; None for what was not asked for.

    Args:
        hits: hits of all events.
        one: the record of the event, as an array of one event.
        event: the event.
        tracks: tracks of all events, or None.
        truth: whether the true particles are wanted.
        pt_min: floor on the pT of particles, and of tracks by their majority particle.
        rule: matching rule that judges the tracks, or None.
        eta_max: largest |eta| of particles that can be missed.

    Raises:
        ConfigError: a rule without tracks.
        DataError: something asked for needs truth, or the tracks do not fit the hits.
    """
    if rule is not None and tracks is None:
        raise ConfigError("a matching rule judges tracks, and there are none", remedy="tracks=")
    particles = _particle_paths(event, pt_min) if truth else None
    if tracks is None:
        return None, particles, None
    found = _track_paths(event, hits, tracks, pt_min)
    missed = None
    if rule is not None:
        own = _tracks_of(hits, tracks, event.number)
        found, ids = _judged(one, event, found, own, rule, pt_min or 0.0, eta_max)
        everything = _particle_paths(event, None)
        missed = everything.take(np.isin(everything.particle, ids))
    if pt_min is not None:  # a track without a particle has no pT that could be too low
        found = found.take(~(found.pt < pt_min))
    return found, particles, missed
