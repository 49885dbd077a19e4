"""Which columns of a table of events are hits, particles and tracks, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pcgnn.io.hits.options import RESERVED, TRUTH_FIELDS, Options
from pcgnn.io.tables import identifier

__all__ = ["EVENT_IDS", "Layout", "canonical", "find_layout"]

EVENT_IDS = ("event_id", "event", "event_number", "eventNumber", "evt")
"""Names of the event number, the first found is taken."""

_SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "hit": {"volume_id": "volume", "layer_id": "layer", "module_id": "module"},
    "particle": {"q": "charge", "id": "particle_id"},
}


@dataclass(frozen=True)
class Layout:
    """Column of each field.

    Args:
        hit: of the hits.
        particle: of the particles.
        tracks: of tracks, ``hit_index`` and ``nhits`` always among them.
        event_id: of the event number, None if there is none.
    """

    hit: Mapping[str, str]
    particle: Mapping[str, str]
    tracks: Mapping[str, Mapping[str, str]]
    event_id: str | None

    @property
    def columns(self) -> dict[tuple[str, str], str]:
        """Column by collection and field."""
        found = {("hit", field): name for field, name in self.hit.items()}
        found |= {("particle", field): name for field, name in self.particle.items()}
        for tracks, columns in self.tracks.items():
            found |= {(tracks, field): name for field, name in columns.items()}
        return found


def canonical(collection: str, name: str) -> str:
    """The name a field has in the records."""
    name = identifier(name)
    return _SYNONYMS.get(collection, {}).get(name, name)


def find_layout(jagged: Iterable[str], flat: Iterable[str], options: Options) -> Layout:
    """Recognise ``hit_*``, ``particle_*`` and ``<name>_nhits`` with ``<name>hit_index``.

    What the mapping names comes on top; a column named there is not taken a second time.

    Args:
        jagged: names of columns with one list per event.
        flat: names of columns with one number per event.
        options: with the mapping; without truth, columns of truth are left out.

    Example:
        >>> options = Options.make(None, "auto", None, None)
        >>> find_layout(["hit_x", "hit_layer_id"], ["event"], options).hit
        {'x': 'hit_x', 'layer': 'hit_layer_id'}
    """
    names = list(dict.fromkeys(jagged))
    taken = {*options.hit.values(), *options.particle.values()}
    for columns in options.tracks.values():
        taken |= set(columns.values())
    free = [name for name in names if name not in taken]
    hit = {**_family("hit", free), **options.hit}
    particle = {**_family("particle", free), **options.particle}
    tracks = {name: _track_family(name, free) for name in _track_names(names)}
    for name, columns in options.tracks.items():
        tracks[name] = {**tracks.get(name, {}), **columns}
    if options.truth is False:
        particle = {}
        hit = {field: name for field, name in hit.items() if field not in TRUTH_FIELDS}
    if "particle_id" in hit and "particle" not in options.hit:
        hit.pop("particle", None)
    known = list(flat)
    event_id = options.event_id or next((name for name in EVENT_IDS if name in known), None)
    return Layout(hit, particle, tracks, event_id)


def _family(collection: str, names: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        match = re.fullmatch(rf"{collection}[_.](.+)", name)
        if match:
            found.setdefault(canonical(collection, match[1]), name)
    return found


def _track_names(names: list[str]) -> list[str]:
    found = [name.removesuffix("_nhits") for name in names if name.endswith("_nhits")]
    return [name for name in found if f"{name}hit_index" in names and name not in RESERVED]


def _track_family(name: str, free: list[str]) -> dict[str, str]:
    columns = _family(name, free)
    if f"{name}hit_index" in free:
        columns["hit_index"] = f"{name}hit_index"
    return columns
