"""DBSCAN of many events at once against the one of scikit-learn, event by event."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking import GraphScores, HitGraph, HitGraphs, find_tracks
from pcgnn.tracking.dbscan import dbscan


def blobs(seed: int, dimensions: int, events: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of several densities, stray points and repeated points in events of several sizes."""
    rng = np.random.default_rng(seed)
    parts, names = [], []
    for event in range(events):
        centres = rng.uniform(-3, 3, (6, dimensions))
        spread = rng.uniform(0.05, 0.4, 6)
        which = rng.integers(0, 6, 60 + 20 * event)
        near = centres[which] + spread[which, None] * rng.normal(size=(which.size, dimensions))
        stray = rng.uniform(-4, 4, (30, dimensions))
        parts.append(rng.permutation(np.concatenate([near, stray, near[:3]])))
        names.append(np.full(len(parts[-1]), event))
    return np.concatenate(parts), np.concatenate(names)


@pytest.mark.parametrize("dimensions", [1, 2, 8])
@pytest.mark.parametrize("min_samples", [1, 2, 3, 6])
def test_clusters_are_those_of_scikit_learn(dimensions: int, min_samples: int) -> None:
    points, event = blobs(dimensions, dimensions)
    for radius in (0.1, 0.3, 0.8):
        labels = dbscan(points, event, radius=radius, min_samples=min_samples)
        shift = 0
        for number in range(3):
            mine = event == number
            plain = DBSCAN(eps=radius, min_samples=min_samples).fit(points[mine])
            expected = plain.labels_ + np.where(plain.labels_ >= 0, shift, 0)
            found = labels[mine]
            core = np.zeros(found.size, dtype=bool)
            core[plain.core_sample_indices_] = True
            sure = core | (plain.labels_ < 0)
            assert np.array_equal(found[sure], expected[sure])
            distance = np.linalg.norm(points[mine][:, None] - points[mine][None], axis=2)
            for point in np.flatnonzero(~sure):
                around = core & (distance[point] <= radius)
                assert found[point] == found[around].min()
            shift += plain.labels_.max() + 1


def test_the_cases_are_not_trivial() -> None:
    points, event = blobs(2, 2)
    labels = dbscan(points, event, radius=0.3, min_samples=3)
    assert np.unique(labels).size > 10
    assert 20 < np.count_nonzero(labels < 0) < labels.size / 2


def test_events_at_one_place_stay_apart() -> None:
    points = np.tile(np.array([[0.0, 0.0], [0.1, 0.0]]), (5, 1))
    event = np.repeat(np.arange(5), 2)
    assert dbscan(points, event, radius=0.2, min_samples=2).tolist() == event.tolist()
    assert (dbscan(points, event, radius=0.2, min_samples=3) == -1).all()
    assert dbscan(points, np.zeros(10, int), radius=0.2, min_samples=10).tolist() == [0] * 10


def test_the_radius_itself_is_within() -> None:
    points, event = np.array([[0.0], [1.0], [2.0]]), np.zeros(3, int)
    assert dbscan(points, event, radius=1.0, min_samples=3).tolist() == [0, 0, 0]
    assert dbscan(points, event, radius=np.nextafter(1.0, 0), min_samples=2).tolist() == [-1] * 3


def test_without_points() -> None:
    assert dbscan(np.empty((0, 3)), np.empty(0, int), radius=1.0, min_samples=2).size == 0


def graphs_of(index: list[list[int]], sizes: list[int]) -> HitGraphs:
    """Graphs without edges of some of the hits of events."""
    graphs = [
        HitGraph(
            x=torch.zeros(len(hits), 3),
            edge_index=torch.empty(2, 0, dtype=torch.long),
            hit_index=torch.tensor(hits),
            event=torch.tensor([number]),
        )
        for number, hits in enumerate(index)
    ]
    return HitGraphs(graphs, {"features": ["r"]}, {}, np.concatenate([[0], np.cumsum(sizes)]))


def test_tracks_from_an_embedding() -> None:
    # five hits of the first event, of which one is not in the graph, four of the second
    graphs = graphs_of([[4, 0, 1, 3], [0, 1, 2, 3]], [5, 4])
    vectors = [
        np.array([[0.0, 0.0], [9.0, 0.0], [0.1, 0.0], [0.2, 0.0]], np.float32),
        np.array([[0.0, 0.0], [0.1, 0.0], [7.0, 0.0], [0.2, 0.0]], np.float32),
    ]
    expected = [-1, 0, -1, 0, 0, 1, 1, -1, 1]
    for form in (vectors, GraphScores.join(vectors), np.concatenate(vectors)):
        found = find_tracks(graphs, form, method="dbscan", radius=0.11, min_samples=2)
        assert found.tolist() == expected
    # by two hits each the ends of the chain are no core points, but at the border
    found = find_tracks(graphs, vectors, method="dbscan", radius=0.11, min_samples=3)
    assert found.tolist() == expected
    long = find_tracks(graphs, vectors, method="dbscan", radius=0.11, min_samples=2, min_hits=4)
    assert (long == -1).all()


def test_wrong_input_is_named() -> None:
    graphs = graphs_of([[0, 1, 2]], [3])
    good = np.zeros((3, 2), np.float32)
    with pytest.raises(ConfigError, match="radius"):
        find_tracks(graphs, good, method="dbscan")
    with pytest.raises(ConfigError, match="radius"):
        find_tracks(graphs, good, method="dbscan", radius=-1.0)
    with pytest.raises(ConfigError, match="min_samples"):
        find_tracks(graphs, good, method="dbscan", radius=1.0, min_samples=0)
    with pytest.raises(DataError, match="coordinates"):
        find_tracks(graphs, good[:, 0], method="dbscan", radius=1.0)
    with pytest.raises(DataError, match="coordinates"):
        find_tracks(graphs, [good[:, 0]], method="dbscan", radius=1.0)
    with pytest.raises(DataError, match="2 vectors do not fit the 3 hits"):
        find_tracks(graphs, good[:2], method="dbscan", radius=1.0)
    with pytest.raises(DataError, match="NaN"):
        find_tracks(graphs, good * np.nan, method="dbscan", radius=1.0)
    graphs[0].owned = torch.ones(3, dtype=torch.bool)
    with pytest.raises(DataError, match="overlap"):
        find_tracks(graphs, good, method="dbscan", radius=1.0)
