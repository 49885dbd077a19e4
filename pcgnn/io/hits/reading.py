"""``read_hits``: tracking events of any of the formats into one form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import awkward as ak

from pcgnn.errors import ConfigError, ReadError
from pcgnn.io.hits.acts import read_acts_event
from pcgnn.io.hits.columns import Events, merge
from pcgnn.io.hits.discovery import Format, HitFormat, detect_format, find_events, find_parquet
from pcgnn.io.hits.options import HitMapping, Options, Truth
from pcgnn.io.hits.parquet import iterate_parquet_hits
from pcgnn.io.hits.records import make_hit_records
from pcgnn.io.hits.root import iterate_root_hits
from pcgnn.io.hits.trackml import read_trackml_event
from pcgnn.io.sources import Files, find_sources

__all__ = ["read_hits"]

_Found: TypeAlias = tuple[list[Events], list[str], str | None]

_CSV_PARTS = {
    "trackml": ("hits",),
    "acts": ("measurements", "spacepoint", "spacepoints"),
}


def read_hits(
    files: Files,
    format: Format = "auto",  # noqa: A002
    *,
    tree: str | None = None,
    mapping: HitMapping | None = None,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    truth: Truth = "auto",
) -> ak.Array:
    """Read the hits of tracking events, their particles, and tracks to compare with.

    Formats:

    - ROOT, one entry per event: branches ``hit_*`` (``hit_x``...), ``particle_*``, and tracks
      ``<name>_nhits`` with the hits of all tracks one after another in ``<name>hit_index``.
    - TrackML csv, plain or ``.gz``: ``event000001000-hits.csv`` with ``-cells``, ``-particles``
      and ``-truth`` where they are there, ``detectors.csv`` beside them.
    - ACTS csv: ``-measurements.csv`` with global positions, or ``-spacepoint.csv``; truth from
      ``-particles_simulated.csv``, ``-hits.csv`` (simulated hits) and
      ``-measurement-simhit-map.csv``; tracks ``-tracks_<name>.csv``.
    - Parquet, one row per event and lists: tables of hits, particles and tracks as in
      ColliderML, or a single table with columns as in ROOT. Needs the extra ``parquet``.

    Lengths are in mm, momenta in GeV; nothing is converted.

    Args:
        files: paths, globs, folders, ``"file.root:tree"``; for csv also what the names of an
            event's files begin with, ``"folder/event000001000"``. Several of them in a list.
        format: "root", "trackml", "acts", "parquet", or "auto" to look at the files.
        tree: name of the tree (ROOT), not needed where a file holds only one.
        mapping: names in the file for fields, on top of what is recognised:
            ``{"hit": {"x": "spx", "particle": "truth_index"}, "particle": {"pt": "ppt"},
            "tracks": {"ckf": {"hit_index": "ckf_hits", "nhits": "ckf_n"}}, "event_id": "evt"}``.
            ``particle`` of the hits is an index into the event's particles (-1 for none),
            ``particle_id`` an id (noise: 0 or negative).
        entry_start: first event, counted over all files in their order, from 0.
        entry_stop: one past the last event; beyond the end means the end.
        truth: True needs it, False leaves it out, "auto" takes what is there. A hit whose
            particle is not among those of its event is an error; "loose" takes it for noise.

    Returns:
        One record per event. An event may have one hit or none.

        - ``hit``: ``x, y, z``, where the source has them ``volume, layer, module``, with truth
          ``particle_id`` (0 for noise, else from 1), and all other columns of the hits.
        - ``particle`` (with truth): ``particle_id, px, py, pz, pt, eta, phi, nhits`` and all
          other columns. An index as link becomes ``particle_id`` = index + 1; where a particle
          of a file has the id 0, the ids of that file are raised by one.
        - one field per collection of tracks: ``hit_index``, a list of numbers of hits in the
          event, and the tracks' other columns.
        - ``event_id``; ``file``, index into the list of files; ``entry`` in that file.

        The provenance is the plain dictionary ``hits.attrs["pcgnn"]``.

    Shapes:
        - output (G,) records; ``hit`` and ``particle`` (G, var); ``hit_index`` (G, var, var)

    Raises:
        ReadError: if a file or column is missing or damaged, or what they hold makes no sense:
            positions that are not finite, hits twice, truth of another event...
        ConfigError: if the options make no sense.
        BackendError: if Parquet is to be read without pyarrow.

    Example:
        >>> hits = read_hits("tracks.root")  # doctest: +SKIP
        >>> hits.hit.x, hits.particle.pt, hits.attrs["pcgnn"]["tracks"]  # doctest: +SKIP
    """
    options = Options.make(mapping, truth, entry_start, entry_stop)
    kind = detect_format(files, format)
    if tree is not None and kind != "root":
        raise ConfigError(f"tree={tree!r}, but files of the format {kind} hold no trees")
    events, names, tree_name = _read(files, kind, tree, options)
    if not events:
        raise ReadError(
            "there are no events"
            + (" in this range of entries" if (options.start, options.stop) != (0, None) else ""),
            file=names[0] if len(names) == 1 else f"{len(names)} files",
            remedy="check entry_start and entry_stop, and that the file is not empty",
        )
    _check_same_fields(events, names)
    whole = merge(events)
    return make_hit_records(whole, _provenance(whole, kind, names, tree_name, options))


def _read(files: Files, kind: HitFormat, tree: str | None, options: Options) -> _Found:
    if kind == "root":
        sources = find_sources(files, tree)
        found = list(iterate_root_hits(sources, options))
        name = found[0][1] if found else tree
        return [events for events, _ in found], [source.file for source in sources], name
    if kind == "parquet":
        names = find_parquet(files)
        return list(iterate_parquet_hits(names, options)), names, None
    prefixes = find_events(files, _CSV_PARTS[kind])
    return list(_iterate_csv(prefixes, kind, options)), prefixes, None


def _iterate_csv(prefixes: Sequence[str], kind: HitFormat, options: Options) -> Iterator[Events]:
    read = read_trackml_event if kind == "trackml" else read_acts_event
    for index in range(len(prefixes))[options.start : options.stop]:
        yield read(prefixes[index], index, options)


def _check_same_fields(parts: Sequence[Events], names: Sequence[str]) -> None:
    first = parts[0].fields()
    for part in parts[1:]:
        fields = part.fields()
        file = names[int(part.file[0])]
        if set(fields) != set(first):
            different = sorted(set(fields) ^ set(first))[0]
            raise ReadError(
                f"{different} is only in this or only in the first of the files",
                file=file,
                branch=different,
                remedy="read them one by one, or with truth=False",
            )
        for collection in first:
            others = sorted(set(fields[collection]) ^ set(first[collection]))
            if others:
                raise ReadError(
                    f"the field {others[0]!r} of {collection} is only in this or only in the "
                    "first of the files",
                    file=file,
                    branch=others[0],
                    remedy="read them one by one, or with truth=False",
                )


def _provenance(
    events: Events, kind: HitFormat, names: list[str], tree: str | None, options: Options
) -> dict[str, Any]:
    selected = events.notes.get("truth_selected", 0)
    which = "all" if selected == len(events) else f"{selected} of {len(events)}"
    about = f"in the file, hits of {which} events read were selected by truth"
    return ({"truth_selection": about} if selected else {}) | {
        "format": kind,
        "files": names,
        "tree": tree,
        "read": options.to_dict(),
        "events_read": len(events),
        "events_kept": len(events),
        "has_truth": "particle_id" in events.hit.columns,
        "tracks": list(events.tracks),
        "mapping": options.to_dict()["mapping"],
        "hits_without_particle": events.notes.get("hits_without_particle", 0),
        "particle_id_shift": min(events.notes.get("particle_id_shift", 0), 1),
    }
