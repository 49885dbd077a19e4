"""Efficiencies in bins of a quantity, such as the transverse momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics._inputs import numeric, weights
from pcgnn.metrics.counting import efficiency_estimate, estimate_from_sums
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import LEVEL

__all__ = ["BinnedEfficiency", "assign_bins", "efficiency_vs"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BinnedEfficiency:
    """An efficiency per bin.

    Args:
        edges: bin edges.
        efficiency: one estimate per bin.
        name: the quantity on the axis.
        unit: its unit, empty if it has none.
        outside: entries below the first or above the last edge, counted nowhere.

    Shapes:
        - **edges**: $(B + 1,)$
    """

    edges: FloatArray
    efficiency: tuple[Estimate, ...]
    name: str
    unit: str
    outside: int = 0

    @classmethod
    def from_counts(
        cls,
        passed: ArrayLike,
        total: ArrayLike,
        edges: ArrayLike,
        *,
        name: str = "jet_pt",
        unit: str = "GeV",
        level: float = LEVEL,
    ) -> BinnedEfficiency:
        r"""From two histograms of counts.

        Args:
            passed: entries that passed, per bin.
            total: all entries, per bin.
            edges: bin edges.
            name: the quantity on the axis.
            unit: its unit.
            level: confidence level.

        Shapes:
            - **passed**, **total**: $(B,)$
            - **edges**: $(B + 1,)$

        Raises:
            DataError: the lengths do not fit, or impossible counts.
        """
        k, n, e = np.asarray(passed), np.asarray(total), np.asarray(edges, np.float64)
        if k.ndim != 1 or k.shape != n.shape or e.shape != (len(k) + 1,):
            raise DataError(f"{k.shape} passed, {n.shape} total, {e.shape} edges do not fit")
        pairs = zip(k, n, strict=True)
        found = tuple(estimate_from_sums(int(a), int(b), level=level) for a, b in pairs)
        return cls(e, found, name, unit)


def assign_bins(
    variable: Any, bins: ArrayLike, size: int, name: str
) -> tuple[FloatArray, NDArray[np.int64]]:
    r"""Bin edges and the bin of each entry, -1 outside; the last bin includes its upper edge.

    Args:
        variable: one value per entry.
        bins: rising edges, or a number of bins of equal population.
        size: how many entries there must be.
        name: the quantity, for errors.

    Shapes:
        - **variable**: $(G,)$
        - **output**: $(B + 1,)$ and $(G,)$

    Raises:
        DataError: wrong shape, NaN.
        ConfigError: bad bins.
    """
    values = numeric(variable, name).astype(np.float64)
    if values.shape != (size,):
        raise DataError(
            f"{name}: shape {values.shape} for {size} jets", remedy="give one value per jet"
        )
    if np.isnan(values).any():
        raise DataError(f"{name}: {int(np.isnan(values).sum())} values are NaN")
    edges = np.asarray(bins, np.float64)
    if edges.ndim == 0:
        if not (edges >= 1 and edges == np.floor(edges)):
            raise ConfigError(f"{edges} bins", remedy="give a number of bins, or the edges")
        edges = np.unique(np.quantile(values, np.linspace(0, 1, int(edges) + 1)))
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ConfigError(
            f"{name}: bin edges must rise, with at least one bin",
            remedy="give rising edges, for instance [550, 600, 650]",
        )
    index = np.searchsorted(edges, values, side="right") - 1
    index[values == edges[-1]] = len(edges) - 2
    index[(index < 0) | (index > len(edges) - 2)] = -1
    return edges, index.astype(np.int64)


def efficiency_vs(
    passed: Any,
    variable: Any,
    bins: ArrayLike,
    *,
    weight: Any = None,
    name: str = "jet_pt",
    unit: str = "GeV",
    level: float = LEVEL,
) -> BinnedEfficiency:
    r"""Efficiency of any selection in bins of any quantity.

    Args:
        passed: True for each entry that passed.
        variable: the quantity.
        bins: rising edges (the last bin includes its upper edge), or a number of bins of equal
            population.
        weight: one weight per entry, or None.
        name: name of the quantity.
        unit: its unit.
        level: confidence level.

    Shapes:
        - **passed**, **variable**, **weight**: $(G,)$

    Raises:
        DataError: shapes differ, NaN.
        ConfigError: bad bins.

    Example:
        >>> binned = efficiency_vs([True, False, True], [560.0, 580.0, 620.0], [550, 600, 650])
        >>> [each.counts for each in binned.efficiency]
        ['1 / 2', '1 / 1']
    """
    mask = numeric(passed, "passed").astype(bool)
    if mask.ndim != 1:
        raise DataError(f"passed: shape {mask.shape}", remedy="give one True or False per entry")
    w = weights(weight, mask.size)
    edges, index = assign_bins(variable, bins, mask.size, name)
    estimates = tuple(
        efficiency_estimate(mask[index == b], None if w is None else w[index == b], level=level)
        for b in range(len(edges) - 1)
    )
    return BinnedEfficiency(edges, estimates, name, unit, int((index < 0).sum()))
