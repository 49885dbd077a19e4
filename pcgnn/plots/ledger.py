"""Where particles are lost, stage by stage."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from pcgnn.errors import DataError
from pcgnn.metrics import Estimate, LossLedger
from pcgnn.plots.labels import typeset
from pcgnn.plots.style import COLOURS, axes_or_new, set_title, style

__all__ = ["ledger"]


def _percent(share: Estimate) -> str:
    """A share with its interval in percent."""
    scaled = replace(
        share, value=100 * share.value, lower=100 * share.lower, upper=100 * share.upper
    )
    text = str(scaled)
    return f"({text})%" if " " in text else f"{text}%"


def ledger(losses: LossLedger, *, ax: Axes | None = None, title: str | None = None) -> Figure:
    r"""The loss ledger as a waterfall: what each stage keeps and what it loses, down to the found.

    The bar of a stage shows the particles that are left after it and, beside them, those it
    loses; it ends where the bar above ends its kept part. Numbers are particles and their share
    of all, with Clopper-Pearson intervals; losses and particles found add up to all.

    Args:
        losses: from [`loss_ledger`][pcgnn.metrics.tracks.losses.loss_ledger].
        ax: axes to draw on; None makes a figure.
        title: put above the axes; None states selection and rule.

    Returns:
        The figure.

    Raises:
        DataError: something else was given, or there are no particles.
    """
    if not isinstance(losses, LossLedger):
        raise DataError(f"cannot draw {type(losses).__name__}", remedy="give a loss ledger")
    if losses.particles == 0:
        raise DataError("the ledger has no particles", remedy="loosen their selection")
    end = "found" if losses.has_tracks else "findable"
    names = ["all particles", *(row.stage for row in losses.rows), end]
    kept = [losses.particles, *(row.remaining for row in losses.rows), losses.found]
    lost = [0, *(row.lost for row in losses.rows), 0]
    texts = [f"{losses.particles:,}"]
    texts += [f"$-${row.lost:,}: {_percent(row.share)}" for row in losses.rows]
    texts += [f"{losses.found:,}: {_percent(losses.efficiency)}"]
    with style():
        figure, ax = axes_or_new(ax, (8.6, 1.4 + 0.62 * len(names)))
        places = range(len(names))
        colours = [COLOURS[4], *[COLOURS[0]] * len(losses.rows), "#3f7d4e"]
        ax.barh(places, kept, height=0.7, color=colours, label="kept")
        ax.barh(places, lost, left=kept, height=0.7, color=COLOURS[1], label="lost")
        for place, text, here, gone in zip(places, texts, kept, lost, strict=True):
            ax.annotate(
                text,
                (here + gone, place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=11.5,
            )
        ax.set_yticks(places, names)
        ax.yaxis.set_minor_locator(NullLocator())
        ax.tick_params(axis="y", length=0)
        ax.invert_yaxis()
        ax.set_xlim(0, 1.5 * losses.particles)
        ax.set_xlabel("Particles")
        set_title(ax, title or _describe(losses))
    return figure


def _describe(losses: LossLedger) -> str:
    text = f"{typeset(losses.selection)}; {losses.rule.name.replace('_', ' ')}"
    if losses.threshold is not None:
        text += rf"; score $\geq$ {losses.threshold:.3g}"
    if losses.truth_selection != "none declared":
        text += f"\nselected by truth: {typeset(losses.truth_selection)}"
    return text
