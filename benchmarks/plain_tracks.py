"""Tracks from edges as one writes them with networkx and with a loop over components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_networkx", "by_scipy_loop", "canonical", "walk_by_networkx"]

Index = NDArray[np.int64]
Array = NDArray[np.float64]


def by_networkx(edges: Index, hits: int, min_hits: int) -> Index:
    """Connected components of an undirected networkx graph, one label per hit, -1 for none."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_edges_from(edges.T.tolist())
    labels = np.full(hits, -1, dtype=np.int64)
    for number, component in enumerate(nx.connected_components(graph)):
        if len(component) >= min_hits:
            labels[list(component)] = number
    return labels


def by_scipy_loop(edges: Index, hits: int, min_hits: int) -> Index:
    """Components of scipy, then one look at all hits for each of them."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    matrix = coo_matrix((np.ones(edges.shape[1]), (edges[0], edges[1])), shape=(hits, hits))
    number, component = connected_components(matrix, directed=False)
    labels = np.full(hits, -1, dtype=np.int64)
    track = 0
    for each in range(number):
        members = np.flatnonzero(component == each)
        if members.size >= min_hits:
            labels[members] = track
            track += 1
    return labels


def walk_by_networkx(edges: Index, scores: Array, hits: int, min_hits: int) -> Index:
    """The rule of ``pcgnn.tracking.walkthrough``, component by component with networkx.

    A component that does not branch is a track. From others the path of the largest sum of scores
    is taken out, with the free hits that have two edges or more to it, until no edge is left; a
    path that is too short is taken out without becoming a track.
    """
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_weighted_edges_from(
        zip(edges[0].tolist(), edges[1].tolist(), scores.tolist(), strict=True), weight="score"
    )
    labels = np.full(hits, -1, dtype=np.int64)
    track = 0
    for component in list(nx.weakly_connected_components(graph)):
        part = graph.subgraph(component).copy()
        for found in _tracks_of(nx, part, min_hits):
            labels[found] = track
            track += 1
    return labels


def _tracks_of(nx: Any, part: Any, min_hits: int) -> list[list[int]]:
    if max(d for _, d in part.in_degree) < 2 and max(d for _, d in part.out_degree) < 2:
        return [list(part)] if len(part) >= min_hits else []
    found = []
    while part.number_of_edges():
        path = nx.dag_longest_path(part, weight="score", default_weight=0.0)
        taken = list(path)
        if len(path) >= min_hits:
            on_path = set(path)
            for hit in part:
                if hit in on_path:
                    continue
                joined = sum(other in on_path for other in part.predecessors(hit))
                joined += sum(other in on_path for other in part.successors(hit))
                if joined >= 2:
                    taken.append(hit)
            found.append(taken)
        part.remove_nodes_from(taken)
    return found


def canonical(labels: Index) -> Index:
    """Tracks numbered by their first hits, so that equal tracks have equal labels; -1 stays."""
    out = np.full(labels.shape, -1, dtype=np.int64)
    numbers: dict[int, int] = {}
    for hit in np.flatnonzero(labels >= 0):
        out[hit] = numbers.setdefault(int(labels[hit]), len(numbers))
    return out
