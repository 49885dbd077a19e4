"""Resolution and bias of fitted track parameters in bins of the true particles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics.tracks.resolution_report import BinnedResolution, TrackResolution
from pcgnn.plots._bins import particle_bins, scale_axis
from pcgnn.plots._curves import named
from pcgnn.plots.binned import bin_centres
from pcgnn.plots.labels import axis_label, typeset
from pcgnn.plots.style import colour, new_figure, set_title, style

__all__ = ["track_resolution"]

FloatArray = NDArray[np.float64]

_SYMBOLS = {
    "pt": (r"$p_T / p_T^{\mathrm{true}} - 1$", ""),
    "phi": (r"$\Delta\phi$", "rad"),
    "eta": (r"$\Delta\eta$", ""),
    "z0": (r"$\Delta z_0$", "mm"),
}


def track_resolution(
    resolutions: TrackResolution | Mapping[str, TrackResolution],
    against: str = "pt",
    *,
    parameters: Sequence[str] | None = None,
    bins: ArrayLike | None = None,
    title: str | None = None,
) -> Figure:
    r"""Widths (above) and medians (below) of the residuals of fitted tracks, one column each.

    The width is half of the central 68.27%; bars are its statistical error $0.96\,w/\sqrt{n}$ and
    that of the median, $1.25\,w/\sqrt{n}$, both right for normal residuals. Bins with fewer than
    two tracks are left out.

    Args:
        resolutions: from [`track_resolution`][pcgnn.metrics.tracks.resolution.track_resolution],
            one or several by name.
        against: `"pt"`, `"eta"` or `"abs_eta"` of the particle.
        parameters: which of `pt`, `phi`, `eta`, `z0`; None draws all that are known.
        bins: rising edges, or a number of bins of equal population in the first; None takes bins
            that suit the quantity.
        title: put above the first column; None says which tracks are used, where all share it.

    Returns:
        The figure.

    Raises:
        DataError: nothing that can be drawn, or no tracks.
        ConfigError: an unknown name, or bad bins.

    Example:
        >>> figure = track_resolution(resolution, "abs_eta")  # doctest: +SKIP
    """
    series: dict[str, TrackResolution] = {}
    for name, item in named(resolutions, TrackResolution).items():
        assert isinstance(item, TrackResolution)  # checked by named()
        series[name] = item
    first = next(iter(series.values()))
    known = [each for each in _SYMBOLS if all(each in item.residuals for item in series.values())]
    chosen = known if parameters is None else list(parameters)
    if not chosen or not set(chosen) <= set(known):
        raise ConfigError(f"parameters {chosen}", remedy=f"choose from {known}")
    if bins is not None:
        edges = first.vs(against, bins).edges
    else:
        first.vs(against, [-np.inf, np.inf])  # raises where there is no such quantity
        every = [item.pt if against == "pt" else item.eta for item in series.values()]
        every = [np.abs(each) for each in every] if against == "abs_eta" else every
        edges = particle_bins(against, np.concatenate(every), every[0])
    binned = {name: item.vs(against, edges) for name, item in series.items()}
    with style():
        figure, axes = new_figure(
            2,
            len(chosen),
            size=(1.2 + 3.6 * len(chosen), 6.0),
            sharex=True,
            height_ratios=[1.5, 1],
        )
        for column, parameter in enumerate(chosen):
            for ax in axes[:, column]:
                scale_axis(ax, against, edges)
            _draw(axes[0, column], axes[1, column], binned, series, parameter)
        axes[0, 0].legend(loc="best")
        words = {item.selection for item in series.values()}
        set_title(axes[0, 0], title or (typeset(words.pop()) if len(words) == 1 else None))
    return figure


def _draw(
    width_ax: Axes,
    median_ax: Axes,
    binned: Mapping[str, BinnedResolution],
    series: Mapping[str, TrackResolution],
    parameter: str,
) -> None:
    reach = 0.0
    for number, (name, item) in enumerate(binned.items()):
        shown = item.counts > 1
        centre = bin_centres(width_ax, item.edges, number, len(binned))
        bars = np.stack([centre - item.edges[:-1], item.edges[1:] - centre])[:, shown]
        width, error = item.width[parameter], item.width_error[parameter]
        median = item.median[parameter]
        bias_error = np.sqrt(np.pi / 2) * width / np.sqrt(np.maximum(item.counts, 1))
        count = f"{len(series[name]):,} tracks"
        options: dict[str, Any] = {
            "fmt": "o",
            "color": colour(number),
            "elinewidth": 1.6,
            "xerr": bars,
        }
        width_ax.errorbar(
            centre[shown],
            width[shown],
            yerr=error[shown],
            label=f"{name} ({count})" if name else count,
            **options,
        )
        median_ax.errorbar(centre[shown], median[shown], yerr=bias_error[shown], **options)
        if shown.any():
            reach = max(reach, float(np.max(np.abs(median[shown]) + bias_error[shown])))
    first = next(iter(binned.values()))
    symbol, unit = _SYMBOLS[parameter]
    suffix = f" [{unit}]" if unit else ""
    width_ax.set_yscale("log")
    width_ax.margins(y=0.2)
    width_ax.set_ylabel(f"Width of {symbol}{suffix}")
    median_ax.axhline(0.0, color="0.6", linestyle=":", linewidth=1.2)
    median_ax.set_ylim(-1.3 * (reach or 1.0), 1.3 * (reach or 1.0))
    median_ax.set_ylabel(f"Median{suffix}")
    median_ax.set_xlim(first.edges[0], first.edges[-1])
    median_ax.set_xlabel(axis_label(first.name, first.unit))
