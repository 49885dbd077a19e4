"""The learning-rate range test: loss against rate."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcgnn.plots._curves import drawable
from pcgnn.plots.style import COLOURS, axes_or_new, set_title, style

__all__ = ["lr_range"]


def lr_range(found: Any, *, ax: Axes | None = None, title: str | None = None) -> Figure:
    """Loss of each update and its smoothed course against the learning rate.

    Args:
        found: of :func:`pcgnn.lr_range_test`.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: not the result of a range test.
    """
    # known by its fields: its class lives above the plots
    drawable(hasattr(found, "smoothed"), found, "the result of lr_range_test")
    with style():
        figure, ax = axes_or_new(ax)
        ax.plot(found.lr, found.loss, ".", color="0.7", markersize=3, label="single updates")
        ax.plot(found.lr, found.smoothed, color=COLOURS[0], label="smoothed")
        for value, line, text in (
            (found.suggestion, "-", "suggested"),
            (found.steepest, ":", "steepest"),
            (found.lowest, "--", "lowest"),
        ):
            ax.axvline(
                value, color=COLOURS[1], linestyle=line, linewidth=1.4, label=f"{text} {value:.1e}"
            )
        ax.set_xscale("log")
        low, high = float(np.min(found.smoothed)), float(found.smoothed[0])
        # the loss after the divergence would flatten everything before it
        room = max(high - low, 0.1 * abs(low))
        ax.set_ylim(low - 0.3 * room, high + 1.2 * room)
        ax.set_xlabel("Learning rate")
        ax.set_ylabel("Training loss")
        ax.legend(loc="best")
        set_title(ax, title)
    return figure
