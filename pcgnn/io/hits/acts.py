"""Events that ACTS writes as csv files: measurements or space points, and their truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcgnn.errors import ReadError
from pcgnn.io.hits.acts_ids import BARCODE, barcode_columns, match_barcodes, unpack_geometry
from pcgnn.io.hits.acts_tracks import read_acts_tracks
from pcgnn.io.hits.columns import Array, Events, Table, offsets_of
from pcgnn.io.hits.complete import complete
from pcgnn.io.hits.csv_files import find_csv, read_csv, read_header
from pcgnn.io.hits.discovery import event_number
from pcgnn.io.hits.options import Options
from pcgnn.io.hits.place import HitPlace
from pcgnn.io.hits.truth import refuse_unknown, rows_of

__all__ = ["read_acts_event"]

_PARTICLE_PARTS = ("particles_simulated", "particles_initial", "particles", "particles_selected")
_SIMHIT_PARTS = ("hits", "simhits")
_SPACE_POINT_PARTS = ("spacepoint", "spacepoints")
_POSITIONS = (("global_x", "global_y", "global_z"), ("x", "y", "z"), ("sp_x", "sp_y", "sp_z"))
_EXTRA = dict.fromkeys(("local0", "local1", "time"), "float32")
_SIMHITS = {**dict.fromkeys(("tx", "ty", "tz", "tt", "tpx", "tpy", "tpz"), "float32")}
_PARTICLES = {
    **dict.fromkeys(("px", "py", "pz", "vx", "vy", "vz", "vt", "m", "q"), "float32"),
    **dict.fromkeys(("particle_type", "process"), "int64"),
}
_PARTICLE_NAMES = {"q": "charge", "particle_type": "pdg"}
_BARCODE_NAMES = ("vertex", "secondary", "number", "generation", "sub_particle")


def read_acts_event(prefix: str, index: int, options: Options) -> Events:
    """Read one event.

    A measurement belongs to the particle of the first simulated hit in it; ``nsim`` tells how
    many there are. ``particle_id`` is the row in the file of particles + 1.

    Args:
        prefix: what the names of its files begin with, ``folder/event000000000``.
        index: its place in the list of files.
        options: what to read.

    Raises:
        ReadError: if a file or column is missing or makes no sense.
    """
    file, hit = _hits(prefix, options)
    measurement = hit.pop("measurement_id")
    particles = _find(prefix, _PARTICLE_PARTS)
    place = HitPlace(file, None, {}, {"particle": particles or file})
    events = Events(
        np.array([event_number(prefix, index)], dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.array([index], dtype=np.int32),
        Table(offsets_of([len(measurement)]), hit),
    )
    barcodes: dict[str, Array] = {}
    if options.truth is not False:
        barcodes = _add_truth(events, measurement, prefix, particles, place, options)
    events.tracks = read_acts_tracks(prefix, measurement, barcodes)
    return complete(events, place, options.truth)


def _find(prefix: str, parts: tuple[str, ...]) -> str | None:
    found = (find_csv(prefix, part) for part in parts)
    return next((file for file in found if file is not None), None)


def _hits(prefix: str, options: Options) -> tuple[str, dict[str, Any]]:
    """Measurements where they have global positions, else space points."""
    candidates = [find_csv(prefix, "measurements"), _find(prefix, _SPACE_POINT_PARTS)]
    files = [file for file in candidates if file is not None]
    for file in files:
        header = read_header(file)
        position = next((names for names in _POSITIONS if set(names) <= set(header)), None)
        if position or {"x", "y", "z"} <= set(options.hit):
            usual = dict(zip("xyz", position or (), strict=False))
            return file, _hit_columns(file, header, {**usual, **options.hit}, prefix)
    if not files:
        raise ReadError(
            "no such file",
            file=f"{prefix}-measurements.csv",
            remedy="measurements (with global positions) or space points are needed",
        )
    raise ReadError(
        f"the measurements have no global positions; there are: {', '.join(read_header(files[0]))}",
        file=files[0],
        branch="global_x",
        remedy="write space points, too, or name the columns: "
        'mapping={"hit": {"x": "...", "y": "...", "z": "..."}}',
    )


def _hit_columns(
    file: str, header: list[str], source: Mapping[str, str], prefix: str
) -> dict[str, Any]:
    """Columns under the names of the fields; without a geometry id the map of measurements."""
    ids = {}
    for name in ("measurement_id", "geometry_id"):
        column = next((c for c in (name, f"{name}_1") if c in header), None)
        if column is not None:
            ids[column] = name
    wanted = dict.fromkeys(source.values(), "float32") | dict.fromkeys(ids, "uint64")
    extra = {name: kind for name, kind in _EXTRA.items() if name not in wanted}
    read = read_csv(file, {**wanted, **extra}, tuple(extra))
    columns: dict[str, Any] = {field: read[column] for field, column in source.items()}
    columns |= {name: read[name] for name in extra if name in read}
    identifiers = {name: read[column] for column, name in ids.items()}
    rows = len(columns["x"])
    measurement = identifiers.get("measurement_id", np.arange(rows, dtype=np.uint64))
    geometry = identifiers.get("geometry_id")
    if geometry is None:
        geometry = _geometry_of(prefix, measurement)
    if geometry is not None:
        columns |= unpack_geometry(geometry)
    columns["measurement_id"] = measurement.astype(np.int64)
    twice = np.flatnonzero(np.diff(np.sort(columns["measurement_id"])) == 0)
    if len(twice):
        raise ReadError(
            f"{len(twice)} measurements are there twice", file=file, branch="measurement_id"
        )
    return columns


def _geometry_of(prefix: str, measurement: Array) -> Array | None:
    """Surfaces of space points from the file of their measurements."""
    file = find_csv(prefix, "measurements")
    if file is None:
        return None
    table = read_csv(file, {"measurement_id": "int64", "geometry_id": "uint64"})
    rows = rows_of(measurement.astype(np.int64), table["measurement_id"])
    if (rows < 0).any():
        raise ReadError("space points of measurements that are not there", file=file)
    return table["geometry_id"][rows]


def _add_truth(
    events: Events,
    measurement: Array,
    prefix: str,
    particles: str | None,
    place: HitPlace,
    options: Options,
) -> dict[str, Array]:
    """Add particles and links; give the particles' barcodes for the tracks."""
    simhits = _find(prefix, _SIMHIT_PARTS)
    links = find_csv(prefix, "measurement-simhit-map")
    if simhits is None or links is None:
        if options.truth in (True, "loose"):
            part = "hits" if simhits is None else "measurement-simhit-map"
            raise ReadError(
                "the event has no truth",
                file=f"{prefix}-{part}.csv",
                remedy="read with truth='auto' or truth=False",
            )
        return {}
    simulated = read_csv(simhits, barcode_columns(simhits) | _SIMHITS | {"index": "int64"},
                         (*_SIMHITS, "index"))  # fmt: skip
    first, number = _first_simhit(links, measurement, len(simulated[next(iter(simulated))]))
    hit = events.hit.columns
    real = first >= 0
    for name in (*_SIMHITS, "index"):
        if name in simulated:
            none: Any = -1 if name == "index" else np.nan
            values = np.full(len(first), none, dtype=simulated[name].dtype)
            values[real] = simulated[name][first[real]]
            hit["order" if name == "index" else name] = values
    hit["nsim"] = number
    if particles is None:
        raise place.error(
            "the hits name particles but there are none",
            "particle",
            remedy=f"expected is {prefix}-particles_simulated.csv; truth=False reads without truth",
        )
    table = read_csv(particles, barcode_columns(particles) | _PARTICLES, tuple(_PARTICLES))
    rows = np.full(len(first), -1, dtype=np.int64)
    rows[real] = match_barcodes(simulated, table, simhits)[first[real]]
    shown = (
        simulated[next(iter(simulated))]
        if "particle_id" not in simulated
        else (simulated["particle_id"])
    )
    refuse_unknown(real & (rows < 0), shown[first], events, place, options.truth)
    hit["particle"] = rows
    barcodes = {name: table.pop(name) for name in [*BARCODE, "particle_id"] if name in table}
    events.particle = Table(offsets_of([len(next(iter(barcodes.values())))]), {})
    named = {_PARTICLE_NAMES.get(name, name): values for name, values in table.items()}
    events.particle.columns |= named | _kept_barcode(barcodes)
    return barcodes


