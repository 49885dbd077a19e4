"""Asimov significance against high precision, and the scan against a loop over cuts."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import asimov_significance, significance_scan

DECADES = range(-6, 7)


def exact(s: float, b: float, f: float) -> mpmath.mpf:
    """The formula as it is printed, with 80 digits."""
    with mpmath.workdps(80):
        s, b, f = mpmath.mpf(s), mpmath.mpf(b), mpmath.mpf(f)
        if f == 0:
            return mpmath.sqrt(2 * ((s + b) * mpmath.log(1 + s / b) - s))
        v = (f * b) ** 2
        first = (s + b) * mpmath.log((s + b) * (b + v) / (b**2 + (s + b) * v))
        second = b**2 / v * mpmath.log(1 + v * s / (b * (b + v)))
        return mpmath.sqrt(2 * (first - second))


@pytest.mark.parametrize("f", [0.0, 1e-6, 1e-3, 0.1, 0.3, 0.5, 1.0])
def test_it_is_exact_over_twelve_decades_of_both_yields(f: float) -> None:
    s, b = np.meshgrid(*[[m * 10.0**d for d in DECADES for m in (1, 3.7)]] * 2)
    found = asimov_significance(s, b, f)
    for value, si, bi in zip(found.flat, s.flat, b.flat, strict=True):
        wanted = exact(si, bi, f)
        assert abs(value - wanted) <= 1e-13 * wanted


def test_limits_of_the_formula() -> None:
    assert asimov_significance(1e-4, 50.0) == pytest.approx(1e-4 / 50**0.5, rel=1e-5)
    # s << b with a systematic: s / sqrt(b + (f b)^2)
    assert asimov_significance(1e-3, 100.0, 0.3) == pytest.approx(1e-3 / np.sqrt(1000), rel=1e-4)
    assert asimov_significance(0.0, 10.0, 0.1) == 0
    rising = asimov_significance(np.linspace(0, 100, 50), 100.0, 0.2)
    assert (np.diff(rising) > 0).all()
    falling = asimov_significance(10.0, 100.0, np.linspace(0, 1, 50))
    assert (np.diff(falling) < 0).all()
    with pytest.raises(DataError, match="background > 0"):
        asimov_significance(1.0, 0.0)


def sample(seed: int = 0, events: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, events)
    score = np.round(rng.normal(size=events) + 1.5 * y, 2)  # with ties
    return y, score, rng.uniform(0.1, 2.0, events)


def test_a_scan_is_a_loop_over_cuts() -> None:
    y, score, weight = sample()
    scan = significance_scan(y, score, weight=weight, signal=30.0, background=500.0, systematic=0.2)
    scale = {1: 30 / weight[y == 1].sum(), 0: 500 / weight[y == 0].sum()}
    each = weight * np.where(y == 1, scale[1], scale[0])
    assert len(scan.threshold) == len(np.unique(score))
    for i in range(0, len(scan.threshold), 37):
        kept = score >= scan.threshold[i]
        s, b = each[kept & (y == 1)], each[kept & (y == 0)]
        assert scan.signal[i] == pytest.approx(s.sum())
        assert scan.background[i] == pytest.approx(b.sum())
        assert scan.background_error[i] == pytest.approx(np.sqrt((b**2).sum()))
        assert scan.background_events[i] == len(b)
        if len(b) < 10:
            assert np.isnan(scan.asimov[i])
            continue
        sigma = np.sqrt((0.2 * b.sum()) ** 2 + (b**2).sum())
        assert scan.asimov[i] == pytest.approx(
            float(exact(s.sum(), b.sum(), sigma / b.sum())), rel=1e-10
        )
        assert scan.simple[i] == pytest.approx(s.sum() / np.sqrt(s.sum() + b.sum()))
    assert scan.best_significance == np.nanmax(scan.asimov)
    assert scan.background_events[scan.best] >= 10


def test_the_error_is_the_spread_over_simulations() -> None:
    found, errors = [], []
    for seed in range(60):
        y, score, _ = sample(seed, 20_000)
        scan = significance_scan(y, score, signal=30, background=500, systematic=0.1)
        i = int(np.argmin(np.abs(scan.threshold - 2.0)))
        found.append(scan.asimov[i])
        errors.append(scan.asimov_error[i])
    assert np.mean(errors) == pytest.approx(np.std(found, ddof=1), rel=0.25)


def test_a_tail_without_simulated_background_is_not_judged() -> None:
    y = np.array([1] * 100 + [0] * 100)
    score = np.concatenate([np.full(100, 0.9), np.linspace(0, 0.5, 100)])
    scan = significance_scan(y, score, signal=10, background=1000, min_background=10)
    assert scan.background_events[scan.best] >= 10
    assert np.isnan(scan.asimov[0])
    with pytest.raises(DataError, match="no cut leaves 101"):
        significance_scan(y, score, min_background=101)
    with pytest.raises(ConfigError, match="systematic"):
        significance_scan(y, score, systematic=-1.0)
    with pytest.raises(DataError, match="only the class"):
        significance_scan(np.zeros(10, int), np.linspace(0, 1, 10))


def test_without_yields_weights_are_expected_events() -> None:
    y, score, weight = sample()
    scan = significance_scan(y, score, weight=weight)
    assert scan.signal[-1] == pytest.approx(weight[y == 1].sum())
    assert scan.background[-1] == pytest.approx(weight[y == 0].sum())
    assert "Z_A" in str(scan)
