"""Several taggers trained on the same jets: one row each, seeds together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.report import TaggingReport
from pcgnn.metrics.text import table

__all__ = ["Comparison", "ComparisonRow", "TrainedTagger"]

_COSTS = ("parameters", "flops", "training_speed", "inference_speed", "input_speed")


@dataclass(frozen=True)
class TrainedTagger:
    """One training of one tagger.

    Attributes:
        name: of the tagger.
        jets: how many training jets it saw.
        seed: of the training.
        report: on the test part.
        parameters: number of trained parameters; None where it has no meaning (trees).
        flops: floating-point operations per jet of one forward pass, or None.
        training_speed: jets per second in training (per core on a CPU), or None.
        inference_speed: the same for scores.
        input_speed: jets per second (per core) whose inputs are made of four-vectors.
        recipe: how it was trained, plain values.
    """

    name: str
    jets: int
    seed: int
    report: TaggingReport
    parameters: int | None = None
    flops: float | None = None
    training_speed: float | None = None
    inference_speed: float | None = None
    input_speed: float | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ComparisonRow:
    """All seeds of one tagger trained on one number of jets.

    Attributes:
        name: of the tagger.
        jets: training jets.
        runs: its trainings.
        values: metric -> mean over the seeds.
        spreads: metric -> standard deviation over the seeds, NaN for one seed.
        errors: metric -> statistical error of the test part, the mean half interval.
    """

    name: str
    jets: int
    runs: tuple[TrainedTagger, ...]
    values: Mapping[str, float]
    spreads: Mapping[str, float]
    errors: Mapping[str, float]

    def cost(self, name: str) -> float | None:
        """Median over the seeds of a cost, one of the attributes of a training."""
        found = [value for run in self.runs if (value := getattr(run, name)) is not None]
        return float(np.median(found)) if found else None


class Comparison:
    """Trained taggers side by side.

    Args:
        runs: the trainings, all judged on the same test part.
        signal: the class whose AUC and rejections are shown, against all others; may be left out
            with two classes.

    Raises:
        DataError: no trainings, several with the same name, jets and seed, or test parts of
            different size.
        ConfigError: the signal must be named, or is no class.

    Example:
        >>> from pcgnn.metrics import tagging_report
        >>> good = tagging_report([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9])
        >>> print(Comparison([TrainedTagger("trees", 100, 1, good)]).rows[0].values["auc"])
        1.0
    """

    def __init__(self, runs: Iterable[TrainedTagger], signal: str | None = None) -> None:
        self.runs = tuple(runs)
        if not self.runs:
            raise DataError("there are no trainings to compare")
        keys = [(run.name, run.jets, run.seed) for run in self.runs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            name, jets, seed = twice[0]
            raise DataError(f"{name} with {jets} jets and seed {seed} is there twice")
        sizes = {len(run.report) for run in self.runs}
        if len(sizes) > 1:
            raise DataError(f"the test parts have different sizes: {sorted(sizes)}")
        self.runs[0].report.of(signal)
        self.signal = signal
        self.efficiencies = self.runs[0].report.signal_efficiencies

    @property
    def rows(self) -> tuple[ComparisonRow, ...]:
        """One row per number of training jets and tagger, in the order of the trainings."""
        groups: dict[tuple[str, int], list[TrainedTagger]] = {}
        for run in self.runs:
            groups.setdefault((run.name, run.jets), []).append(run)
        found = [
            _row(name, jets, group, self.efficiencies, self.signal)
            for (name, jets), group in groups.items()
        ]
        order = {jets: i for i, jets in enumerate(sorted({row.jets for row in found}))}
        return tuple(sorted(found, key=lambda row: order[row.jets]))

    def best(self, name: str, jets: int | None = None) -> TrainedTagger:
        """The training of median AUC, for figures that show one of them.

        Args:
            name: of the tagger.
            jets: number of training jets; None takes the largest there is.

        Raises:
            ConfigError: there is no such training.
        """
        found = [run for run in self.runs if run.name == name]
        jets = max((run.jets for run in found), default=0) if jets is None else jets
        found = sorted(
            (run for run in found if run.jets == jets),
            key=lambda run: run.report.of(self.signal).auc.value,
        )
        if not found:
            raise ConfigError(
                f"no training of {name!r} on {jets} jets",
                remedy=f"there are {sorted({(run.name, run.jets) for run in self.runs})}",
            )
        return found[(len(found) - 1) // 2]

    def table(self, style: str = "text") -> str:
        """All rows: metrics with the spread over seeds and the counting error, and the costs.

        Args:
            style: "text" or "markdown".

        Raises:
            ConfigError: another style.
        """
        if style not in ("text", "markdown"):
            raise ConfigError(f"style = {style!r}", remedy="use 'text' or 'markdown'")
        head, cells = self._head(), [self._cells(row) for row in self.rows]
        if style == "text":
            return table(head, cells)
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *cells]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def _head(self) -> list[str]:
        rejections = [f"1/eB at eS={value:g}" for value in self.efficiencies]
        costs = ["parameters", "MFLOP/jet", "jets/s training", "jets/s scoring", "jets/s inputs"]
        return ["tagger", "jets", "seeds", "accuracy", "AUC", *rejections, *costs]

    def _cells(self, row: ComparisonRow) -> list[str]:
        cells = [row.name, f"{row.jets:,}", str(len(row.runs))]
        for metric in row.values:
            decimals = 4 if metric in ("accuracy", "auc") else 0
            cells.append(_with_errors(row, metric, decimals))
        parameters, flops, *speeds = (row.cost(name) for name in _COSTS)
        cells.append("-" if parameters is None else f"{parameters:,.0f}")
        cells.append("-" if flops is None else f"{flops / 1e6:,.3g}")
        cells += ["-" if speed is None else _rounded(speed) for speed in speeds]
        return cells

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, row by row."""
        return {
            "test_jets": len(self.runs[0].report),
            "signal": self.signal,
            "rows": [
                {
                    "tagger": row.name,
                    "training_jets": row.jets,
                    "seeds": [run.seed for run in row.runs],
                    "values": _plain(row.values),
                    "spreads": _plain(row.spreads),
                    "errors": _plain(row.errors),
                    **{name: row.cost(name) for name in _COSTS},
                    "recipe": dict(row.runs[0].recipe),
                }
                for row in self.rows
            ],
        }

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{len(self.runs)} trainings, {len(self.runs[0].report):,} test jets",
                self.table(),
                "± spread over seeds ± statistical error of the test part (half the interval)",
                "jets/s per core: training and scoring of inputs that are there, and the making of "
                "inputs from four-vectors",
                *(
                    []
                    if self.signal is None
                    else [f"AUC and 1/eB of {self.signal} against the rest"]
                ),
            ]
        )


