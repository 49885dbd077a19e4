"""Predicted against true values: calibration, resolution in bins, ratios."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import BinnedRegression, RegressionReport
from pcgnn.metrics.ratio_quantiles import weighted_quantiles
from pcgnn.plots._curves import named
from pcgnn.plots._histogram import draw_shape
from pcgnn.plots.labels import axis_label, with_unit
from pcgnn.plots.style import axes_or_new, colour, new_figure, set_title, style

__all__ = ["calibration", "ratio", "resolution"]

FloatArray = NDArray[np.float64]
Reports = RegressionReport | Mapping[str, RegressionReport]

_FEWEST = 2
_BINS = 10


def calibration(
    reports: Reports,
    *,
    bins: ArrayLike | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Median and central 68% of the predictions in bins of the true value.

    Args:
        reports: from [`regression_report`][pcgnn.metrics.regression.regression_report], one or
            several by name.
        bins: edges, or a number of bins of equal population in the first report; None takes the
            bins of the reports, or ten.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: something else was given.
        ConfigError: bad bins.
    """
    series = _binned(reports, bins)
    with style():
        figure, ax = axes_or_new(ax)
        for number, (name, (report, item)) in enumerate(series.items()):
            low, middle, high = _filled(item, item.prediction).T
            true = _filled(item, item.truth)[:, 1]
            ax.fill_between(true, low, high, color=colour(number), alpha=0.2, linewidth=0)
            ax.plot(true, middle, "o-", color=colour(number), label=_label(name, report))
        first = next(iter(series.values()))[1]
        ends = first.edges[[0, -1]]
        ax.plot(ends, ends, color="0.6", linestyle=":", linewidth=1.2)
        ax.set_xlim(*ends)
        ax.set_xlabel("True " + axis_label(first.name, first.unit))
        ax.set_ylabel("Predicted " + axis_label(first.name, first.unit))
        ax.legend(loc="upper left", title="median, central 68%")
        set_title(ax, title)
    return figure


def resolution(
    reports: Reports, *, bins: ArrayLike | None = None, title: str | None = None
) -> Figure:
    """Resolution (above) and bias (below) in bins of the true value, with bands of their errors.

    Args:
        reports: from [`regression_report`][pcgnn.metrics.regression.regression_report], one or
            several by name.
        bins: as for `calibration`.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: something else was given.
        ConfigError: bad bins.
    """
    series = _binned(reports, bins)
    with style():
        figure, axes = new_figure(2, 1, size=(6.4, 6.4), sharex=True, height_ratios=[1.6, 1])
        top, below = axes[:, 0]
        for number, (name, (report, item)) in enumerate(series.items()):
            kept = item.counts >= _FEWEST
            for ax, estimates in ((top, item.resolution), (below, item.bias)):
                chosen = [each for each, here in zip(estimates, kept, strict=True) if here]
                ends = [(each.lower, each.value, each.upper) for each in chosen]
                low, value, high = np.array(ends).reshape(-1, 3).T
                true = _filled(item, item.truth)[:, 1]
                low, high = (np.where(np.isfinite(end), end, value) for end in (low, high))
                ax.fill_between(true, low, high, color=colour(number), alpha=0.25, linewidth=0)
                text = f"{_label(name, report)}, all: {report.resolution}".lstrip(", ")
                ax.plot(true, value, "o-", color=colour(number), label=text)
        first = next(iter(series.values()))[1]
        top.set_ylim(0, 1.35 * top.get_ylim()[1])  # room for the legend
        top.set_ylabel(r"Resolution $(a - b) / 2c$")
        top.legend(loc="upper right")
        below.axhline(0.0, color="0.6", linestyle=":", linewidth=1.2)
        below.set_ylabel("Bias $c - 1$")
        below.set_xlim(first.edges[0], first.edges[-1])
        below.set_xlabel("True " + axis_label(first.name, first.unit))
        set_title(top, title)
    return figure


def ratio(
    reports: Reports,
    *,
    bins: int = 60,
    span: tuple[float, float] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Histogram of prediction over truth; what lies outside is counted in the outer bins.

    Args:
        reports: from [`regression_report`][pcgnn.metrics.regression.regression_report], one or
            several by name.
        bins: how many.
        span: from where to where; None takes 0 to the 99% quantile of the first report, and at
            least 2.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: something else was given.
        ConfigError: no bins, or an empty span.
    """
    series = _reports(reports)
    first = next(iter(series.values()))
    if span is None:
        far = weighted_quantiles(first.ratio, first.weight, (0.99,))[0]
        span = (0.0, max(2.0, float(far)))
    if bins < 1 or not span[1] > span[0]:
        raise ConfigError(f"{bins} bins from {span[0]} to {span[1]}")
    edges = np.linspace(*span, bins + 1)
    with style():
        figure, ax = axes_or_new(ax)
        for number, (name, report) in enumerate(series.items()):
            text = f"{_label(name, report)}, M = {report.resolution}".lstrip(", ")
            draw_shape(ax, report.ratio, edges, report.weight, colour(number), text)
        ax.axvline(1.0, color="0.6", linestyle=":", linewidth=1.2)
        ax.set_xlim(*span)
        ax.set_xlabel(with_unit(f"Predicted / true {first.name}", ""))
        ax.set_ylabel("Share of graphs")
        ax.set_ylim(0, (1.05 + 0.11 * len(series)) * ax.get_ylim()[1])  # room for the legend
        ax.legend(loc="upper right")
        set_title(ax, title)
    return figure


def _reports(given: Reports) -> dict[str, RegressionReport]:
    found: dict[str, RegressionReport] = {}
    for name, item in named(given, RegressionReport).items():
        assert isinstance(item, RegressionReport)  # checked by named()
        found[name] = item
    return found


def _binned(
    given: Reports, bins: ArrayLike | None
) -> dict[str, tuple[RegressionReport, BinnedRegression]]:
    series = _reports(given)
    first = next(iter(series.values()))
    if bins is None and first.binned is not None:
        bins = first.binned.edges
    edges = first.vs(_BINS if bins is None else bins).edges
    found = {}
    for name, report in series.items():
        ready = report.binned
        same = ready is not None and np.array_equal(ready.edges, edges)
        item = ready if same and ready is not None else report.vs(edges)
        if not (item.counts >= _FEWEST).any():
            raise DataError(f"{name or report.name}: fewer than two graphs in every bin")
        found[name] = (report, item)
    return found


def _filled(item: BinnedRegression, rows: FloatArray) -> FloatArray:
    return rows[item.counts >= _FEWEST]


def _label(name: str, report: RegressionReport) -> str:
    return name or f"{len(report):,} graphs"