def _kept_barcode(barcodes: Mapping[str, Array]) -> dict[str, Array]:
    if "particle_id" in barcodes:
        return {"barcode": barcodes["particle_id"]}
    return {
        field: barcodes[name].astype(np.int32)
        for name, field in zip(BARCODE, _BARCODE_NAMES, strict=True)
    }


def _first_simhit(file: str, measurement: Array, simhits: int) -> tuple[Array, Array]:
    """Row of the first simulated hit of each measurement (-1: none), and their number."""
    links = read_csv(file, {"measurement_id": "int64", "hit_id": "int64"})
    wrong = (links["hit_id"] < 0) | (links["hit_id"] >= simhits)
    if wrong.any():
        raise ReadError(
            f"simulated hit {links['hit_id'][wrong][0]} of {simhits}",
            file=file,
            branch="hit_id",
            remedy="check that the files are of the same event",
        )
    known, first, number = np.unique(links["measurement_id"], return_index=True, return_counts=True)
    rows = rows_of(measurement, known)
    real = rows >= 0
    if len(known):
        return (
            np.where(real, links["hit_id"][first][rows], -1),
            np.where(real, number[rows], 0).astype(np.int32),
        )
    return np.full(len(measurement), -1), np.zeros(len(measurement), dtype=np.int32)
