"""What a cross-validation leaves: numbers per fold with their spread, scores in input order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError
from pcgnn.io.predicted_rows import Origin
from pcgnn.io.prediction import Prediction
from pcgnn.metrics import tagging_report
from pcgnn.metrics.report import TaggingReport
from pcgnn.metrics.text import table
from pcgnn.training.multi_label_task import MultiLabelTask
from pcgnn.training.study_folder import finite_or_none
from pcgnn.training.task import ClassificationTask, probabilities_of

if TYPE_CHECKING:
    from pcgnn.training.ensembles import Ensemble

__all__ = ["CrossValidation", "FoldResult"]


@dataclass(frozen=True)
class FoldResult:
    """One training of a cross-validation.

    Args:
        number: from 0, over all repeats.
        repeat: which permutation it belongs to.
        graphs: sizes of ``train``, ``validation`` and ``test``.
        numbers: loss and other numbers of the graphs held out.
        best_epoch: the epoch kept, from 0.
        checkpoint: its weights.
        test: numbers of the graphs held out.
    """

    number: int
    repeat: int
    graphs: Mapping[str, int]
    numbers: Mapping[str, float]
    best_epoch: int
    checkpoint: Path
    test: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Trainings on parts of the graphs, each judged on the part it has not seen.

    Args:
        folds: the trainings.
        scores: outputs of each graph in input order, the mean over the trainings that held it out;
            NaN where none did.
        counts: how many trainings held out each graph.
        clouds: the graphs.
        classes: names of the classes.
        kind: of the task.
        directory: where everything is kept.
        monte_carlo: random splits instead of folds.

    **Shapes:** scores (G, C), counts (G,)
    """

    folds: tuple[FoldResult, ...]
    scores: NDArray[np.float64]
    counts: NDArray[np.int64]
    clouds: ParticleClouds
    classes: tuple[str, ...]
    kind: str
    directory: Path
    monte_carlo: bool = False

    @property
    def values(self) -> dict[str, float]:
        """Number -> mean over the folds (over those that define it)."""
        return {name: _mean(column) for name, column in self._columns().items()}

    @property
    def spreads(self) -> dict[str, float]:
        """Number -> standard deviation over the folds, NaN for one fold."""
        return {name: _deviation(column) for name, column in self._columns().items()}

    @property
    def errors(self) -> dict[str, float]:
        r"""Number -> error of its mean.

        Folds share most of their training graphs, so their numbers go up and down together and
        :math:`\sigma / \sqrt n` is too small. The correction is that of Nadeau and Bengio, Machine
        Learning 52 (2003) 239: :math:`\sigma \sqrt{1/n + n_{test} / n_{train}}`.
        """
        ratio = float(np.mean([f.graphs["test"] / max(self._used(f), 1) for f in self.folds]))
        found = {}
        for name, column in self._columns().items():
            count = int(np.isfinite(column).sum())
            found[name] = _deviation(column) * math.sqrt(1 / max(count, 1) + ratio)
        return found

    @property
    def prediction(self) -> Prediction:
        """The out-of-fold scores as a prediction, for reports and :func:`pcgnn.write_scores`.

        Graphs that never were held out are left out.

        Raises:
            ConfigError: the outputs are no probabilities of classes.
        """
        if self.kind not in (ClassificationTask.kind, MultiLabelTask.kind):
            raise ConfigError(
                f"the outputs of a task on {self.kind} are no probabilities",
                remedy="take them from .scores",
            )
        there = np.flatnonzero(self.counts)
        columns = self.clouds.columns
        file, entry = (
            np.asarray(columns[name])[there] if name in columns else None
            for name in ("file", "entry")
        )
        # without a column an entry is the number of the graph in the clouds
        origin = Origin.of(
            len(there), file, there if entry is None else entry, self.clouds.provenance or {}
        )
        return probabilities_of(
            self.scores[there], origin, self.classes, self.kind == MultiLabelTask.kind
        )

    @property
    def ensemble(self) -> Ensemble:
        """The networks of all folds together, for graphs that are in none of them."""
        from pcgnn.training.ensembles import ensemble

        return ensemble([fold.checkpoint for fold in self.folds])

    def report(self, **options: Any) -> TaggingReport:
        """The report of all out-of-fold scores together; options of ``tagging_report``.

        The scores of different folds are of different trainings: where these are calibrated
        differently the common ROC curve is a little worse than the mean of those of the folds.
        """
        there = np.flatnonzero(self.counts)
        y, weight = self.clouds.y, self.clouds.weight
        assert y is not None
        return tagging_report(
            np.asarray(y)[there],
            self.prediction,
            weight=None if weight is None else np.asarray(weight)[there],
            **options,
        )

    def table(self) -> str:
        """One line per fold, and mean and spread."""
        names = list(self.folds[0].numbers)
        rows = [
            [
                str(fold.number + 1),
                f"{fold.graphs['train']:,}",
                f"{fold.graphs['validation']:,}",
                f"{fold.graphs['test']:,}",
                str(fold.best_epoch + 1),
                *(f"{fold.numbers[name]:.4f}" for name in names),
            ]
            for fold in self.folds
        ]
        for label, numbers in (
            ("mean", self.values),
            ("spread", self.spreads),
            ("error of the mean", self.errors),
        ):
            rows.append([label, "", "", "", "", *(f"{numbers[name]:.4f}" for name in names)])
        return table(["fold", "trained on", "validation", "held out", "best epoch", *names], rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": "monte-carlo" if self.monte_carlo else "k-fold",
            "graphs": len(self.clouds),
            "never_held_out": int((self.counts == 0).sum()),
            "values": finite_or_none(self.values),
            "spreads": finite_or_none(self.spreads),
            "errors": finite_or_none(self.errors),
            "folds": [
                {
                    "fold": fold.number + 1,
                    "repeat": fold.repeat,
                    "graphs": dict(fold.graphs),
                    "best_epoch": fold.best_epoch,
                    "numbers": finite_or_none(fold.numbers),
                    "checkpoint": str(fold.checkpoint),
                }
                for fold in self.folds
            ],
        }

    def __str__(self) -> str:
        what = "random splits" if self.monte_carlo else "folds"
        lines = [f"{len(self.folds)} {what} of {len(self.clouds):,} graphs", self.table()]
        if missing := int((self.counts == 0).sum()):
            lines.append(f"{missing:,} graphs were never held out and have no score")
        return "\n".join(lines)

    __repr__ = __str__

    def _columns(self) -> dict[str, NDArray[np.float64]]:
        names = self.folds[0].numbers
        return {name: np.array([fold.numbers[name] for fold in self.folds]) for name in names}

    @staticmethod
    def _used(fold: FoldResult) -> int:
        return fold.graphs["train"] + fold.graphs["validation"]


def _mean(column: NDArray[np.float64]) -> float:
    there = column[np.isfinite(column)]
    return float(there.mean()) if len(there) else math.nan


def _deviation(column: NDArray[np.float64]) -> float:
    there = column[np.isfinite(column)]
    return float(there.std(ddof=1)) if len(there) > 1 else math.nan
