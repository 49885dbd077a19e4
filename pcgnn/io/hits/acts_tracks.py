"""Tracks that ACTS writes as csv files, ``<event>-tracks_<name>.csv``."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping

import numpy as np

from pcgnn.errors import ReadError
from pcgnn.io.hits.acts_ids import BARCODE, match_barcodes
from pcgnn.io.hits.columns import Array, Index, Table, Tracks, offsets_of
from pcgnn.io.hits.csv_files import find_csv, read_csv
from pcgnn.io.hits.options import RESERVED
from pcgnn.io.hits.truth import rows_of

__all__ = ["read_acts_tracks"]

_HITS = "Measurements_ID"
_NUMBERS = {"pT": "pt", "eta": "eta", "phi": "phi", "truthMatchProbability": "purity"}


def read_acts_tracks(
    prefix: str, measurement: Array, barcodes: Mapping[str, Array]
) -> dict[str, Tracks]:
    """Read all collections of tracks of an event.

    Args:
        prefix: of the event.
        measurement: ids of the hits.
        barcodes: ids of the particles, empty without truth.

    Raises:
        ReadError: if a column is missing, or a track has a measurement that is not there.
    """
    found: dict[str, Tracks] = {}
    for path in sorted(glob.glob(f"{glob.escape(prefix)}-tracks_*.csv*")):
        match = re.search(r"-tracks_(\w+)\.csv(\.gz)?$", path)
        if match and match[1] not in found and match[1] not in RESERVED:
            file = find_csv(prefix, f"tracks_{match[1]}")
            assert file is not None
            found[match[1]] = _read(file, measurement, barcodes)
    return found


def _read(file: str, measurement: Array, barcodes: Mapping[str, Array]) -> Tracks:
    types = {_HITS: "text", "particleId": "text", **dict.fromkeys(_NUMBERS, "float32")}
    table = read_csv(file, types, tuple(name for name in types if name != _HITS))
    ids, counts = _lists(file, [str(text) for text in table[_HITS]])
    index = rows_of(ids, measurement)
    if (index < 0).any():
        raise ReadError(
            f"a track has the measurement {ids[index < 0][0]}, which is not among the hits",
            file=file,
            branch=_HITS,
            remedy="read the measurements the tracks were made of, not the space points",
        )
    columns = {field: table[name] for name, field in _NUMBERS.items() if name in table}
    if "particleId" in table and barcodes:
        columns["particle"] = _majority(file, [str(t) for t in table["particleId"]], barcodes)
    return Tracks(Table(offsets_of([len(counts)]), columns), offsets_of(counts), index)


def _lists(file: str, texts: list[str]) -> tuple[Index, Index]:
    """Numbers of all texts such as ``[3,14,15]``, and how many there are in each."""
    joined = ";".join(texts)
    if re.search(r"[^\d,;\s\[\]]", joined):
        raise ReadError("expected are lists such as [3,14,15]", file=file, branch=_HITS)
    numbers = np.array(re.findall(r"\d+", joined), dtype=np.int64)
    counts = np.array([len(re.findall(r"\d+", text)) for text in texts], dtype=np.int64)
    return numbers, counts


def _majority(file: str, texts: list[str], barcodes: Mapping[str, Array]) -> Index:
    """Rows of the majority particles, -1 where a track has none."""
    names = BARCODE if BARCODE[0] in barcodes else ("particle_id",)
    numbers = [re.findall(r"\d+", text) for text in texts]
    good = np.array([len(found) == len(names) for found in numbers], dtype=np.bool_)
    kind = np.int64 if len(names) > 1 else np.uint64
    parts = np.array([found for found in numbers if len(found) == len(names)], dtype=kind)
    parts = parts.reshape(-1, len(names)).T
    rows = np.full(len(texts), -1, dtype=np.int64)
    rows[good] = match_barcodes(dict(zip(names, parts, strict=True)), barcodes, file)
    return rows
