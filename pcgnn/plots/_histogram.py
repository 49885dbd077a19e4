"""Histograms of shapes: normalised to one, nothing lost outside, errors from the weights."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

__all__ = ["draw_shape", "shape"]

FloatArray = NDArray[np.float64]


def shape(
    values: FloatArray, edges: FloatArray, weight: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    r"""Share per bin and its error; what lies outside is counted in the first and last bin.

    The error is $\sqrt{\sum w^2} / \sum w$, with the sum of all weights taken as known.

    Args:
        values: entries.
        edges: bin edges.
        weight: one weight per entry, or None.

    Shapes:
        - **values**, **weight**: $(n,)$
        - **edges**: $(B + 1,)$
        - **output**: two arrays $(B,)$

    Example:
        >>> shape(np.array([-5.0, 0.2, 0.8, 9.0]), np.array([0.0, 0.5, 1.0]))[0]
        array([0.5, 0.5])
    """
    bins = len(edges) - 1
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    w = np.ones(len(values)) if weight is None else weight
    total = float(w.sum()) or 1.0
    share = np.bincount(index, w, minlength=bins) / total
    error = np.sqrt(np.bincount(index, w * w, minlength=bins)) / abs(total)
    return share, error


def draw_shape(
    ax: Axes,
    values: FloatArray,
    edges: FloatArray,
    weight: FloatArray | None,
    colour: str,
    label: str,
) -> None:
    """One filled outline with error bars.

    Args:
        ax: the axes.
        values: entries.
        edges: bin edges.
        weight: weights or None.
        colour: of outline and filling.
        label: for the legend.
    """
    share, error = shape(values, edges, weight)
    ax.stairs(share, edges, fill=True, color=colour, alpha=0.15)
    ax.stairs(share, edges, color=colour, linewidth=1.8, label=label)
    filled = share != 0
    centres = (edges[:-1] + edges[1:]) / 2
    ax.errorbar(
        centres[filled], share[filled], error[filled], fmt="none", ecolor=colour, elinewidth=1.2
    )
