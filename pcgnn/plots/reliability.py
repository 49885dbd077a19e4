"""Reliability diagrams: stated probability against the share that came true."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcgnn.errors import ConfigError
from pcgnn.metrics import CalibrationReport, ReliabilityCurve
from pcgnn.plots._curves import named
from pcgnn.plots.style import colour, new_figure, set_title, style

__all__ = ["reliability"]


def reliability(
    report: CalibrationReport | Mapping[str, CalibrationReport],
    *,
    of: str | None = None,
    title: str | None = None,
) -> Figure:
    """Share that came true against stated probability, with the jets of each bin below.

    Bars are Clopper-Pearson intervals. Calibrated scores lie on the diagonal; points below it are
    of scores that promise too much.

    Args:
        report: a report of :func:`pcgnn.metrics.calibration_report`, or several by name, say before
            and after a calibration.
        of: name of a class, or "confidence"; None takes the signal of two classes, the confidence
            of more.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: no report.
        ConfigError: no such class.
    """
    reports = named(report, CalibrationReport)
    curves = {}
    for name, each in reports.items():
        assert isinstance(each, CalibrationReport)  # checked by named()
        curves[name] = _curve(each, of)
    with style():
        figure, axes = new_figure(
            2, 1, size=(6.0, 6.6), sharex=True, gridspec_kw={"height_ratios": [3, 1]}
        )
        top, below = axes[:, 0]
        top.plot([0, 1], [0, 1], color="0.45", linestyle=":", label="calibrated")
        for number, (name, curve) in enumerate(curves.items()):
            _draw(top, below, name, curve, number)
        first = next(iter(curves.values()))
        what = "the confidence" if first.name == "confidence" else f"p({first.name})"
        top.set_ylabel("Share that came true")
        top.set_ylim(-0.02, 1.02)
        top.set_xlim(0, 1)
        top.legend(loc="upper left")
        below.set_yscale("log")
        below.set_ylabel("Jets")
        below.set_xlabel(f"Stated probability, {what}")
        set_title(top, title)
    return figure


def _curve(report: CalibrationReport, of: str | None) -> ReliabilityCurve:
    if of is None:
        single = len(report.classes) == 1
        return next(iter(report.classes.values())) if single else report.confidence
    if of == "confidence":
        return report.confidence
    if of not in report.classes:
        raise ConfigError(
            f"there is no curve of {of!r}", remedy=f"choose from {['confidence', *report.classes]}"
        )
    return report.classes[of]


def _draw(top: Axes, below: Axes, name: str, curve: ReliabilityCurve, number: int) -> None:
    shown = np.isfinite(curve.observed)
    hue = colour(number)
    stated, observed = curve.stated[shown], curve.observed[shown]
    top.errorbar(
        stated,
        observed,
        yerr=[observed - curve.lower[shown], curve.upper[shown] - observed],
        fmt="o-",
        linewidth=1.0,
        elinewidth=1.6,
        color=hue,
        label=f"{name}: ECE {curve.ece}" if name else f"ECE {curve.ece}",
    )
    below.stairs(np.maximum(curve.total, 0.5), curve.edges, color=hue, baseline=0.5)
