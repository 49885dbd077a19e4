"""Events of the TrackML challenge: csv files of hits, cells, particles and truth.

S. Amrouche et al., "The Tracking Machine Learning challenge: Accuracy phase", arXiv:1904.06778.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcgnn.errors import ReadError
from pcgnn.io.hits.columns import Array, Events, Table, offsets_of
from pcgnn.io.hits.complete import check_hit_ids, complete
from pcgnn.io.hits.csv_files import find_csv, read_csv
from pcgnn.io.hits.discovery import event_number
from pcgnn.io.hits.options import Options
from pcgnn.io.hits.place import HitPlace
from pcgnn.io.hits.trackml_cells import cell_features
from pcgnn.io.hits.truth import rows_of

__all__ = ["read_trackml_event"]

_HITS = {
    "hit_id": "int64",
    **dict.fromkeys(("x", "y", "z"), "float32"),
    **dict.fromkeys(("volume_id", "layer_id", "module_id"), "int32"),
}
_TRUTH = {
    "hit_id": "int64",
    "particle_id": "int64",
    **dict.fromkeys(("tx", "ty", "tz", "tpx", "tpy", "tpz"), "float32"),
    "weight": "float64",
}
_PARTICLES = {
    "particle_id": "int64",
    **dict.fromkeys(("vx", "vy", "vz", "px", "py", "pz"), "float32"),
    "q": "int32",
    "nhits": "int32",
}
_RENAMED = {"volume_id": "volume", "layer_id": "layer", "module_id": "module", "q": "charge"}
_OPTIONAL = ("volume_id", "layer_id", "module_id", "weight", "tpx", "tpy", "tpz", "nhits", "q")


def read_trackml_event(prefix: str, index: int, options: Options) -> Events:
    """Read one event.

    Args:
        prefix: what the names of its files begin with, ``folder/event000001000``.
        index: its place in the list of files.
        options: what to read.

    Raises:
        ReadError: if a file or column is missing or makes no sense.
    """
    files = {
        part: file
        for part in ("hits", "cells", "particles", "truth")
        if (file := find_csv(prefix, part)) is not None
    }
    if "hits" not in files:
        raise ReadError("no such file", file=f"{prefix}-hits.csv")
    if options.truth in (True, "loose") and "truth" not in files:
        raise ReadError(
            "the event has no truth",
            file=f"{prefix}-truth.csv",
            remedy="read with truth='auto' or truth=False",
        )
    hit = _read(files["hits"], _HITS, options.hit)
    names = {("hit", field): column for column, field in _RENAMED.items()}
    names |= {("hit", field): column for field, column in options.hit.items()}
    names |= {("particle", field): column for field, column in options.particle.items()}
    place = HitPlace(
        files["hits"], None, names, {"particle": files.get("particles", files["hits"])}
    )
    events = Events(
        np.array([event_number(prefix, index)], dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.array([index], dtype=np.int32),
        _one_event(hit),
    )
    check_hit_ids(events, place)  # before others are joined by them
    if "cells" in files:
        hit |= cell_features(files["cells"], prefix, hit)
    if "truth" in files and options.truth is not False:
        truth = _truth_of_hits(files["truth"], hit["hit_id"])
        hit |= truth
        particle = _particles(files, truth, options)
        events.particle = None if particle is None else _one_event(particle)
    return complete(events, place, options.truth)


def _one_event(columns: dict[str, Array]) -> Table:
    return Table(offsets_of([len(next(iter(columns.values())))]), columns)


def _read(file: str, types: Mapping[str, str], mapping: Mapping[str, str]) -> dict[str, Array]:
    """Columns under the names of the fields; the mapping goes before the usual names."""
    usual = {_RENAMED.get(name, name): name for name in types}
    source = {**usual, **mapping}
    wanted = {
        column: types.get(usual.get(field, ""), types.get(column, "float64"))
        for field, column in source.items()
    }
    columns = read_csv(file, wanted, _OPTIONAL, others=True)
    fields = {column: field for field, column in source.items()}
    return {fields.get(column, column): values for column, values in columns.items()}


def _truth_of_hits(file: str, hit_id: Array) -> dict[str, Any]:
    """Columns of the truth in the order of the hits."""
    truth = read_csv(file, _TRUTH, _OPTIONAL)
    ids = truth.pop("hit_id")
    rows = rows_of(hit_id, ids)
    if (rows < 0).any() or len(ids) != len(hit_id):
        lost = int((rows < 0).sum())
        raise ReadError(
            f"{len(ids)} rows for {len(hit_id)} hits, {lost} hits have no truth",
            file=file,
            branch="hit_id",
            remedy="check that hits and truth are of the same event, or read with truth=False",
        )
    return {name: values[rows] for name, values in truth.items()}


def _particles(
    files: Mapping[str, str], truth: Mapping[str, Array], options: Options
) -> dict[str, Array] | None:
    if "particles" in files:
        particle = _read(files["particles"], _PARTICLES, options.particle)
        ids = particle.get("particle_id", np.zeros(0))
        if (ids <= 0).any():
            raise ReadError(
                f"a particle has the id {ids[ids <= 0][0]}, which stands for noise",
                file=files["particles"],
                branch="particle_id",
            )
        return particle
    if options.truth == "loose" or not {"tpx", "tpy", "tpz"} <= set(truth):
        return None
    return _particles_from_truth(truth)


def _particles_from_truth(truth: Mapping[str, Array]) -> dict[str, Array]:
    """Particles with the momentum they have at their hit nearest to the origin."""
    ids = truth["particle_id"]
    x, y, z = (truth[name].astype(np.float64) for name in ("tx", "ty", "tz"))
    order = np.lexsort((x**2 + y**2 + z**2, ids))
    order = order[ids[order] > 0]
    first = order[np.unique(ids[order], return_index=True)[1]]
    momenta = {name: truth[f"t{name}"][first] for name in ("px", "py", "pz")}
    return {"particle_id": ids[first], **momenta}
