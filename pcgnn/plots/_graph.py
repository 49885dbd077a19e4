"""Edges of hit graphs as numpy arrays, for drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.metrics._inputs import numeric

__all__ = ["edge_scores_of", "event_edges"]

IntArray = NDArray[np.int64]


def edge_scores_of(scores: Any, edges: int) -> NDArray[np.float64]:
    """One finite score per edge.

    Args:
        scores: scores of one graph.
        edges: how many there must be.

    Raises:
        DataError: another number, or NaN.
    """
    values = numeric(scores, "scores").reshape(-1).astype(np.float64)
    if values.size != edges:
        raise DataError(
            f"{values.size} scores for {edges} edges",
            remedy="give the scores of this graph, for instance pcgnn.predict(...)[0]",
        )
    if np.isnan(values).any():
        raise DataError(f"scores: {int(np.isnan(values).sum())} are NaN")
    return values


def event_edges(graphs: Any, event: int, scores: Any, threshold: float) -> IntArray:
    """Edges of one event as pairs of hits of that event, (2, E), those that pass alone.

    Args:
        graphs: hit graphs.
        event: number of the event.
        scores: what `predict` returns for all the graphs, or None for all edges.
        threshold: score from which an edge is kept.

    Raises:
        DataError: no graph of this event, or scores that do not fit.
    """
    from pcgnn.tracking import GraphScores  # torch is loaded only where graphs are drawn

    graphs = list(graphs)
    own = [number for number, graph in enumerate(graphs) if int(graph.event) == event]
    if not own:
        raise DataError(f"none of the {len(graphs)} graphs is of event {event}")
    sizes = [int(graph.edge_index.shape[1]) for graph in graphs]
    values = None if scores is None else GraphScores.of(scores, sizes)
    parts = []
    for number in own:
        graph = graphs[number]
        hit = numeric(graph.hit_index, "hit_index").astype(np.int64)
        pairs = hit[numeric(graph.edge_index, "edge_index")]
        if values is not None:
            pairs = pairs[:, edge_scores_of(values[number], sizes[number]) >= threshold]
        parts.append(pairs)
    return np.concatenate(parts, axis=1)
