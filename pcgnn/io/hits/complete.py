"""Checks that all formats share, and the fields that follow from others."""

from __future__ import annotations

import numpy as np

from pcgnn.io.hits.columns import Array, Events, Index, Table
from pcgnn.io.hits.options import Truth
from pcgnn.io.hits.place import HitPlace
from pcgnn.io.hits.truth import drop_truth, link_truth

__all__ = ["check_hit_ids", "complete", "kinematics"]

_HIT_ORDER = ("x", "y", "z", "volume", "layer", "module", "particle_id")
_PARTICLE_ORDER = ("particle_id", "px", "py", "pz", "pt", "eta", "phi", "charge", "vx", "vy", "vz")
_NO_TRUTH = "read with truth=False or name it in the mapping"


def complete(events: Events, place: HitPlace, truth: Truth) -> Events:
    """Bring events of any format into the common form.

    Args:
        events: as read; changed.
        place: for messages.
        truth: True, False, "auto" or "loose"; see :func:`pcgnn.read_hits`.

    Raises:
        ReadError: if columns are missing or what they hold makes no sense.
    """
    for name in ("x", "y", "z"):
        if name not in events.hit.columns:
            raise place.missing("hit", name, list(events.hit.columns))
        _check_finite(events, events.hit, "hit", name, place)
    check_hit_ids(events, place)
    linked = bool({"particle", "particle_id"} & set(events.hit.columns))
    if not linked and truth in (True, "loose"):
        raise place.error(
            "the hits are not linked to particles", "hit", "particle_id", remedy=_NO_TRUTH
        )
    if truth is False or not linked:
        drop_truth(events)
    else:
        if events.particle is None and truth != "loose":
            raise place.error(
                "the hits name particles but there are none",
                "particle",
                remedy="give the particles; truth='loose' keeps the ids alone, truth=False reads "
                "without truth",
            )
        rows = link_truth(events, place, truth)
        if events.particle is not None:
            _complete_particles(events, events.particle, rows, place)
    _check_tracks(events, place)
    _sort_fields(events)
    return events


def kinematics(columns: dict[str, Array]) -> list[str]:
    r"""Add ``pt``, ``eta``, ``phi`` to ``px``, ``py``, ``pz`` or the other way round.

    $p_T = \sqrt{p_x^2 + p_y^2}$, $\sinh\eta = p_z / p_T$, in double precision, given in the
    type of what was there. Fields that are there stay as they are.

    Returns:
        What is missing for that, empty if all went well.
    """
    cartesian, polar = ("px", "py", "pz"), ("pt", "eta", "phi")
    lacking = [[name for name in names if name not in columns] for names in (cartesian, polar)]
    if not lacking[0]:
        px, py, pz = (columns[name].astype(np.float64) for name in cartesian)
        pt = np.hypot(px, py)
        with np.errstate(divide="ignore", invalid="ignore"):
            made = {"pt": pt, "eta": np.arcsinh(pz / pt), "phi": np.arctan2(py, px)}
    elif not lacking[1]:
        pt, eta, phi = (columns[name].astype(np.float64) for name in polar)
        made = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    else:
        return min(lacking, key=len)
    dtype = columns["px" if not lacking[0] else "pt"].dtype
    for name, values in made.items():
        columns.setdefault(name, values.astype(dtype if dtype.kind == "f" else np.float64))
    return []


def _complete_particles(events: Events, particle: Table, rows: Index, place: HitPlace) -> None:
    missing = kinematics(particle.columns)
    if missing:
        raise place.missing("particle", missing[0], list(particle.columns))
    for name in ("px", "py", "pz"):
        _check_finite(events, particle, "particle", name, place, allow_infinite=True)
    if "nhits" not in particle.columns:
        counted = np.bincount(rows[rows >= 0], minlength=particle.rows)
        particle.columns["nhits"] = counted.astype(np.int32)


def _check_finite(
    events: Events,
    table: Table,
    collection: str,
    name: str,
    place: HitPlace,
    allow_infinite: bool = False,
) -> None:
    values = table.columns[name]
    if values.dtype.kind not in "iuf":
        raise place.error(f"must hold numbers, holds {values.dtype}", collection, name)
    if values.dtype.kind != "f" or values.size == 0:
        return
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum()):
            return
    bad = np.isnan(values) if allow_infinite else ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise place.error(
            f"{collection} {table.local(row)} has no finite {name} ({values[row]}), "
            f"{int(bad.sum())} in all",
            collection,
            name,
            entry=int(events.entry[table.event_at(row)]),
            remedy="repair the file, or leave the event out with entry_start and entry_stop",
        )


def check_hit_ids(events: Events, place: HitPlace) -> None:
    """Refuse ids of hits that are there twice in an event.

    Raises:
        ReadError: naming the first.
    """
    ids = events.hit.columns.get("hit_id")
    if ids is None:
        return
    offsets = events.hit.offsets
    for position in range(len(events)):
        own = ids[offsets[position] : offsets[position + 1]]
        if (own[1:] > own[:-1]).all():
            continue
        own = np.sort(own)
        twice = np.flatnonzero(own[1:] == own[:-1])
        if len(twice):
            raise place.error(
                f"{len(twice)} hit ids are there twice, such as {own[twice[0]]}",
                "hit",
                "hit_id",
                entry=int(events.entry[position]),
                remedy="look for files that were joined or written twice",
            )


def _check_tracks(events: Events, place: HitPlace) -> None:
    for name, tracks in events.tracks.items():
        lengths = np.diff(tracks.hit_offsets)
        hits_of_event = np.repeat(events.hit.counts, tracks.table.counts)
        wrong = (tracks.hit_index < 0) | (tracks.hit_index >= np.repeat(hits_of_event, lengths))
        if wrong.any():
            where = int(np.argmax(wrong))
            track = int(np.searchsorted(tracks.hit_offsets, where, side="right")) - 1
            position = tracks.table.event_at(track)
            raise place.error(
                f"track {tracks.table.local(track)} points to hit {tracks.hit_index[where]} of "
                f"{events.hit.counts[position]}",
                name,
                "hit_index",
                entry=int(events.entry[position]),
                remedy="hit_index counts the hits of the event from 0",
            )


def _sort_fields(events: Events) -> None:
    events.hit.columns = _sorted(events.hit.columns, _HIT_ORDER)
    if events.particle is not None:
        events.particle.columns = _sorted(events.particle.columns, _PARTICLE_ORDER)


def _sorted(columns: dict[str, Array], first: tuple[str, ...]) -> dict[str, Array]:
    names = [name for name in first if name in columns]
    return {name: columns[name] for name in [*names, *(n for n in columns if n not in names)]}
