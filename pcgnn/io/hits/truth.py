"""Links from hits and tracks to particles: checked, and turned into ids from 1."""

from __future__ import annotations

import numpy as np

from pcgnn.io.hits.columns import Array, Events, Index, Table
from pcgnn.io.hits.options import TRUTH_FIELDS, Truth
from pcgnn.io.hits.place import HitPlace

__all__ = ["drop_truth", "link_truth", "refuse_unknown", "rows_of"]

_LARGEST = np.iinfo(np.int64).max
_OTHER_EVENT = (
    "check that hits and particles are of the same event; truth='loose' takes such hits for noise, "
    "truth=False reads without truth"
)


def drop_truth(events: Events) -> Events:
    """Leave out particles and all that only a simulation knows."""
    events.particle = None
    for name in TRUTH_FIELDS:
        events.hit.columns.pop(name, None)
    for tracks in events.tracks.values():
        for name in ("particle", "particle_id", "purity"):
            tracks.table.columns.pop(name, None)
    return events


def link_truth(events: Events, place: HitPlace, truth: Truth) -> Index:
    """Give hits, particles and tracks their ``particle_id``.

    A field ``particle`` of the hits is an index into the particles of the event, -1 for none; a
    field ``particle_id`` an id. Ids below 1 and the largest number of 64 bits mean noise, unless
    a particle has the id 0: then all ids of the file are raised by one.

    Args:
        events: with ``particle`` or ``particle_id`` among the fields of the hits; changed.
        place: for messages.
        truth: "loose" takes hits with unknown particles for noise and counts them.

    Returns:
        (N,) row of the particle of each hit among all particles, -1 for none; -1 for all where
        there are no particles.

    Raises:
        ReadError: if a link leads nowhere, or two particles of an event share an id.
    """
    hit, particle = events.hit, events.particle
    by_index = "particle" in hit.columns
    link = hit.columns.pop("particle") if by_index else hit.columns["particle_id"]
    _check_integers(link, "particle" if by_index else "particle_id", place)
    if particle is None:
        ids = link.astype(np.int64) + 1 if by_index else _signed(link, "hit", hit, events, place)
        hit.columns["particle_id"] = np.maximum(ids, 0)
        return np.full(hit.rows, -1, dtype=np.int64)
    ids, shift = _particle_ids(events, particle, place, by_index)
    if by_index:
        rows = _rows_by_index(link, hit, particle, "hit", "particle", events, place)
    else:
        wanted = _signed(link, "hit", hit, events, place)
        wanted = np.where(wanted < 0, 0, wanted + shift)
        rows = _rows_by_id(wanted, hit, ids, particle)
        unknown = (rows < 0) & (wanted > 0)
        refuse_unknown(unknown, link, events, place, truth)
    hit.columns["particle_id"] = np.where(rows >= 0, ids[rows] if len(ids) else 0, 0)
    particle.columns["particle_id"] = ids
    _link_tracks(events, particle, ids, shift, place)
    return rows


def refuse_unknown(
    unknown: Array, ids: Array, events: Events, place: HitPlace, truth: Truth
) -> None:
    """Refuse hits of particles that are not there, or count them where that is allowed.

    Raises:
        ReadError: unless ``truth`` is "loose".
    """
    if not unknown.any():
        return
    if truth == "loose":
        events.notes["hits_without_particle"] = int(unknown.sum())
        return
    row = int(np.argmax(unknown))
    position = events.hit.event_at(row)
    raise place.error(
        f"{int(unknown.sum())} hits belong to particles that their event does not have, hit "
        f"{events.hit.local(row)} to {ids[row]}",
        "hit",
        "particle_id",
        entry=int(events.entry[position]),
        remedy=_OTHER_EVENT,
    )


def rows_of(wanted: Array, known: Array) -> Index:
    """Places of the wanted among the known values, -1 where there is none.

    Example:
        >>> rows_of(np.array([7, 5, 6]), np.array([5, 9, 7]))
        array([ 2,  0, -1])
    """
    if len(known) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    if len(known) == known[-1] - known[0] + 1 and (known[1:] - known[:-1] == 1).all():
        place = wanted - known[0]  # counted through: no search needed
        return np.where((wanted >= known[0]) & (wanted <= known[-1]), place, -1)
    order = np.argsort(known, kind="stable")
    place = np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)
    found = order[place]
    return np.where(known[found] == wanted, found, -1)


