"""Efficiencies and rejections in bins, as points with interval bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from pcgnn.metrics import BinnedEfficiency, BinnedRejection, Estimate
from pcgnn.plots._curves import named
from pcgnn.plots.labels import REJECTION, axis_label
from pcgnn.plots.style import axes_or_new, colour, set_title, style

__all__ = ["bin_centres", "draw_efficiency", "efficiency", "rejection_vs_pt"]


def bin_centres(ax: Axes, edges: NDArray[np.float64], number: int, of: int) -> NDArray[np.float64]:
    """Where the points of one of several series stand: in the middle, or beside each other.

    The middle of a bin is where it looks to be, on a logarithmic axis as well.

    Args:
        ax: the axes, their scale set.
        edges: bin edges.
        number: number of the series.
        of: how many there are.
    """
    scale = ax.xaxis.get_transform()
    ends = scale.transform(edges)
    offset = 0.0 if of == 1 else (number - (of - 1) / 2) * 0.5 / of
    middle = (ends[:-1] + ends[1:]) / 2 + offset * np.diff(ends)
    return np.asarray(scale.inverted().transform(middle), np.float64)


def _points(
    ax: Axes,
    edges: NDArray[np.float64],
    estimates: Sequence[Estimate],
    number: int,
    of: int,
    label: str,
) -> list[float]:
    """Values with bars; limits as arrows. Several series are set apart inside the bin.

    Returns the finite values and upper ends, for the range of the axis.
    """
    centre = bin_centres(ax, edges, number, of)
    value = np.array([each.value for each in estimates])
    down = np.array([each.error_down for each in estimates])
    up = np.array([each.error_up for each in estimates])
    limit = np.array([each.is_lower_limit for each in estimates])
    shown = np.isfinite(value) & ~limit
    x_bars = [centre - edges[:-1], edges[1:] - centre]
    hue = colour(number)
    ax.errorbar(
        centre[shown],
        value[shown],
        yerr=[down[shown], np.where(np.isfinite(up[shown]), up[shown], 1e30)],
        xerr=[bar[shown] for bar in x_bars],
        fmt="o",
        color=hue,
        elinewidth=1.6,
        label=label or None,
    )
    for x, y in zip(centre[limit], value[limit], strict=True):
        ax.annotate(
            "",
            xy=(x, y * 1.7),
            xytext=(x, y),
            arrowprops={"arrowstyle": "-|>", "color": hue, "linewidth": 1.6},
        )
    ax.hlines(value[limit], edges[:-1][limit], edges[1:][limit], color=hue, linewidth=1.6)
    ends = np.concatenate([value, (value + np.where(limit, 0, up))])
    return [float(y) for y in ends[np.isfinite(ends)]]


def draw_efficiency(ax: Axes, series: Mapping[str, object], *, entries: str) -> None:
    """Points with bars of several efficiencies; set the scale of the axes before.

    Args:
        ax: the axes.
        series: binned efficiencies by name.
        entries: what is counted, for the legend.
    """
    for number, (name, item) in enumerate(series.items()):
        assert isinstance(item, BinnedEfficiency)  # checked by named()
        total = sum(each.total or 0 for each in item.efficiency)
        text = f"{name} ({total:,} {entries})" if name else f"{total:,} {entries}"
        _points(ax, item.edges, item.efficiency, number, len(series), text)
        if number == 0:
            ax.set_xlim(item.edges[0], item.edges[-1])
            ax.set_xlabel(axis_label(item.name, item.unit))


def rejection_vs_pt(
    binned: BinnedRejection | Mapping[str, BinnedRejection],
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Background rejection in bins of the jet's pT (or whatever it was binned in).

    Bars are counting intervals; an arrow starts at the lower limit of a bin where no background
    passed. Bins without background are left out.

    Args:
        binned: from [`rejection_vs`][pcgnn.metrics.binned_rejection.rejection_vs], or several.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: something else was given.
    """
    series = named(binned, BinnedRejection)
    with style():
        figure, ax = axes_or_new(ax)
        heights: list[float] = []
        first: BinnedRejection | None = None
        for number, (name, item) in enumerate(series.items()):
            assert isinstance(item, BinnedRejection)  # checked by named()
            first = first or item
            how = "one cut" if item.working_point == "global" else "cut per bin"
            label = rf"$\varepsilon_S$ = {item.requested:g}, {how}"
            label = f"{name}, {label}" if name else label
            heights += _points(ax, item.edges, item.rejection, number, len(series), label)
        ax.set_yscale("log")
        if heights:
            ax.set_ylim(max(min(heights) / 3, 0.8), max(heights) * 4)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
        if first is not None:
            ax.set_xlim(first.edges[0], first.edges[-1])
            ax.set_xlabel(axis_label(first.name, first.unit))
        ax.set_ylabel(REJECTION)
        ax.legend(loc="upper right")
        set_title(ax, title)
    return figure


def efficiency(
    binned: BinnedEfficiency | Mapping[str, BinnedEfficiency],
    *,
    ax: Axes | None = None,
    label: str = "Efficiency",
    title: str | None = None,
) -> Figure:
    """An efficiency in bins of any quantity, with Clopper-Pearson bars.

    Args:
        binned: from [`efficiency_vs`][pcgnn.metrics.binned.efficiency_vs] or
            `BinnedEfficiency.from_counts`, or several by name.
        ax: axes to draw on; None makes a figure.
        label: name of the efficiency on the vertical axis.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: something else was given.
    """
    series = named(binned, BinnedEfficiency)
    with style():
        figure, ax = axes_or_new(ax)
        draw_efficiency(ax, series, entries="entries")
        ax.axhline(1.0, color="0.6", linestyle=":", linewidth=1.2)
        ax.set_ylim(0, 1.25)
        ax.set_ylabel(label)
        ax.legend(loc="upper right")
        set_title(ax, title)
    return figure
