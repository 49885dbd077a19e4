"""Significance ratio and purity curves against plain sums and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import edge_report, precision_recall, significance_ratio


def events(size: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, size)
    return y, np.round(random.normal(size=size) + y, 1), random.uniform(0.1, 3.0, size)


def test_ratio_is_the_largest_of_all_cuts() -> None:
    y, score, weight = events()
    best, where = 0.0, 0.0
    for cut in np.unique(score):
        kept = score >= cut
        s, b = weight[kept & (y == 1)].sum(), weight[kept & (y == 0)].sum()
        most = weight[y == 1].sum()
        ratio = s * np.sqrt(most) / (most * np.sqrt(s + b))
        if ratio > best:
            best, where = ratio, cut
    found = significance_ratio(y, score, weight=weight)
    assert found.value == pytest.approx(best, rel=1e-12)
    assert found.threshold == where


def test_scaled_yields_are_scaled_weights() -> None:
    y, score, weight = events(seed=1)
    scaled = np.where(y == 1, weight * 50 / weight[y == 1].sum(), weight * 7 / weight[y == 0].sum())
    found = significance_ratio(y, score, weight=weight, signal=50, background=7)
    wanted = significance_ratio(y, score, weight=scaled)
    assert found.value == pytest.approx(wanted.value, rel=1e-12)
    assert found.error == pytest.approx(wanted.error, rel=1e-12)


def test_limits() -> None:
    y = np.repeat([0, 1], 50)
    assert significance_ratio(y, y).value == 1.0
    assert significance_ratio(y, y).error == 0.0
    # a score that tells nothing keeps everything: sqrt(s / (s + b))
    assert significance_ratio(y, np.zeros(100)).value == pytest.approx(np.sqrt(0.5))


def test_error_is_the_scatter_of_samples() -> None:
    values, errors = [], []
    for seed in range(200):
        random = np.random.default_rng(seed)
        # counts of events and of what a fixed cut keeps of them fluctuate
        y = np.repeat([1, 0], [random.poisson(300), random.poisson(3000)])
        score = (random.uniform(size=y.size) < np.where(y == 1, 0.6, 0.02)).astype(float)
        found = significance_ratio(y, score)
        values.append(found.value)
        errors.append(found.error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_precision_recall_is_that_of_scikit_learn() -> None:
    y, score, weight = events(seed=2)
    for each in (None, weight):
        curve = precision_recall(y, score, each)
        precision, recall, threshold = precision_recall_curve(y, score, sample_weight=each)
        np.testing.assert_allclose(curve.purity[::-1], precision[:-1], rtol=1e-12)
        np.testing.assert_allclose(curve.efficiency[::-1], recall[:-1], rtol=1e-12)
        np.testing.assert_array_equal(curve.threshold[::-1], threshold)
        wanted = average_precision_score(y, score, sample_weight=each)
        assert curve.average_precision == pytest.approx(wanted, rel=1e-12)


def test_edges_and_events_have_one_curve() -> None:
    y, score, _ = events(seed=3)
    edges = edge_report(y, score).precision_recall
    mine = precision_recall(y, score)
    np.testing.assert_allclose(edges.purity, mine.purity, rtol=1e-12)
    assert edges.average_precision == pytest.approx(mine.average_precision)


def test_refusals() -> None:
    with pytest.raises(DataError, match="3 classes"):
        significance_ratio([0, 1, 2], np.eye(3))
    with pytest.raises(DataError, match=r"only the class .background"):
        significance_ratio([0, 0], [0.1, 0.2])
    with pytest.raises(DataError, match=r"only the class .signal"):
        significance_ratio([1, 1], [0.1, 0.2])
    with pytest.raises(ConfigError, match="positive"):
        significance_ratio([1, 0], [0.1, 0.2], signal=0.0)
    with pytest.raises(DataError, match="negative"):
        significance_ratio([1, 0], [0.1, 0.2], weight=[1.0, -1.0])
    with pytest.raises(DataError, match=r"only the class .background"):
        precision_recall([0, 0], [0.1, 0.2])
