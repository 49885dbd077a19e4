"""The hidden space of a network as a picture."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pcgnn.errors import DataError
from pcgnn.metrics.embedding import Embedding
from pcgnn.plots._curves import drawable
from pcgnn.plots.style import axes_or_new, colour, set_title, style

__all__ = ["embedding"]


def embedding(
    result: Embedding,
    colour_by: ArrayLike | None = None,
    *,
    label: str | None = None,
    size: float = 6.0,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Every graph as a point, coloured by class or by any number per graph.

    Args:
        result: an embedding of :func:`pcgnn.embed`.
        colour_by: one number per graph, such as the jet mass in GeV; None colours by class.
        label: of the colour bar.
        size: of the points.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: no embedding, or not one number per graph.
    """
    drawable(isinstance(result, Embedding), result, "the result of embed")
    x, y = result.points.T
    with style():
        figure, ax = axes_or_new(ax, (6.4, 5.4))
        if colour_by is not None:
            values = np.asarray(colour_by, np.float64)
            if values.shape != (len(result),):
                raise DataError(
                    f"colour_by has the shape {values.shape}",
                    remedy=f"give one number for each of the {len(result):,} graphs",
                )
            low, high = np.quantile(values, [0.01, 0.99])
            marks = ax.scatter(
                x, y, s=size, c=values, cmap="viridis", vmin=low, vmax=high, linewidths=0
            )
            figure.colorbar(marks, ax=ax, label=label or "", pad=0.02)
        elif result.y is None:
            ax.scatter(x, y, s=size, color=colour(0), linewidths=0)
        else:
            # shuffled, else the last class hides the others
            order = np.random.default_rng(0).permutation(len(x))
            present = np.unique(result.y)
            shades = np.array([colour(int(c)) for c in result.y])
            ax.scatter(x[order], y[order], s=size, c=shades[order], alpha=0.7, linewidths=0)
            for c in present:
                name = result.classes[c] if c < len(result.classes) else f"class {c}"
                ax.scatter([], [], s=30, color=colour(int(c)), label=name)
            ax.legend(loc="best")
        if result.explained is None:
            ax.set_xlabel("t-SNE 1")
            ax.set_ylabel("t-SNE 2")
        else:
            ax.set_xlabel(f"Component 1 ({result.explained[0]:.0%} of the variance)")
            ax.set_ylabel(f"Component 2 ({result.explained[1]:.0%})")
        set_title(ax, title)
    return figure
