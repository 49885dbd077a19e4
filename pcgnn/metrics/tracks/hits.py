"""Hits with their truth, as read or as flat columns -> flat arrays with numbered particles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.metrics.tracks.columns import flatten, integers, is_awkward, per_hit
from pcgnn.metrics.tracks.grouping import group

__all__ = ["TruthHits", "truth_hits"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Getter = Callable[[str], Any]

_DERIVED: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "pt": (("px", "py"), np.hypot),
    "eta": (("px", "py", "pz"), lambda x, y, z: np.arcsinh(z / np.hypot(x, y))),
    "vertex_radius": (("vx", "vy"), np.hypot),
}


@dataclass(frozen=True, eq=False)
class TruthHits:
    """All hits of a sample in one row, with particles numbered over all events.

    Particle 5 of one event and particle 5 of another are two particles. Numbers rise with the
    event and, inside it, with the particle id.

    Args:
        event: number of the event of each hit, in order of appearance.
        particle: number of the particle of each hit; -1 is noise.
        counts: hits per event; None where the events do not lie in blocks.
        events: how many events there are.
        particle_event: event of each particle.
        particle_id: id of each particle inside its event.
        particle_hits: hits of each particle in the input, $N_m$; 0 is possible.
        provenance: where the hits came from.

    Shapes:
        - **event**, **particle**: $(N,)$
        - **counts**: $(E,)$
        - **particle_event**, **particle_id**, **particle_hits**: $(P,)$
    """

    event: IntArray
    particle: IntArray
    counts: IntArray | None
    events: int
    particle_event: IntArray
    particle_id: IntArray
    particle_hits: IntArray
    provenance: dict[str, Any]
    _hit_column: Getter = field(repr=False)
    _particle_column: Getter = field(repr=False)
    _rows: IntArray = field(repr=False)  # particle number of each row of the particle collection
    _known: dict[str, FloatArray | None] = field(repr=False, default_factory=dict)

    def __len__(self) -> int:
        return len(self.particle)

    def column(self, name: str) -> Any:
        r"""A column per hit, None where there is none.

        Args:
            name: the column.

        Shapes:
            - **output**: $(N,)$
        """
        values = self._hit_column(name)
        return None if values is None else per_hit(values, name, len(self), self.counts)

    def of_particles(self, name: str) -> FloatArray | None:
        r"""A quantity per particle, NaN where unknown; None where there is no such column.

        Taken from the particles if they were read, else from the hits, which must then agree
        with each other. `pt`, `eta` and `vertex_radius` may also come from momentum and vertex.

        Args:
            name: the quantity.

        Shapes:
            - **output**: $(P,)$

        Raises:
            DataError: the hits of one particle have different values.
        """
        if name not in self._known:
            values = self._of_particles(name)
            if values is None and name in _DERIVED:
                needs, formula = _DERIVED[name]
                parts = [self._of_particles(each) for each in needs]
                if all(part is not None for part in parts):
                    with np.errstate(divide="ignore", invalid="ignore"):
                        values = np.asarray(formula(*parts), np.float64)
            self._known[name] = values
        return self._known[name]

    def _of_particles(self, name: str) -> FloatArray | None:
        rows = self._particle_column(name)
        if rows is not None:
            result = np.full(len(self.particle_id), np.nan)
            known = self._rows >= 0
            result[self._rows[known]] = np.asarray(flatten(rows, name)[0], np.float64)[known]
            return result
        column = self.column(name)
        if column is None:
            return None
        values = column.astype(np.float64, copy=False)
        # noise is -1 and goes to the last place; of several hits the last one written stays
        result = np.full(len(self.particle_id) + 1, np.nan)
        result[self.particle] = values
        expected = result[self.particle]
        differ = np.flatnonzero((expected != values) & (self.particle >= 0))
        if differ.size:
            self._check_agreement(name, differ, values[differ], expected[differ])
        return result[:-1]

    def _check_agreement(
        self, name: str, hit: IntArray, values: FloatArray, expected: FloatArray
    ) -> None:
        close = np.abs(values - expected) <= 1e-5 * np.abs(expected)
        close |= np.isnan(values) & np.isnan(expected)
        if not close.all():
            first = int(np.flatnonzero(~close)[0])
            raise DataError(
                f"{name}: the hits of {self.name(int(self.particle[hit[first]]))} do not agree "
                f"({values[first]:g} and {expected[first]:g})",
                remedy=f"give the {name} of the particle at its origin, the same on each hit; "
                "where ids repeat from event to event, give event_id too",
            )

    def name(self, particle: int) -> str:
        """A particle by name, for messages.

        Args:
            particle: its number.
        """
        event = f" of event {self.particle_event[particle]}" if self.events > 1 else ""
        return f"particle {self.particle_id[particle]}{event}"


def _getter(source: Any, names: Any) -> Getter:
    known = set(names)
    return lambda name: source[name] if name in known else None


def _nothing(name: str) -> None:
    return None


def _event_numbers(ids: IntArray) -> tuple[IntArray, IntArray | None, int]:
    """Events in order of appearance, their sizes if they lie in blocks, and how many."""
    starts = np.flatnonzero(np.diff(ids, prepend=ids[0] - 1))
    if np.unique(ids[starts]).size == starts.size:
        counts = np.diff(starts, append=ids.size)
        return np.repeat(np.arange(starts.size), counts), counts, starts.size
    groups = group(ids)
    return groups.number, None, groups.id.size


def _missing_truth() -> DataError:
    return DataError(
        "hits: no column 'particle_id'",
        remedy="track metrics compare with the truth: give the particle of each hit (0 = noise)",
    )


def truth_hits(hits: Any) -> TruthHits:
    """Normalise hits.

    Args:
        hits: what `read_hits` returns (fields `hit` and `particle`, jagged over events), or a
            mapping (or data frame) of flat columns: `particle_id` (0 or negative = noise),
            `pt`, `eta` and, where there is more than one event, `event_id`.

    Raises:
        DataError: no truth, no hits, or columns that do not fit together.
    """
    if isinstance(hits, TruthHits):
        return hits
    names = getattr(hits, "fields", None) if is_awkward(hits) else getattr(hits, "keys", list)()
    if names is None or len(list(names)) == 0:
        raise DataError(
            f"hits: {type(hits).__name__} has no named columns",
            remedy="give what read_hits returns, or a mapping of flat columns such as "
            "{'particle_id': ..., 'pt': ..., 'eta': ...}",
        )
    names = list(names)
    rows_of: Getter = _nothing
    provenance: dict[str, Any] = {}
    if "hit" in names:
        inner = hits["hit"]
        columns = _getter(inner, inner.fields)
        if "particle" in names:
            rows_of = _getter(hits["particle"], hits["particle"].fields)
        provenance = dict(getattr(hits, "attrs", {}).get("pcgnn", {}) or {})
    else:
        columns = _getter(hits, names)
    if columns("particle_id") is None:
        raise _missing_truth()
    flat, counts = flatten(columns("particle_id"), "particle_id")
    ids = integers(flat, "particle_id")
    if ids.size == 0:
        raise DataError("hits: there are no hits", remedy="check the cut and the events read")
    if counts is not None:
        event, events = np.repeat(np.arange(counts.size), counts), int(counts.size)
    elif columns("event_id") is not None:
        event_ids = integers(columns("event_id"), "event_id")
        if event_ids.size != ids.size:
            raise DataError(f"event_id: {event_ids.size} values for {ids.size} hits")
        event, counts, events = _event_numbers(event_ids)
    else:
        event, counts, events = np.zeros(ids.size, np.int64), np.array([ids.size]), 1
    return _number(ids, event, counts, events, provenance, columns, rows_of)


def _number(
    ids: IntArray,
    event: IntArray,
    counts: IntArray | None,
    events: int,
    provenance: dict[str, Any],
    columns: Getter,
    rows_of: Getter,
) -> TruthHits:
    real = ids > 0
    all_ids, all_events = ids[real], event[real]
    known = np.empty(0, np.bool_)
    if rows_of("particle_id") is not None:
        row_flat, row_counts = flatten(rows_of("particle_id"), "particle.particle_id")
        row_ids = integers(row_flat, "particle.particle_id")
        if row_counts is None or row_counts.size != events:
            raise DataError("particle: no list per event", remedy="give particles event by event")
        row_events = np.repeat(np.arange(events), row_counts)
        known = row_ids > 0
        all_ids = np.concatenate([all_ids, row_ids[known]])
        all_events = np.concatenate([all_events, row_events[known]])
    groups = group(all_ids, all_events if events > 1 else None, events)
    hits = int(np.count_nonzero(real))
    particle = np.full(ids.size, -1, np.int64)
    particle[real] = groups.number[:hits]
    rows = np.full(known.size, -1, np.int64)
    rows[known] = groups.number[hits:]
    twice = np.flatnonzero(np.bincount(rows[known], minlength=1) > 1)
    if twice.size:
        raise DataError(
            f"particle {groups.id[twice[0]]} of event {groups.event[twice[0]]} is listed twice",
            remedy="particle ids must be unique inside an event",
        )
    return TruthHits(
        event=event,
        particle=particle,
        counts=counts,
        events=events,
        particle_event=groups.event,
        particle_id=groups.id,
        particle_hits=np.bincount(groups.number[:hits], minlength=groups.id.size),
        provenance=provenance,
        _hit_column=columns,
        _particle_column=rows_of,
        _rows=rows,
    )
