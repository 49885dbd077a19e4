"""Labels per hit -> the hits of each track, one track after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.io.hits.columns import Index

__all__ = ["TrackGroups", "group_labels"]

_REMEDY = "give one label per hit, -1 for none"


@dataclass(frozen=True)
class TrackGroups:
    """The tracks of some events, ordered by event and label.

    Args:
        labels: label of each hit, -1 for none.
        hit: numbers of the hits among those of all events, track by track.
        lengths: hits of each track.
        label: label of each track.
        event: event of each track.
        tracks: tracks of each event.

    Shapes:
        - labels (N,), hit (M,); lengths, label, event (T,); tracks (G,)
    """

    labels: Index
    hit: Index
    lengths: Index
    label: Index
    event: Index
    tracks: Index


def group_labels(labels: Any, counts: NDArray[np.integer]) -> TrackGroups:
    """Group hits by their labels, event by event.

    Args:
        labels: one per hit, flat over all events or one list per event; negative for none.
        counts: hits of each event.

    Shapes:
        - labels (N,) or (G, var), counts (G,)

    Raises:
        DataError: if labels and hits do not fit, or labels are no integers.

    Example:
        >>> group_labels([7, -1, 7, 3], np.array([3, 1])).hit
        array([0, 2, 3])
    """
    flat = np.maximum(_flat(labels, counts), -1)
    event = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((np.arange(len(flat)), flat, event))
    order = order[flat[order] >= 0]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(flat[order]) != 0) | (np.diff(event[order]) != 0)
    first = np.flatnonzero(new)
    owner = event[order][first]
    return TrackGroups(
        labels=flat,
        hit=order,
        lengths=np.diff(first, append=len(order)),
        label=flat[order][first],
        event=owner,
        tracks=np.bincount(owner, minlength=len(counts)),
    )


def _flat(labels: Any, counts: NDArray[np.integer]) -> Index:
    jagged = isinstance(labels, ak.Array) and labels.ndim == 2
    if isinstance(labels, list | tuple) and any(np.iterable(part) for part in labels):
        labels, jagged = ak.Array([np.asarray(part) for part in labels]), True
    if jagged:
        found = ak.to_numpy(ak.num(labels, axis=1))
        if not np.array_equal(found, counts):
            wrong = np.flatnonzero(found != counts) if len(found) == len(counts) else [0]
            raise DataError(
                f"labels for {len(found)} events with {int(found.sum())} hits, the hits are "
                f"{len(counts)} events with {int(counts.sum())}",
                entry=int(wrong[0]),
                remedy=_REMEDY,
            )
        labels = ak.flatten(labels)
    values = np.asarray(labels)
    if values.dtype.kind not in "iu" and values.size:
        raise DataError(f"labels must be integers, are {values.dtype}")
    if values.shape != (int(counts.sum()),):
        raise DataError(
            f"labels of the shape {values.shape} for {int(counts.sum())} hits", remedy=_REMEDY
        )
    return values.astype(np.int64)
