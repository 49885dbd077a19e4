"""Hypotheses of background events: the policies, drawn once or in every batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from pcgnn.data import BalancedLoader, CloudLoader, Hypotheses, ParticleClouds, at_hypothesis
from pcgnn.errors import ConfigError, DataError
from pcgnn.training.loaders import SharedLoader

MASSES = [500.0, 750.0, 1000.0, 1500.0]


def sample(graphs: int = 4000, seed: int = 0) -> ParticleClouds:
    """Graphs of 1 to 3 rows; the last column is the mass, of background 0."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 4, graphs)
    y = random.integers(0, 2, graphs)
    mass = np.where(y == 1, random.choice(MASSES, graphs, p=[0.7, 0.1, 0.1, 0.1]), 0.0)
    x = np.stack([random.normal(size=sizes.sum()), np.repeat(mass, sizes)], 1)
    return ParticleClouds(
        x=x.astype(np.float32), ptr=np.concatenate([[0], np.cumsum(sizes)]), y=y,
        process=np.zeros(graphs, np.int64), mass=mass,
        levels={"process": "graph", "mass": "graph"},
    )  # fmt: skip


def masses(data: object, y: int) -> np.ndarray:
    first = data.ptr[:-1][data.y == y]  # type: ignore[attr-defined]
    return data.x[first, 1].numpy()  # type: ignore[attr-defined,no-any-return]


def test_identical_masses_are_equally_frequent() -> None:
    clouds = sample()
    result = Hypotheses.of(clouds).assign(clouds, seed=3)
    values, counts = np.unique(masses(result, 0), return_counts=True)
    assert values.tolist() == MASSES
    assert stats.chisquare(counts).pvalue > 1e-3
    np.testing.assert_array_equal(masses(result, 1), masses(clouds, 1))
    assert torch.equal(result.x[:, 0], clouds.x[:, 0])
    assert not (masses(clouds, 0) != 0).any(), "the clouds given are not changed"
    # all rows of a graph carry the same
    spread = [
        np.ptp(result.x[a:b, 1].numpy())
        for a, b in zip(result.ptr[:-1], result.ptr[1:], strict=True)
    ]
    assert max(spread) == 0


def test_uniform_masses_fill_the_range() -> None:
    clouds = sample()
    drawn = masses(Hypotheses.of(clouds, "uniform").assign(clouds), 0)
    assert stats.kstest(drawn, stats.uniform(500, 1000).cdf).pvalue > 1e-3


def test_fixed_is_reproducible_and_drawn_anew_is_new() -> None:
    clouds = sample(300)
    hypotheses = Hypotheses.of(clouds)
    np.testing.assert_array_equal(
        masses(hypotheses.assign(clouds, 1), 0), masses(hypotheses.assign(clouds, 1), 0)
    )
    loader = CloudLoader(clouds, 300, redraw=hypotheses)
    first, second = masses(next(iter(loader)), 0), None
    loader.set_epoch(1)
    second = masses(next(iter(loader)), 0)
    assert 0.6 < (first != second).mean() < 0.9, "another of four values in 3 of 4 cases"
    loader.set_epoch(0)
    np.testing.assert_array_equal(masses(next(iter(loader)), 0), first)
    assert not (masses(clouds, 0) != 0).any(), "the clouds behind a loader are not changed"


def test_shared_and_balanced_loaders_redraw_too() -> None:
    clouds = sample(400)
    hypotheses = Hypotheses.of(clouds)
    whole = CloudLoader(clouds, 50, shuffle=True, redraw=hypotheses)
    parts = [[masses(b, 0) for b in SharedLoader(whole, rank, 2)] for rank in range(2)]
    assert all((m > 0).all() for part in parts for m in part)
    assert parts[0][0][:5].tolist() != parts[1][0][:5].tolist()
    for batch in BalancedLoader(clouds, 80, redraw=hypotheses):
        assert (masses(batch, 0) > 0).all()


def test_pairs_of_parameters_stay_pairs() -> None:
    points = np.array([[900.0, 100.0], [600.0, 400.0]])
    x = torch.zeros(500, 3)
    clouds = ParticleClouds(x=x, ptr=torch.arange(501), y=torch.zeros(500, dtype=torch.int64))
    drawn = Hypotheses(points).assign(clouds).x[:, 1:].numpy()
    assert np.unique(drawn, axis=0).tolist() == [[600.0, 400.0], [900.0, 100.0]]


def test_one_hypothesis_for_all() -> None:
    clouds = sample(50)
    looked_at = at_hypothesis(clouds, 900.0)
    assert set(looked_at.x[:, 1].tolist()) == {900.0}
    assert torch.equal(looked_at.x[:, 0], clouds.x[:, 0])


def test_refusals() -> None:
    clouds = sample(50)
    with pytest.raises(ConfigError, match="policy"):
        Hypotheses(MASSES, "gauss")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="finite"):
        Hypotheses([])
    with pytest.raises(ConfigError, match="finite"):
        Hypotheses([np.nan])
    with pytest.raises(DataError, match="no graphs of class 4"):
        Hypotheses.of(clouds, signal=4)
    with pytest.raises(DataError, match="more than 2 columns"):
        at_hypothesis(clouds, [1.0, 2.0])
    with pytest.raises(DataError, match="more than 2 columns"):
        Hypotheses([[1.0, 2.0]]).assign(clouds)
