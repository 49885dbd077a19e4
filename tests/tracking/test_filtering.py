"""Edges kept by a score: what is lost stays lost in the reports."""

from __future__ import annotations

import math

import awkward as ak
import numpy as np
import pytest
import torch
from tracking_events import events

import pcgnn
from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking import LayerPairCuts, RadiusGraph, build_graphs, find_tracks


def test_filtered_graphs_hold_the_edges_above_the_score() -> None:
    graphs = build_graphs(events(3, seed=1), LayerPairCuts.for_pt(0.5))
    rng = np.random.default_rng(0)
    scores = rng.random(graphs.num_edges)
    kept = graphs.filter(scores, 0.4)
    offset = 0
    for before, after in zip(graphs, kept, strict=True):
        size = before.edge_index.shape[1]
        passed = torch.from_numpy(scores[offset : offset + size] >= 0.4)
        offset += size
        for name in ("edge_attr", "y", "edge_mask"):
            assert torch.equal(after[name], before[name][passed])
        assert torch.equal(after.edge_index, before.edge_index[:, passed])
        assert torch.equal(after.x, before.x)
        assert torch.equal(after.true_edges, before.true_edges)
    assert 0 < kept.num_edges < graphs.num_edges
    assert graphs.num_edges == offset  # the graphs that were filtered are as they were
    assert "score >= 0.4" in repr(kept)
    assert kept.provenance["graphs"]["filters"] == [0.4]
    twice = kept.filter(np.ones(kept.num_edges), 0.5)
    assert twice.description["filters"] == [0.4, 0.5]
    assert twice.data_hash() == kept.data_hash()
    # the table of tracks is the same, whether edges are filtered before or cut afterwards
    labels = find_tracks(graphs, scores, threshold=0.4)
    flat = scores[scores >= 0.4]
    assert np.array_equal(find_tracks(kept, flat, threshold=0.4), labels)


def test_construction_efficiency_is_still_of_all_true_edges() -> None:
    graphs = build_graphs(events(3, seed=2), RadiusGraph(150.0), pt_min=1.0)
    truth = torch.cat([graph.y for graph in graphs]).numpy()
    before = graphs.report(truth).construction_efficiency
    rng = np.random.default_rng(1)
    scores = np.where(truth > 0, rng.random(truth.size), 0.5 * rng.random(truth.size))
    kept = graphs.filter(scores, 0.3)
    rest = torch.cat([graph.y for graph in kept]).numpy()
    after = kept.report(rest).construction_efficiency
    assert after.total == before.total
    # cumulative before filtering is construction after it
    cumulative = graphs.report(scores, threshold=0.3).cumulative_efficiency
    assert after.counts == cumulative.counts
    assert 0 < after.value < before.value


def test_undirected_graphs_keep_both_directions() -> None:
    graphs = build_graphs(events(2, seed=3), LayerPairCuts.for_pt(0.5), undirected=True)
    scores = np.random.default_rng(2).random(graphs.num_edges)
    kept = graphs.filter(scores, 0.6)
    offset = 0
    for before, after in zip(graphs, kept, strict=True):
        half = before.edge_index.shape[1] // 2
        one, other = scores[offset : offset + half], scores[offset + half : offset + 2 * half]
        offset += 2 * half
        assert after.edge_index.shape[1] == 2 * ((one + other) / 2 >= 0.6).sum()
        forth, back = after.edge_index.chunk(2, 1)
        assert torch.equal(forth, back.flip(0))
        assert torch.equal(*after.edge_attr[:, 3].chunk(2))


def test_wrong_scores_are_refused() -> None:
    graphs = build_graphs(events(2, seed=3), LayerPairCuts.for_pt(1.0))
    scores = np.ones(graphs.num_edges)
    with pytest.raises(DataError, match="do not fit"):
        graphs.filter(scores[1:], 0.5)
    with pytest.raises(DataError, match="NaN"):
        graphs.filter(np.where(np.arange(scores.size) == 3, np.nan, scores), 0.5)
    with pytest.raises(ConfigError, match="finite"):
        graphs.filter(scores, math.nan)
    assert graphs.filter(scores, 2.0).num_edges == 0


def test_radius_graph_filter_and_network_in_a_row() -> None:
    hits = events(12, seed=4)
    named = hits.hit
    # stands for the output of an embedding network: where a hit is seen from the beam spot
    x, y, z = (np.asarray(ak.flatten(named[name]), np.float64) for name in "xyz")
    vectors = np.stack([x, y, z], 1) / np.sqrt(x**2 + y**2 + (0.5 * z) ** 2)[:, None]
    graphs = build_graphs(hits, RadiusGraph(0.25, space=vectors), truth="consecutive", pt_min=0.5)
    train, test = graphs.split((8, 4), seed=1)
    torch.manual_seed(1)
    network = pcgnn.create_model("edge-filter", features=graphs.features, latent=16, layers=2)
    result = pcgnn.fit(network, train, test, epochs=10, lr=1e-2, progress=False)
    before = test.report(pcgnn.predict(result, test))
    kept = test.filter(pcgnn.predict(result, test), before.threshold_at_efficiency(0.95))
    after = kept.report(np.ones(kept.num_edges))
    assert after.graph_purity.value > 2 * before.graph_purity.value
    lost = after.construction_efficiency.value / before.construction_efficiency.value
    assert lost == pytest.approx(0.95, abs=0.01)
    network = pcgnn.create_model("edge-attention-network", features=graphs.features, latent=8)
    result = pcgnn.fit(network, kept[:3], kept[3:], epochs=1, progress=False)
    assert len(pcgnn.predict(result, kept).values) == kept.num_edges
