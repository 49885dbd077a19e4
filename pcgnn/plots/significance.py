"""Discovery significance against the cut on a score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcgnn.errors import ConfigError
from pcgnn.metrics import SignificanceScan
from pcgnn.plots._curves import named
from pcgnn.plots.style import axes_or_new, colour, set_title, style

__all__ = ["significance"]

_AXES = {
    "signal": "expected signal events behind the cut",
    "background": "expected background events behind the cut",
    "threshold": "cut on the score",
}


def significance(
    scans: SignificanceScan | Mapping[str, SignificanceScan],
    *,
    against: str = "background",
    simple: bool = False,
    ax: Axes | None = None,
    title: str = "",
) -> Figure:
    r"""Z_A against the cut with its statistical band; a point marks the best cut.

    Cuts that leave too little simulated background to be judged are not drawn.

    Args:
        scans: one scan, or several by name.
        against: "background", "signal" or "threshold".
        simple: also :math:`s/\sqrt{s+b}`, dashed.
        ax: axes to draw on.
        title: above the figure.

    Raises:
        ConfigError: ``against`` is none of the three.

    Example:
        >>> significance({"asimov": scan}, against="threshold")  # doctest: +SKIP
    """
    if against not in _AXES:
        raise ConfigError(f"against = {against!r}", remedy=f"choose of {', '.join(_AXES)}")
    series = named(scans, SignificanceScan)
    with style():
        figure, ax = axes_or_new(ax)
        for number, (name, scan) in enumerate(series.items()):
            assert isinstance(scan, SignificanceScan)  # checked by named()
            judged = np.isfinite(scan.asimov)
            x = np.asarray(getattr(scan, against))[judged]
            value, error = scan.asimov[judged], np.nan_to_num(scan.asimov_error[judged])
            hue, best = colour(number), scan.best
            text = f"$Z_A$ = {scan.best_significance:.2f} $\\pm$ {scan.best_error:.2f}"
            ax.plot(x, value, color=hue, label=f"{name}: {text}" if name else text)
            ax.fill_between(x, value - error, value + error, color=hue, alpha=0.25, linewidth=0)
            ax.plot(getattr(scan, against)[best], scan.asimov[best], "o", color=hue, markersize=8)
            if simple:
                ax.plot(x, scan.simple[judged], "--", color=hue, linewidth=1.3)
        if against != "threshold":
            ax.set_xscale("log")
        ax.set_xlabel(_AXES[against])
        systematics = {scan.systematic for scan in series.values()}  # type: ignore[attr-defined]
        known = f", $\\sigma_b/b$ = {systematics.pop():.0%}" if len(systematics) == 1 else ""
        ax.set_ylabel(f"expected significance $Z_A${known}")
        ax.set_ylim(bottom=0)
        if simple:
            ax.plot([], [], "--", color="0.3", linewidth=1.3, label=r"$s/\sqrt{s+b}$")
        ax.legend()
        set_title(ax, title)
    return figure
