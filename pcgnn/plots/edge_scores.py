"""Distributions of the edge score, true and false edges apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pcgnn.errors import ConfigError
from pcgnn.plots._edge_reports import edge_reports
from pcgnn.plots.scores import draw_scores, score_edges
from pcgnn.plots.style import axes_or_new, set_title, style

__all__ = ["edge_scores"]


def edge_scores(
    source: Any,
    scores: Any = None,
    *,
    threshold: float | None = None,
    bins: ArrayLike = 40,
    log: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    r"""Score of the true and of the false edges, each normalised to one, with errors per bin.

    Scores outside the range are counted in the first and last bin; errors are $\sqrt{n}$. Edges
    that the report does not judge (of particles below the pT floor) are not drawn.

    Args:
        source: one [`EdgeReport`][pcgnn.metrics.edge_summary.EdgeReport], or hit graphs.
        scores: with hit graphs, what `predict` returned for them.
        threshold: the cut to mark; None takes that of the report (0.5 for graphs).
        bins: a number of bins, or edges.
        log: logarithmic vertical axis.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: nothing that can be drawn, or edges of one kind only.
        ConfigError: bad bins, or more than one report.

    Example:
        >>> from pcgnn.metrics import edge_report
        >>> figure = edge_scores(edge_report([1, 0, 1, 0], [0.9, 0.2, 0.6, 0.7]), bins=5)
        >>> figure.axes[0].get_ylabel()
        'Fraction of edges / 0.2'
    """
    reports = edge_reports(source, scores, threshold)
    if len(reports) != 1:
        raise ConfigError(f"{len(reports)} reports", remedy="draw one after the other, with ax=")
    report = next(iter(reports.values()))
    # the curve counts the edges above each score: their differences are the scores themselves
    curve = report.roc
    true, false = (
        np.repeat(curve.thresholds[1:], np.diff(passed))
        for passed in (curve.signal_passed, curve.background_passed)
    )
    with style():
        figure, ax = axes_or_new(ax)
        draw_scores(
            ax,
            [("false", false, None), ("true", true, None)],
            score_edges(curve.thresholds[1:], bins),
            entries="edges",
            log=log,
            threshold=report.threshold,
        )
        ax.set_xlabel("Edge score")
        set_title(ax, title)
    return figure
