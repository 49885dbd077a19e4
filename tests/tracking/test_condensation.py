"""Condensation of hits into tracks against the plain loop over hits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking import GraphScores, HitGraph, HitGraphs, condensation, find_tracks
from pcgnn.tracking.condensation import condense


def plain(beta: np.ndarray, x: np.ndarray, radius: float, beta_min: float) -> np.ndarray:
    """One hit after the other, the strongest first, of equal ones the first."""
    labels, found = np.full(len(beta), -1), 0
    for hit in sorted(range(len(beta)), key=lambda hit: (-beta[hit], hit)):
        if beta[hit] >= beta_min and labels[hit] < 0:
            near = ((x - x[hit]) ** 2).sum(1) <= radius**2
            labels[near & (labels < 0)] = found
            found += 1
    return labels


@pytest.mark.parametrize("block", [1, 7, 1024])
def test_it_is_the_plain_greedy_loop(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(condensation, "_BLOCK", block)
    tracks = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        shape = (int(rng.integers(1, 150)), int(rng.integers(1, 5)))
        # on a grid many hits coincide, or lie at exactly the radius
        grid = rng.integers(0, 6, shape) / 4
        x = grid if seed % 2 else rng.normal(size=shape)
        beta = np.round(rng.random(shape[0]), seed % 3 + 1)  # with ties
        for radius in (0.25, 0.5, 1.0):
            expected = plain(beta, x, radius, 0.3)
            assert np.array_equal(condense(beta, x, radius=radius, beta_min=0.3), expected)
            tracks += expected.max() + 1
    assert tracks > 500


def test_the_radius_means_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hits at the radius, up to rounding: one look at both, or one after the other."""
    rng = np.random.default_rng(0)
    found = []
    for x in rng.normal(size=(200, 2, 2)):
        radius = float(np.sqrt(((x[1] - x[0]) ** 2).sum()))
        labels = []
        for block in (1, 1024):
            monkeypatch.setattr(condensation, "_BLOCK", block)
            labels.append(condense(np.array([0.9, 0.8]), x, radius=radius, beta_min=0.1).tolist())
        assert labels[0] == labels[1]
        found.append(labels[0])
    assert [0, 0] in found  # at the radius
    assert [0, 1] in found  # the square of the distance is rounded up, that of the radius down


def test_a_chain_is_cut_where_the_loop_cuts_it() -> None:
    """Each candidate is within reach of the one before it alone: as many rounds as hits."""
    x = 0.9 * np.arange(60.0)[:, None]
    labels = condense(np.linspace(0.9, 0.5, 60), x, radius=1.0, beta_min=0.1)
    assert labels.tolist() == np.repeat(np.arange(30), 2).tolist()


def test_weak_hits_are_taken_but_take_none() -> None:
    x = np.array([[0.0], [0.3], [5.0], [5.1]])
    beta = np.array([0.9, 0.05, 0.05, 0.09])
    assert condense(beta, x, radius=0.5, beta_min=0.1).tolist() == [0, 0, -1, -1]
    assert condense(beta, x, radius=0.5, beta_min=0.09).tolist() == [0, 0, 1, 1]
    assert condense(beta, x, radius=0.5, beta_min=1.0).tolist() == [-1] * 4
    assert condense(beta[:0], x[:0], radius=0.5, beta_min=0.1).size == 0


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


def test_tracks_of_several_events() -> None:
    # five hits of the first event, of which one is not in the graph; the same places in the second
    graphs = graphs_of([[4, 0, 1, 3], [0, 1, 2, 3]], [5, 4])
    first = np.array([[0.2, 0.0], [0.9, 9.0], [0.8, 0.1], [0.3, -0.1]], np.float32)
    second = np.array([[0.9, 0.0], [0.4, 9.0], [0.0, 9.0], [0.3, 9.2]], np.float32)
    expected = [-1, 0, -1, 0, 0, -1, 1, 1, 1]
    for form in ([first, second], GraphScores.join([first, second]), np.vstack([first, second])):
        found = find_tracks(graphs, form, method="condensation", radius=0.25)
        assert found.tolist() == expected
    short = find_tracks(graphs, [first, second], method="condensation", radius=0.25, min_hits=1)
    assert short.tolist() == [0, 1, -1, 1, 1, 2, 3, 3, 3]
    strong = find_tracks(graphs, [first, second], method="condensation", beta_min=0.5)
    assert strong.tolist() == [-1, 0, -1, 0, 0, -1, -1, -1, -1]


def test_wrong_input_is_named() -> None:
    graphs = graphs_of([[0, 1, 2]], [3])
    good = np.full((3, 3), 0.5, np.float32)
    for bad in (good[:, 0], good[:, :1], [good[:, 0]]):
        with pytest.raises(DataError, match="strength and coordinates"):
            find_tracks(graphs, bad, method="condensation")
    with pytest.raises(DataError, match="2 vectors do not fit the 3 hits"):
        find_tracks(graphs, good[:2], method="condensation")
    with pytest.raises(DataError, match="NaN"):
        find_tracks(graphs, good * np.nan, method="condensation")
    with pytest.raises(DataError, match=r"outside of \[0, 1\]"):
        find_tracks(graphs, good * 3, method="condensation")
    for radius in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ConfigError, match="radius"):
            find_tracks(graphs, good, method="condensation", radius=radius)
    with pytest.raises(ConfigError, match="beta_min"):
        find_tracks(graphs, good, method="condensation", beta_min=np.nan)
    with pytest.raises(ConfigError, match="threshold means nothing for condensation"):
        find_tracks(graphs, good, method="condensation", threshold=0.5)
    with pytest.raises(ConfigError, match="beta_min means nothing for dbscan"):
        find_tracks(graphs, good, method="dbscan", radius=1.0, beta_min=0.5)
    with pytest.raises(ConfigError, match="radius means nothing for components"):
        find_tracks(graphs, np.ones(0), radius=1.0)
    graphs[0].owned = torch.ones(3, dtype=torch.bool)
    with pytest.raises(DataError, match="sectors"):
        find_tracks(graphs, good, method="condensation")
