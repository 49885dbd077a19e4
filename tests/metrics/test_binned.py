"""Efficiencies and rejections in bins against plain counting."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import (
    BinnedEfficiency,
    clopper_pearson,
    efficiency_vs,
    rejection_vs,
    tagging_report,
)

EDGES = np.array([550.0, 575.0, 600.0, 650.0])


def sample(n: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    pt = rng.uniform(540, 650, n)
    score = rng.normal(0, 1, n) + y * (1 + (pt - 550) / 50)
    return y, score, pt


def test_global_cut() -> None:
    y, score, pt = sample()
    binned = rejection_vs((y, score), pt, EDGES, signal_efficiency=0.5)
    threshold = np.sort(score[y == 1])[::-1][int(np.ceil(0.5 * y.sum())) - 1]
    np.testing.assert_array_equal(binned.thresholds, threshold)
    kept = score >= threshold
    for b, (low, high) in enumerate(pairwise(EDGES)):
        here = (pt >= low) & (pt < high)
        background = here & (y == 0)
        assert binned.rejection[b].total == background.sum()
        assert binned.rejection[b].passed == (background & kept).sum()
        assert binned.signal_efficiency[b].value == pytest.approx(kept[here & (y == 1)].mean())
    efficiencies = [each.value for each in binned.signal_efficiency]
    assert efficiencies == sorted(efficiencies)  # the toy separates better at high pT
    assert binned.outside == (pt < 550).sum()


def test_cut_per_bin() -> None:
    y, score, pt = sample()
    binned = rejection_vs((y, score), pt, EDGES, working_point="per-bin", signal_efficiency=0.5)
    for b, (low, high) in enumerate(pairwise(EDGES)):
        here = (pt >= low) & (pt < high)
        alone = tagging_report(y[here], score[here])
        assert binned.rejection[b] == alone.rejection(0.5)
        assert binned.thresholds[b] == alone.roc.at(0.5).threshold
        assert binned.signal_efficiency[b].value == pytest.approx(0.5, abs=2e-3)


def test_report_with_weights_equals_arrays_with_weights() -> None:
    y, score, pt = sample()
    w = np.random.default_rng(1).exponential(1, len(y))
    report = tagging_report(y, score, weight=w)
    one, other = (rejection_vs(report, pt, EDGES), rejection_vs((y, score), pt, EDGES, weight=w))
    assert one.to_dict() == other.to_dict()
    with pytest.raises(ConfigError, match="its own weights"):
        rejection_vs(report, pt, EDGES, weight=w)


def test_three_classes() -> None:
    rng = np.random.default_rng(0)
    y, p, pt = rng.integers(0, 3, 900), rng.dirichlet((1, 1, 1), 900), rng.uniform(550, 650, 900)
    report = tagging_report(y, p)
    binned = rejection_vs(report, pt, EDGES, signal="class 2")
    assert binned.rejection == rejection_vs((y == 2, p[:, 2]), pt, EDGES).rejection
    with pytest.raises(ConfigError, match="signal"):
        rejection_vs(report, pt, EDGES)


def test_empty_bins_are_undefined_not_infinite() -> None:
    y, score, pt = [0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9], [560, 561, 562, 610]
    for working_point in ("global", "per-bin"):
        binned = rejection_vs((y, score), pt, EDGES, working_point=working_point)
        first, second, third = binned.rejection
        assert first.is_lower_limit
        assert np.isnan(second.value)
        assert np.isnan(third.value)
        assert str(second) == "undefined"
        assert json.dumps(binned.to_dict(), allow_nan=False)
        assert "undefined" in str(binned)


def test_number_of_bins_means_equal_population() -> None:
    y, score, pt = sample()
    binned = rejection_vs((y, score), pt, 4)
    here = np.histogram(pt, binned.edges)[0]
    np.testing.assert_allclose(here, 1000, atol=1)
    assert binned.outside == 0


def test_efficiency_and_upper_edge() -> None:
    _, score, pt = sample()
    pt[0], pt[1] = 650.0, 650.1
    passed = score > 0.5
    binned = efficiency_vs(passed, pt, EDGES)
    counts = np.histogram(pt, EDGES)[0], np.histogram(pt[passed], EDGES)[0]
    assert [each.total for each in binned.efficiency] == counts[0].tolist()
    assert [each.passed for each in binned.efficiency] == counts[1].tolist()
    direct = BinnedEfficiency.from_counts(counts[1], counts[0], EDGES)
    assert direct.efficiency == binned.efficiency
    lower, upper = clopper_pearson(counts[1], counts[0])
    assert [each.interval for each in direct.efficiency] == list(zip(lower, upper, strict=True))
    with pytest.raises(DataError, match="do not fit"):
        BinnedEfficiency.from_counts([1], [2], EDGES)


@pytest.mark.parametrize("bins", [[550], [600, 550], 0, 2.5, [[1, 2], [3, 4]]])
def test_bad_bins(bins: object) -> None:
    y, score, pt = sample(100)
    with pytest.raises(ConfigError, match="bin"):
        rejection_vs((y, score), pt, bins)  # type: ignore[arg-type]


def test_bad_variable_and_options() -> None:
    y, score, pt = sample(100)
    with pytest.raises(DataError, match="jet_pt: shape"):
        rejection_vs((y, score), pt[:-1], EDGES)
    with pytest.raises(DataError, match="1 values are NaN"):
        rejection_vs((y, score), np.where(np.arange(100) == 3, np.nan, pt), EDGES)
    with pytest.raises(ConfigError, match="working_point"):
        rejection_vs((y, score), pt, EDGES, working_point="local")
    with pytest.raises(ConfigError, match="signal"):
        rejection_vs((y, score), pt, EDGES, signal="background")
    with pytest.raises(ConfigError, match="unknown"):
        rejection_vs((y, score), pt, EDGES, signal="top")
