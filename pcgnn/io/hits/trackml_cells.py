"""What the channels of a cluster tell about a hit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from pcgnn.errors import ReadError
from pcgnn.io.hits.columns import Array
from pcgnn.io.hits.csv_files import read_csv
from pcgnn.io.hits.truth import rows_of

__all__ = ["cell_features", "detectors_file"]

_CELLS = {"hit_id": "int64", "ch0": "int64", "ch1": "int64", "value": "float32"}
_MODULES = {
    **dict.fromkeys(("volume_id", "layer_id", "module_id"), "int64"),
    **dict.fromkeys(("pitch_u", "pitch_v"), "float32"),
}


def cell_features(file: str, prefix: str, hit: Mapping[str, Array]) -> dict[str, Any]:
    """Sum up the cells of each hit.

    Args:
        file: the cells: ``hit_id, ch0, ch1, value``.
        prefix: of the event; where ``detectors.csv`` lies beside it (or one folder up), the
            extent is also given in mm.
        hit: columns of the hits.

    Returns:
        Per hit ``ncells``, ``charge`` (sum of the values), ``cells_u`` and ``cells_v`` (extent in
        channels), and with a detector ``extent_u`` and ``extent_v`` (mm). Hits without cells
        have zeros.

    Raises:
        ReadError: if cells belong to no hit, or a module is not in the detector.
    """
    cells = read_csv(file, _CELLS)
    rows = rows_of(cells["hit_id"], hit["hit_id"])
    if (rows < 0).any():
        raise ReadError(
            f"{int((rows < 0).sum())} cells belong to hits that are not there, such as "
            f"{cells['hit_id'][rows < 0][0]}",
            file=file,
            branch="hit_id",
            remedy="check that hits and cells are of the same event",
        )
    size = len(hit["hit_id"])
    number = np.bincount(rows, minlength=size)
    features: dict[str, Any] = {
        "ncells": number.astype(np.int32),
        "charge": np.bincount(rows, cells["value"], minlength=size).astype(np.float32),
    }
    for name, channel in (("cells_u", cells["ch0"]), ("cells_v", cells["ch1"])):
        low = np.full(size, np.iinfo(np.int64).max)
        high = np.full(size, -1, dtype=np.int64)
        np.minimum.at(low, rows, channel)
        np.maximum.at(high, rows, channel)
        features[name] = np.where(number > 0, high - low + 1, 0).astype(np.int32)
    detectors = detectors_file(prefix)
    if detectors is not None and {"volume", "layer", "module"} <= set(hit):
        pitch_u, pitch_v = _pitches(detectors, hit)
        features["extent_u"] = features["cells_u"] * pitch_u
        features["extent_v"] = features["cells_v"] * pitch_v
    return features


def detectors_file(prefix: str) -> str | None:
    """The table of the modules beside the event or one folder up, None if there is none."""
    folder = os.path.dirname(prefix) or "."
    for place in (folder, os.path.join(folder, os.pardir)):
        for name in ("detectors.csv", "detectors.csv.gz"):
            if os.path.isfile(os.path.join(place, name)):
                return os.path.join(place, name)
    return None


def _pitches(file: str, hit: Mapping[str, Array]) -> tuple[Array, Array]:
    modules = read_csv(file, _MODULES)
    known = _module_key(modules["volume_id"], modules["layer_id"], modules["module_id"])
    rows = rows_of(_module_key(hit["volume"], hit["layer"], hit["module"]), known)
    if (rows < 0).any():
        where = int(np.argmax(rows < 0))
        raise ReadError(
            f"no module with volume {hit['volume'][where]}, layer {hit['layer'][where]}, module "
            f"{hit['module'][where]}",
            file=file,
            remedy="the file must be of the detector of the event; without it hits get no extent "
            "in mm",
        )
    return modules["pitch_u"][rows], modules["pitch_v"][rows]


def _module_key(volume: Array, layer: Array, module: Array) -> Array:
    return (volume.astype(np.int64) << 48) + (layer.astype(np.int64) << 32) + module
