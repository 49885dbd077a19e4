"""What a tagging report holds, and how it prints."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics.confusion import ConfusionMatrix
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.roc import RocCurve
from pcgnn.metrics.working_point import WorkingPoint

__all__ = ["ClassCount", "ClassReport", "TaggingReport"]


@dataclass(frozen=True)
class ClassCount:
    """How much of one class there is.

    Args:
        name: the class.
        jets: number of jets.
        sum_of_weights: equal to the number without weights.
        n_eff: Kish's effective number of jets, (sum w)² / sum w².
    """

    name: str
    jets: int
    sum_of_weights: float
    n_eff: float

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class ClassReport:
    """One class as signal against all others.

    Args:
        name: the signal class.
        roc: its ROC curve.
        working_points: the requested signal efficiencies.
        at_threshold: tagging efficiency and mistag rate of the fixed cut.
    """

    name: str
    roc: RocCurve
    working_points: tuple[WorkingPoint, ...]
    at_threshold: WorkingPoint

    @property
    def auc(self) -> Estimate:
        """Area under the ROC curve."""
        return self.roc.auc

    @property
    def tagging_efficiency(self) -> Estimate:
        """Signal efficiency of the fixed threshold."""
        return self.at_threshold.signal_efficiency

    @property
    def mistag_rate(self) -> Estimate:
        """Background efficiency of the fixed threshold."""
        return self.at_threshold.background_efficiency

    def rejection(self, signal_efficiency: float) -> Estimate:
        """Background rejection at a signal efficiency.

        Args:
            signal_efficiency: in (0, 1].
        """
        return self.roc.rejection(signal_efficiency)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "auc": self.auc.to_dict(),
            "tagging_efficiency": self.tagging_efficiency.to_dict(),
            "mistag_rate": self.mistag_rate.to_dict(),
            "working_points": [point.to_dict() for point in self.working_points],
        }


@dataclass(frozen=True, repr=False, eq=False)
class TaggingReport:
    r"""Accuracy, AUC, rejections and confusion matrix of a tagger, each with its uncertainty.

    Made by [`tagging_report`][pcgnn.metrics.tagging.tagging_report]. With two classes the signal
    is class 1. With more, each class is the signal against the rest once: `report.of("b")`; the
    AUC then is the mean over the classes.

    Args:
        classes: class names in the order of the labels.
        counts: jets, sum of weights and effective number per class.
        threshold: the fixed cut on the score.
        signal_efficiencies: the working points asked for.
        accuracy: share of jets given their true class.
        auc: area under the ROC curve (mean over the classes if there are more than two).
        macro_efficiency: mean over the classes of the share of each that is recognised.
        one_vs_rest: per signal class, in the order of the labels.
        confusion: true against predicted class.
        weighted: whether weights were given.
        y: labels.
        score: signal score of two classes, probabilities of more.
        weight: weights or None.

    Shapes:
        - **y**, **weight**: $(G,)$
        - **score**: $(G,)$ or $(G, C)$
    """

    classes: tuple[str, ...]
    counts: tuple[ClassCount, ...]
    threshold: float
    signal_efficiencies: tuple[float, ...]
    accuracy: Estimate
    auc: Estimate
    macro_efficiency: Estimate
    one_vs_rest: dict[str, ClassReport]
    confusion: ConfusionMatrix
    weighted: bool
    y: NDArray[np.int64] = field(repr=False)
    score: NDArray[np.float64] = field(repr=False)
    weight: NDArray[np.float64] | None = field(repr=False, default=None)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def is_binary(self) -> bool:
        """Whether there are two classes: class 1 is the signal."""
        return len(self.classes) == 2

    def of(self, signal: str | None = None) -> ClassReport:
        """The report of one class as signal.

        Args:
            signal: class name; may be left out with two classes.

        Raises:
            ConfigError: the class is unknown, absent, or must be named.
        """
        if signal is None:
            if not self.is_binary:
                raise ConfigError(
                    f"there are {len(self.classes)} classes: which one is the signal?",
                    remedy=f"name one of {list(self.one_vs_rest)}",
                )
            signal = self.classes[1]
        if signal not in self.one_vs_rest:
            state = "has no jets here" if signal in self.classes else "is unknown"
            raise ConfigError(
                f"class {signal!r} {state}", remedy=f"choose one of {list(self.one_vs_rest)}"
            )
        return self.one_vs_rest[signal]

    @property
    def roc(self) -> RocCurve:
        """The ROC curve of two classes; with more, take `report.of(name).roc`."""
        return self.of().roc

    @property
    def tagging_efficiency(self) -> Estimate:
        """Signal efficiency of the fixed threshold (two classes)."""
        return self.of().tagging_efficiency

    @property
    def mistag_rate(self) -> Estimate:
        """Background efficiency of the fixed threshold (two classes)."""
        return self.of().mistag_rate

    def rejection(self, signal_efficiency: float, signal: str | None = None) -> Estimate:
        """Background rejection at a signal efficiency, with counts and interval.

        Args:
            signal_efficiency: in (0, 1]; need not be one of those asked for.
            signal: class name; may be left out with two classes.

        Raises:
            ConfigError: the efficiency is out of range, or the class is not known.

        Example:
            >>> from pcgnn.metrics import tagging_report
            >>> report = tagging_report([0, 0, 0, 1, 1], [0.1, 0.2, 0.7, 0.6, 0.9])
            >>> report.rejection(1.0).counts
            '1 / 3'
        """
        return self.of(signal).rejection(signal_efficiency)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON: everything but the ROC points and the scores."""
        return {
            "classes": list(self.classes),
            "counts": [count.to_dict() for count in self.counts],
            "weighted": self.weighted,
            "threshold": self.threshold,
            "signal_efficiencies": list(self.signal_efficiencies),
            "accuracy": self.accuracy.to_dict(),
            "auc": self.auc.to_dict(),
            "macro_efficiency": self.macro_efficiency.to_dict(),
            "one_vs_rest": {name: part.to_dict() for name, part in self.one_vs_rest.items()},
            "confusion": self.confusion.to_dict(),
        }

    def __str__(self) -> str:
        from pcgnn.metrics.text import report_text

        return report_text(self)

    def __repr__(self) -> str:
        return (
            f"TaggingReport({len(self):,} jets, classes {list(self.classes)}, "
            f"accuracy {self.accuracy}, AUC {self.auc})"
        )
