"""Tracks that were found, back to ROOT: ``write_tracks``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.errors import DataError, WriteError
from pcgnn.io.hits.columns import offsets_of
from pcgnn.io.hits.track_groups import TrackGroups, group_labels
from pcgnn.io.hits.writing import branch_name
from pcgnn.io.writing import write_tree

__all__ = ["write_tracks"]

_PARAMETERS = ("pt", "eta", "phi", "d0", "z0", "charge", "chi2", "ndf")


def write_tracks(
    path: str | os.PathLike[str],
    labels: Any,
    hits: ak.Array,
    tree: str = "tracks",
    *,
    parameters: ak.Array | None = None,
    overwrite: bool = False,
) -> Path:
    """Write tracks, one entry per event and in the order of the hits.

    Branches: ``event_id``; ``hit_track``, the label of each hit, -1 for none; per track
    ``track_label`` and ``track_nhits``, and ``trackhit_index``, the numbers of the hits of all
    tracks of the event one after another, cut by ``track_nhits``. With ``parameters`` also
    ``track_pt`` (GeV), ``track_eta``, ``track_phi`` (rad), ``track_d0``, ``track_z0`` (mm),
    ``track_charge``, ``track_chi2`` and ``track_ndf``, NaN where a track was not fitted. Entry by
    entry the tree fits the one the hits were read from, if they were read whole: ROOT's
    ``AddFriend`` lines it up.

    The file holds no positions, so that :func:`pcgnn.read_hits` does not read it. To have tracks
    beside their hits, make them a field, ``hits["found"] = fit_tracks(hits, labels)``, and use
    :func:`pcgnn.write_hits`; ``read_hits`` then gives ``hits.found`` as any reference tracks.

    Args:
        path: the file to write; it appears when it is complete.
        labels: one per hit, flat over all events or one list per event; negative for none.
        hits: what ``read_hits`` returned, whose hits the labels belong to.
        tree: name of the tree.
        parameters: what :func:`pcgnn.tracking.fit_tracks` made of these labels: per event one
            record per track with ``label`` and the fields above.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        WriteError: if the file exists or cannot be written, or labels, hits and parameters do
            not fit.

    Example:
        >>> write_tracks("found.root", labels, hits)  # doctest: +SKIP
        >>> fitted = pcgnn.tracking.fit_tracks(hits, labels)  # doctest: +SKIP
        >>> write_tracks("found.root", labels, hits, parameters=fitted)  # doctest: +SKIP
    """
    if not isinstance(hits, ak.Array) or "hit" not in hits.fields:
        raise WriteError("hits must be what read_hits returns, with a field hit", file=path)
    counts = ak.to_numpy(ak.num(hits["hit"], axis=1)).astype(np.int64)
    try:
        groups = group_labels(labels, counts)
    except DataError as error:
        raise WriteError(
            error.problem, file=path, entry=error.entry, remedy=error.remedy
        ) from error
    columns = {"label": groups.label, "nhits": groups.lengths.astype(np.int32)}
    if parameters is not None:
        columns |= _fitted(path, parameters, groups)
    local = groups.hit - np.repeat(offsets_of(counts)[:-1][groups.event], groups.lengths)
    used = np.bincount(np.repeat(groups.event, groups.lengths), minlength=len(counts))
    data: dict[str, Any] = {
        "hit": _record({"track": groups.labels}, counts),
        "track": _record(columns, groups.tracks),
        "trackhit": _record({"index": local}, used),
    }
    if "event_id" in hits.fields:
        data["event_id"] = ak.to_numpy(hits["event_id"])
    types = {n: v.dtype if isinstance(v, np.ndarray) else v.type.content for n, v in data.items()}
    return write_tree(
        path, tree, types, [data] if len(counts) else [], "zstd", overwrite, branch_name
    )


def _record(columns: dict[str, Any], counts: Any) -> ak.Array:
    lists = {name: ak.unflatten(values, counts) for name, values in columns.items()}
    return ak.zip(lists, depth_limit=2)


def _fitted(path: object, parameters: Any, groups: TrackGroups) -> dict[str, Any]:
    """Columns of the fitted parameters, which must be those of exactly these tracks."""
    remedy = "give what fit_tracks(hits, labels) returned for the same hits and labels"
    fields = parameters.fields if isinstance(parameters, ak.Array) else []
    missing = [name for name in ("label", *_PARAMETERS) if name not in fields]
    if missing:
        raise WriteError(
            f"the parameters have no field {missing[0]}", file=path, branch="track", remedy=remedy
        )
    found = ak.to_numpy(ak.num(parameters, axis=1))
    if not np.array_equal(found, groups.tracks):
        wrong = np.flatnonzero(found != groups.tracks) if len(found) == len(groups.tracks) else [0]
        raise WriteError(
            f"parameters of {int(found.sum())} tracks in {len(found)} events, the labels are "
            f"{len(groups.label)} tracks in {len(groups.tracks)}",
            file=path,
            branch="track_pt",
            entry=int(wrong[0]),
            remedy=remedy,
        )
    flat = ak.flatten(parameters)
    different = np.flatnonzero(ak.to_numpy(flat["label"]) != groups.label)
    if len(different):
        first = int(different[0])
        raise WriteError(
            f"parameters of track {flat['label'][first]} where the labels have track "
            f"{groups.label[first]}",
            file=path,
            branch="track_label",
            entry=int(groups.event[first]),
            remedy=remedy,
        )
    return {name: ak.to_numpy(flat[name]) for name in _PARAMETERS}
