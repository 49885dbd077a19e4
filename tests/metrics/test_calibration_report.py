"""Reliability bins and calibration errors against counts by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import beta

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import calibration_report


def test_bins_by_hand() -> None:
    y = [0, 0, 1, 1, 1, 0]
    p = [0.1, 0.2, 0.3, 0.8, 0.9, 0.7]
    report = calibration_report(y, p, bins=2)
    curve = report.classes["signal"]
    assert curve.total.tolist() == [3, 3]
    assert curve.passed.tolist() == [1, 2]
    np.testing.assert_allclose(curve.stated, [0.2, 0.8])
    np.testing.assert_allclose(curve.observed, [1 / 3, 2 / 3])
    tail = (1 - 0.6827) / 2
    np.testing.assert_allclose(curve.lower, [beta.ppf(tail, 1, 3), beta.ppf(tail, 2, 2)], rtol=1e-9)
    np.testing.assert_allclose(
        curve.upper, [beta.ppf(1 - tail, 2, 2), beta.ppf(1 - tail, 3, 1)], rtol=1e-9
    )
    assert curve.ece.value == pytest.approx(0.5 * (1 / 3 - 0.2) + 0.5 * (0.8 - 2 / 3))
    assert curve.mce == pytest.approx(2 / 15)
    # confidence: max(p, 1 - p) in [.5, 1], all in the upper of two bins, 4 of 6 right
    assert report.confidence.total.tolist() == [0, 6]
    assert report.ece.value == pytest.approx(abs(4 / 6 - np.mean([0.9, 0.8, 0.7, 0.8, 0.9, 0.7])))
    assert report.nll.value == pytest.approx(-np.mean(np.log([0.9, 0.8, 0.3, 0.8, 0.9, 0.3])))
    squares = np.array([0.1, 0.2, 0.7, 0.2, 0.1, 0.7]) ** 2
    assert report.brier.value == pytest.approx(2 * squares.mean())
    json.dumps(report.to_dict(), allow_nan=False)
    assert "ECE" in str(report)


def test_exact_probabilities_have_the_error_of_chance_and_wrong_ones_more() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20000, 4)) * 2
    p = softmax(z, axis=1)
    y = (p.cumsum(1) > rng.random((len(p), 1))).argmax(1)
    exact = calibration_report(y, p)
    assert len(exact.classes) == 4
    assert abs(exact.ece.value - exact.confidence.chance) < 0.004
    sharp = calibration_report(y, softmax(3 * z, axis=1))
    assert sharp.ece.value > 10 * exact.ece.value
    assert sharp.nll.value > exact.nll.value
    assert sharp.brier.value > exact.brier.value
    # the stated error is that of repeated experiments
    values = []
    for seed in range(40):
        again = np.random.default_rng(seed + 1)
        yy = (p.cumsum(1) > again.random((len(p), 1))).argmax(1)
        values.append(calibration_report(yy, softmax(3 * z, axis=1)).ece.value)
    assert sharp.ece.error == pytest.approx(np.std(values), rel=0.35)


def test_weights_act_like_copies_and_bins_of_equal_count() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(300)
    y = (rng.random(300) < p).astype(int)
    copies = rng.integers(1, 4, 300)
    weighted = calibration_report(y, p, weight=copies)
    copied = calibration_report(np.repeat(y, copies), np.repeat(p, copies))
    assert weighted.ece.value == pytest.approx(copied.ece.value)
    assert weighted.nll.value == pytest.approx(copied.nll.value)
    counted = calibration_report(y, p, bins=10, binning="equal-count")
    assert counted.classes["signal"].total.tolist() == [30] * 10


def test_wrong_input_is_refused() -> None:
    with pytest.raises(DataError, match="no probability"):
        calibration_report([0, 1], [0.5, 1.5])
    with pytest.raises(ConfigError, match="bins"):
        calibration_report([0, 1], [0.5, 0.6], bins=0)
