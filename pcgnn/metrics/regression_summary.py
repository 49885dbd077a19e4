"""What a regression is worth, overall and in bins, and how that prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics.binned import assign_bins
from pcgnn.metrics.counting import efficiency_estimate
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.ratio_quantiles import ratio_shape, weighted_quantiles
from pcgnn.metrics.text import table

__all__ = ["BinnedRegression", "RegressionReport"]

FloatArray = NDArray[np.float64]

_BAND = (0.16, 0.5, 0.84)


@dataclass(frozen=True, eq=False)
class BinnedRegression:
    r"""Resolution, bias and tails in bins.

    Args:
        edges: bin edges.
        name: the quantity on the axis.
        unit: its unit.
        counts: graphs in each bin.
        resolution: one per bin; undefined in an empty one, like the next two.
        bias: median of prediction over truth, minus 1.
        tail: share of the graphs in the tails of the bin.
        truth: 16%, 50% and 84% quantiles of the true values.
        prediction: the same of the predictions.
        outside: graphs below the first or above the last edge.

    Shapes:
        - **edges**: $(B + 1,)$; **truth**, **prediction**: $(B, 3)$; all others $(B,)$
    """

    edges: FloatArray
    name: str
    unit: str
    counts: NDArray[np.int64]
    resolution: tuple[Estimate, ...]
    bias: tuple[Estimate, ...]
    tail: tuple[Estimate, ...]
    truth: FloatArray
    prediction: FloatArray
    outside: int

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; undefined numbers are null."""
        return {
            "name": self.name,
            "unit": self.unit,
            "edges": self.edges.tolist(),
            "counts": self.counts.tolist(),
            "outside": self.outside,
            "resolution": [each.to_dict() for each in self.resolution],
            "bias": [each.to_dict() for each in self.bias],
            "tail": [each.to_dict() for each in self.tail],
            "truth": _plain(self.truth),
            "prediction": _plain(self.prediction),
        }

    def __str__(self) -> str:
        head = [f"{self.name} [{self.unit}]" if self.unit else self.name, "graphs"]
        head += ["resolution", "bias", "tails"]
        rows = [
            [
                f"{self.edges[b]:g} - {self.edges[b + 1]:g}",
                f"{count:,}",
                *(str(each[b]) if count else "-" for each in (self.resolution, self.bias)),
                str(self.tail[b]) if count else "-",
            ]
            for b, count in enumerate(self.counts)
        ]
        return table(head, rows, "  ")


@dataclass(frozen=True, eq=False, repr=False)
class RegressionReport:
    r"""How well values are predicted, by the ratios R of prediction and truth.

    Made by [`regression_report`][pcgnn.metrics.regression.regression_report].

    Args:
        name: the target.
        unit: its unit.
        resolution: $M = (a - b)/(2c)$ with the 84% and 16% quantiles a, b and the median c of R.
        bias: $c - 1$.
        tail: share of the graphs with $|R/c - 1|$ above ``tail_widths`` resolutions; 0.27% of a
            normal distribution for 3.
        tail_widths: that number.
        truth: true values.
        prediction: predicted ones.
        weight: weights, or None.
        left_out: graphs whose true value is not above 0.
        binned: the same numbers in bins of the true value, None if not asked for.

    Shapes:
        - **truth**, **prediction**, **weight**: $(G,)$
    """

    name: str
    unit: str
    resolution: Estimate
    bias: Estimate
    tail: Estimate
    tail_widths: float
    truth: FloatArray = field(repr=False)
    prediction: FloatArray = field(repr=False)
    weight: FloatArray | None = field(repr=False)
    left_out: int
    binned: BinnedRegression | None = None

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def ratio(self) -> FloatArray:
        """Prediction over truth, (G,)."""
        return self.prediction / self.truth

    def vs(
        self, bins: ArrayLike, variable: Any = None, *, name: str | None = None, unit: str = ""
    ) -> BinnedRegression:
        """The same numbers in bins.

        Args:
            bins: rising edges, or a number of bins of equal population.
            variable: one value per graph of the report; by default the true value.
            name: what it is.
            unit: its unit.

        Raises:
            ConfigError: bad bins, or a variable without a name.
            DataError: it does not fit.
        """
        if variable is None:
            variable, name, unit = self.truth, name or self.name, unit or self.unit
        if name is None:
            raise ConfigError("the variable has no name", remedy='give name="jet_pt"')
        edges, index = assign_bins(variable, bins, len(self), name)
        rows = [np.flatnonzero(index == b) for b in range(len(edges) - 1)]
        parts = [self._measured(each) for each in rows]
        band = [[self._band(values, each) for each in rows] for values in self._both]
        return BinnedRegression(
            edges,
            name,
            unit,
            np.array([len(each) for each in rows], dtype=np.int64),
            tuple(part[0] for part in parts),
            tuple(part[1] for part in parts),
            tuple(part[2] for part in parts),
            np.array(band[0]),
            np.array(band[1]),
            int((index < 0).sum()),
        )

    @property
    def _both(self) -> tuple[FloatArray, FloatArray]:
        return self.truth, self.prediction

    def _band(self, values: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        weight = None if self.weight is None else self.weight[rows]
        return weighted_quantiles(values[rows], weight, _BAND)

    def _measured(self, rows: NDArray[np.int64]) -> tuple[Estimate, Estimate, Estimate]:
        weight = None if self.weight is None else self.weight[rows]
        return measured(self.ratio[rows], weight, self.tail_widths, self.resolution.level)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: everything but the single graphs."""
        return {
            "name": self.name,
            "unit": self.unit,
            "graphs": len(self),
            "left_out": self.left_out,
            "resolution": self.resolution.to_dict(),
            "bias": self.bias.to_dict(),
            "tail": self.tail.to_dict(),
            "tail_widths": self.tail_widths,
            "binned": None if self.binned is None else self.binned.to_dict(),
        }

    def __str__(self) -> str:
        left = f", {self.left_out:,} not above 0 left out" if self.left_out else ""
        beyond = f"beyond {self.tail_widths:g} resolutions"
        lines = [
            f"Regression of {self.name}: {len(self):,} graphs{left}",
            f"  resolution (a - b) / 2c  {self.resolution}",
            f"  bias, median R - 1       {self.bias}",
            f"  {beyond:<24} {self.tail} ({self.tail.counts})",
        ]
        if self.binned is not None:
            lines += ["", str(self.binned)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"RegressionReport({self.name}, {len(self):,} graphs, {self.resolution})"


def measured(
    ratio: FloatArray, weight: FloatArray | None, tail_widths: float, level: float
) -> tuple[Estimate, Estimate, Estimate]:
    """Resolution, bias and tails of ratios."""
    shape = ratio_shape(ratio, weight, level)
    median = shape.bias.value + 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.abs(ratio / median - 1.0) > tail_widths * abs(shape.resolution.value)
    return shape.resolution, shape.bias, efficiency_estimate(far, weight, level=level)


def _plain(values: FloatArray) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in values]
