"""An event in space, to be turned in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from pcgnn.errors import BackendError, ConfigError
from pcgnn.plots._event import (
    STATUS_COLOURS,
    TRACK_COLOURS,
    Event,
    Paths,
    drawn_paths,
    view_event,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Scatter3d

__all__ = ["event_display_3d"]

FloatArray = NDArray[np.float64]


def _plotly() -> Any:
    try:
        import plotly.graph_objects
    except ImportError as error:
        raise BackendError(
            "the display in space needs plotly, which is not installed",
            remedy="pip install 'pcgnn[notebooks]', or draw event_display",
        ) from error
    return plotly.graph_objects


def _with_gaps(values: NDArray[Any], paths: Paths, gap: Any) -> NDArray[Any]:
    """A gap after each path, so that one trace holds many lines."""
    return np.insert(values, paths.offsets[1:], gap)


def _texts(paths: Paths, what: str) -> NDArray[np.str_]:
    """What the pointer shows, one text per path."""
    texts = []
    rows = zip(
        paths.label.tolist(),
        paths.particle.tolist(),
        paths.pt.tolist(),
        np.diff(paths.offsets).tolist(),
        paths.status.tolist(),
        strict=True,
    )
    for label, particle, pt, size, status in rows:
        lines = [f"{what} {label}, {size} hits" + (f", {status}" if status else "")]
        if what == "track" and particle:
            lines.append(f"particle {particle}")
        if np.isfinite(pt):
            lines.append(f"pT = {pt:.2f} GeV")
        texts.append("<br>".join(lines))
    return np.array(texts, dtype=str)


def _trace(
    plotly: Any, event: Event, paths: Paths, what: str, name: str, colour: str, **line: Any
) -> Scatter3d:
    """Many lines of one colour as one trace: turning a thousand traces would be slow."""
    text = np.repeat(_texts(paths, what), np.diff(paths.offsets))
    x, y, z = (_with_gaps(c[paths.hit], paths, np.nan) for c in (event.x, event.y, event.z))
    return plotly.Scatter3d(
        x=z,
        y=x,
        z=y,
        mode="lines+markers",
        name=f"{name} ({len(paths):,})",
        line={"color": to_hex(colour), "width": 4, **line},
        marker={"color": to_hex(colour), "size": 2.2},
        text=_with_gaps(text, paths, ""),
        hovertemplate="%{text}<br>x %{y:.1f}, y %{z:.1f}, z %{x:.1f} mm<extra></extra>",
    )


def _traces(
    plotly: Any,
    event: Event,
    found: Paths | None,
    particles: Paths | None,
    missed: Paths | None,
) -> list[Scatter3d]:
    traces = []
    if found is not None and len(found) and found.status[0]:
        for status in ("matched", "duplicate", "fake", "not counted"):
            part = found.take(found.status == status)
            if len(part):
                colour = STATUS_COLOURS[status]
                traces.append(_trace(plotly, event, part, "track", status, colour))
    elif found is not None:
        traces += _in_turn(plotly, event, found, "track")
    if particles is not None and found is None:
        traces += _in_turn(plotly, event, particles, "particle")
    elif particles is not None:
        traces.append(_trace(plotly, event, particles, "particle", "true particles", "0.6"))
    if missed is not None and len(missed):
        colour = STATUS_COLOURS["missed"]
        traces.append(_trace(plotly, event, missed, "particle", "missed", colour, dash="dash"))
    return traces


def _in_turn(plotly: Any, event: Event, paths: Paths, what: str) -> list[Scatter3d]:
    """Colours one after the other; a single entry in the legend shows and hides them all."""
    traces = []
    for number, colour in enumerate(TRACK_COLOURS[: len(paths)]):
        part = paths.take(np.arange(len(paths)) % len(TRACK_COLOURS) == number)
        trace = _trace(plotly, event, part, what, f"{what}s", colour)
        trace.update(name=f"{what}s ({len(paths):,})", legendgroup=what, showlegend=number == 0)
        traces.append(trace)
    return traces


def event_display_3d(
    hits: Any,
    tracks: Any = None,
    event: int = 0,
    *,
    truth: bool = False,
    pt_min: float | None = None,
    rule: str | None = None,
    eta_max: float = 4.0,
    max_hits: int = 10_000,
    title: str | None = None,
) -> Figure:
    r"""One event in space, interactive: hits as points, tracks as lines that tell what they are.

    The beam runs from left to right. Lines and colours are those of
    [`event_display`][pcgnn.plots.event_display.event_display]. Needs plotly
    (`pip install 'pcgnn[notebooks]'`).

    Args:
        hits: what `read_hits` returns; truth may be missing.
        tracks: tracks of all events as labels per hit, lists of hit indices or records; or None.
        event: number of the event.
        truth: draw the true particles.
        pt_min: floor in GeV on particles, and on tracks by the particle with most hits in them;
            tracks of noise stay.
        rule: how to judge tracks, for instance `double_majority`.
        eta_max: with a rule, particles must have $|\eta|$ below this.
        max_hits: of more hits, each n-th is drawn in grey; tracks keep all of theirs.
        title: put above; None names the event.

    Returns:
        A plotly figure; in a notebook it shows itself, `write_html` writes it to a file.

    Raises:
        BackendError: plotly is not installed.
        DataError: no such event, nothing to draw it from, or truth is asked for and missing.
        ConfigError: a rule without tracks, or no hits to be drawn.

    Example:
        >>> figure = event_display_3d(hits, tracks, pt_min=2.0)  # doctest: +SKIP
    """
    plotly = _plotly()
    if max_hits < 1:
        raise ConfigError(f"max_hits is {max_hits}", remedy="give at least 1")
    view, one = view_event(hits, event)
    found, particles, missed = drawn_paths(
        hits, one, view, tracks, truth=truth, pt_min=pt_min, rule=rule, eta_max=eta_max
    )
    step = -(-view.x.size // max_hits)
    shown = f", one in {step}" if step > 1 else ""
    background = plotly.Scatter3d(
        x=view.z[::step],
        y=view.x[::step],
        z=view.y[::step],
        mode="markers",
        name=f"hits ({view.x.size:,}{shown})",
        marker={"color": "#9c9ca1", "size": 1.2, "opacity": 0.5},
        hovertemplate="hit at x %{y:.1f}, y %{z:.1f}, z %{x:.1f} mm<extra></extra>",
    )
    figure: Figure = plotly.Figure([background, *_traces(plotly, view, found, particles, missed)])
    figure.update_layout(
        title=title or f"Event {view.number}" + (f", pT >= {pt_min:g} GeV" if pt_min else ""),
        template="plotly_white",
        margin={"l": 0, "r": 0, "t": 40, "b": 0},
        height=620,
        legend={"itemsizing": "constant", "x": 0.01, "y": 0.98},
        scene={
            "aspectmode": "data",
            "xaxis_title": "z [mm]",
            "yaxis_title": "x [mm]",
            "zaxis_title": "y [mm]",
            "camera": {"eye": {"x": 0.4, "y": -1.6, "z": 0.6}},
        },
    )
    return figure
