"""Resolution, bias and tails: against plain quantiles, and the coverage of their errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import regression_report
from pcgnn.metrics.ratio_quantiles import ratio_shape, weighted_quantiles
from pcgnn.training.validation import ratio_numbers
from pcgnn.training.validation import weighted_quantiles as device_quantiles


def drawn(size: int, seed: int, width: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.uniform(20, 200, size)
    return truth, truth * (1.05 + width * random.standard_normal(size))


def test_numbers_are_those_of_plain_quantiles() -> None:
    truth, prediction = drawn(999, 1)
    report = regression_report(truth, prediction, name="mass", unit="GeV")
    a, b, c = np.quantile(prediction / truth, [0.84, 0.16, 0.5], method="hazen")
    assert report.resolution.value == pytest.approx((a - b) / (2 * c), rel=1e-12)
    assert report.bias.value == pytest.approx(c - 1, rel=1e-12)
    far = np.abs(prediction / truth / c - 1) > 3 * (a - b) / (2 * c)
    assert (report.tail.passed, report.tail.total) == (far.sum(), 999)
    found = ratio_numbers(torch.tensor(prediction)[:, None], torch.tensor(truth)[:, None])
    assert found["resolution"].item() == pytest.approx(report.resolution.value, rel=1e-12)
    assert found["bias"].item() == pytest.approx(report.bias.value, rel=1e-12)


def test_an_overall_factor_drops_out_of_the_resolution() -> None:
    truth, prediction = drawn(500, 2)
    once, thrice = (regression_report(truth, f * prediction) for f in (1.0, 3.0))
    assert thrice.resolution.value == pytest.approx(once.resolution.value, rel=1e-12)
    assert thrice.bias.value + 1 == pytest.approx(3 * (once.bias.value + 1), rel=1e-12)
    assert thrice.tail.passed == once.tail.passed


def test_a_weight_is_a_number_of_copies() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=400)
    weight = random.integers(0, 4, 400).astype(float)
    levels = (0.16, 0.5, 0.84)
    weighted = weighted_quantiles(values, weight, levels)
    copied = weighted_quantiles(np.repeat(values, weight.astype(int)), None, levels)
    assert weighted == pytest.approx(copied, abs=0.02)
    column = torch.tensor(values)[:, None], torch.tensor(weight)[:, None]
    assert device_quantiles(*column, levels)[:, 0].numpy() == pytest.approx(weighted, rel=1e-12)


def test_errors_cover_the_truth() -> None:
    """68% of the intervals hold the value of the distribution (0.0947 = 0.99446 x 0.1 / 1.05)."""
    exact = 0.1 * 0.994458 / 1.05
    inside = np.zeros(2)
    trials = 200
    for seed in range(trials):
        random = np.random.default_rng(seed)
        shape = ratio_shape(1.05 + 0.1 * random.standard_normal(300), None, 0.6827)
        inside += [
            shape.resolution.lower < exact < shape.resolution.upper,
            shape.bias.lower < 0.05 < shape.bias.upper,
        ]
    # 4 standard deviations of a binomial share
    assert inside / trials == pytest.approx(0.6827, abs=4 * np.sqrt(0.6827 * 0.3173 / trials))


def test_errors_fall_with_the_root_of_the_size() -> None:
    small, large = (regression_report(*drawn(size, 4)) for size in (4_000, 64_000))
    assert small.resolution.error / large.resolution.error == pytest.approx(4.0, rel=0.2)


def test_bins_hold_their_own_numbers() -> None:
    truth, prediction = drawn(2000, 5)
    report = regression_report(truth, prediction, bins=[20, 60, 120, 150], name="mass", unit="GeV")
    binned = report.binned
    assert binned is not None
    inside = (truth >= 60) & (truth < 120)
    alone = regression_report(truth[inside], prediction[inside])
    assert binned.resolution[1] == alone.resolution
    assert binned.bias[1] == alone.bias
    assert binned.counts[1] == inside.sum()
    assert binned.outside == (truth > 150).sum()
    assert binned.prediction[1, 1] == pytest.approx(np.median(prediction[inside]))
    assert "mass [GeV]" in str(report)
    json.dumps(report.to_dict(), allow_nan=False)
    other = report.vs([0, 5, 10], np.tile([2.0, 7.0], 1000), name="n_pv")
    assert other.counts.tolist() == [1000, 1000]
    empty = regression_report(truth, prediction, bins=[20, 200, 300])
    json.dumps(empty.to_dict(), allow_nan=False)
    assert empty.binned is not None
    assert "-" in str(empty.binned).splitlines()[-1]


def test_wrong_input_is_named() -> None:
    truth, prediction = drawn(10, 6)
    with pytest.raises(DataError, match="9 predictions"):
        regression_report(truth, prediction[1:])
    with pytest.raises(DataError, match="not finite"):
        regression_report(truth, prediction * np.nan)
    with pytest.raises(DataError, match="negative"):
        regression_report(truth, prediction, weight=-np.ones(10))
    with pytest.raises(DataError, match="no true value"):
        regression_report(-truth, prediction)
    with pytest.raises(DataError, match="shape"):
        regression_report(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(ConfigError, match="tail_widths"):
        regression_report(truth, prediction, tail_widths=0)
    with pytest.raises(ConfigError, match="no name"):
        regression_report(truth, prediction).vs(2, truth)
    truth[0] = 0.0
    assert regression_report(truth, prediction).left_out == 1
