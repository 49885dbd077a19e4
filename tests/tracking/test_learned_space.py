"""From a learned space to a graph, a filter and tracks, on events of the toy detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tracking_events import events

import pcgnn
from pcgnn.tracking import (
    GraphScores,
    HitGraphs,
    NearestGraph,
    RadiusGraph,
    build_graphs,
    find_tracks,
)
from pcgnn.training import EmbeddingTask


def purity(vectors: GraphScores, graphs: HitGraphs, efficiency: float) -> tuple[float, float]:
    """Purity of the pairs within the radius that keeps this part of the pairs of a particle."""
    true, false = [], []
    for number, graph in enumerate(graphs):
        points = torch.from_numpy(vectors[number]).double()
        particle, hard = graph.particle_id, graph.hit_y > 0.5
        first, second = torch.triu_indices(len(points), len(points), 1)
        same = (particle[first] == particle[second]) & (particle[first] > 0)
        kept = ~same | hard[first]  # pairs of one soft particle are ignored, as in the graphs
        first, second, same = first[kept], second[kept], same[kept]
        distance = (points[first] - points[second]).norm(dim=1)
        true.append(distance[same].numpy())
        false.append(distance[~same].numpy())
    near, far = np.concatenate(true), np.concatenate(false)
    radius = float(np.quantile(near, efficiency))
    inside = np.count_nonzero(near <= radius)
    return inside / (inside + np.count_nonzero(far <= radius)), radius


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An embedding of 12 events, and the space of four others before and after the training."""
    hits = events(16, particles=150, noise=50, seed=11)
    graphs = build_graphs(hits, NearestGraph(1), pt_min=1.0)
    train, val = graphs.take(range(12)), graphs.take(range(12, 16))
    torch.manual_seed(0)
    model = pcgnn.create_model("hit-embedding", features=graphs.features, latent=64, layers=2)
    before = pcgnn.predict(EmbeddingTask(model, features=graphs.features), val)
    result = pcgnn.fit(
        model,
        train,
        val,
        epochs=25,
        lr=3e-3,
        batch_size=2,
        progress=False,
        directory=tmp_path_factory.mktemp("embedding"),
    )
    return {"hits": hits, "graphs": graphs, "val": val, "before": before, "result": result}


def test_training_makes_the_space_purer(learned: dict[str, Any]) -> None:
    after = pcgnn.predict(learned["result"], learned["val"])
    untrained, _ = purity(learned["before"], learned["val"], 0.9)
    trained, _ = purity(after, learned["val"], 0.9)
    assert untrained < 0.4
    assert trained > 1.6 * untrained


def test_graph_filter_and_tracks_follow(learned: dict[str, Any], tmp_path: Path) -> None:
    hits, graphs, result = learned["hits"], learned["graphs"], learned["result"]
    vectors = pcgnn.predict(result, graphs)
    expected, radius = purity(pcgnn.predict(result, learned["val"]), learned["val"], 0.9)
    near = build_graphs(hits, RadiusGraph(radius, space=vectors, graphs=graphs), pt_min=1.0)
    train, unseen = near.take(range(12)), near.take(range(12, 16))
    full = unseen.report([np.ones(g.edge_index.shape[1]) for g in unseen])
    # counted here from the edges, there from all distances
    assert full.construction_efficiency.value == pytest.approx(0.9, abs=0.01)
    assert full.purity.value == pytest.approx(expected, abs=0.01)

    torch.manual_seed(1)
    model = pcgnn.create_model("edge-filter", features=near.features, latent=32, layers=2)
    sieve = pcgnn.fit(
        model, train, unseen, epochs=8, lr=3e-3, progress=False, directory=tmp_path / "filter"
    )
    scores = pcgnn.predict(sieve, unseen)
    threshold = unseen.report(scores).threshold_at_efficiency(0.95)
    thin = unseen.filter(scores, threshold)
    left = thin.report([np.ones(g.edge_index.shape[1]) for g in thin])
    assert left.purity.value > 1.2 * full.purity.value
    kept = left.construction_efficiency.value / full.construction_efficiency.value
    assert kept == pytest.approx(0.95, abs=0.02)

    part = learned["val"].compact()
    some = hits[learned["val"].events]
    spaces = {"learned": pcgnn.predict(result, part), "untrained": learned["before"]}
    found = {}
    for name, space in spaces.items():
        # the radius that keeps half of the pairs: hits of a track are linked by the nearest ones
        _, eps = purity(space, part, 0.5)
        labels = find_tracks(part, space, hits=some, method="dbscan", radius=eps, min_samples=2)
        report = pcgnn.metrics.track_report(some, labels, rule="double_majority", pt_min=1.0)
        found[name] = report.efficiency.value
    assert found["learned"] > found["untrained"] + 0.1