def _row(
    name: str,
    jets: int,
    runs: Sequence[TrainedTagger],
    efficiencies: Sequence[float],
    signal: str | None,
) -> ComparisonRow:
    found: dict[str, list[Any]] = {"accuracy": [], "auc": []}
    found |= {f"rejection_{value:g}": [] for value in efficiencies}
    for run in runs:
        found["accuracy"].append(run.report.accuracy)
        found["auc"].append(run.report.of(signal).auc)
        for value in efficiencies:
            found[f"rejection_{value:g}"].append(run.report.rejection(value, signal))
    values, spreads, errors = {}, {}, {}
    for metric, estimates in found.items():
        numbers = np.array([estimate.value for estimate in estimates])
        values[metric] = float(numbers.mean())
        spreads[metric] = float(numbers.std(ddof=1)) if len(numbers) > 1 else math.nan
        errors[metric] = float(np.mean([(e.upper - e.lower) / 2 for e in estimates]))
    return ComparisonRow(name, jets, tuple(runs), values, spreads, errors)


def _with_errors(row: ComparisonRow, metric: str, decimals: int) -> str:
    """``0.9722 ± 0.0004 ± 0.0009``: value, spread over seeds, statistical error."""
    text = f"{row.values[metric]:,.{decimals}f}"
    for error in (row.spreads[metric], row.errors[metric]):
        text += " ± -" if math.isnan(error) else f" ± {error:,.{decimals}f}"
    return text


def _rounded(speed: float) -> str:
    """Two digits: more are not reproducible."""
    digits = 1 - math.floor(math.log10(speed)) if speed > 0 else 0
    return f"{round(speed, digits):,.{max(digits, 0)}f}"


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has neither infinity nor NaN."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
