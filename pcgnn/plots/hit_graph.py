"""The edges of a hit graph: true and false, kept and lost."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics._inputs import numeric
from pcgnn.plots._graph import edge_scores_of
from pcgnn.plots.style import COLOURS, axes_or_new, set_title, style

__all__ = ["View", "hit_graph"]

View = Literal["xy", "rz", "phi-r"]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_LABELS: dict[str, tuple[str, str]] = {
    "xy": ("x [mm]", "y [mm]"),
    "rz": ("z [mm]", "r [mm]"),
    "phi-r": (r"$\phi$ [rad]", "r [mm]"),
}


class _Kind(NamedTuple):
    """Edges that are drawn alike; later ones lie on top."""

    name: str
    colour: str
    width: float
    chosen: BoolArray


def _kinds(graph: Any, scores: Any, threshold: float, edges: int) -> list[_Kind]:
    """Which edges are what, as far as truth and scores tell."""
    kept = None if scores is None else edge_scores_of(scores, edges) >= threshold
    y = getattr(graph, "y", None)
    if y is None:
        if kept is None:
            return [_Kind("edges", COLOURS[0], 0.7, np.ones(edges, np.bool_))]
        return [
            _Kind("rejected", "0.75", 0.5, ~kept),
            _Kind("kept", COLOURS[0], 1.1, kept),
        ]
    true = numeric(y, "y") > 0
    mask = getattr(graph, "edge_mask", None)
    judged = np.ones(edges, np.bool_) if mask is None else numeric(mask, "edge_mask") > 0
    ignored = _Kind("not judged (soft particles)", COLOURS[3], 0.6, ~judged)
    true, false = true & judged, ~true & judged
    if kept is None:
        return [_Kind("false", "0.75", 0.5, false), ignored, _Kind("true", COLOURS[0], 1.1, true)]
    return [
        _Kind("false, rejected", "0.8", 0.5, false & ~kept),
        ignored,
        _Kind("true, kept", COLOURS[0], 1.0, true & kept),
        _Kind("false, kept", COLOURS[1], 1.3, false & kept),
        _Kind("true, lost", COLOURS[2], 1.6, true & ~kept),
    ]


def _ends(graph: Any, view: str, start: float) -> tuple[FloatArray, FloatArray]:
    """Both ends of each edge in the view, (E, 2, 2), and the azimuth of the inner hits, (E,).

    Azimuths of inner hits run once around from `start`.
    """
    x, y, z = numeric(graph.pos, "pos").astype(np.float64).T
    pair = numeric(graph.edge_index, "edge_index").astype(np.int64)
    phi, r = start + (np.arctan2(y, x) - start) % (2 * np.pi), np.hypot(x, y)
    columns = {"xy": (x, y), "rz": (z, r), "phi-r": (phi, r)}[view]
    ends = np.stack([column[pair] for column in columns], axis=-1).swapaxes(0, 1)
    if view == "phi-r":  # an edge across the start goes on beyond it, not once around the detector
        turn = np.diff(ends[:, :, 0], axis=1)[:, 0]
        ends[:, 1, 0] -= 2 * np.pi * np.round(turn / (2 * np.pi))
    return ends, phi[pair[0]]


def _window(phi: FloatArray, window: tuple[float, float] | None) -> BoolArray:
    if window is None:
        return np.ones(phi.size, np.bool_)
    low, high = window
    if not (np.isfinite([low, high]).all() and high - low > 0):
        raise ConfigError(f"phi = {window}", remedy="give (low, high) in rad, low below high")
    inside: BoolArray = (phi - low) % (2 * np.pi) <= high - low
    return inside


def hit_graph(
    graph: Any,
    scores: Any = None,
    threshold: float = 0.5,
    view: View = "xy",
    *,
    phi: tuple[float, float] | None = None,
    max_edges: int = 20_000,
    seed: int = 0,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    r"""The edges of one hit graph, coloured by what they are and what the classifier made of them.

    Numbers in the legend count the edges that are drawn; the title says which those are.

    Args:
        graph: one [`HitGraph`][pcgnn.tracking.graphs.HitGraph]; without truth the colours tell
            kept edges from rejected ones alone.
        scores: one score per edge, for instance `pcgnn.predict(result, graphs)[0]`; or None.
        threshold: edges with `score >= threshold` are kept.
        view: `"xy"`, `"rz"` or `"phi-r"`.
        phi: draw only the edges whose inner hit lies between these azimuths, in rad.
        max_edges: of more edges in the window, so many are drawn, chosen at random.
        seed: of that choice.
        ax: axes to draw on; None makes a figure.
        title: put above the axes; None says which edges are drawn.

    Returns:
        The figure.

    Raises:
        DataError: no edges to draw, or scores that do not fit.
        ConfigError: an unknown view or a bad window.

    Example:
        >>> figure = hit_graph(graphs[0], phi=(0.0, 0.4), view="rz")  # doctest: +SKIP
    """
    if view not in get_args(View):
        raise ConfigError(f"view is {view!r}", remedy=f"choose one of {list(get_args(View))}")
    if max_edges < 1:
        raise ConfigError(f"max_edges is {max_edges}", remedy="give at least 1")
    if getattr(graph, "edge_index", None) is None or getattr(graph, "pos", None) is None:
        raise DataError(f"cannot draw {type(graph).__name__}", remedy="give one HitGraph")
    edges = int(graph.edge_index.shape[1])
    kinds = _kinds(graph, scores, threshold, edges)
    ends, azimuth = _ends(graph, view, -np.pi if phi is None else phi[0])
    shown = np.flatnonzero(_window(azimuth, phi))
    inside = shown.size
    if inside == 0:
        raise DataError("there are no edges to draw", remedy="widen the window or the cuts")
    if inside > max_edges:
        shown = np.random.default_rng(seed).choice(shown, max_edges, replace=False)
    drawn = np.zeros(edges, np.bool_)
    drawn[shown] = True
    with style():
        figure, ax = axes_or_new(ax, (7.4, 6.8) if view == "xy" else (8.6, 6.0))
        points = ends[drawn].reshape(-1, 2)
        ax.plot(*points.T, linestyle="none", marker="o", markersize=1.8, color="0.35", zorder=1)
        entries = []
        for order, kind in enumerate(kinds):
            some = drawn & kind.chosen
            if not some.any() and kind.name.startswith("not judged"):
                continue
            lines = LineCollection(
                list(ends[some]),
                colors=kind.colour,
                linewidths=kind.width,
                zorder=2 + order / 10,
                rasterized=int(some.sum()) > 5000,
                label=kind.name,
            )
            ax.add_collection(lines)
            text = f"{kind.name} ({int(some.sum()):,})"
            entries.append(Line2D([], [], color=kind.colour, linewidth=2, label=text))
        _frame(ax, view, points)
        ax.legend(handles=entries[::-1], loc="upper center", ncols=2, columnspacing=1.2)
        set_title(ax, title or _describe(len(shown), inside, edges, phi))
    return figure


def _frame(ax: Axes, view: str, points: FloatArray) -> None:
    """Limits around the edges drawn, with room for the legend."""
    (low_x, low_y), (high_x, high_y) = points.min(axis=0), points.max(axis=0)
    width, height = max(high_x - low_x, 1e-3), max(high_y - low_y, 1e-3)
    if view == "xy":
        width = height = max(width, height)
        ax.set_aspect("equal")
    middle = (low_x + high_x) / 2
    ax.set_xlim(middle - 0.53 * width, middle + 0.53 * width)
    bottom = (low_y + high_y - height) / 2
    ax.set_ylim(bottom - 0.03 * height, bottom + 1.25 * height)
    ax.set_xlabel(_LABELS[view][0])
    ax.set_ylabel(_LABELS[view][1])


def _describe(drawn: int, inside: int, edges: int, window: tuple[float, float] | None) -> str:
    text = f"{drawn:,} of {edges:,} edges"
    if window is not None:
        text += rf", $\phi$ from {window[0]:.3g} to {window[1]:.3g} rad"
    return text + (f" (random choice of {inside:,})" if drawn < inside else "")
