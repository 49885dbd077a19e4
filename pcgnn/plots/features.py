"""Distributions of the inputs of a network, class by class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.plots._histogram import draw_shape
from pcgnn.plots.labels import feature_label
from pcgnn.plots.style import colour, new_figure, style

__all__ = ["features"]


def _edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Bins over the bulk; one bin per value for flags, charges and other small integers."""
    different = np.unique(values[:20_000])
    if len(different) <= 12 and np.all(different == np.floor(different)):
        return np.arange(different[0] - 0.5, different[-1] + 1.0)
    low, high = np.quantile(values, [0.002, 0.998])
    if not high > low:
        low, high = low - 0.5, low + 0.5
    return np.linspace(low, high, bins + 1)


def _per_particle(values: Any, sizes: NDArray[np.int64], what: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape == (len(sizes),):
        return np.repeat(array, sizes)
    if array.shape == (int(sizes.sum()),):
        return array
    raise DataError(
        f"{what}: shape {array.shape} is neither one per jet nor one per particle",
        remedy="class numbers are needed to draw the classes apart",
    )


def features(
    clouds: Any,
    *,
    bins: int = 40,
    max_jets: int = 20_000,
    raw: bool = True,
    log: bool = False,
    columns: int | None = None,
) -> Figure:
    r"""One panel per feature: its distribution over the particles, for each class.

    Shapes are normalised to one, weights are used, values outside the range count in the first
    and last bin. Of a large sample evenly spaced jets are drawn.

    Args:
        clouds: particle clouds with `x`; `y`, `classes`, `weight` and `features` are used where
            they are present.
        bins: number of bins.
        max_jets: draw at most this many jets.
        raw: undo shift and scale of the feature definition, so that axes carry physical units.
        log: logarithmic vertical axes.
        columns: panels beside each other; None chooses.

    Shapes:
        - **clouds.x**: $(N, F)$

    Returns:
        The figure.

    Raises:
        DataError: the clouds have no features or no jets.
    """
    if getattr(clouds, "x", None) is None:
        raise DataError("the clouds have no features x", remedy="build them with features=...")
    x, sizes, y, weight = _sample(clouds, max_jets)
    definition = getattr(clouds, "features", None)
    described = list(getattr(definition, "features", ()) or ())
    if len(described) != x.shape[1]:
        described = []
    names = _class_names(clouds, y)
    count = x.shape[1]
    columns = columns or min(count, 4 if count > 6 else 3)
    rows = math.ceil(count / columns)
    with style():
        figure, axes = new_figure(rows, columns, size=(4.0 * columns, 3.3 * rows + 0.5))
        for index, ax in enumerate(axes.flat):
            if index >= count:
                ax.set_axis_off()
                continue
            values = x[:, index].astype(np.float64)
            feature = described[index] if described else None
            if feature is None:
                ax.set_xlabel(f"feature {index}")
            elif raw:
                values = values / feature.scale + feature.shift
                ax.set_xlabel(feature_label(feature.name, feature.expression))
            else:
                ax.set_xlabel(f"{feature.name} (network input)")
            edges = _edges(values, bins)
            for label, name in names.items():
                mask = y == label
                w = None if weight is None else weight[mask]
                draw_shape(ax, values[mask], edges, w, colour(label), name)
            if log:
                ax.set_yscale("log")
            else:
                ax.set_ylim(bottom=0)
            ax.set_xlim(edges[0], edges[-1])
            if index % columns == 0:
                ax.set_ylabel("Fraction of particles")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
        figure.suptitle(
            f"{len(sizes):,} jets, {int(sizes.sum()):,} particles", x=0.01, ha="left", fontsize=13
        )
    return figure


def _sample(
    clouds: Any, max_jets: int
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[Any], NDArray[np.float64] | None]:
    """Features, sizes, and per particle class and weight, of evenly spaced jets."""
    ptr = np.asarray(clouds.ptr, np.int64)
    all_sizes = np.diff(ptr)
    if len(all_sizes) == 0 or ptr[-1] == 0:
        raise DataError("the clouds hold no particles")
    jets = np.arange(0, len(all_sizes), max(1, math.ceil(len(all_sizes) / max_jets)))
    sizes = all_sizes[jets]
    # flat numbers of the particles of the chosen jets
    flat = np.repeat(ptr[jets] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())

    def chosen(name: str) -> NDArray[Any] | None:
        values = getattr(clouds, name, None)
        return None if values is None else _per_particle(values, all_sizes, name)[flat]

    y, weight = chosen("y"), chosen("weight")
    y = np.zeros(len(flat), np.int64) if y is None else y.astype(np.int64)
    x = np.asarray(clouds.x)
    x = x[flat] if len(jets) < len(all_sizes) else x
    return x, sizes, y, None if weight is None else weight.astype(np.float64)


def _class_names(clouds: Any, y: NDArray[np.int64]) -> dict[int, str]:
    present = [int(label) for label in np.unique(y)]
    names = tuple(getattr(clouds, "classes", None) or ())
    if getattr(clouds, "y", None) is None:
        return {0: "all jets"}
    return {k: names[k] if 0 <= k < len(names) else f"class {k}" for k in present}
