"""Trained taggers side by side: ROC curves, gain with more jets, gain against cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcgnn.errors import ConfigError
from pcgnn.metrics.comparison import Comparison, ComparisonRow
from pcgnn.plots.roc import roc
from pcgnn.plots.style import COLOURS, axes_or_new, set_title, style

__all__ = ["auc_against_cost", "auc_against_jets", "compared_rocs"]

_COSTS = {
    "flops": "Operations per jet (FLOP)",
    "parameters": "Trained parameters",
    "training_speed": "Training time per jet (ms)",
    "inference_speed": "Scoring time per jet, inputs included (ms)",
}
_MARKERS = "os^DvPX*<>"


def compared_rocs(
    comparison: Comparison,
    taggers: Sequence[str] | None = None,
    *,
    jets: int | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """ROC curves, of each tagger the training of median AUC.

    Args:
        comparison: of :func:`pcgnn.compare`.
        taggers: names; None takes the six of highest AUC, which is as many as can be told apart.
        jets: number of training jets; None takes the largest of each tagger.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        ConfigError: an unknown tagger.
    """
    if taggers is None:
        taggers = _ranked(comparison)[: len(COLOURS)]
    if title is None and any(len(row.runs) > 1 for row in comparison.rows):
        title = "of each tagger the training of median AUC"
    reports = {name: comparison.best(name, jets).report for name in taggers}
    return roc(reports, ax=ax, title=title)


def auc_against_jets(
    comparison: Comparison, *, ax: Axes | None = None, title: str | None = None
) -> Figure:
    """AUC against the number of training jets.

    Error bars are the spread over seeds, or with one seed the statistical error.

    Args:
        comparison: of :func:`pcgnn.compare`.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.
    """
    names = _ranked(comparison)
    counts = sorted({row.jets for row in comparison.rows})
    with style():
        figure, ax = axes_or_new(ax)
        for number, name in enumerate(names):
            rows = [row for row in comparison.rows if row.name == name]
            # a little apart, so that bars at the same number of jets can be told from each other
            shift = 1 + 0.02 * (number - (len(names) - 1) / 2)
            ax.errorbar(
                [row.jets * shift for row in rows],
                [row.values["auc"] for row in rows],
                yerr=[_error(row) for row in rows],
                color=COLOURS[number % len(COLOURS)],
                marker=_MARKERS[number % len(_MARKERS)],
                linestyle="-" if number < len(COLOURS) else "--",
                label=name,
            )
        ax.set_xscale("log")
        ax.set_xticks(counts, [f"{count:,}" for count in counts])
        ax.minorticks_off()
        ax.set_xlabel("Training jets")
        ax.set_ylabel("AUC")
        ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), title=_bars(comparison))
        set_title(ax, title)
    return figure


def auc_against_cost(
    comparison: Comparison,
    cost: str = "training_speed",
    *,
    jets: int | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """AUC against what a tagger costs; upper left is better.

    Error bars are the spread over seeds, or with one seed the statistical error. Taggers without
    the cost (trees have no operations) are left out. The time of scores includes the making of the
    inputs from four-vectors, which takes most of it for variables of the jet.

    Args:
        comparison: of :func:`pcgnn.compare`.
        cost: "flops", "parameters", "training_speed" or "inference_speed"; speeds are drawn as
            times per jet.
        jets: number of training jets; None takes the largest there is.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        ConfigError: an unknown cost, or no tagger has it.
    """
    if cost not in _COSTS:
        raise ConfigError(f"cost = {cost!r}", remedy=f"use one of {', '.join(_COSTS)}")
    jets = max(row.jets for row in comparison.rows) if jets is None else jets
    rows = [row for row in comparison.rows if row.jets == jets and row.cost(cost) is not None]
    if not rows:
        raise ConfigError(f"no tagger trained on {jets} jets has the cost {cost!r}")
    ranked = _ranked(comparison)
    with style():
        figure, ax = axes_or_new(ax)
        for row in sorted(rows, key=lambda row: ranked.index(row.name)):
            number = ranked.index(row.name)
            ax.errorbar(
                _cost(row, cost),
                row.values["auc"],
                yerr=_error(row),
                color=COLOURS[number % len(COLOURS)],
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=8,
                linestyle="none",
                label=row.name,
            )
        ax.set_xscale("log")
        ax.set_xlabel(_COSTS[cost])
        ax.set_ylabel("AUC")
        ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), title=_bars(comparison))
        set_title(ax, title)
    return figure


def _ranked(comparison: Comparison) -> list[str]:
    """The names by falling AUC at their largest number of jets: each has its place and colour."""
    largest = {row.name: row for row in comparison.rows}  # rows rise in jets
    return [row.name for row in sorted(largest.values(), key=lambda row: -row.values["auc"])]


def _bars(comparison: Comparison) -> str:
    several = any(len(row.runs) > 1 for row in comparison.rows)
    return "bars: spread over seeds" if several else "bars: statistical error"


def _cost(row: ComparisonRow, cost: str) -> float:
    """The value on the axis: speeds as times, those of scores with the making of the inputs."""
    value = row.cost(cost)
    assert value is not None
    if not cost.endswith("speed"):
        return value
    inputs = row.cost("input_speed") if cost == "inference_speed" else None
    return 1e3 / value + (0.0 if inputs is None else 1e3 / inputs)


def _error(row: ComparisonRow) -> float:
    spread = row.spreads["auc"]
    error = row.errors["auc"] if math.isnan(spread) else spread
    return float(np.nan_to_num(error))
