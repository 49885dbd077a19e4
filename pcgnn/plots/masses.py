"""Results of searches for a signal of unknown mass, against the mass."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcgnn.errors import ConfigError
from pcgnn.metrics.mass_study import MassStudy
from pcgnn.plots._curves import drawable
from pcgnn.plots.style import axes_or_new, colour, set_title, style

__all__ = ["mass_study"]

_LABELS = {
    "ratio": r"$\sigma\,/\,\sigma_{\max}$",
    "auc": "AUC",
    "average_precision": "average precision",
}
_MARKERS = "osD^vP"


def mass_study(
    study: MassStudy, *, metric: str = "ratio", ax: Axes | None = None, title: str = ""
) -> Figure:
    """A line per approach with bars of the spread over seeds; open points: mass not trained on.

    Args:
        study: of :func:`pcgnn.mass_study`.
        metric: "ratio", "auc" or "average_precision".
        ax: axes to draw on.
        title: above the figure.

    Raises:
        DataError: no study.
        ConfigError: an unknown metric.

    Example:
        >>> mass_study(study, metric="auc")  # doctest: +SKIP
    """
    drawable(isinstance(study, MassStudy), study, "the result of mass_study")
    if metric not in _LABELS:
        raise ConfigError(f"metric = {metric!r}", remedy=f"choose of {', '.join(_LABELS)}")
    several = False
    with style():
        figure, ax = axes_or_new(ax)
        for number, approach in enumerate(study.approaches):
            for interpolated in (False, True):
                results = study.of(approach, interpolated=interpolated)
                masses = sorted({result.mass for result in results})
                if not masses:
                    continue
                values = [
                    study.value(approach, m, metric=metric, interpolated=interpolated)
                    for m in masses
                ]
                spreads = np.array(
                    [
                        study.spread(approach, m, metric=metric, interpolated=interpolated)
                        for m in masses
                    ]
                )
                several |= bool(np.isfinite(spreads).any())
                # beside each other, so that no bar hides another
                width = (study.masses[-1] - study.masses[0]) or 1.0
                offset = (number - (len(study.approaches) - 1) / 2) * 0.012 * width
                ax.errorbar(
                    np.array(masses) + offset + (0.016 * width if interpolated else 0.0),
                    values,
                    yerr=np.nan_to_num(spreads),
                    color=colour(number),
                    marker=_MARKERS[number % len(_MARKERS)],
                    markersize=8,
                    markerfacecolor="white" if interpolated else None,
                    linestyle="none" if interpolated else "-",
                    label=f"{approach}, not trained on" if interpolated else approach,
                )
        ax.set_xlabel("mass [GeV]")
        ax.set_ylabel(_LABELS[metric])
        ax.set_xticks(study.masses, [f"{mass:g}" for mass in study.masses])
        ax.minorticks_off()
        ax.legend(title="bars: spread over seeds" if several else None)
        set_title(ax, title)
    return figure
