"""What the caller of read_hits asks for, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pcgnn.errors import ConfigError
from pcgnn.io.ranges import check_range
from pcgnn.io.tables import identifier

__all__ = ["RESERVED", "TRUTH_FIELDS", "HitMapping", "Names", "Options", "Truth"]

Truth: TypeAlias = bool | Literal["auto", "loose"]
Names: TypeAlias = Mapping[str, str]
HitMapping: TypeAlias = Mapping[str, Any]
"""``{"hit": {field: column}, "particle": {...}, "tracks": {name: {...}}, "event_id": column}``."""

RESERVED = ("hit", "particle", "event_id", "file", "entry")
"""Fields of the records that no collection of tracks may be called."""

TRUTH_FIELDS = (
    *("particle", "particle_id", "weight", "nsim", "order"),
    *("tx", "ty", "tz", "tt", "tpx", "tpy", "tpz"),
)
"""Fields of hits that only a simulation knows."""

_TRUTHS = (True, False, "auto", "loose")


@dataclass(frozen=True)
class Options:
    """Checked options.

    Args:
        mapping: as given.
        truth: as given.
        start: first event of the chain.
        stop: one past the last, None for all.
        hit: columns of hit fields.
        particle: columns of particle fields.
        tracks: columns of the fields of named tracks.
        event_id: column of the event number.
    """

    mapping: HitMapping | None
    truth: Truth
    start: int = 0
    stop: int | None = None
    hit: Names = field(default_factory=dict)
    particle: Names = field(default_factory=dict)
    tracks: Mapping[str, Names] = field(default_factory=dict)
    event_id: str | None = None

    @classmethod
    def make(
        cls, mapping: HitMapping | None, truth: Truth, start: int | None, stop: int | None
    ) -> Options:
        """Check what was given.

        Raises:
            ConfigError: if something makes no sense.
        """
        if not isinstance(truth, bool | str) or truth not in _TRUTHS:
            raise ConfigError(f"truth={truth!r} is not one of True, False, 'auto', 'loose'")
        first, last = check_range(start, stop)
        given = {} if mapping is None else mapping
        if not isinstance(given, Mapping):
            raise ConfigError(f"mapping={mapping!r} is not a mapping", remedy=_EXAMPLE)
        unknown = sorted(set(given) - {"hit", "particle", "tracks", "event_id"})
        if unknown:
            raise ConfigError(f"mapping has the unknown key {unknown[0]!r}", remedy=_EXAMPLE)
        tracks = given.get("tracks", {})
        if not isinstance(tracks, Mapping):
            raise ConfigError("mapping['tracks'] must name tracks", remedy=_EXAMPLE)
        for name in tracks:
            if not isinstance(name, str) or name in RESERVED or identifier(name) != name:
                raise ConfigError(f"tracks cannot be called {name!r}", remedy=_EXAMPLE)
        event_id = given.get("event_id")
        if event_id is not None and not isinstance(event_id, str):
            raise ConfigError(f"mapping['event_id']={event_id!r} is not the name of a column")
        return cls(
            mapping,
            truth,
            first,
            last,
            _names("hit", given.get("hit", {})),
            _names("particle", given.get("particle", {})),
            {name: _names(f"tracks {name}", columns) for name, columns in tracks.items()},
            event_id,
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the options as plain values: ``read_hits(files, **options)`` repeats the reading."""
        mapping: dict[str, Any] | None = None
        if self.mapping is not None:
            mapping = {"hit": dict(self.hit), "particle": dict(self.particle)}
            mapping["tracks"] = {name: dict(names) for name, names in self.tracks.items()}
            if self.event_id is not None:
                mapping["event_id"] = self.event_id
        return {
            "mapping": mapping,
            "truth": self.truth,
            "entry_start": self.start,
            "entry_stop": self.stop,
        }


_EXAMPLE = (
    'write mapping={"hit": {"x": "spx", "y": "spy", "z": "spz"}, "particle": {"pt": "ppt"}, '
    '"tracks": {"ckf": {"hit_index": "ckf_hits", "nhits": "ckf_n"}}, "event_id": "evt"}'
)


def _names(collection: str, names: Any) -> dict[str, str]:
    if not isinstance(names, Mapping) or not all(
        isinstance(key, str) and isinstance(value, str) for key, value in names.items()
    ):
        raise ConfigError(
            f"mapping of {collection} must give the name of a column for each field",
            remedy=_EXAMPLE,
        )
    for name in names:
        if identifier(name) != name:
            raise ConfigError(f"a field of {collection} cannot be called {name!r}")
    return dict(names)
