"""An event across the beam and along it: hits, tracks, what is fake and what is missed."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.plots._event import (
    STATUS_COLOURS,
    TRACK_COLOURS,
    Event,
    Paths,
    drawn_paths,
    view_event,
)
from pcgnn.plots._graph import event_edges
from pcgnn.plots.style import new_figure, set_title, style

__all__ = ["event_display"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def _colours(paths: Paths) -> FloatArray:
    """RGBA by status where the paths are judged, else one colour after the other."""
    if len(paths) and paths.status[0]:
        names = [STATUS_COLOURS[status] for status in paths.status.tolist()]
    else:
        names = [TRACK_COLOURS[number % len(TRACK_COLOURS)] for number in range(len(paths))]
    return np.asarray(to_rgba_array(names), np.float64)


def _draw_paths(
    ax: Axes, paths: Paths, columns: tuple[FloatArray, FloatArray], width: float
) -> None:
    """Lines with their hits; what went wrong lies on top of what went well."""
    rank = np.array([list(STATUS_COLOURS).index(s) if s else 0 for s in paths.status.tolist()])
    for layer in np.unique(rank):
        part = paths.take(rank == layer)
        colours = _colours(part)
        ax.add_collection(
            LineCollection(part.lines(*columns), colors=colours, linewidths=width, zorder=4)
        )
        ax.scatter(
            columns[0][part.hit],
            columns[1][part.hit],
            s=7,
            c=np.repeat(colours, np.diff(part.offsets), axis=0),
            linewidths=0,
            zorder=5,
        )


def _draw_particles(
    ax: Axes, paths: Paths, columns: tuple[FloatArray, FloatArray], missed: bool, alone: bool
) -> None:
    """True particles: alone like tracks, under tracks as wide pale lines, missed ones dashed."""
    if alone:
        _draw_paths(ax, paths, columns, 1.1)
    elif not missed:
        ax.add_collection(
            LineCollection(paths.lines(*columns), colors="0.75", linewidths=5, zorder=2)
        )
    else:
        colour = STATUS_COLOURS["missed"]
        ax.add_collection(
            LineCollection(
                paths.lines(*columns), colors=colour, linewidths=1.3, linestyles="--", zorder=4
            )
        )
        ax.scatter(
            columns[0][paths.hit],
            columns[1][paths.hit],
            s=22,
            facecolors="none",
            edgecolors=colour,
            linewidths=1.0,
            zorder=5,
        )


def _legend(
    event: Event,
    step: int,
    found: Paths | None,
    particles: Paths | None,
    missed: Paths | None,
    edges: int | None,
) -> list[Line2D]:
    """One entry per kind of thing, with how many there are."""

    def line(text: str, colour: str, **options: Any) -> Line2D:
        return Line2D([], [], color=colour, label=text, **options)

    hits = f"hits ({event.x.size:,}" + (f", one in {step} drawn)" if step > 1 else ")")
    entries = [line(hits, "0.6", marker="o", markersize=3, linestyle="none")]
    if edges is not None:
        entries.append(line(f"edges ({edges:,})", "0.45", linewidth=0.8))
    if particles is not None:
        pale = {"linewidth": 5} if found is not None else {}
        colour = "0.75" if found is not None else TRACK_COLOURS[0]
        entries.append(line(f"true particles ({len(particles):,})", colour, **pale))
    if found is not None and (len(found) == 0 or not found.status[0]):
        entries.append(line(f"tracks ({len(found):,})", TRACK_COLOURS[0]))
    elif found is not None:
        for status in ("matched", "duplicate", "fake", "not counted"):
            number = int((found.status == status).sum())
            if number or status in ("matched", "fake"):
                entries.append(line(f"{status} tracks ({number:,})", STATUS_COLOURS[status]))
    if missed is not None:
        dashes = {"linestyle": "--", "marker": "o", "markerfacecolor": "none"}
        colour = STATUS_COLOURS["missed"]
        entries.append(line(f"missed particles ({len(missed):,})", colour, **dashes))
    return entries


def event_display(
    hits: Any,
    tracks: Any = None,
    event: int = 0,
    *,
    truth: bool = False,
    graphs: Any = None,
    scores: Any = None,
    threshold: float | None = None,
    pt_min: float | None = None,
    rule: str | None = None,
    eta_max: float = 4.0,
    r_max: float | None = None,
    z_max: float | None = None,
    max_hits: int = 30_000,
    title: str | None = None,
) -> Figure:
    r"""One event in x-y and r-z: the detector as grey hits, tracks or true particles in colours.

    Lines join the hits of a track by growing distance from the beam axis, those of a particle in
    the order in which it made them. With a matching rule the colours say what the tracks are,
    and the particles that none of them found are drawn dashed.

    Args:
        hits: what `read_hits` returns; truth may be missing.
        tracks: tracks of all events: labels per hit, lists of hit indices or records with them,
            as [`track_report`][pcgnn.metrics.tracks.measure.track_report] takes them; or None.
        event: number of the event.
        truth: draw the true particles; under tracks as wide pale lines.
        graphs: hit graphs; the edges of this event are drawn as thin lines.
        scores: scores of their edges; only edges with `score >= threshold` are drawn.
        threshold: 0.5 if not given.
        pt_min: floor in GeV on particles, and on tracks by the particle with most hits in them;
            tracks of noise stay.
        rule: how to judge tracks, for instance `double_majority`; particles above `pt_min` count.
        eta_max: with a rule, particles must have $|\eta|$ below this.
        r_max: show this distance from the beam axis in mm; None shows all.
        z_max: show this much of the beam axis in mm, to both sides; None shows all.
        max_hits: of more hits, each n-th is drawn in grey; tracks keep all of theirs.
        title: put above the left axes; None names the event.

    Returns:
        The figure.

    Raises:
        DataError: no such event, nothing to draw it from, or truth is asked for and missing.
        ConfigError: a rule without tracks, scores without graphs, no hits to be drawn.

    Example:
        >>> figure = event_display(hits, truth=True, pt_min=2.0)  # doctest: +SKIP
    """
    if max_hits < 1:
        raise ConfigError(f"max_hits is {max_hits}", remedy="give at least 1")
    if scores is not None and graphs is None:
        raise ConfigError("scores without graphs say nothing of edges", remedy="give graphs too")
    view, one = view_event(hits, event)
    found, particles, missed = drawn_paths(
        hits, one, view, tracks, truth=truth, pt_min=pt_min, rule=rule, eta_max=eta_max
    )
    edges = None
    if graphs is not None:
        edges = event_edges(graphs, view.number, scores, 0.5 if threshold is None else threshold)
        if edges.size and edges.max() >= view.x.size:
            raise DataError(
                f"the graphs join hit {int(edges.max())}, event {view.number} has {view.x.size}",
                remedy="for a part of the events give hits[graphs.events] and graphs.compact()",
            )
    step = -(-view.x.size // max_hits)
    columns = {"xy": (view.x, view.y), "rz": (view.z, view.r)}
    with style():
        figure, axes = new_figure(1, 2, size=(13.2, 6.0), width_ratios=[1, 1.2])
        for ax, pair in zip(axes[0], columns.values(), strict=True):
            ax.plot(
                pair[0][::step],
                pair[1][::step],
                linestyle="none",
                marker="o",
                markersize=1.3,
                markeredgewidth=0,
                color="0.78",
                zorder=1,
                rasterized=True,
            )
            if edges is not None:
                many = edges.shape[1] > 5000
                ends = np.stack([column[edges] for column in pair], axis=-1)  # (2, E, 2)
                ax.add_collection(
                    LineCollection(
                        list(ends.swapaxes(0, 1)),
                        colors="0.45",
                        linewidths=0.3 if many else 0.6,
                        alpha=0.4 if many else 0.8,
                        zorder=3,
                        rasterized=many,
                    )
                )
            if particles is not None:
                _draw_particles(ax, particles, pair, missed=False, alone=found is None)
            if found is not None:
                _draw_paths(ax, found, pair, 1.1)
            if missed is not None:
                _draw_particles(ax, missed, pair, missed=True, alone=False)
        entries = _legend(
            view, step, found, particles, missed, None if edges is None else edges.shape[1]
        )
        _frame(axes[0, 0], axes[0, 1], view, r_max, z_max)
        axes[0, 1].legend(handles=entries, loc="upper center", ncols=2, columnspacing=1.2)
        set_title(axes[0, 0], title or _describe(view, pt_min, rule))
    return figure


def _frame(xy: Axes, rz: Axes, event: Event, r_max: float | None, z_max: float | None) -> None:
    """Limits and labels; equal scale across the beam, room for the legend above r."""
    reach = r_max or 1.04 * float(event.r.max())
    along = z_max or 1.04 * float(np.abs(event.z).max())
    xy.set_xlim(-reach, reach)
    xy.set_ylim(-reach, reach)
    xy.set_aspect("equal")
    xy.set_xlabel("x [mm]")
    xy.set_ylabel("y [mm]")
    rz.set_xlim(-along, along)
    rz.set_ylim(0, 1.22 * reach)
    rz.set_xlabel("z [mm]")
    rz.set_ylabel("r [mm]")


def _describe(event: Event, pt_min: float | None, rule: str | None) -> str:
    text = f"Event {event.number}"
    if pt_min is not None:
        text += f", $p_T \\geq$ {pt_min:g} GeV"
    return text + (f", {rule.replace('_', ' ')}" if rule else "")
