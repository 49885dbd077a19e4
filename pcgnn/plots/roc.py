"""ROC curves the way taggers are compared: background rejection against signal efficiency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pcgnn.metrics import ClassReport, EdgeReport, RocCurve, TaggingReport, WorkingPoint
from pcgnn.plots._curves import Curve, curves
from pcgnn.plots.labels import REJECTION, SIGNAL_EFFICIENCY
from pcgnn.plots.style import axes_or_new, colour, set_title, style

__all__ = ["roc"]

Drawable = TaggingReport | ClassReport | EdgeReport | RocCurve


def _draw_curve(ax: Axes, curve: Curve, colour_: str, grid: np.ndarray) -> float:
    """Line, band and AUC of one curve; returns the highest rejection drawn."""
    points = curve.roc.points(grid)
    value = np.where(points.is_lower_limit, np.nan, points.rejection)
    # Where no background passes the band has no upper end: it runs out of the axes.
    top = np.where(np.isfinite(points.rejection_upper), points.rejection_upper, 1e30)
    ax.fill_between(
        points.signal_efficiency,
        points.rejection_lower,
        top,
        color=colour_,
        alpha=0.22,
        linewidth=0,
        step=None,
    )
    label = f"{curve.name}: " if curve.name else ""
    ax.plot(points.signal_efficiency, value, color=colour_, label=f"{label}AUC {curve.roc.auc}")
    known = value[np.isfinite(value)]
    return float(max(known.max(initial=1.0), points.rejection_lower.max()))


def _mark(ax: Axes, points: Sequence[WorkingPoint], colour_: str, in_legend: bool) -> None:
    """Working points with counting errors; an arrow where only a lower limit is known."""
    for point in points:
        rejection = point.rejection
        x = point.signal_efficiency.value
        up = 0.0 if rejection.is_lower_limit else rejection.error_up
        down = 0.0 if rejection.is_lower_limit else rejection.error_down
        if rejection.is_lower_limit:
            ax.annotate(
                "",
                xy=(x, rejection.value * 1.8),
                xytext=(x, rejection.value),
                arrowprops={"arrowstyle": "-|>", "color": colour_, "linewidth": 1.6},
            )
        elif not np.isfinite(up):
            up = 1e30
        ax.errorbar(
            [x],
            [rejection.value],
            yerr=[[down], [up]],
            fmt="o",
            color=colour_,
            markeredgecolor="white",
            markersize=7,
            elinewidth=1.6,
            zorder=5,
            label=_describe(point) if in_legend else None,
        )


def _describe(point: WorkingPoint) -> str:
    relation = "" if point.rejection.is_lower_limit else "= "
    if point.requested is not None:
        where = rf"$\varepsilon_S$ = {point.requested:g}"
    else:  # a threshold was given: the efficiency is a result as well
        where = rf"score $\geq$ {point.threshold:.3g}, $\varepsilon_S$ = {point.signal_efficiency}"
    return rf"{where}: $1/\varepsilon_B$ {relation}{point.rejection}"


def roc(
    report: Drawable | Mapping[str, Drawable],
    *,
    ax: Axes | None = None,
    signal: str | None = None,
    signal_efficiencies: Sequence[float] | None = None,
    minimum_efficiency: float = 0.05,
    title: str | None = None,
) -> Figure:
    r"""Background rejection against signal efficiency, with counting bands and working points.

    The band is the interval of the counted background at each point. Where no background passes
    the line stops and the band shows the lower limit alone.

    Args:
        report: a report, class report, edge report or ROC curve, or several by name.
        ax: axes to draw on; None makes a figure.
        signal: signal class of reports with more than two; None draws every class against the
            rest.
        signal_efficiencies: working points to mark; None marks those of the report.
        minimum_efficiency: where the axis begins.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: nothing that can be drawn.
        ConfigError: an efficiency out of range.
    """
    found = curves(report, signal)
    with style():
        figure, ax = axes_or_new(ax)
        grid = np.linspace(max(minimum_efficiency, 1e-6), 1.0, 400)
        highest = 10.0
        for number, curve in enumerate(found):
            highest = max(highest, _draw_curve(ax, curve, colour(number), grid))
            # With several curves the numbers belong in a table, see metrics.compare.
            _mark(ax, curve.marks(signal_efficiencies), colour(number), in_legend=len(found) == 1)
        ax.plot(grid, 1 / grid, color="0.45", linestyle=":", label="random guess")
        ax.set_yscale("log")
        ax.set_xlim(minimum_efficiency, 1.0)
        ax.set_ylim(1.0, highest * 6)
        ax.yaxis.set_major_formatter(
            FuncFormatter(lambda y, _: f"{y:,.0f}" if y < 1e6 else f"{y:.0e}")
        )
        ax.set_xlabel(SIGNAL_EFFICIENCY)
        ax.set_ylabel(REJECTION)
        ax.legend(loc="upper right")
        set_title(ax, title)
    return figure
