"""Bins in quantities of particles, and the axes they are drawn on."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from pcgnn.errors import DataError

__all__ = ["particle_bins", "scale_axis"]

FloatArray = NDArray[np.float64]

_PT_EDGES = np.array([1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0])
_RADIUS_EDGES = np.array([0, 0.1, 1, 10, 30, 70, 120, 180, 260, 360, 500, 660, 820, 1020])
_FEWEST = 10


def _merged(edges: FloatArray, values: FloatArray) -> FloatArray:
    """Neighbouring bins taken together, from above, until each holds some particles."""
    kept = [edges[-1]]
    above = values.size - np.searchsorted(np.sort(values), edges)  # at or above each edge
    counted = 0
    for edge, number in zip(edges[-2:0:-1], above[-2:0:-1], strict=True):
        if number - counted >= _FEWEST and values.size - number >= _FEWEST:
            kept.append(edge)
            counted = number
    return np.array([edges[0], *kept[::-1]])


def particle_bins(variable: str, values: FloatArray, some: FloatArray) -> FloatArray:
    """Bins that suit the quantity, cover all particles and hold enough of some of them.

    Args:
        variable: `pt`, `eta`, `abs_eta`, `vertex_radius` or `hits`.
        values: the quantity of all particles.
        some: that of those of which each bin holds ten, for pT and radius.

    Raises:
        DataError: there are none.
    """
    if some.size == 0:
        raise DataError("no particle passes the selection", remedy="loosen its cuts")
    low, high = float(values.min()), float(values.max())
    if variable == "pt":
        decades = 10.0 ** np.arange(-3, 5)
        nice = (decades[:, None] * _PT_EDGES).ravel()
        inner = nice[(nice > low * 1.05) & (nice < high)]
        return _merged(np.concatenate([[_floor(low)], inner, [max(high, low * 1.1)]]), some)
    if variable == "eta":
        reach = max(np.ceil(2 * np.abs(values).max()) / 2, 0.5)
        return np.linspace(-reach, reach, 17)
    if variable == "abs_eta":
        return np.linspace(0.0, max(np.ceil(2 * high) / 2, 0.5), 9)
    if variable == "vertex_radius":
        inner = _RADIUS_EDGES[high > _RADIUS_EDGES]
        return _merged(np.append(inner, max(high, 0.1)), some)
    return np.arange(np.floor(low) - 0.5, np.floor(high) + 1.5)


def _floor(number: float) -> float:
    """Two digits, rounded down: particles above 1 GeV begin at 1 GeV."""
    step = 10.0 ** (np.floor(np.log10(number)) - 1) if number > 0 else 1.0
    return float(np.floor(number / step + 1e-9) * step)


def scale_axis(ax: Axes, variable: str, edges: FloatArray) -> None:
    """Logarithmic where the quantity spans decades, with numbers that can be read.

    Args:
        ax: the axes.
        variable: the quantity on the horizontal axis.
        edges: bin edges.
    """
    if variable == "pt" and edges[0] > 0 and edges[-1] / edges[0] > 5:
        ax.set_xscale("log")
        ticks = [f * d for d in (0.01, 0.1, 1, 10, 100, 1000) for f in (1, 2, 5)]
    elif variable == "vertex_radius" and edges[0] >= 0 and edges[-1] > 20:
        ax.set_xscale("symlog", linthresh=0.1, linscale=0.5)
        ticks = [0, 0.1, 1, 10, 100, 1000]
    else:
        return
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
