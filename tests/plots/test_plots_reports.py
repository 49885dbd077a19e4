"""Figures of reports: what is drawn are the numbers of the report."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from pcgnn import plots
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import (
    BinnedEfficiency,
    TaggingReport,
    clopper_pearson,
    rejection_vs,
    tagging_report,
)

EDGES = np.array([550.0, 575.0, 600.0, 650.0])


def make_report(seed: int = 0, n: int = 3000, weighted: bool = False) -> TaggingReport:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    score = np.where(y == 1, rng.beta(2, 1, n), rng.beta(1, 2, n))
    weight = rng.exponential(1, n) if weighted else None
    return tagging_report(y, score, weight=weight, classes=("QCD", "top"))


def three_classes() -> TaggingReport:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 900)
    p = rng.dirichlet((1, 1, 1), 900)
    p[np.arange(900), y] += 0.4
    return tagging_report(y, p / p.sum(axis=1, keepdims=True), classes=("light", "b", "c"))


def legend_texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def error_bars(ax: Axes) -> list[ErrorbarContainer]:
    return [item for item in ax.containers if isinstance(item, ErrorbarContainer)]


def vertical_ends(container: ErrorbarContainer, which: int = -1) -> np.ndarray:
    """(points, 2) lower and upper ends of the bars; the last collection holds the vertical ones."""
    segments = container.lines[2][which].get_segments()
    return np.array([[segment[0, 1], segment[1, 1]] for segment in segments])


@pytest.mark.parametrize("weighted", [False, True])
def test_roc_line_and_band_are_the_report(weighted: bool) -> None:
    report = make_report(weighted=weighted)
    figure = plots.roc(report)
    (ax,) = figure.axes
    x, y = ax.lines[0].get_data()
    for k in range(0, len(x), 40):
        nearest = report.roc.at(max(float(x[k]) - 1e-12, 0.05))
        if nearest.rejection.is_lower_limit:
            assert np.isnan(y[k])
        else:
            assert y[k] == pytest.approx(nearest.rejection.value)
    band = ax.collections[0].get_paths()[0].vertices
    finite = np.isfinite(y)
    points = report.roc.points(np.linspace(0.05, 1, 400))
    for k in np.flatnonzero(finite)[::50]:
        at = band[np.isclose(band[:, 0], x[k])][:, 1]
        assert np.isclose(at, points.rejection_lower[k]).any()
        assert np.isclose(at, points.rejection_upper[k]).any()
    assert ax.get_yscale() == "log"
    assert "Signal efficiency" in ax.get_xlabel()
    assert "Background rejection" in ax.get_ylabel()
    assert str(report.auc) in legend_texts(ax)[0]


def test_roc_marks_the_working_points_with_their_intervals() -> None:
    report = make_report()
    (ax,) = plots.roc(report).axes
    bars = error_bars(ax)
    assert len(bars) == 2
    for bar, point in zip(bars, report.of().working_points, strict=True):
        x, y = bar.lines[0].get_data()
        assert x[0] == point.signal_efficiency.value
        assert y[0] == pytest.approx(point.rejection.value)
        assert vertical_ends(bar)[0] == pytest.approx(point.rejection.interval)
        assert any(str(point.rejection) in text for text in legend_texts(ax))


def test_roc_without_background_is_an_arrow_at_the_limit() -> None:
    report = tagging_report(np.repeat([0, 1], 50), np.linspace(0, 1, 100))
    (ax,) = plots.roc(report).axes
    assert np.isnan(ax.lines[0].get_ydata()[:-5]).all()
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert [arrow.xyann[1] for arrow in arrows] == [report.rejection(0.3).lower] * 2
    low, high = ax.get_ylim()
    assert low < report.rejection(0.3).lower < high


def test_several_reports_by_name() -> None:
    reports = {"ParticleNet": make_report(0), "Lite": make_report(1)}
    (ax,) = plots.roc(reports, signal_efficiencies=[0.4]).axes
    texts = legend_texts(ax)
    for text, (name, report) in zip(texts, reports.items(), strict=False):
        assert text == f"{name}: AUC {report.auc}"
    curves = [line for line in ax.lines if len(line.get_xdata()) > 1][:2]
    assert len({line.get_color() for line in curves}) == 2
    assert len(error_bars(ax)) == 2


def test_each_class_against_the_rest() -> None:
    report = three_classes()
    (ax,) = plots.roc(report).axes
    assert [text.split(":")[0] for text in legend_texts(ax)[:3]] == ["light", "b", "c"]
    (ax,) = plots.roc(report, signal="b").axes
    assert str(report.of("b").auc) in legend_texts(ax)[0]
    (ax,) = plots.roc({"b-tagger": report.of("b"), "curve": report.of("c").roc}).axes
    assert legend_texts(ax)[0].startswith("b-tagger")


@pytest.mark.parametrize("thing", ["a string", {}, {"x": 3}, None])
def test_what_cannot_be_drawn(thing: object) -> None:
    for draw in (plots.roc, plots.rejection_vs_pt, plots.efficiency):
        with pytest.raises(DataError, match="cannot draw"):
            draw(thing)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="cannot draw"):
        plots.confusion(thing)  # type: ignore[arg-type]


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_normalised_histograms(weighted: bool) -> None:
    report = make_report(weighted=weighted)
    (ax,) = plots.scores(report, bins=25).axes
    outlines = [patch for patch in ax.patches if not patch.get_fill()]
    for label, outline in enumerate(outlines):
        mask = report.y == label
        w = np.ones(mask.sum()) if report.weight is None else report.weight[mask]
        expected = np.histogram(report.score[mask], np.linspace(0, 1, 26), weights=w)[0]
        np.testing.assert_allclose(outline.get_data().values, expected / w.sum(), atol=1e-14)
        squares = np.histogram(report.score[mask], np.linspace(0, 1, 26), weights=w * w)[0]
        ends = vertical_ends(error_bars(ax)[label])
        half = np.sqrt(squares[expected > 0]) / w.sum()
        np.testing.assert_allclose((ends[:, 1] - ends[:, 0]) / 2, half, rtol=1e-9)
        assert f"{mask.sum():,} jets" in legend_texts(ax)[label]
    assert ax.get_xlabel() == "Signal score"
    assert "0.04" in ax.get_ylabel()
    assert ax.get_yscale() == "log"
    thresholds = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"]
    assert thresholds == [report.threshold]


def test_scores_of_events_are_not_called_jets() -> None:
    (ax,) = plots.scores(make_report(), bins=25, entries="events").axes
    assert ax.get_ylabel() == "Fraction of events / 0.04"
    assert all(text.endswith(" events)") for text in legend_texts(ax)[:2])


def test_scores_outside_the_range_are_not_lost() -> None:
    y, score = np.repeat([0, 1], 100), np.linspace(-3, 3, 200)
    (ax,) = plots.scores((y, score), bins=[-1, 0, 1], log=False).axes
    outlines = [patch for patch in ax.patches if not patch.get_fill()]
    np.testing.assert_allclose(outlines[0].get_data().values, [1, 0])
    np.testing.assert_allclose(outlines[1].get_data().values, [0, 1])
    assert ax.get_yscale() == "linear"
    with pytest.raises(ConfigError, match="bins"):
        plots.scores((y, score), bins=[1, 0])


def test_scores_of_one_class_of_three() -> None:
    report = three_classes()
    (ax,) = plots.scores(report, signal="b").axes
    assert ax.get_xlabel() == "Score of 'b'"
    assert len([patch for patch in ax.patches if not patch.get_fill()]) == 3
    with pytest.raises(ConfigError, match="signal"):
        plots.scores(report)


def test_confusion_shows_shares_errors_and_counts() -> None:
    report = three_classes()
    ax = plots.confusion(report).axes[0]
    np.testing.assert_allclose(ax.images[0].get_array(), report.confusion.normalised)
    assert len(ax.texts) == 9
    for text in ax.texts:
        j, i = (int(c) for c in text.get_position())
        lines = text.get_text().splitlines()
        assert lines[0] == f"{100 * report.confusion.normalised[i, j]:.1f}%"
        assert lines[1].endswith(f" {100 * report.confusion.efficiency(i, j).error:.1f}%")
        assert lines[2] == f"{report.confusion.counts[i, j]:,} jets"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["light", "b", "c"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted class", "True class")


def test_rejection_in_bins() -> None:
    report = make_report()
    pt = np.random.default_rng(0).uniform(550, 650, len(report))
    binned = rejection_vs(report, pt, EDGES, signal_efficiency=0.5)
    (ax,) = plots.rejection_vs_pt(binned).axes
    (bar,) = error_bars(ax)
    x, y = bar.lines[0].get_data()
    np.testing.assert_allclose(x, (EDGES[:-1] + EDGES[1:]) / 2)
    np.testing.assert_allclose(y, [each.value for each in binned.rejection])
    np.testing.assert_allclose(
        vertical_ends(bar, 1), [each.interval for each in binned.rejection], rtol=1e-9
    )
    assert ax.get_xlabel() == "Jet $p_T$ [GeV]"
    assert "0.5, one cut" in legend_texts(ax)[0]


def test_bins_without_passing_background_are_arrows() -> None:
    y, score, pt = [0, 0, 1, 1, 0], [0.1, 0.6, 0.7, 0.9, 0.75], [560, 561, 562, 580, 580]
    binned = rejection_vs((y, score), pt, EDGES, signal_efficiency=1.0)
    (ax,) = plots.rejection_vs_pt({"toy": binned}).axes
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert [arrow.xyann[1] for arrow in arrows] == [binned.rejection[0].lower]
    assert error_bars(ax)[0].lines[0].get_ydata().tolist() == [binned.rejection[1].value]


def test_efficiency_has_clopper_pearson_bars() -> None:
    passed, total = [3, 40, 0], [5, 50, 0]
    binned = BinnedEfficiency.from_counts(passed, total, EDGES, name="jet_mass")
    figure = plots.efficiency({"A": binned, "B": binned}, label="Tagging efficiency")
    (ax,) = figure.axes
    lower, upper = clopper_pearson(passed[:2], total[:2])
    for bar in error_bars(ax):
        np.testing.assert_allclose(vertical_ends(bar, 1), np.stack([lower, upper], axis=1))
    assert ax.get_xlabel() == "Jet mass [GeV]"
    assert ax.get_ylabel() == "Tagging efficiency"


def test_axes_of_the_user_are_used() -> None:
    figure = Figure()
    ax = figure.subplots()
    report = make_report(n=200)
    for draw in (plots.roc, plots.scores, plots.confusion):
        assert draw(report, ax=ax, title="simulation") is figure
    assert ax.get_title(loc="left") == "simulation"
