"""The course of a training: losses, AUC, learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.plots.style import COLOURS, new_figure, set_title, style

__all__ = ["history"]

_LABELS = {
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "val_auc": "validation AUC",
    "val_accuracy": "validation accuracy",
    "lr": "learning rate",
}


def _columns(source: Any) -> dict[str, NDArray[np.float64]]:
    """A history as float columns; None becomes NaN."""
    table = getattr(source, "history", source)
    if isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        names = dict.fromkeys(name for row in table for name in row)
        table = {name: [row.get(name) for row in table] for name in names}
    if not isinstance(table, Mapping) or not table:
        raise DataError(
            f"cannot draw {type(source).__name__} as a training history",
            remedy="give the result of a fit, or {column: values per epoch}",
        )
    drawn = ("loss", "auc", "accuracy", "epoch", "lr", "learning_rate")
    columns = {
        str(name): np.asarray(values, np.float64)  # None becomes NaN
        for name, values in table.items()
        if any(word in str(name) for word in drawn)
    }
    sizes = {len(values) for values in columns.values()}
    if not columns:
        raise DataError(f"the history has no loss, AUC or learning rate, only {list(table)}")
    if len(sizes) != 1:
        raise DataError("the columns of the history have different lengths")
    return columns


def _best(source: Any, columns: dict[str, NDArray[np.float64]], monitor: str) -> int | None:
    known = getattr(source, "best_epoch", None)
    if known is not None:
        return int(known)
    values = columns.get(monitor)
    if values is None or np.isnan(values).all():
        return None
    rising = any(word in monitor for word in ("auc", "accuracy", "rejection"))
    return int(np.nanargmax(values) if rising else np.nanargmin(values))


def _draw(
    ax: Axes, epoch: NDArray[np.float64], columns: dict[str, NDArray[np.float64]], names: list[str]
) -> None:
    for number, name in enumerate(names):
        values = columns[name]
        there = np.isfinite(values)
        marker = "o" if there.sum() <= 40 else None
        ax.plot(
            epoch[there],
            values[there],
            color=COLOURS[number % len(COLOURS)],
            marker=marker,
            label=_LABELS.get(name, name.replace("_", " ")),
        )


def history(source: Any, *, monitor: str = "val_loss", title: str | None = None) -> Figure:
    """Losses, validation AUC and accuracy, and learning rate against the epoch.

    Args:
        source: the result of a fit, or its history: columns (or rows) by name. Columns with
            `loss`, `auc` or `accuracy` in their names, and `lr`, are drawn.
        monitor: the column by which the best epoch is marked, where the source does not know it;
            the lowest value counts, or the highest for AUC and accuracy.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: nothing to draw.
    """
    columns = _columns(source)
    groups = [
        ("Loss", [name for name in columns if "loss" in name]),
        ("AUC", [name for name in columns if "auc" in name]),
        ("Accuracy", [name for name in columns if "accuracy" in name]),
        ("Learning rate", [name for name in columns if name in ("lr", "learning_rate")]),
    ]
    panels = [
        (label, [name for name in names if np.isfinite(columns[name]).any()])
        for label, names in groups
    ]
    panels = [(label, names) for label, names in panels if names]
    if not panels:
        raise DataError(f"the history has no loss, AUC or learning rate, only {list(columns)}")
    length = len(next(iter(columns.values())))
    epoch = columns["epoch"] + 1 if "epoch" in columns else np.arange(1.0, length + 1)
    best = _best(source, columns, monitor)
    with style():
        heights = [1.5 if label == "Loss" else 1.0 for label, _ in panels]
        figure, axes = new_figure(
            len(panels),
            size=(6.4, 1.6 + 1.45 * sum(heights)),
            sharex=True,
            height_ratios=heights,
        )
        for (label, names), ax in zip(panels, axes[:, 0], strict=True):
            _draw(ax, epoch, columns, names)
            if best is not None and 0 <= best < length:
                text = f"best epoch ({epoch[best]:.0f})" if ax is axes[0, 0] else None
                ax.axvline(epoch[best], color="0.4", linestyle="--", linewidth=1.3, label=text)
            if label == "Learning rate":
                ax.set_yscale("log")
            ax.set_ylabel(label)
            ax.margins(y=0.15)
        axes[0, 0].legend(loc="best")
        axes[-1, 0].set_xlabel("Epoch")
        axes[-1, 0].xaxis.get_major_locator().set_params(integer=True)
        axes[-1, 0].xaxis.set_minor_locator(NullLocator())
        figure.align_ylabels()
        set_title(axes[0, 0], title)
    return figure
