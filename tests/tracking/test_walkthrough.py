"""Paths taken out of all neighbourhoods at once are those taken out one by one."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from pcgnn.tracking.walkthrough import walkthrough


def one_by_one(edges: np.ndarray, scores: np.ndarray, min_hits: int) -> set[frozenset[int]]:
    """The rule of the module, path by path over all that is left."""
    graph = networkx.DiGraph()
    graph.add_weighted_edges_from(zip(*edges.tolist(), scores.tolist(), strict=True))
    tracks = set()
    for part in list(networkx.weakly_connected_components(graph)):
        degrees = [*dict(graph.in_degree(part)).values(), *dict(graph.out_degree(part)).values()]
        if max(degrees) < 2:
            tracks |= {frozenset(part)} if len(part) >= min_hits else set()
            graph.remove_nodes_from(part)
    while graph.number_of_edges():
        path = networkx.dag_longest_path(graph, weight="weight")
        taken = set(path)
        if len(path) >= min_hits:
            neighbours = {hit: set(graph.pred[hit]) | set(graph.succ[hit]) for hit in graph}
            taken |= {h for h, near in neighbours.items() if len(near & set(path)) >= 2}
            tracks.add(frozenset(taken))
        graph.remove_nodes_from(taken)
    return tracks


@pytest.mark.parametrize("seed", range(60))
def test_as_if_taken_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hits = int(rng.integers(5, 90))
    layer = rng.integers(0, 8, hits)
    edges = rng.integers(0, hits, (2, int(rng.integers(3, 300))))
    edges = edges[:, layer[edges[0]] != layer[edges[1]]]
    edges = np.where(layer[edges[0]] > layer[edges[1]], edges[::-1], edges)
    edges = np.unique(edges, axis=1)
    scores = rng.random(edges.shape[1])
    labels = walkthrough(edges, scores, hits, 3)
    found = {frozenset(np.flatnonzero(labels == n).tolist()) for n in set(labels[labels >= 0])}
    assert found == one_by_one(edges, scores, 3)


def test_of_equal_paths_the_one_that_ends_first_is_taken() -> None:
    """Five parallel ways of six hits, joined crosswise at one place only."""
    layers, width = 6, 5
    hit = np.arange(layers * width).reshape(layers, width)
    straight = np.stack([hit[:-1].ravel(), hit[1:].ravel()])
    crossed = np.stack([hit[2], np.roll(hit[3], 1)])
    edges = np.concatenate([straight, crossed], 1)
    labels = walkthrough(edges, np.full(edges.shape[1], 0.7), hit.size, 3)
    tracks = {frozenset(np.flatnonzero(labels == n).tolist()) for n in set(labels[labels >= 0])}
    # the path to the end of smallest number comes by the edge listed first, and so do the others
    assert tracks == {frozenset(hit[:, way].tolist()) for way in range(width)}
    moved = walkthrough(edges, np.full(edges.shape[1], 0.1), hit.size, 3)
    assert np.array_equal(moved, labels)
