"""Clopper-Pearson against the binomial distribution, and the weighted intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import (
    clopper_pearson,
    efficiency_estimate,
    efficiency_interval,
    kish_n_eff,
    rejection_estimate,
)
from pcgnn.metrics.counting import estimate_from_sums


@pytest.mark.parametrize("level", [0.6827, 0.95])
@pytest.mark.parametrize("n", [1, 7, 40])
def test_coverage_is_never_below_the_level(n: int, level: float) -> None:
    k = np.arange(n + 1)
    lower, upper = clopper_pearson(k, n, level)
    for p in np.linspace(0.003, 0.997, 211):
        covered = binom.pmf(k, n, p)[(lower <= p) & (p <= upper)].sum()
        assert covered >= level - 1e-12


@pytest.mark.parametrize("n", [3, 50, 2000])
def test_ends_leave_the_tail_probability(n: int) -> None:
    # The definition: at the lower end k or more is as improbable as the tail, likewise above.
    tail = (1 - 0.6827) / 2
    k = np.arange(1, n)
    lower, upper = clopper_pearson(k, n)
    np.testing.assert_allclose(binom.sf(k - 1, n, lower), tail, rtol=1e-8)
    np.testing.assert_allclose(binom.cdf(k, n, upper), tail, rtol=1e-8)


def test_edges_and_empty() -> None:
    lower, upper = clopper_pearson([0, 10, 0], [10, 10, 0])
    assert lower[0] == 0
    assert upper[1] == 1
    assert (lower[2], upper[2]) == (0, 1)
    tail = (1 - 0.6827) / 2
    assert upper[0] == pytest.approx(1 - tail ** (1 / 10), rel=1e-12)
    assert lower[1] == pytest.approx(tail ** (1 / 10), rel=1e-12)


@given(st.integers(1, 400), st.data())
@settings(max_examples=60, deadline=None)
def test_mirror_symmetry(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    lower, upper = clopper_pearson(k, n)
    mirrored_lower, mirrored_upper = clopper_pearson(n - k, n)
    assert lower == pytest.approx(1 - mirrored_upper, abs=1e-12)
    assert upper == pytest.approx(1 - mirrored_lower, abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (np.nan, 5), (1, np.inf)])
def test_impossible_counts(k: float, n: float) -> None:
    with pytest.raises(DataError):
        clopper_pearson(k, n)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, np.nan])
def test_impossible_level(level: float) -> None:
    with pytest.raises(ConfigError, match="confidence level"):
        clopper_pearson(1, 2, level)


def test_unit_weights_are_counts() -> None:
    mask = np.random.default_rng(0).random(300) < 0.3
    plain, weighted = efficiency_estimate(mask), efficiency_estimate(mask, np.ones(300))
    assert weighted.interval == pytest.approx(plain.interval, rel=1e-9)
    assert weighted.n_eff == pytest.approx(300)
    assert weighted.counts == plain.counts


def test_scaling_all_weights_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    mask, w = rng.random(500) < 0.2, rng.exponential(1, 500)
    one, other = efficiency_estimate(mask, w), efficiency_estimate(mask, 1e-7 * w)
    assert (one.value, *one.interval) == pytest.approx((other.value, *other.interval), rel=1e-9)
    assert one.n_eff == pytest.approx(other.n_eff)


def test_weighted_interval_has_the_variance_of_the_toys() -> None:
    # Passing entries are light, failing ones heavy: Kish's number alone would miss by far.
    rng = np.random.default_rng(2)
    n, values, widths, kish = 2000, [], [], []
    for _ in range(400):
        passed = rng.random(n) < 0.1
        w = np.where(passed, 0.1, rng.exponential(3.0, n))
        estimate = efficiency_estimate(passed, w)
        values.append(estimate.value)
        widths.append(estimate.error)
        kish.append(np.sqrt(estimate.value / kish_n_eff(w)))
    assert np.mean(widths) == pytest.approx(np.std(values), rel=0.12)
    assert np.mean(kish) > 3 * np.std(values)


def test_weighted_formula_by_hand() -> None:
    mask, w = np.array([True, True, False, False]), np.array([1.0, 2.0, 3.0, -1.0])
    estimate = efficiency_estimate(mask, w)
    eff = 3 / 5
    variance = ((1 - eff) ** 2 * (1 + 4) + eff**2 * (9 + 1)) / 25
    n_eff = eff * (1 - eff) / variance
    assert estimate.value == pytest.approx(eff)
    assert estimate.n_eff == pytest.approx(n_eff)
    tail = (1 - 0.6827) / 2
    k = eff * n_eff
    assert estimate.lower == pytest.approx(beta.ppf(tail, k, n_eff - k + 1))
    assert estimate.upper == pytest.approx(beta.ppf(1 - tail, k + 1, n_eff - k))


def test_none_passed_uses_kish() -> None:
    w = np.array([1.0, 2.0, 3.0])
    estimate = efficiency_estimate([False] * 3, w)
    assert estimate.n_eff == pytest.approx(36 / 14) == pytest.approx(kish_n_eff(w))
    assert estimate.value == 0
    assert 0 < estimate.upper < 1


def test_negative_weights_can_leave_the_unit_interval() -> None:
    estimate = efficiency_estimate([True, False, False], [-1.0, 3.0, 3.0])
    sigma = np.sqrt((1.2**2 * 1 + 0.2**2 * 18) / 25)
    assert estimate.value == pytest.approx(-0.2)
    assert estimate.interval == pytest.approx((-0.2 - sigma, -0.2 + sigma), rel=1e-3)


def test_no_weight_left_is_undefined() -> None:
    estimate = efficiency_estimate([True, False], [1.0, -1.0])
    assert np.isnan(estimate.value)
    assert estimate.interval == (0, 1)
    assert str(estimate) == "undefined"


def test_missing_sums_are_refused() -> None:
    with pytest.raises(ConfigError, match="four sums"):
        efficiency_interval(1, 2, weight_passed=1.0)
    with pytest.raises(DataError, match="3 entries but 2 weights"):
        efficiency_estimate([True, False, True], [1.0, 2.0])


def test_rejection_is_the_inverse() -> None:
    efficiency = estimate_from_sums(20, 4000)
    rejection = rejection_estimate(efficiency)
    assert rejection.value == pytest.approx(200)
    assert rejection.interval == pytest.approx((1 / efficiency.upper, 1 / efficiency.lower))
    assert rejection.counts == "20 / 4,000"
    assert not rejection.is_lower_limit


def test_zero_background_gives_a_lower_limit() -> None:
    rejection = rejection_estimate(estimate_from_sums(0, 1000))
    assert rejection.is_lower_limit
    # the efficiency at which seeing none of 1000 has the tail probability
    assert rejection.value == pytest.approx(1 / (1 - 0.15865 ** (1 / 1000)), rel=1e-6)
    assert rejection.upper == np.inf
    assert str(rejection).startswith("> 544")
    assert "84% CL" in str(rejection)
    assert rejection.to_dict()["upper"] is None


def test_kish() -> None:
    assert kish_n_eff([]) == 0
    assert kish_n_eff([1, 1, 1, -1]) == pytest.approx(1.0)
