"""Track finding in bins of a quantity of the particles: efficiency, fakes, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics import BinnedEfficiency, TrackReport
from pcgnn.plots._bins import particle_bins, scale_axis
from pcgnn.plots._curves import named
from pcgnn.plots.binned import draw_efficiency
from pcgnn.plots.labels import typeset
from pcgnn.plots.style import new_figure, set_title, style

__all__ = ["track_efficiency"]

FloatArray = NDArray[np.float64]

_LABELS = {
    "efficiency": "Efficiency",
    "particle_efficiency": "Efficiency (particles)",
    "fake_rate": "Fake rate",
    "duplicate_rate": "Duplicate rate",
}


def _defined(report: TrackReport, variable: str) -> bool:
    """Whether rates over tracks exist in bins of this quantity."""
    return variable != "hits" and report.n_counted_tracks > 0


def track_efficiency(
    reports: TrackReport | Mapping[str, TrackReport],
    against: str = "pt",
    *,
    rates: Sequence[str] | None = None,
    bins: ArrayLike | None = None,
    title: str | None = None,
) -> Figure:
    r"""Efficiency and fake rate of one or several track finders, in bins of the true particles.

    Bars are Clopper-Pearson intervals; bins without entries are left out. Rates over tracks are
    in bins of the particle with most hits in the track; tracks of noise are in no bin, and are
    counted in the legend where there are any.

    Args:
        reports: a track report, or several by name, say of a network and of a Kalman filter.
        against: `"pt"`, `"eta"`, `"vertex_radius"` or `"hits"`.
        rates: what to draw, one panel each: `efficiency`, `particle_efficiency`, `fake_rate`,
            `duplicate_rate`. None draws the efficiency and, where it is defined, the fake rate.
        bins: rising edges, or a number of bins of equal population in the first report; None
            takes bins that suit the quantity, merged until each holds ten particles of the
            first report.
        title: put above; None states rule and selection, where all reports share them.

    Returns:
        The figure.

    Raises:
        DataError: no report, or the quantity is not known.
        ConfigError: an unknown name, or bad bins.

    Example:
        >>> from pcgnn.metrics import track_report
        >>> hits = {"particle_id": [1, 1, 1, 2, 2, 2], "pt": [1.0] * 3 + [5.0] * 3,
        ...         "eta": [0.0] * 6}
        >>> report = track_report(hits, [0, 0, 0, -1, -1, -1], rule="double_majority")
        >>> figure = track_efficiency(report, bins=[0.9, 2, 10])
        >>> [ax.get_ylabel() for ax in figure.axes]
        ['Efficiency', 'Fake rate']
    """
    series: dict[str, TrackReport] = {}
    for name, item in named(reports, TrackReport).items():
        assert isinstance(item, TrackReport)  # checked by named()
        series[name] = item
    first = next(iter(series.values()))
    if rates is None:
        fakes = all(_defined(report, against) for report in series.values())
        rates = ["efficiency", "fake_rate"] if fakes else ["efficiency"]
    unknown = [rate for rate in rates if rate not in _LABELS]
    if unknown or not len(rates):
        raise ConfigError(f"rates: {unknown or 'none'}", remedy=f"choose from {list(_LABELS)}")
    if bins is not None and np.ndim(bins) > 0:
        edges = np.asarray(bins, np.float64)
    elif bins is not None:
        edges = first.vs(against, bins, of="particle_efficiency").edges
    else:
        # raises where the quantity is not known
        first.vs(against, [-np.inf, np.inf], of="particle_efficiency")
        every = [
            np.asarray(getattr(report.particles, against), np.float64) for report in series.values()
        ]
        edges = particle_bins(against, np.concatenate(every), every[0])
    with style():
        heights = [2.2 if "efficiency" in rate else 1.2 for rate in rates]
        figure, axes = new_figure(
            len(rates),
            size=(7.2, 1.5 + 1.75 * sum(heights)),
            sharex=True,
            height_ratios=heights,
        )
        for rate, ax in zip(rates, axes[:, 0], strict=True):
            _panel(ax, series, rate, against, edges)
            if ax is not axes[-1, 0]:
                ax.set_xlabel("")
        figure.align_ylabels()
        set_title(axes[0, 0], title or _describe(list(series.values())))
    return figure


def _panel(
    ax: Axes, series: Mapping[str, TrackReport], rate: str, against: str, edges: FloatArray
) -> None:
    scale_axis(ax, against, edges)
    of_tracks = rate.endswith("rate")
    binned = {}
    for name, report in series.items():
        item = report.vs(against, edges, of=rate)
        lost = f", {item.outside:,} in no bin" if item.outside else ""
        key = f"{name}{lost}" if name else lost.removeprefix(", ")
        binned[key] = item
    # the efficiency of the rule "lhc" is one of tracks
    by_lhc = [rate == "efficiency" and report.rule.name == "lhc" for report in series.values()]
    if any(by_lhc) and not all(by_lhc):
        raise ConfigError(
            "the efficiency of the rule 'lhc' is of tracks, that of the other rules of particles",
            remedy="draw rates=['particle_efficiency'], or this rule alone",
        )
    entries = "tracks" if of_tracks or any(by_lhc) else "particles"
    draw_efficiency(ax, binned, entries=entries)
    # room above for the legend, and a little below for the points at zero
    room = 0.12 * len(binned)
    if of_tracks:
        top = (1.25 + 2 * room) * max(_typical(list(binned.values())), 0.005)
    else:
        ax.axhline(1.0, color="0.6", linestyle=":", linewidth=1.2)
        top = 1.07 + room
    ax.set_ylim(-0.02 * top, top)
    ax.set_ylabel(_LABELS[rate])
    ax.legend(loc="upper right")


def _typical(binned: Sequence[BinnedEfficiency]) -> float:
    """The height that shows all values; bars of the emptiest bins may run out of the axes."""
    estimates = [each for item in binned for each in item.efficiency if each.total]
    if not estimates:
        return 0.0
    return max(max(e.value for e in estimates), float(np.median([e.upper for e in estimates])))


def _describe(reports: Sequence[TrackReport]) -> str:
    """Rule, selection and selection by truth, as far as all reports share them."""
    rules = {report.rule.name.replace("_", " ") for report in reports}
    cuts = {report.selection for report in reports}
    text = typeset("; ".join(next(iter(each)) for each in (rules, cuts) if len(each) == 1))
    selected = {report.truth_selection for report in reports} - {"none declared"}
    return text + "".join(f"\nselected by truth: {typeset(words)}" for words in sorted(selected))
