"""Distributions of the score, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics import TaggingReport, tagging_report
from pcgnn.plots._histogram import draw_shape
from pcgnn.plots.style import axes_or_new, colour, set_title, style

__all__ = ["draw_scores", "score_edges", "scores"]


def score_edges(score: NDArray[np.float64], bins: ArrayLike) -> NDArray[np.float64]:
    """Bin edges: those given, or a number of equal bins over the scores.

    Args:
        score: all scores.
        bins: rising edges, or a number of bins.

    Raises:
        ConfigError: neither.
    """
    given = np.asarray(bins, np.float64)
    if given.ndim == 1 and len(given) > 1 and (np.diff(given) > 0).all():
        return given
    if given.ndim != 0 or given < 1 or given != np.floor(given):
        raise ConfigError("bins: give a number of bins, or rising edges")
    if score.min() >= 0 and score.max() <= 1:  # probabilities
        low, high = 0.0, 1.0
    else:
        low, high = (float(end) for end in np.quantile(score, [0.001, 0.999]))
        high = high if high > low else low + 1.0
    return np.linspace(low, high, int(given) + 1)


def draw_scores(
    ax: Axes,
    series: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64] | None]],
    edges: NDArray[np.float64],
    *,
    entries: str,
    log: bool,
    threshold: float | None,
) -> None:
    """Shapes of several classes on the same axes, with legend and limits.

    Args:
        ax: the axes.
        series: name, scores and weights (or None) of each class.
        edges: bin edges.
        entries: what is counted, for instance jets.
        log: logarithmic vertical axis.
        threshold: a cut to mark; None for none.
    """
    for number, (name, values, weight) in enumerate(series):
        if values.size:
            text = f"{name} ({values.size:,} {entries})"
            draw_shape(ax, values, edges, weight, colour(number), text)
    if threshold is not None:
        ax.axvline(
            threshold,
            color="0.3",
            linestyle="--",
            linewidth=1.3,
            label=f"threshold {threshold:.3g}",
        )
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high**1.0 * (high / low) ** 0.35 if log else high * 1.3)
    ax.set_xlim(edges[0], edges[-1])
    width = np.diff(edges)
    share = f"Fraction of {entries}"
    same = np.allclose(width, width[0])
    ax.set_ylabel(f"{share} / {width[0]:.3g}" if same else f"{share} per bin")
    ax.legend(loc="upper center", ncols=2 if len(series) > 2 else 1)


def scores(
    report: TaggingReport | tuple[Any, Any],
    *,
    ax: Axes | None = None,
    signal: str | None = None,
    bins: ArrayLike = 40,
    log: bool = True,
    threshold: bool = True,
    entries: str = "jets",
    title: str | None = None,
) -> Figure:
    r"""Signal score of each class, normalised to one, with the error of each bin.

    Scores outside the range are counted in the first and last bin. Weights of the report are
    used; errors are $\sqrt{\sum w^2}$.

    Args:
        report: a report, or a pair (labels, scores).
        ax: axes to draw on; None makes a figure.
        signal: with more than two classes, whose probability to draw.
        bins: a number of bins, or edges.
        log: logarithmic vertical axis.
        threshold: mark the fixed threshold of the report.
        entries: what is counted, for the labels: jets, events.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        ConfigError: bad bins, or the signal class must be named.
        DataError: labels and scores do not fit together.
    """
    given = isinstance(report, TaggingReport)
    if not isinstance(report, TaggingReport):
        report = tagging_report(*report)
    part = report.of(signal)
    score = report.score
    if score.ndim == 2:
        score = score[:, report.classes.index(part.name)]
    series = []
    for label, name in enumerate(report.classes):
        mask = report.y == label
        weight = None if report.weight is None else report.weight[mask]
        series.append((name, score[mask], weight))
    with style():
        figure, ax = axes_or_new(ax)
        cut = report.threshold if threshold and given else None
        draw_scores(ax, series, score_edges(score, bins), entries=entries, log=log, threshold=cut)
        ax.set_xlabel(f"Score of {part.name!r}" if not report.is_binary else "Signal score")
        set_title(ax, title)
    return figure
