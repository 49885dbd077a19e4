"""ROC curve and AUC against scikit-learn, brute force and the Gaussian case."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import RocCurve
from pcgnn.metrics.auc import influences

Arrays = tuple[np.ndarray, np.ndarray]


def gaussians(n: int, shift: float = 1.5, seed: int = 0, ties: bool = False) -> Arrays:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    score = rng.normal(0, 1, n) + shift * y
    return y, np.round(score, 1) if ties else score


def brute_force_delong(y: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """All pairs, straight from the definition in the paper."""
    x, z = score[y == 1], score[y == 0]
    psi = (x[:, None] > z[None]) + 0.5 * (x[:, None] == z[None])
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    return float(psi.mean()), float(v10.var(ddof=1) / len(x) + v01.var(ddof=1) / len(z))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_auc_and_error_equal_brute_force(seed: int, ties: bool) -> None:
    y, score = gaussians(300, seed=seed, ties=ties)
    auc, variance = brute_force_delong(y, score)
    estimate = RocCurve.from_arrays(y, score).auc
    assert estimate.value == pytest.approx(auc, abs=1e-13)
    assert estimate.error == pytest.approx(np.sqrt(variance), rel=1e-3)  # 0.6827, not 0.68269
    assert np.sum(influences(y == 1, score, None) ** 2) == pytest.approx(variance, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_curve_equals_scikit_learn(weighted: bool) -> None:
    y, score = gaussians(2000, ties=True)
    w = np.random.default_rng(5).exponential(1, 2000) if weighted else None
    roc = RocCurve.from_arrays(y, score, w)
    fpr, tpr, thresholds = roc_curve(y, score, sample_weight=w, drop_intermediate=False)
    np.testing.assert_allclose(roc.signal_efficiency, tpr, rtol=1e-12)
    np.testing.assert_allclose(roc.background_efficiency, fpr, rtol=1e-12)
    np.testing.assert_array_equal(roc.thresholds, thresholds)
    assert roc.auc.value == pytest.approx(roc_auc_score(y, score, sample_weight=w), abs=1e-12)
    area = np.trapezoid if hasattr(np, "trapezoid") else np.trapz  # noqa: NPY201
    trapezoid = area(roc.signal_efficiency, roc.background_efficiency)
    assert roc.auc.value == pytest.approx(trapezoid, abs=1e-12)


def test_gaussian_case_is_known_analytically() -> None:
    shift = 2.0
    y, score = gaussians(200_000, shift=shift, seed=3)
    roc = RocCurve.from_arrays(y, score)
    assert abs(roc.auc.value - norm.cdf(shift / np.sqrt(2))) < 4 * roc.auc.error
    for efficiency in (0.3, 0.5, 0.8):
        threshold = shift + norm.isf(efficiency)
        expected = 1 / norm.sf(threshold)
        found = roc.rejection(efficiency)
        assert abs(found.value - expected) < 4 * found.error
        assert roc.at(efficiency).threshold == pytest.approx(threshold, abs=0.02)


def test_delong_error_is_the_spread_of_toys() -> None:
    toys = [RocCurve.from_arrays(*gaussians(400, seed=seed)).auc for seed in range(300)]
    spread = np.std([toy.value for toy in toys])
    assert np.mean([toy.error for toy in toys]) == pytest.approx(spread, rel=0.1)


def test_weighted_error_is_the_spread_of_toys() -> None:
    values, errors = [], []
    for seed in range(300):
        y, score = gaussians(400, seed=seed)
        w = np.exp(0.8 * np.random.default_rng(1000 + seed).normal(size=400)) * (1 + (score > 1))
        auc = RocCurve.from_arrays(y, score, w).auc
        values.append(auc.value)
        errors.append(auc.error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


@pytest.mark.parametrize("weighted", [False, True])
def test_bootstrap_agrees_with_delong(weighted: bool) -> None:
    y, score = gaussians(1500)
    w = np.random.default_rng(5).exponential(1, 1500) if weighted else None
    delong = RocCurve.from_arrays(y, score, w).auc
    bootstrap = RocCurve.from_arrays(y, score, w, auc_error="bootstrap", replicas=400, seed=1).auc
    assert bootstrap.value == delong.value
    assert bootstrap.method == "bootstrap"
    assert bootstrap.error == pytest.approx(delong.error, rel=0.2)
    again = RocCurve.from_arrays(y, score, w, auc_error="bootstrap", replicas=400, seed=1).auc
    assert again == bootstrap


def test_perfect_separation_keeps_an_uncertainty() -> None:
    roc = RocCurve.from_arrays([0] * 10 + [1] * 20, np.arange(30.0))
    assert roc.auc.value == 1
    assert roc.auc.lower == pytest.approx(0.15865 ** (1 / 10), rel=1e-6)
    flipped = RocCurve.from_arrays([1] * 10 + [0] * 20, np.arange(30.0)).auc
    assert (flipped.value, flipped.lower) == (0, 0)
    assert flipped.upper == pytest.approx(1 - roc.auc.lower)
    single = RocCurve.from_arrays([1, 0, 0], [0.5, 0.4, 0.6]).auc
    assert single.lower < 0.2 < 0.8 < single.upper
    constant = RocCurve.from_arrays([1, 0, 0, 1], [0.5] * 4).auc
    assert constant.value == 0.5


def test_working_point_counts_really_pass() -> None:
    y, score = gaussians(999, ties=True)
    roc = RocCurve.from_arrays(y, score)
    for efficiency in (0.1, 0.3, 0.5, 1.0):
        point = roc.at(efficiency)
        kept = score >= point.threshold
        assert point.background_efficiency.passed == (kept & (y == 0)).sum()
        assert point.signal_efficiency.passed == (kept & (y == 1)).sum()
        assert point.signal_efficiency.value >= efficiency
        tighter = score > point.threshold  # the next cut keeps less than asked for
        assert tighter[y == 1].mean() < efficiency
        assert point == roc.at(efficiency)
        same = roc.at_threshold(point.threshold)
        assert same.rejection == point.rejection


def test_efficiency_is_not_lost_to_rounding() -> None:
    # 0.3 of 1000, 0.1 + 0.2 of 10: exactly 300 and 3 signal jets
    y = np.repeat([1, 0], 1000)
    score = np.concatenate([np.arange(1000.0), np.arange(1000.0)])
    assert RocCurve.from_arrays(y, score).at(0.3).signal_efficiency.passed == 300
    few = RocCurve.from_arrays([1] * 10 + [0], [*np.arange(10.0), 0.5])
    assert few.at(0.1 + 0.2).signal_efficiency.passed == 3


def test_order_of_jets_does_not_matter() -> None:
    y, score = gaussians(800, ties=True)
    w = np.random.default_rng(4).exponential(1, 800)
    order = np.random.default_rng(5).permutation(800)
    one, other = RocCurve.from_arrays(y, score), RocCurve.from_arrays(y[order], score[order])
    assert one.auc == other.auc
    assert one.at(0.37) == other.at(0.37)
    one = RocCurve.from_arrays(y, score, w)
    other = RocCurve.from_arrays(y[order], score[order], w[order])
    assert one.auc.value == pytest.approx(other.auc.value, abs=1e-13)
    assert one.rejection(0.37).passed == other.rejection(0.37).passed


def test_monotonic_scores_give_the_same_numbers() -> None:
    y, score = gaussians(800)
    one, other = RocCurve.from_arrays(y, score), RocCurve.from_arrays(y, np.tanh(score))
    assert one.auc == other.auc
    assert one.rejection(0.4) == other.rejection(0.4)


def test_doubled_jets_are_weight_two() -> None:
    y, score = gaussians(600, ties=True)
    double = np.random.default_rng(6).random(600) < 0.4
    w = np.where(double, 2.0, 1.0)
    weighted = RocCurve.from_arrays(y, score, w)
    repeated = RocCurve.from_arrays(*(np.concatenate([a, a[double]]) for a in (y, score)))
    assert weighted.auc.value == pytest.approx(repeated.auc.value, abs=1e-13)
    one, other = weighted.at(0.3), repeated.at(0.3)
    assert one.threshold == other.threshold
    assert one.rejection.value == pytest.approx(other.rejection.value)
    assert one.rejection.weighted_passed == other.rejection.passed
    # a weight is not a second jet: the weighted error is the larger one
    assert one.rejection.error > other.rejection.error
    assert weighted.auc.error > repeated.auc.error


@pytest.mark.parametrize("scale", [1e-9, 3.0, 1e9])
def test_scale_of_weights_does_not_matter(scale: float) -> None:
    y, score = gaussians(500)
    w = np.random.default_rng(8).normal(1, 0.7, 500)
    one, other = RocCurve.from_arrays(y, score, w), RocCurve.from_arrays(y, score, scale * w)
    assert one.auc.interval == pytest.approx(other.auc.interval, rel=1e-9)
    assert one.rejection(0.3).interval == pytest.approx(other.rejection(0.3).interval, rel=1e-9)


def test_points_equal_single_working_points() -> None:
    y, score = gaussians(500)
    for w in (None, np.random.default_rng(8).exponential(1, 500)):
        roc = RocCurve.from_arrays(y, score, w)
        grid = np.linspace(0.01, 1, 37)
        points = roc.points(grid)
        for k, efficiency in enumerate(grid):
            single = roc.at(efficiency)
            assert points.threshold[k] == single.threshold
            assert points.background_passed[k] == single.background_efficiency.passed
            assert points.rejection[k] == pytest.approx(single.rejection.value)
            assert points.rejection_lower[k] == pytest.approx(single.rejection.lower)
            assert points.rejection_upper[k] == pytest.approx(single.rejection.upper)
            assert points.is_lower_limit[k] == single.rejection.is_lower_limit
        assert points.is_lower_limit[0]


def test_threshold_outside_the_scores() -> None:
    roc = RocCurve.from_arrays([0, 1], [0.2, 0.8])
    assert roc.at_threshold(2.0).rejection.is_lower_limit
    assert roc.at_threshold(-2.0).rejection.value == 1
    with pytest.raises(ConfigError, match="NaN"):
        roc.at_threshold(float("nan"))


@pytest.mark.parametrize("efficiency", [0.0, -0.1, 1.1, float("nan")])
def test_impossible_efficiency(efficiency: float) -> None:
    with pytest.raises(ConfigError, match="signal efficiency"):
        RocCurve.from_arrays([0, 1], [0.2, 0.8]).rejection(efficiency)


def test_unknown_options() -> None:
    with pytest.raises(ConfigError, match="auc_error"):
        RocCurve.from_arrays([0, 1], [0.2, 0.8], auc_error="magic")
    with pytest.raises(ConfigError, match="replicas"):
        RocCurve.from_arrays([0, 1], [0.2, 0.8], auc_error="bootstrap", replicas=3)
    with pytest.raises(DataError, match="only the class"):
        RocCurve.from_arrays([1, 1], [0.2, 0.8])


def test_rejection_property_and_repr() -> None:
    roc = RocCurve.from_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    np.testing.assert_array_equal(roc.background_rejection, [np.inf, np.inf, 2, 2, 1])
    assert repr(roc).startswith("RocCurve(2 signal, 2 background, 5 points, AUC 0.7")