def _particle_ids(
    events: Events, particle: Table, place: HitPlace, by_index: bool
) -> tuple[Index, int]:
    """Ids from 1 and by how much they were raised."""
    given = particle.columns.get("particle_id")
    if given is None:
        if not by_index:
            raise place.missing("particle", "particle_id", list(particle.columns))
        return np.arange(particle.rows) - np.repeat(particle.offsets[:-1], particle.counts) + 1, 0
    _check_integers(given, "particle_id", place, "particle")
    ids = _signed(given, "particle", particle, events, place)
    shift = 1 if len(ids) and (ids == 0).any() else 0
    if (ids < 0).any():
        row = int(np.argmax(ids < 0))
        raise place.error(
            f"particle {particle.local(row)} has the id {given[row]}, ids count from 0 or 1",
            "particle",
            "particle_id",
            entry=int(events.entry[particle.event_at(row)]),
        )
    ids = ids + shift
    if shift:
        events.notes["particle_id_shift"] = shift
    for position, (low, high) in enumerate(
        zip(particle.offsets[:-1], particle.offsets[1:], strict=True)
    ):
        own = np.sort(ids[low:high])
        twice = np.flatnonzero(own[1:] == own[:-1])
        if len(twice):
            raise place.error(
                f"two particles have the id {own[twice[0]] - shift}",
                "particle",
                "particle_id",
                entry=int(events.entry[position]),
                remedy="ids must be unique inside an event",
            )
    return ids, shift


def _rows_by_index(
    link: Array,
    table: Table,
    particle: Table,
    collection: str,
    column: str,
    events: Events,
    place: HitPlace,
) -> Index:
    index = link.astype(np.int64)
    limit = np.repeat(particle.counts, table.counts)
    wrong = (index < -1) | (index >= limit)
    if wrong.any():
        row = int(np.argmax(wrong))
        position = table.event_at(row)
        raise place.error(
            f"{collection} {table.local(row)} points to particle {index[row]} of "
            f"{particle.counts[position]}",
            collection,
            column,
            entry=int(events.entry[position]),
            remedy=_OTHER_EVENT,
        )
    return np.where(index >= 0, index + np.repeat(particle.offsets[:-1], table.counts), -1)


def _rows_by_id(wanted: Index, table: Table, ids: Index, particle: Table) -> Index:
    rows = np.full(len(wanted), -1, dtype=np.int64)
    for position in range(len(table.offsets) - 1):
        own = slice(*table.offsets[position : position + 2])
        first, last = particle.offsets[position : position + 2]
        found = rows_of(wanted[own], ids[first:last])
        rows[own] = np.where(found >= 0, found + first, -1)
    return rows


def _link_tracks(events: Events, particle: Table, ids: Index, shift: int, place: HitPlace) -> None:
    """The particle of a reference track, by index or id, under the same numbers; 0 for none."""
    for name, tracks in events.tracks.items():
        columns = tracks.table.columns
        if "particle" in columns:
            link = columns.pop("particle")
            _check_integers(link, "particle", place, name)
            rows = _rows_by_index(link, tracks.table, particle, name, "particle", events, place)
        elif "particle_id" in columns:
            link = columns["particle_id"]
            _check_integers(link, "particle_id", place, name)
            wanted = _signed(link, name, tracks.table, events, place)
            wanted = np.where(wanted < 0, 0, wanted + shift)
            rows = _rows_by_id(wanted, tracks.table, ids, particle)
        else:
            continue
        columns["particle_id"] = np.where(rows >= 0, ids[rows] if len(ids) else 0, 0)


def _signed(values: Array, collection: str, table: Table, events: Events, place: HitPlace) -> Index:
    """Ids as int64; the largest unsigned number, which stands for none, becomes -1."""
    if values.dtype != np.uint64 or not len(values) or values.max() <= _LARGEST:
        return values.astype(np.int64)
    none = values == np.iinfo(np.uint64).max
    large = ~none & (values > _LARGEST)
    if large.any():
        row = int(np.argmax(large))
        raise place.error(
            f"the id {values[row]} does not fit into 64 bits with a sign",
            collection,
            "particle_id",
            entry=int(events.entry[table.event_at(row)]),
        )
    return np.where(none, -1, values.astype(np.int64))


def _check_integers(values: Array, column: str, place: HitPlace, collection: str = "hit") -> None:
    if values.dtype.kind not in "iu":
        raise place.error(
            f"must hold integers, holds {values.dtype}: ids of 64 bits do not fit into floats",
            collection,
            column,
        )
