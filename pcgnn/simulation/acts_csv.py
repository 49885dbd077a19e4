"""The csv files of ACTS for one event, as columns."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pcgnn.errors import BackendError
from pcgnn.simulation.acts_events import TrackColumns, TrackEvent

__all__ = ["read_event"]

# A particle's barcode: collision, displaced vertex, number, generation, number in its generation.
_BARCODE = tuple(f"particle_id_{part}" for part in ("pv", "sv", "part", "gen", "subpart"))
_BITS = (13, 13, 20, 7, 10)
_TRUTH = ("tx", "ty", "tz", "tpx", "tpy", "tpz")


def read_event(
    folder: Path, event: int, tracks: Sequence[str] = (), truth_positions: bool = False
) -> TrackEvent:
    """Read one event.

    A hit belongs to the particle of the first simulated hit in it (in "geometric" digitisation a
    cluster may have more, ``nsim`` tells); ``order`` counts the hits along that particle.

    Args:
        folder: where ACTS wrote.
        event: number of the event.
        tracks: names of the reference tracks.
        truth_positions: keep ``tx, ty, tz`` (mm) and ``tpx, tpy, tpz`` (GeV) of the hits.

    Raises:
        BackendError: a file or column is missing.
    """
    prefix = f"event{event:09d}-"
    particle, barcodes = _particles(folder / f"{prefix}particles_simulated.csv")
    hit = _hits(folder, prefix, barcodes, _TRUTH if truth_positions else ())
    found = {name: _tracks(folder / f"{prefix}tracks_{name}.csv", barcodes) for name in tracks}
    return TrackEvent(event, hit, particle, found)


def _particles(path: Path) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Particles in the order of their barcodes, and these."""
    momentum = ("px", "py", "pz", "m", "vx", "vy", "vz")
    integers = dict.fromkeys((*_BARCODE, "particle_type"), np.int64)
    table = _load(path, {**integers, **dict.fromkeys((*momentum, "q"), np.float64)})
    barcodes = _pack(path, [table[name] for name in _BARCODE])
    order = np.argsort(barcodes)
    columns = {
        "pdg": table["particle_type"].astype(np.int32),
        "charge": np.rint(table["q"]).astype(np.int8),
        "vertex": table["particle_id_pv"].astype(np.int16),
        "secondary": table["particle_id_sv"].astype(np.int16),
        "generation": table["particle_id_gen"].astype(np.uint8),
        "mass": table["m"].astype(np.float32),
        **{name: table[name].astype(np.float32) for name in momentum if name != "m"},
    }
    return {name: values[order] for name, values in columns.items()}, barcodes[order]


def _hits(
    folder: Path, prefix: str, barcodes: NDArray[np.int64], truth: Sequence[str]
) -> dict[str, NDArray[Any]]:
    place = dict.fromkeys(("global_x", "global_y", "global_z"), np.float32)
    measured = _load(folder / f"{prefix}measurements.csv", {"geometry_id": np.uint64, **place})
    links = _load(
        folder / f"{prefix}measurement-simhit-map.csv",
        {"measurement_id": np.int64, "hit_id": np.int64},
    )
    path = folder / f"{prefix}hits.csv"
    integers = dict.fromkeys((*_BARCODE, "index"), np.int64)
    simulated = _load(path, {**integers, **dict.fromkeys(truth, np.float32)})
    # the first simulated hit of every measurement: each has one or more
    _, rows = np.unique(links["measurement_id"], return_index=True)
    if len(rows) != len(measured):
        raise BackendError(
            f"{len(measured)} measurements, {len(rows)} of them with a simulated hit", file=path
        )
    first = links["hit_id"][rows]
    owner = _rows(barcodes, _pack(path, [simulated[name] for name in _BARCODE]))
    surface = measured["geometry_id"]
    return {
        **{axis: measured[f"global_{axis}"] for axis in "xyz"},
        "volume": _bits(surface, 56, 8).astype(np.uint8),
        "layer": _bits(surface, 36, 12).astype(np.uint8),
        "module": _bits(surface, 8, 20).astype(np.int32),
        "particle_id": (owner[first] + 1).astype(np.int32),
        "order": simulated["index"][first].astype(np.int16),
        "nsim": np.bincount(links["measurement_id"]).astype(np.uint8),
        **{name: simulated[name][first] for name in truth},
    }


def _tracks(path: Path, barcodes: NDArray[np.int64]) -> TrackColumns:
    """Reference tracks; the loop is over tracks, whose lists of hits are texts."""
    if not path.is_file():
        raise BackendError("ACTS wrote no tracks", file=path)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    lists = [row["Measurements_ID"].strip("[]").rstrip(",") for row in rows]
    hits = np.array([number for text in lists if text for number in text.split(",")], dtype=str)
    majority = re.findall(r"\d+", " ".join(row["particleId"] for row in rows))
    parts = np.array(majority, dtype=np.int64).reshape(-1, len(_BARCODE)).T
    columns = {
        "pt": _floats(rows, "pT"),
        "eta": _floats(rows, "eta"),
        "phi": _floats(rows, "phi"),
        "purity": _floats(rows, "truthMatchProbability"),
        "particle_id": (_rows(barcodes, _pack(path, list(parts))) + 1).astype(np.int32),
    }
    counts = [text.count(",") + 1 if text else 0 for text in lists]
    return TrackColumns(columns, hits.astype(np.int64), np.array(counts, dtype=np.int64))


def _floats(rows: Sequence[Mapping[str, str]], name: str) -> NDArray[np.float32]:
    return np.array([row[name] for row in rows], dtype=np.float32)


def _load(path: Path, columns: Mapping[str, DTypeLike]) -> NDArray[Any]:
    """Read some columns as a structured array."""
    if not path.is_file():
        raise BackendError("ACTS did not write this file", file=path)
    with path.open() as stream:
        header = stream.readline().strip().split(",")
    if missing := [name for name in columns if name not in header]:
        raise BackendError(
            f"ACTS wrote no column {', '.join(missing)}",
            file=path,
            remedy="install the version of the extra: pip install 'pcgnn[simulation]'",
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
        return np.loadtxt(
            path,
            dtype=list(columns.items()),
            delimiter=",",
            skiprows=1,
            usecols=[header.index(name) for name in columns],
            ndmin=1,
        )


def _bits(identifier: NDArray[np.uint64], shift: int, size: int) -> NDArray[np.uint64]:
    """A field of ACTS' geometry identifier."""
    return (identifier >> np.uint64(shift)) & np.uint64(2**size - 1)


def _pack(path: Path, parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """One number per barcode, in the same order."""
    packed = np.zeros(len(parts[0]), dtype=np.int64)
    for part, bits, name in zip(parts, _BITS, _BARCODE, strict=True):
        if len(part) and part.max() >= 2**bits:
            raise BackendError(f"more than {2**bits - 1} in {name}", file=path)
        packed = packed << bits | part
    return packed


def _rows(barcodes: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the wanted among the sorted barcodes, -1 where there is none."""
    if len(barcodes) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    rows = np.minimum(np.searchsorted(barcodes, wanted), len(barcodes) - 1)
    return np.where(barcodes[rows] == wanted, rows, -1)
