"""Classifiers for many signal masses side by side: one row per way, training masses and mass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.text import table

__all__ = ["MassResult", "MassStudy"]

_METRICS = ("ratio", "auc", "average_precision")


@dataclass(frozen=True)
class MassResult:
    """One training judged at one mass.

    Attributes:
        approach: name of the way to deal with the masses.
        interpolated: whether the training has not seen this mass, but others on its sides.
        mass: the mass in GeV.
        seed: of the training.
        ratio: significance over the largest possible one.
        ratio_error: its statistical error.
        auc: area under the ROC curve.
        average_precision: mean purity over the efficiencies.
    """

    approach: str
    interpolated: bool
    mass: float
    seed: int
    ratio: float
    ratio_error: float
    auc: float
    average_precision: float


class MassStudy:
    """Results of a study over masses.

    Args:
        results: all of them, each approach, seed and mass once per kind of training.

    Raises:
        DataError: there are none.

    Example:
        >>> study = MassStudy([MassResult("pnn", False, 500.0, 1, 0.9, 0.01, 0.95, 0.94)])
        >>> study.value("pnn", 500.0)
        0.9
    """

    def __init__(self, results: Iterable[MassResult]) -> None:
        self.results = tuple(results)
        if not self.results:
            raise DataError("a study without results")

    @property
    def masses(self) -> list[float]:
        """All masses, rising."""
        return sorted({result.mass for result in self.results})

    @property
    def dropped(self) -> list[float]:
        """Masses that some trainings have not seen."""
        return sorted({result.mass for result in self.results if result.interpolated})

    @property
    def approaches(self) -> list[str]:
        """Names in the order of the study."""
        return list(dict.fromkeys(result.approach for result in self.results))

    def of(
        self, approach: str, mass: float | None = None, *, interpolated: bool = False
    ) -> list[MassResult]:
        """Results of an approach, at one mass or at all.

        Args:
            approach: its name.
            mass: a mass in GeV; None for all.
            interpolated: those of trainings that have not seen the mass.
        """
        return [
            result
            for result in self.results
            if result.approach == approach
            and result.interpolated == interpolated
            and (mass is None or result.mass == mass)
        ]

    def value(
        self,
        approach: str,
        mass: float | None = None,
        *,
        metric: str = "ratio",
        interpolated: bool = False,
    ) -> float:
        """Mean over the seeds (and masses); NaN where there is no result.

        Args:
            approach: its name.
            mass: a mass in GeV; None for the mean over all.
            metric: "ratio", "auc" or "average_precision".
            interpolated: of trainings that have not seen the mass.

        Raises:
            ConfigError: an unknown metric.
        """
        numbers = self._numbers(approach, mass, metric, interpolated)
        return float(np.mean(numbers)) if len(numbers) else math.nan

    def spread(
        self,
        approach: str,
        mass: float | None = None,
        *,
        metric: str = "ratio",
        interpolated: bool = False,
    ) -> float:
        """Standard deviation over the seeds of one value, of :meth:`value`; NaN for one seed.

        Args:
            approach: its name.
            mass: a mass in GeV; None for the mean over all masses of each seed.
            metric: "ratio", "auc" or "average_precision".
            interpolated: of trainings that have not seen the mass.
        """
        numbers = self._numbers(approach, mass, metric, interpolated)
        return float(np.std(numbers, ddof=1)) if len(numbers) > 1 else math.nan

    def _numbers(
        self, approach: str, mass: float | None, metric: str, interpolated: bool
    ) -> list[float]:
        if metric not in _METRICS:
            raise ConfigError(f"metric = {metric!r}", remedy=f"choose of {', '.join(_METRICS)}")
        seeds: dict[int, list[float]] = {}
        for result in self.of(approach, mass, interpolated=interpolated):
            seeds.setdefault(result.seed, []).append(getattr(result, metric))
        return [float(np.mean(numbers)) for numbers in seeds.values()]

    def table(self, metric: str = "ratio", style: str = "text") -> str:
        """A row per approach, a column per mass: mean and spread over the seeds.

        Args:
            metric: "ratio", "auc" or "average_precision".
            style: "text" or "markdown".

        Raises:
            ConfigError: an unknown metric or style.
        """
        if style not in ("text", "markdown"):
            raise ConfigError(f"style = {style!r}", remedy="use 'text' or 'markdown'")
        head = ["approach", *(f"{mass:g} GeV" for mass in self.masses), "mean"]
        rows = []
        for interpolated in (False, True):
            for approach in self.approaches:
                if not self.of(approach, interpolated=interpolated):
                    continue
                name = f"{approach}, mass not trained on" if interpolated else approach
                cells = [self._cell(approach, m, metric, interpolated) for m in self.masses]
                # a mean over other masses would be compared with those above
                mean = "-" if "-" in cells else self._cell(approach, None, metric, interpolated)
                rows.append([name, *cells, mean])
        if style == "text":
            return table(head, rows)
        lines: Sequence[Sequence[str]] = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def _cell(self, approach: str, mass: float | None, metric: str, interpolated: bool) -> str:
        value = self.value(approach, mass, metric=metric, interpolated=interpolated)
        if math.isnan(value):
            return "-"
        spread = self.spread(approach, mass, metric=metric, interpolated=interpolated)
        return f"{value:.4f}" + ("" if math.isnan(spread) else f" ± {spread:.4f}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"results": [vars(result) for result in self.results]}

    def __str__(self) -> str:
        return (
            "Significance over the largest possible one, mean ± spread over seeds\n" + self.table()
        )
