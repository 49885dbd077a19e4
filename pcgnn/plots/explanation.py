"""What moved the score of a jet: attributions in the plane of the jet, by rank and by feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import Explanation
from pcgnn.plots.jets import jet_coordinates
from pcgnn.plots.style import axes_or_new, colour, set_title, style

__all__ = ["attribution_by_rank", "explanation", "feature_attributions"]


def explanation(
    result: Explanation,
    clouds: Any,
    i: int = 0,
    *,
    feature: str | None = None,
    edges: bool = True,
    largest: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    r"""One jet with the attributions of its particles, red towards the class and blue against it.

    The area of a marker is the particle's share of pT, as in :func:`pcgnn.plots.jet_display`. Edges
    that were explained are lines as wide as their attribution.

    Args:
        result: an explanation of :func:`pcgnn.explain`.
        clouds: the clouds that were explained, with `p4`.
        i: number of the jet; negative ones count from the end.
        feature: colour by the attribution to this feature alone.
        edges: draw the edges, if the explanation has any.
        largest: end of the colour scale; None takes the largest attribution of the jet.
        ax: axes to draw on; None makes a figure.
        title: put above the axes; None describes the jet.

    Returns:
        The figure.

    Raises:
        DataError: no four-vectors, no such jet, or clouds other than those explained.
        ConfigError: no such feature.
    """
    jet = jet_coordinates(clouds, i)
    if len(np.asarray(clouds.ptr)) != len(result.ptr) or int(clouds.ptr[-1]) != result.ptr[-1]:
        raise DataError(
            f"the explanation is of {len(result):,} graphs with {int(result.ptr[-1]):,} particles, "
            f"the clouds hold {len(clouds.ptr) - 1:,} with {int(clouds.ptr[-1]):,}",
            remedy="give the clouds that were explained",
        )
    rows = slice(jet.begin, jet.end)
    value = result.particles[rows] if feature is None else _feature(result, feature)[rows]
    top = float(np.abs(value).max()) if largest is None else largest
    top = top if top > 0 else 1.0
    signed = result.method != "gradient" or feature is not None
    norm: Normalize = TwoSlopeNorm(0.0, -top, top) if signed else Normalize(0.0, top)
    reach = 1.12 * max(float(np.abs(jet.deta).max()), float(np.abs(jet.dphi).max()), 0.1)
    with style():
        figure, ax = axes_or_new(ax, (6.6, 5.4))
        if edges and result.edges is not None and result.edge_index is not None:
            _draw_edges(ax, result, jet)
        order = np.argsort(-jet.pt, kind="stable")
        marks = ax.scatter(
            jet.deta[order],
            jet.dphi[order],
            s=jet.area[order],
            c=value[order],
            cmap="RdBu_r" if signed else "viridis_r",
            norm=norm,
            alpha=0.85,
            edgecolors="0.2",
            linewidths=0.5,
            zorder=3,
        )
        of = "particle" if feature is None else feature
        figure.colorbar(marks, ax=ax, label=f"Attribution to {of}", pad=0.02)
        ax.plot(
            [0], [0], marker="+", color="black", markersize=13, linestyle="none", label="jet axis"
        )
        ax.set_xlim(-reach, reach)
        ax.set_ylim(-reach, reach)
        ax.set_aspect("equal")
        ax.set_xlabel(r"$\Delta\eta$")
        ax.set_ylabel(r"$\Delta\phi$ [rad]")
        ax.legend(loc="best")
        set_title(ax, title or f"{jet.title}\n{_describe(result, jet.number)}")
    return figure


def attribution_by_rank(
    result: Explanation | Mapping[str, Explanation],
    pt: ArrayLike | Mapping[str, ArrayLike],
    *,
    ranks: int = 30,
    absolute: bool = False,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Mean attribution of the hardest, second hardest, ... particle, with standard errors.

    Args:
        result: an explanation, or several by name.
        pt: pT of each explained particle in GeV, or a mapping with the same names.
        ranks: how many ranks.
        absolute: average absolute values.
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        DataError: not one pT per particle.
    """
    results = {"": result} if isinstance(result, Explanation) else dict(result)
    with style():
        figure, ax = axes_or_new(ax)
        ax.axhline(0, color="0.45", linestyle=":")
        for number, (name, each) in enumerate(results.items()):
            momenta = pt[name] if isinstance(pt, Mapping) else pt
            table = each.by_rank(momenta, ranks, absolute=absolute)
            ax.errorbar(
                table.rank,
                table.mean,
                yerr=table.error,
                fmt="o-",
                linewidth=1.0,
                color=colour(number),
                label=name or None,
            )
        ax.set_xlabel(r"Rank of the particle in $p_T$")
        ax.set_ylabel("Mean |attribution|" if absolute else "Mean attribution")
        if any(results):
            ax.legend(loc="best")
        set_title(ax, title)
    return figure


def feature_attributions(
    result: Explanation | Mapping[str, Explanation],
    *,
    name: str = "x",
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Mean absolute attribution of each feature, the largest on top, with standard errors.

    Args:
        result: an explanation, or several by name.
        name: the input: "x", "pos" or "p4".
        ax: axes to draw on; None makes a figure.
        title: put above the axes.

    Returns:
        The figure.

    Raises:
        ConfigError: this input was not explained.
    """
    results = {"": result} if isinstance(result, Explanation) else dict(result)
    rankings = {key: each.ranking(name) for key, each in results.items()}
    features = list(next(iter(rankings.values())))[::-1]
    height = 0.8 / len(rankings)
    with style():
        figure, ax = axes_or_new(ax, (6.4, 1.6 + 0.4 * len(features)))
        for number, (key, ranking) in enumerate(rankings.items()):
            mean, error = np.array([ranking[feature] for feature in features]).T
            place = np.arange(len(features)) + (number - (len(rankings) - 1) / 2) * height
            ax.barh(
                place, mean, height, xerr=error, color=colour(number), label=key or None, alpha=0.85
            )
        ax.set_yticks(np.arange(len(features)), features)
        ax.set_xlabel("Mean |attribution|")
        if any(results):
            ax.legend(loc="lower right")
        set_title(ax, title)
    return figure


def _feature(result: Explanation, feature: str) -> np.ndarray:
    for name, columns in result.features.items():
        if feature in columns and name in result.values and name != "edge_attr":
            return result.values[name][:, columns.index(feature)]
    known = [column for columns in result.features.values() for column in columns]
    raise ConfigError(f"no feature {feature!r} was explained", remedy=f"choose from {known}")


def _draw_edges(ax: Axes, result: Explanation, jet: Any) -> None:
    assert result.edge_index is not None
    assert result.edges is not None
    ends = result.edge_index
    inside = (ends[0] >= jet.begin) & (ends[0] < jet.end)
    pairs, value = ends[:, inside] - jet.begin, result.edges[inside]
    if not value.size:
        return
    top = max(float(np.abs(value).max()), np.finfo(float).tiny)
    order = np.argsort(np.abs(value))
    pairs, value = pairs[:, order], value[order]
    xy = np.stack([jet.deta, jet.dphi], axis=1)
    lines = LineCollection(
        list(xy[pairs.T]),
        linewidths=0.2 + 2.8 * np.abs(value) / top,
        cmap="RdBu_r",
        norm=TwoSlopeNorm(0.0, -top, top),
        alpha=0.6,
    )
    lines.set_array(value)
    ax.add_collection(lines)


def _describe(result: Explanation, number: int) -> str:
    target = int(result.target[number])
    name = result.classes[target] if target < len(result.classes) else f"class {target}"
    return f"{result.output_kind} of {name} = {result.output[number]:.2f}, {result.method}"
