"""Track building on graphs whose answer is known."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
import torch
from tracking_events import events

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking import (
    GraphScores,
    HitGraph,
    HitGraphs,
    LayerPairCuts,
    build_graphs,
    find_tracks,
)


def graph_of(hits: int, edges: list[tuple[int, int]]) -> HitGraphs:
    graph = HitGraph(
        x=torch.zeros(hits, 3),
        edge_index=torch.tensor(edges).reshape(-1, 2).t().contiguous(),
        hit_index=torch.arange(hits),
        event=torch.tensor([0]),
    )
    return HitGraphs([graph], {"features": ["r"]}, {}, np.array([0, hits]))


def groups(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == n).tolist()) for n in np.unique(labels[labels >= 0])}


def test_components_are_those_of_networkx() -> None:
    hits = events(3, seed=1)
    graphs = build_graphs(hits, LayerPairCuts.for_pt(0.5))
    scores = [np.random.default_rng(n).random(g.edge_index.shape[1]) for n, g in enumerate(graphs)]
    for threshold in (0.3, 0.8, 0.95):
        labels = find_tracks(graphs, scores, hits=hits, threshold=threshold)
        plain = networkx.Graph()
        for pair, score in zip(graphs.edges().t().tolist(), np.concatenate(scores), strict=True):
            if score >= threshold:
                plain.add_edge(*pair)
        expected = {frozenset(c) for c in networkx.connected_components(plain) if len(c) >= 3}
        assert groups(labels) == expected
        used = labels[labels >= 0]
        assert np.array_equal(np.unique(used), np.arange(used.max() + 1))


def test_perfect_scores_give_back_the_particles() -> None:
    hits = events(2, particles=40, noise=30, seed=9)
    graphs = build_graphs(hits, LayerPairCuts(None, None, layers="generic_pixels"), pt_min=0.01)
    scores = [graph.y.numpy() for graph in graphs]
    particle = np.concatenate(
        [np.asarray(e.hit.particle_id) + 1000 * n for n, e in enumerate(hits)]
    )
    for method in ("components", "walkthrough"):
        labels = find_tracks(graphs, scores, method=method)  # type: ignore[arg-type]
        assert (labels[particle % 1000 == 0] == -1).all()  # noise is on no track
        for track in groups(labels):
            assert len({int(particle[i]) for i in track}) == 1


def test_a_walkthrough_parts_what_a_wrong_edge_joins() -> None:
    # two chains of five hits and a weak edge from the middle of one to the other
    chains = [(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (6, 7), (7, 8), (8, 9)]
    graphs = graph_of(10, [*chains, (2, 8)])
    scores = np.array([0.9] * 8 + [0.6])
    assert groups(find_tracks(graphs, scores)) == {frozenset(range(10))}
    expected = {frozenset(range(5)), frozenset(range(5, 10))}
    assert groups(find_tracks(graphs, scores, method="walkthrough")) == expected


def test_a_walkthrough_takes_the_better_scored_branch() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (1, 4), (4, 5)]
    for good, bad, expected in ((0.9, 0.6, {0, 1, 2, 3}), (0.6, 0.9, {0, 1, 4, 5})):
        scores = np.array([0.9, good, good, bad, bad])
        labels = find_tracks(graph_of(6, edges), scores, method="walkthrough")
        assert groups(labels) == {frozenset(expected)}
    # a longer path beats a shorter one of equal scores
    longer = find_tracks(graph_of(7, [*edges, (5, 6)]), np.full(6, 0.8), method="walkthrough")
    assert groups(longer) == {frozenset({0, 1, 4, 5, 6})}


def test_second_hits_on_a_layer_join_their_track() -> None:
    # hits 1 and 5 lie on the same layer and are both joined to 0 and 2
    graphs = graph_of(6, [(0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 2)])
    scores = np.array([0.9, 0.9, 0.9, 0.9, 0.8, 0.8])
    assert groups(find_tracks(graphs, scores, method="walkthrough")) == {frozenset(range(6))}


def test_each_path_of_a_walkthrough_is_a_path_of_the_graph() -> None:
    hits = events(2, particles=80, seed=11)
    graphs = build_graphs(hits, LayerPairCuts.for_pt(0.5))
    rng = np.random.default_rng(5)
    scores = [np.clip(0.6 * g.y.numpy() + 0.4 * rng.random(g.y.shape[0]), 0, 1) for g in graphs]
    labels = find_tracks(graphs, scores, method="walkthrough", threshold=0.3, min_hits=3)
    whole = find_tracks(graphs, scores, method="components", threshold=0.3, min_hits=3)
    passed = np.concatenate(scores) >= 0.3
    plain = networkx.Graph(graphs.edges().numpy()[:, passed].T.tolist())
    tracks = groups(labels)
    assert len(tracks) > len(groups(whole))
    for track in tracks:
        assert len(track) >= 3
        assert networkx.is_connected(plain.subgraph(track))
        assert len({int(whole[i]) for i in track}) == 1


def test_undirected_scores_are_averaged() -> None:
    hits = events(1, seed=3)
    cuts = LayerPairCuts.for_pt(0.5)
    one, both = build_graphs(hits, cuts), build_graphs(hits, cuts, undirected=True)
    rng = np.random.default_rng(0)
    forward, backward = rng.random((2, one.num_edges))
    labels = find_tracks(both, np.concatenate([forward, backward]), threshold=0.6)
    assert groups(labels) == groups(find_tracks(one, (forward + backward) / 2, threshold=0.6))
    assert len(groups(labels)) > 0


def test_what_does_not_fit_is_refused() -> None:
    hits = events(2, seed=3)
    graphs = build_graphs(hits, LayerPairCuts.for_pt(0.5))
    scores = np.ones(graphs.num_edges)
    with pytest.raises(ConfigError, match="components"):
        find_tracks(graphs, scores, method="magic")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="do not fit"):
        find_tracks(graphs, scores[:-1])
    with pytest.raises(DataError, match="made from 2 events"):
        find_tracks(graphs, scores, hits=hits[:1])
    circle = graph_of(4, [(0, 1), (1, 2), (2, 0), (2, 3)])
    with pytest.raises(DataError, match="circle"):
        find_tracks(circle, np.ones(4), method="walkthrough")
    part = graphs.split((1, 1))[1]
    with pytest.raises(DataError, match="1 of 2 events"):
        find_tracks(part, np.ones(part.num_edges), hits=hits)
    alone = find_tracks(part.compact(), np.ones(part.num_edges), hits=hits[part.events])
    whole = find_tracks(graphs, scores, hits=hits)
    first, last = graphs.offsets[part.events[0]], graphs.offsets[part.events[0] + 1]
    assert groups(alone) == groups(whole[first:last])
    split = GraphScores.of(scores, [g.edge_index.shape[1] for g in graphs])
    assert len(split) == 2
    assert np.array_equal(np.concatenate([split[0], split[-1]]), scores)


def test_scores_that_are_not_finite_are_refused() -> None:
    graphs = build_graphs(events(1, seed=8), LayerPairCuts.for_pt(0.5))
    scores = np.full(graphs.num_edges, 0.9)
    scores[3] = np.nan
    with pytest.raises(DataError, match="NaN or infinite"):
        find_tracks(graphs, scores)


def test_float32_scores_pass_the_threshold_they_equal() -> None:
    """0.7 in float32 is below 0.7 in float64; reports and filters compare in float32."""
    graphs = build_graphs(events(1, seed=8), LayerPairCuts.for_pt(0.5))
    scores = np.where(graphs[0].y.numpy() > 0.5, np.float32(0.7), np.float32(0.1))
    tracks = find_tracks(graphs, scores, threshold=0.7)
    assert np.array_equal(tracks, find_tracks(graphs, scores, threshold=0.5))
    assert tracks.max() > 10
    assert graphs.filter(scores, 0.7).num_edges == int((scores == np.float32(0.7)).sum())
