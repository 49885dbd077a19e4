"""Which particles a network combines, as a heat map."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from pcgnn.errors import DataError
from pcgnn.metrics import CombinationTable
from pcgnn.plots.style import new_figure, set_title, style

__all__ = ["combinations"]


def combinations(table: CombinationTable, *, title: str | None = None) -> Figure:
    """Shares of the particles in each learned combination, one panel per kind.

    Shares of non-negative weights go from white to blue, those of either sign from red (negative)
    over white to blue. All panels have one colour scale.

    Args:
        table: what ``model.combinations()`` returns.
        title: put above the first panel.

    Returns:
        The figure.

    Raises:
        DataError: something else was given.
    """
    if not isinstance(table, CombinationTable):
        raise DataError(
            f"cannot draw {type(table).__name__}", remedy="give model.combinations() of a network"
        )
    signed = any((values < 0).any() for values in table.kinds.values())
    top = max(float(np.abs(values).max()) for values in table.kinds.values())
    panels = len(table.kinds)
    height = 1.6 + 0.16 * max(len(table.ranks), 12)
    with style():
        figure, axes = new_figure(1, panels, size=(5.2 * panels + 0.9, height), sharey=True)
        image = None
        for ax, (kind, values) in zip(axes[0], table.kinds.items(), strict=True):
            image = ax.imshow(
                values,
                cmap="RdBu" if signed else "Blues",
                vmin=-top if signed else 0,
                vmax=top,
                aspect="auto",
                interpolation="nearest",
                extent=(0.5, values.shape[1] + 0.5, len(values) + 0.5, 0.5),
            )
            ax.set_xlabel(kind.capitalize())
            ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.tick_params(length=0)
        first = axes[0, 0]
        every = max(1, len(table.ranks) // 10)
        shown = list(range(0, len(table.ranks), every))
        if shown[-1] != len(table.ranks) - 1 and table.ranks[-1].endswith("+"):
            shown.append(len(table.ranks) - 1)
        first.set_yticks([rank + 1 for rank in shown], [table.ranks[rank] for rank in shown])
        first.yaxis.set_minor_locator(NullLocator())
        first.set_ylabel(r"Particle, by falling $p_T$")
        set_title(first, title)
        if image is not None:
            figure.colorbar(image, ax=axes[0].tolist(), label="Share of the combination")
    return figure
