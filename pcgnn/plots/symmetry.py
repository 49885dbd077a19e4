"""How far the outputs of a tagger move under moves of the particles."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcgnn.errors import DataError
from pcgnn.metrics import SymmetryAudit
from pcgnn.plots.style import COLOURS, new_figure, style

__all__ = ["symmetry"]

_MARKERS = "osD^vP"
# below this a change is drawn at the edge: an exact zero has no place on a logarithmic axis
_SMALLEST = 1e-17


def symmetry(audits: SymmetryAudit | Sequence[SymmetryAudit]) -> Figure:
    """Largest change of a logit against the size of the move, one panel per family of moves.

    Points are the largest change over all jets, bands reach down to the median over the jets.
    Changes of exactly zero are drawn at the lower edge. Dashed lines are of models whose beams stay
    fixed while the jets move.

    Args:
        audits: of :func:`pcgnn.symmetry_audit`, one or several, with the same moves.

    Returns:
        The figure.

    Raises:
        DataError: no audits, or something else.
    """
    many = [audits] if isinstance(audits, SymmetryAudit) else list(audits)
    if not many or not all(isinstance(audit, SymmetryAudit) for audit in many):
        raise DataError("there is no symmetry audit to draw", remedy="give pcgnn.symmetry_audit's")
    moves = list(dict.fromkeys(row.move for audit in many for row in audit.rows))
    columns = min(3, len(moves))
    rows = -(-len(moves) // columns)
    top = max(row.largest for audit in many for row in audit.rows)
    with style():
        size = (4.6 * columns, 3.7 * rows + 0.8)
        figure, axes = new_figure(rows, columns, size=size, sharey=True)
        flat = axes.flatten()
        for move, ax in zip(moves, flat, strict=False):
            for number, audit in enumerate(many):
                _draw(ax, audit, move, number)
            ax.set_xscale("log")
            ax.set_xlabel(next(audit.axes[move] for audit in many if move in audit.axes))
            ax.set_title(move[0].upper() + move[1:])
        for ax in flat[len(moves) :]:
            ax.set_visible(False)
        for ax in axes[:, 0]:
            ax.set_yscale("log")
            ax.set_ylim(_SMALLEST / 3, 10 * max(top, _SMALLEST))
            ax.set_ylabel("Largest change of a logit")
        handles: dict[str, Artist] = {}
        for ax in flat[: len(moves)]:
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                handles.setdefault(str(label), handle)
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=min(3, len(handles)),
            handlelength=3.0,
        )
    return figure


def _draw(ax: Axes, audit: SymmetryAudit, move: str, number: int) -> None:
    """One audit in one panel: full lines, and dashed ones where beams stay what they were."""
    colour = COLOURS[number % len(COLOURS)]
    chosen = [row for row in audit.rows if row.move == move]
    for beams in dict.fromkeys(row.beams for row in chosen):
        rows = [row for row in chosen if row.beams == beams]
        sizes = [row.size for row in rows]
        top = [max(row.largest, _SMALLEST) for row in rows]
        low = [max(row.median, _SMALLEST) for row in rows]
        fixed = beams == "fixed"
        ax.plot(
            sizes,
            top,
            marker=_MARKERS[number % len(_MARKERS)],
            color=colour,
            linestyle="--" if fixed else "-",
            label=f"{audit.model}, {audit.precision}" + (", beams fixed" if fixed else ""),
        )
        ax.fill_between(sizes, low, top, color=colour, alpha=0.15, linewidth=0)
