"""Scans of hyper-parameters: course, importance, slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pcgnn.errors import ConfigError
from pcgnn.plots._curves import drawable
from pcgnn.plots.style import COLOURS, axes_or_new, new_figure, set_title, style

__all__ = ["scan_history", "scan_importance", "scan_slices"]


def scan_history(found: Any, *, ax: Axes | None = None, title: str | None = None) -> Figure:
    """Value of each trial and the best so far.

    Args:
        found: of :func:`pcgnn.scan`.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: not the result of a scan.
        ConfigError: no trial is complete.
    """
    complete, pruned = _of(found, "complete"), _of(found, "pruned")
    if not complete:
        raise ConfigError("no trial is complete")
    numbers = np.array([trial.number for trial in complete])
    values = np.array([trial.value for trial in complete])
    best = np.minimum if found.smaller_is_better else np.maximum
    with style():
        figure, ax = axes_or_new(ax)
        if pruned:
            ax.plot(
                [trial.number for trial in pruned],
                [trial.value for trial in pruned],
                "x",
                color="0.65",
                label="pruned (last value)",
            )
        ax.plot(numbers, values, "o", color=COLOURS[0], label="complete")
        ax.step(
            numbers, best.accumulate(values), where="post", color=COLOURS[1], label="best so far"
        )
        ax.set_xlabel("Trial")
        ax.set_ylabel(_label(found.monitor))
        ax.set_ylim(*_limits(values, [trial.value for trial in pruned]))
        ax.legend(loc="best")
        set_title(ax, title)
    return figure


def scan_importance(
    found: Any,
    *,
    method: str | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Share of each parameter in what the trials differ by.

    Args:
        found: of :func:`pcgnn.scan`.
        method: see :meth:`pcgnn.training.Scan.importance`.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        ConfigError: too few complete trials.
    """
    shares = found.importance(method)
    names = list(shares)[::-1]
    with style():
        figure, ax = axes_or_new(ax, size=(6.4, 1.4 + 0.45 * len(names)))
        bars = ax.barh(names, [shares[name] for name in names], color=COLOURS[0], height=0.6)
        ax.bar_label(bars, [f"{shares[name]:.2f}" for name in names], padding=4, fontsize=11)
        ax.set_xlim(0, 1.1)
        ax.tick_params(axis="y", which="both", left=False, right=False)
        ax.set_xlabel("Importance" if method is None else f"Importance ({method})")
        set_title(ax, title)
    return figure


def scan_slices(
    found: Any, names: Sequence[str] | None = None, *, title: str | None = None
) -> Figure:
    """Value against each parameter, one panel per parameter.

    Args:
        found: of :func:`pcgnn.scan`.
        names: parameters; None takes all.
        title: put above the first panel.

    Returns:
        The figure.

    Raises:
        ConfigError: an unknown parameter, or no trial is complete.
    """
    names = list(found.names) if names is None else list(names)
    if unknown := [name for name in names if name not in found.names]:
        raise ConfigError(
            f"{unknown[0]!r} was not varied", remedy=f"use some of {', '.join(found.names)}"
        )
    complete, pruned = _of(found, "complete"), _of(found, "pruned")
    if not complete:
        raise ConfigError("no trial is complete")
    best = found.best
    with style():
        figure, axes = new_figure(1, len(names), size=(1.2 + 3.0 * len(names), 3.8), sharey=True)
        for name, ax in zip(names, axes[0], strict=True):
            place, ticks = _places([*complete, *pruned], name)
            for trials, options in (
                (pruned, {"marker": "x", "color": "0.65"}),
                (complete, {"marker": "o", "color": COLOURS[0]}),
                ([best], {"marker": "*", "color": COLOURS[1], "markersize": 13}),
            ):
                if trials:
                    ax.plot(
                        [place[trial.number] for trial in trials],
                        [trial.value for trial in trials],
                        linestyle="none",
                        **options,
                    )
            if ticks is not None:
                ax.set_xticks(range(len(ticks)), ticks, rotation=30 if len(ticks) > 3 else 0)
                ax.minorticks_off()
                ax.set_xlim(-0.5, len(ticks) - 0.5)
            elif _spans_decades(list(place.values())):
                ax.set_xscale("log")
            ax.set_xlabel(name)
        axes[0, 0].set_ylabel(_label(found.monitor))
        values = np.array([trial.value for trial in complete])
        axes[0, 0].set_ylim(*_limits(values, [trial.value for trial in pruned]))
        set_title(axes[0, 0], title)
    return figure


def _of(found: Any, state: str) -> list[Any]:
    # known by its fields: its class lives above the plots
    drawable(hasattr(found, "trials"), found, "the result of scan")
    return [trial for trial in found.trials if trial.state == state and trial.value is not None]


def _label(monitor: str) -> str:
    return monitor.replace("val_", "validation ").replace("auc", "AUC")


def _limits(values: NDArray[np.float64], pruned: Sequence[float]) -> tuple[float, float]:
    """What matters: complete trials, and pruned ones unless they are far off."""
    low, high = float(values.min()), float(values.max())
    room = max(high - low, 1e-3 * max(abs(high), 1e-9))
    near = [value for value in pruned if low - room <= value <= high + room]
    low, high = min([low, *near]), max([high, *near])
    return low - 0.1 * room, high + 0.1 * room


def _places(trials: Sequence[Any], name: str) -> tuple[dict[int, Any], list[str] | None]:
    """Position of each trial on the axis, and labels where the values are no numbers."""
    values = {trial.number: trial.parameters[name] for trial in trials}
    plain = all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in values.values()
    )
    if plain:
        return values, None
    texts = sorted({str(value) for value in values.values()})
    return {number: texts.index(str(value)) for number, value in values.items()}, texts


def _spans_decades(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) > 30 * min(values)
