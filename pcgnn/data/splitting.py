"""Disjoint parts of a set of graphs: by fractions, counts or a column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor

from pcgnn.errors import DataError

__all__ = ["by_column", "by_parts", "part_sizes"]


def part_sizes(total: int, parts: Sequence[float] | Sequence[int]) -> list[int]:
    """Numbers of graphs in each part.

    Args:
        total: how many graphs there are.
        parts: fractions (any of them a float) that sum to 1, or counts.

    Returns:
        Sizes; of fractions they add up to ``total``.

    Raises:
        DataError: fractions do not sum to 1, counts exceed the total, or a part is empty.

    Example:
        >>> part_sizes(11, (0.5, 0.25, 0.25))
        [6, 2, 3]
        >>> part_sizes(11, (6, 2))
        [6, 2]
    """
    values = list(parts)
    numbers = (int, float, np.integer, np.floating)
    if not values or not all(
        isinstance(v, numbers) and not isinstance(v, bool) and math.isfinite(v) for v in values
    ):
        raise DataError(f"parts are fractions or numbers of graphs, got {parts!r}")
    if all(isinstance(v, (int, np.integer)) for v in values):
        sizes = [int(v) for v in values]
        if sum(sizes) > total:
            raise DataError(f"parts of {sizes} graphs exceed the {total} there are")
    else:
        if not math.isclose(sum(values), 1.0, abs_tol=1e-6):
            raise DataError(
                f"fractions must sum to 1, {tuple(values)} sum to {sum(values):g}",
                remedy="give whole numbers of graphs to leave a rest unused",
            )
        edges = [round(total * sum(values[:i])) for i in range(len(values))] + [total]
        sizes = [b - a for a, b in pairwise(edges)]
    if min(sizes) < 1:
        raise DataError(f"part {sizes.index(min(sizes))} of sizes {sizes} would be empty")
    return sizes


def by_parts(
    total: int, parts: Sequence[float] | Sequence[int], strata: np.ndarray | None, seed: int
) -> list[np.ndarray]:
    """Graph numbers of each part, rising within it.

    With strata the graphs of each class are spread evenly over one long line, which is then cut:
    every part has each class in proportion, to within two graphs, and its exact size.

    Args:
        total: number of graphs G.
        parts: see :func:`part_sizes`.
        strata: class of each graph; floats and arrays with more dimensions are not used.
        seed: which of the possible splits.

    **Shapes:** strata (G,)
    """
    sizes = part_sizes(total, parts)
    random = np.random.default_rng([seed, 0x5911])
    line = random.permutation(total)
    if strata is not None and strata.ndim == 1 and strata.dtype.kind in "biu":
        labels = strata[line]
        place = np.empty(total, dtype=np.float64)
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            place[members] = (np.arange(members.size) + 0.5) / members.size
        line = line[np.argsort(place, kind="stable")]
    edges = np.cumsum([0, *sizes])
    return [np.sort(line[a:b]) for a, b in pairwise(edges)]


def by_column(column: Tensor, name: str) -> list[np.ndarray]:
    """Graph numbers for each value of a column, in rising order of the values.

    Args:
        column: whole numbers.
        name: for the error message.

    Raises:
        DataError: the column is not one whole number per graph.

    **Shapes:** column (G,)
    """
    values = column.numpy()
    if values.ndim != 1 or values.dtype.kind not in "biu":
        raise DataError(
            f"a column to split by holds one whole number per graph, {name} is {column.dtype} of "
            f"shape {tuple(column.shape)}",
            branch=name,
        )
    distinct = np.unique(values)
    if distinct.size > 1000:
        raise DataError(f"{name} has {distinct.size} different values", branch=name)
    return [np.flatnonzero(values == value) for value in distinct]
