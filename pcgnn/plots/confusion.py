"""The confusion matrix as a picture with numbers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from pcgnn.errors import DataError
from pcgnn.metrics import ConfusionMatrix, TaggingReport
from pcgnn.plots.style import axes_or_new, set_title, style

__all__ = ["confusion"]


def confusion(
    report: TaggingReport | ConfusionMatrix,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Share of each true class taken for each class, with error and number of jets.

    Args:
        report: a tagging report or its confusion matrix.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: something else was given.
    """
    matrix = report.confusion if isinstance(report, TaggingReport) else report
    if not isinstance(matrix, ConfusionMatrix):
        raise DataError(f"cannot draw {type(report).__name__}", remedy="give a tagging report")
    size = len(matrix.classes)
    shares = matrix.normalised
    with style():
        side = 3.2 + 1.15 * size
        figure, ax = axes_or_new(ax, (side + 0.9, side))
        image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for i in range(size):
            for j in range(size):
                if np.isnan(shares[i, j]):
                    continue
                estimate = matrix.efficiency(i, j)
                text = f"{100 * estimate.value:.1f}%\n$\\pm$ {100 * estimate.error:.1f}%"
                text += f"\n{int(matrix.counts[i, j]):,} jets"
                dark = shares[i, j] > 0.55
                ax.text(
                    j,
                    i,
                    text,
                    ha="center",
                    va="center",
                    fontsize=11.5 if size < 6 else 8,
                    color="white" if dark else "black",
                )
        ax.set_xticks(range(size), matrix.classes)
        ax.set_yticks(range(size), matrix.classes, rotation=90, va="center")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_locator(NullLocator())
        ax.tick_params(length=0)
        ax.set_xlabel("Predicted class")
        ax.set_ylabel("True class")
        label = "Share of the true class" + (" (weighted)" if matrix.has_weights else "")
        figure.colorbar(image, ax=ax, label=label, shrink=0.85)
        set_title(ax, title)
    return figure
