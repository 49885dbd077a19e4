"""Figures of regressions: what is drawn are the numbers of the report."""

from __future__ import annotations

import numpy as np
import pytest

from pcgnn import plots
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import RegressionReport, regression_report

EDGES = [20.0, 60.0, 120.0, 200.0]


def report(seed: int = 1, width: float = 0.1) -> RegressionReport:
    random = np.random.default_rng(seed)
    truth = random.uniform(20, 200, 1500)
    predicted = truth * (1.02 + width * random.standard_normal(1500))
    return regression_report(truth, predicted, bins=EDGES, name="jet_mass", unit="GeV")


def test_calibration_shows_medians_and_bands() -> None:
    found = report()
    figure = plots.calibration(found)
    (ax,) = figure.axes
    line = ax.lines[0]
    np.testing.assert_allclose(line.get_xdata(), found.binned.truth[:, 1])
    np.testing.assert_allclose(line.get_ydata(), found.binned.prediction[:, 1])
    ends = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert ends.min() == pytest.approx(found.binned.prediction[0, 0])
    assert ends.max() == pytest.approx(found.binned.prediction[2, 2])
    assert ax.get_xlabel() == "True Jet mass [GeV]"


def test_resolution_shows_values_and_errors() -> None:
    series = {"good": report(), "poor": report(2, 0.2)}
    figure = plots.resolution(series)
    top, below = figure.axes
    for number, item in enumerate(series.values()):
        values = [each.value for each in item.binned.resolution]
        np.testing.assert_allclose(top.lines[number].get_ydata(), values)
        bias = [each.value for each in item.binned.bias]
        np.testing.assert_allclose(below.lines[number].get_ydata(), bias)
        ends = top.collections[number].get_paths()[0].vertices[:, 1]
        assert ends.max() == pytest.approx(max(e.upper for e in item.binned.resolution))
    texts = [text.get_text() for text in top.get_legend().get_texts()]
    assert texts[0].startswith("good, all: 0.0")
    other = plots.resolution(report(), bins=4)
    assert len(other.axes[0].lines[0].get_xdata()) == 4


def test_ratios_are_all_counted() -> None:
    found = report()
    figure = plots.ratio(found, bins=20, span=(0.8, 1.2))
    (ax,) = figure.axes
    outline = ax.patches[1].get_data()
    assert outline.values.sum() == pytest.approx(1.0)
    inside = (found.ratio > 0.98) & (found.ratio < 1.0)
    assert outline.values[9] == pytest.approx(inside.mean())


def test_wrong_input_is_named() -> None:
    with pytest.raises(DataError):
        plots.calibration([1, 2])
    with pytest.raises(ConfigError):
        plots.ratio(report(), span=(1.0, 1.0))
    with pytest.raises(DataError, match="fewer than two"):
        plots.resolution(report(), bins=[300.0, 400.0])
