"""Hits as a training read them, graphs as it built them, tracks or scores of hits from both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError

if TYPE_CHECKING:
    import awkward as ak

    from pcgnn.tracking import GraphScores, HitGraphs
    from pcgnn.training import Task

__all__ = ["Found", "find_in_hits", "hits_per_event", "read_again"]

_BLOCK = 100_000
"""Hits whose graphs are held at once, at least one event."""


@dataclass(frozen=True)
class Found:
    """What a model says of the hits of some events.

    Args:
        labels: track of each hit, -1 for none; None for a model that scores hits.
        scores: score of each hit, NaN for hits outside the graphs; None where there are tracks.
        edges: source, target and score of each edge, and the number of edges per event.

    **Shapes:** labels, scores (hits,); edges (E,) each and (events,)
    """

    labels: NDArray[np.int64] | None
    scores: NDArray[np.float32] | None
    edges: tuple[dict[str, NDArray[Any]], NDArray[np.int64]] | None


def read_again(task: Task, file: str, *, tree: str | None = None, truth: bool = False) -> ak.Array:
    """Reads hits as the training read them, without what only truth needs.

    Args:
        task: a task from a checkpoint.
        file: what :func:`pcgnn.read_hits` reads.
        tree: the tree; by default that of the training.
        truth: whether truth is needed.
    """
    from pcgnn.io import read_hits
    from pcgnn.io.hits.discovery import detect_format

    provenance, kind = task.provenance, detect_format(file, "auto")
    mapping = dict(provenance.get("mapping") or {})
    if provenance.get("format") != kind:
        mapping, tree_then = {}, None  # names in files of another format say nothing here
    else:
        tree_then = provenance.get("tree")
    if not truth:
        mapping = {name: mapping[name] for name in ("hit", "event_id") if name in mapping}
    options: dict[str, Any] = {"mapping": mapping or None, "truth": truth}
    if kind == "root" and ":" not in Path(file).name:
        options["tree"] = tree or tree_then
    elif tree is not None:
        options["tree"] = tree
    return read_hits(file, **options)


def find_in_hits(
    task: Task,
    hits: ak.Array,
    *,
    finding: Mapping[str, Any] | None = None,
    ideal: bool = False,
    with_edges: bool = False,
    device: str = "auto",
) -> Found:
    """Builds graphs as the training did, scores them and builds tracks, a few events at a time.

    Args:
        task: a task from a checkpoint.
        hits: what :func:`pcgnn.read_hits` returns.
        finding: how tracks are built, options of :func:`pcgnn.tracking.find_tracks`; None for a
            model on hits.
        ideal: select hits by truth where the training did.
        with_edges: keep all edges and their scores.
        device: where to compute.

    Raises:
        DataError: damaged hits, or none of them on a layer of the graphs.
    """
    from pcgnn.tracking import find_tracks
    from pcgnn.tracking.rebuilding import rebuild_graphs
    from pcgnn.training import predict

    offsets = np.concatenate([[0], np.cumsum(hits_per_event(hits))])
    labels = np.full(offsets[-1], -1, dtype=np.int64)
    scores = np.full(offsets[-1], np.nan, dtype=np.float32)
    lists: list[dict[str, NDArray[Any]]] = []
    counts = np.zeros(len(hits), dtype=np.int64)
    next_label, outside, done = 0, None, False
    for start, stop in _blocks(offsets):
        part = hits[start:stop]
        try:
            graphs = rebuild_graphs(part, task.provenance["graphs"], ideal=ideal)
        except DataError as error:
            if error.branch != "hit.layer":
                raise
            outside = error  # no hit of these events is on a layer; that is wrong if of no event
            continue
        done = True
        values = predict(task, graphs, device=device)
        place = slice(offsets[start], offsets[stop])
        if finding is None:
            scores[place][graphs.selected()] = values.values
            continue
        found = find_tracks(graphs, values, **finding)
        labels[place] = np.where(found >= 0, found + next_label, -1)
        next_label = max(next_label, int(labels[place].max(initial=-1)) + 1)
        if with_edges:
            counts[start:stop] = np.diff(values.offsets)
            lists.append(_edge_lists(graphs, values))
    if outside is not None and not done:
        raise outside
    edges = None
    if with_edges:
        edges = ({name: _join([part[name] for part in lists]) for name in _EDGE_TYPES}, counts)
    return Found(None if finding is None else labels, scores if finding is None else None, edges)


_EDGE_TYPES = {"source": np.int32, "target": np.int32, "score": np.float32}


def _edge_lists(graphs: HitGraphs, values: GraphScores) -> dict[str, NDArray[Any]]:
    """Ends, as numbers of hits in their event, and scores."""
    ends = [graph.hit_index[graph.edge_index].cpu().numpy() for graph in graphs]
    flat = np.concatenate(ends, axis=1)
    columns = {"source": flat[0], "target": flat[1], "score": values.values}
    return {name: columns[name].astype(kind) for name, kind in _EDGE_TYPES.items()}


def _join(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, np.int32)


def hits_per_event(hits: ak.Array) -> NDArray[np.int64]:
    """Number of hits of each event."""
    import awkward as ak

    return np.asarray(ak.num(hits["hit"], axis=1), dtype=np.int64)


def _blocks(offsets: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Events in their order, a limited number of hits at a time."""
    start, events = 0, offsets.size - 1
    while start < events:
        full = int(np.searchsorted(offsets, offsets[start] + _BLOCK, side="right")) - 1
        stop = min(max(full, start + 1), events)
        yield start, stop
        start = stop
