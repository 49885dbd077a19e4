"""Edge classifiers: the ROC curve, and purity against efficiency."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcgnn.errors import ConfigError
from pcgnn.metrics import EdgeReport
from pcgnn.metrics.intervals import efficiency_interval
from pcgnn.plots._edge_reports import edge_reports
from pcgnn.plots.labels import typeset
from pcgnn.plots.roc import roc
from pcgnn.plots.style import colour, new_figure, set_title, style

__all__ = ["edge_curves"]

_POINTS = 400  # of a curve that may have a million


def _draw_purity(
    ax: Axes, report: EdgeReport, name: str, number: int, minimum: float, single: bool
) -> float:
    """Curve, band and working point of one classifier; returns the lowest purity drawn."""
    curve = report.precision_recall
    wanted = np.linspace(minimum, 1.0, _POINTS)
    # the points of the curve nearest above each efficiency, as far as there are so many
    nearest = np.searchsorted(curve.efficiency, wanted - 1e-12)
    index = np.unique(nearest.clip(max=len(curve.purity) - 1))
    true = report.roc.signal_passed[1:][index]
    kept = true + report.roc.background_passed[1:][index]
    band = efficiency_interval(true, kept, level=report.level)
    hue = colour(number)
    label = f"{name}: " if name else ""
    ax.fill_between(
        curve.efficiency[index], band.lower, band.upper, color=hue, alpha=0.22, linewidth=0
    )
    ax.plot(
        curve.efficiency[index],
        curve.purity[index],
        color=hue,
        label=f"{label}average purity {curve.average_precision:.4f}",
    )
    efficiency, purity = report.efficiency, report.purity
    text = rf"score $\geq$ {report.threshold:.3g}:" + "\n"
    text += f"efficiency {efficiency}\npurity {purity}"
    ax.errorbar(
        [efficiency.value],
        [purity.value],
        xerr=[[efficiency.error_down], [efficiency.error_up]],
        yerr=[[purity.error_down], [purity.error_up]],
        fmt="o",
        color=hue,
        markeredgecolor="white",
        markersize=7,
        elinewidth=1.6,
        zorder=5,
        label=text if single else None,
    )
    return float(min(np.nanmin(curve.purity[index]), np.nan_to_num(purity.value, nan=1.0)))


def edge_curves(
    source: Any,
    scores: Any = None,
    *,
    threshold: float | None = None,
    minimum_efficiency: float = 0.5,
    title: str | None = None,
) -> Figure:
    r"""ROC curve and purity against efficiency of edge classifiers, with their working points.

    Both are over the edges of the graph: what the graph lost before is in neither axis. Bands
    and bars are counting intervals. The dotted line on the right is the purity of the graph
    before any cut.

    Args:
        source: an [`EdgeReport`][pcgnn.metrics.edge_summary.EdgeReport], several by name, or hit
            graphs.
        scores: with hit graphs, what `predict` returned for them.
        threshold: the working point to mark; None takes that of the report (0.5 for graphs).
        minimum_efficiency: where the axes begin.
        title: put above the left axes; None says what a true edge is.

    Returns:
        The figure.

    Raises:
        DataError: nothing that can be drawn, or edges of one kind only.
        ConfigError: an option out of range.

    Example:
        >>> from pcgnn.metrics import edge_report
        >>> figure = edge_curves(edge_report([1, 0, 1, 0, 1], [0.9, 0.2, 0.6, 0.7, 0.8]))
        >>> [ax.get_xlabel() for ax in figure.axes]
        ['Efficiency (true edges kept)', 'Efficiency (true edges kept)']
    """
    if not 0 <= minimum_efficiency < 1:
        raise ConfigError(
            f"minimum_efficiency is {minimum_efficiency}", remedy="give a share of true edges < 1"
        )
    reports = edge_reports(source, scores, threshold)
    with style():
        figure, axes = new_figure(1, 2, size=(12.6, 5.4))
        left, right = axes[0]
        roc(reports, ax=left, minimum_efficiency=minimum_efficiency)
        left.set_xlabel("Efficiency (true edges kept)")
        left.set_ylabel("Rejection of false edges (all / kept)")
        lowest = 1.0
        for number, (name, report) in enumerate(reports.items()):
            low = _draw_purity(right, report, name, number, minimum_efficiency, len(reports) == 1)
            lowest = min(lowest, low)
            right.axhline(
                report.graph_purity.value,
                color=colour(number) if len(reports) > 1 else "0.45",
                linestyle=":",
                label=f"all edges: purity {report.graph_purity}" if len(reports) == 1 else None,
            )
        right.set_xlim(minimum_efficiency, 1.0 + 0.01 * (1 - minimum_efficiency))
        right.set_ylim(max(0.0, lowest - 0.35 * (1.02 - lowest)), 1.02)
        right.set_xlabel("Efficiency (true edges kept)")
        right.set_ylabel("Purity (true among edges kept)")
        right.legend(loc="lower left")
        set_title(left, title or _describe(reports))
    return figure


def _describe(reports: dict[str, EdgeReport]) -> str | None:
    truths = {report.truth for report in reports.values()}
    if len(truths) != 1:
        return None
    # what a true edge is and which hits there were: on two lines, as they are long
    return typeset(
        "True edges: " + truths.pop().replace("_", " ").replace("; hits: ", "\nHits: ", 1)
    )
