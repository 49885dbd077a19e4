"""Figures of explanations and calibration: what is drawn are the numbers given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from pcgnn import plots
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import Explanation, calibration_report


def clouds() -> ParticleClouds:
    rng = np.random.default_rng(0)
    p = rng.normal(size=(12, 3)) * 10 + np.array([80.0, 0, 0])
    return ParticleClouds(
        x=rng.normal(size=(12, 2)),
        p4=np.column_stack([np.linalg.norm(p, axis=1) + 0.1, p]),
        ptr=[0, 5, 12],
    )


def why(**more) -> Explanation:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(12, 2))
    return Explanation(
        method="integrated-gradients",
        output_kind="logit",
        values={"x": values},
        particles=values.sum(1),
        features={"x": ("log_pt", "dr")},
        ptr=np.array([0, 5, 12]),
        target=np.array([1, 1]),
        classes=("QCD", "top"),
        output=np.array([1.0, -2.0]),
        baseline=np.zeros(2),
        **more,
    )


def test_markers_have_the_attributions_on_a_symmetric_scale() -> None:
    given, jets = why(), clouds()
    figure = plots.explanation(given, jets, 1)
    marks = next(c for c in figure.axes[0].collections if isinstance(c, PathCollection))
    pt = np.hypot(*np.asarray(jets.p4[5:, 1:3]).T)
    order = np.argsort(-pt)
    np.testing.assert_allclose(marks.get_array(), given.particles[5:][order])
    np.testing.assert_allclose(marks.get_sizes(), (12 + 2400 * pt / _axis(jets.p4[5:]))[order])
    low, high = marks.get_clim()
    assert low == -high
    assert high == pytest.approx(np.abs(given.particles[5:]).max())
    assert "top = -2.00" in figure.axes[0].get_title(loc="left")
    one = plots.explanation(given, jets, 1, feature="dr")
    marks = next(c for c in one.axes[0].collections if isinstance(c, PathCollection))
    np.testing.assert_allclose(marks.get_array(), given.x[5:, 1][order])
    with pytest.raises(ConfigError, match="no feature 'mass'"):
        plots.explanation(given, jets, feature="mass")


def _axis(p4) -> float:
    return float(np.hypot(*np.asarray(p4).sum(0)[1:3]))


def test_edges_are_as_wide_as_their_attribution() -> None:
    edges = np.array([[0, 1, 6, 7], [1, 2, 7, 8]])
    given = why(edge_index=edges, edges=np.array([9.0, 9.0, -1.0, 0.5]))
    figure = plots.explanation(given, clouds(), 1)
    lines = next(c for c in figure.axes[0].collections if isinstance(c, LineCollection))
    np.testing.assert_allclose(lines.get_array(), [0.5, -1.0])
    width = lines.get_linewidths()
    np.testing.assert_allclose(width, [0.2 + 1.4, 3.0])


def test_other_clouds_are_refused() -> None:
    with pytest.raises(DataError, match="clouds that were explained"):
        plots.explanation(why(), clouds()[:1], 0)


def test_ranks_and_features() -> None:
    given, jets = why(), clouds()
    pt = np.hypot(*np.asarray(jets.p4[:, 1:3]).T)
    figure = plots.attribution_by_rank({"a": given, "b": given}, pt, ranks=6)
    line = figure.axes[0].containers[0].lines[0]
    hardest = [given.particles[:5][pt[:5].argmax()], given.particles[5:][pt[5:].argmax()]]
    assert line.get_ydata()[0] == pytest.approx(np.mean(hardest))
    assert len(line.get_ydata()) == 6
    bars = plots.feature_attributions(given).axes[0]
    mean = np.abs(given.x).mean(0)
    drawn = [float(bar.get_width()) for bar in bars.patches]
    assert drawn == pytest.approx(sorted(mean))


def test_points_of_the_reliability_diagram() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(2000)
    y = (rng.random(2000) < p).astype(int)
    report = calibration_report(y, p, classes=("QCD", "top"), bins=10)
    figure = plots.reliability({"before": report, "after": report})
    line = figure.axes[0].containers[0].lines[0]
    np.testing.assert_allclose(line.get_xdata(), report.classes["top"].stated)
    np.testing.assert_allclose(line.get_ydata(), report.classes["top"].observed)
    assert "p(top)" in figure.axes[1].get_xlabel()
    with pytest.raises(ConfigError, match="no curve of 'W'"):
        plots.reliability(report, of="W")
    with pytest.raises(DataError, match="cannot draw an empty mapping"):
        plots.reliability({})
