"""What an edge report holds, and how it prints."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.counting import estimate_from_sums
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.precision_recall import PrecisionRecall
from pcgnn.metrics.roc import RocCurve

__all__ = ["EdgeReport"]


@dataclass(frozen=True, repr=False, eq=False)
class EdgeReport:
    r"""Edge classification, with construction, classifier and both together kept apart.

    Made by [`edge_report`][pcgnn.metrics.edges.edge_report].

    Args:
        truth: what a true edge is, in words.
        low_pt: what happened to edges outside the mask: `"ignore"` or `"false"`.
        threshold: edges with `score >= threshold` are kept.
        given: edges given.
        masked: edges outside the mask.
        masked_true: true edges among those.
        true: true edges judged.
        false: false edges judged.
        kept_true: true edges kept.
        kept_false: false edges kept.
        true_edges: all true edges, in the graph or not; None where not given.
        level: confidence level of the intervals.
        roc: ROC curve; None where only one kind of edge is present.
    """

    truth: str
    low_pt: str
    threshold: float
    given: int
    masked: int
    masked_true: int
    true: int
    false: int
    kept_true: int
    kept_false: int
    true_edges: int | None
    level: float
    _roc: RocCurve | None = field(repr=False, default=None)

    def _estimate(self, passed: int, total: int) -> Estimate:
        return estimate_from_sums(passed, total, level=self.level)

    @property
    def construction_efficiency(self) -> Estimate | None:
        """True edges in the graph over all true edges; None where these were not given."""
        return None if self.true_edges is None else self._estimate(self.true, self.true_edges)

    @property
    def graph_purity(self) -> Estimate:
        """True edges over all edges of the graph, before any cut."""
        return self._estimate(self.true, self.true + self.false)

    @property
    def efficiency(self) -> Estimate:
        """True edges kept over true edges in the graph (recall of the classifier)."""
        return self._estimate(self.kept_true, self.true)

    @property
    def purity(self) -> Estimate:
        """True edges kept over edges kept (precision of the classifier)."""
        return self._estimate(self.kept_true, self.kept_true + self.kept_false)

    @property
    def cumulative_efficiency(self) -> Estimate | None:
        """True edges kept over all true edges: construction times classifier."""
        return None if self.true_edges is None else self._estimate(self.kept_true, self.true_edges)

    @property
    def accuracy(self) -> Estimate:
        """Edges judged correctly over all edges judged."""
        right = self.kept_true + self.false - self.kept_false
        return self._estimate(right, self.true + self.false)

    @property
    def roc(self) -> RocCurve:
        """ROC curve of the classifier, over edges in the graph.

        Raises:
            DataError: only one kind of edge is present.
        """
        if self._roc is None:
            raise DataError(
                f"no curve from {self.true:,} true and {self.false:,} false edges",
                remedy="a curve needs edges of both kinds",
            )
        return self._roc

    @property
    def auc(self) -> Estimate:
        """Area under the ROC curve."""
        return self.roc.auc

    @property
    def precision_recall(self) -> PrecisionRecall:
        """Purity against efficiency of the classifier, over edges in the graph."""
        roc = self.roc
        return PrecisionRecall.from_sums(
            roc.thresholds[1:], roc.signal_passed[1:], roc.background_passed[1:]
        )

    def threshold_at_efficiency(self, efficiency: float) -> float:
        """The highest threshold that keeps at least this share of the true edges in the graph.

        Args:
            efficiency: classifier efficiency in (0, 1].

        Raises:
            ConfigError: not in (0, 1].
            DataError: only one kind of edge is present.
        """
        return self.roc.at(efficiency).threshold

    def purity_at_efficiency(self, efficiency: float) -> Estimate:
        """Purity at that threshold, with the counts of edges that really pass it.

        Args:
            efficiency: classifier efficiency in (0, 1].

        Raises:
            ConfigError: not in (0, 1].
            DataError: only one kind of edge is present.

        Example:
            >>> from pcgnn.metrics import edge_report
            >>> report = edge_report([1, 1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.1])
            >>> report.threshold_at_efficiency(1.0), report.purity_at_efficiency(1.0).counts
            (0.6, '3 / 4')
        """
        point = self.roc.at(efficiency)
        true = int(point.signal_efficiency.passed or 0)
        return self._estimate(true, true + int(point.background_efficiency.passed or 0))

    def at_threshold(self, threshold: float) -> EdgeReport:
        """The same edges judged at another threshold.

        Args:
            threshold: the new cut.

        Raises:
            ConfigError: not a number.
            DataError: only one kind of edge is present.
        """
        if np.isnan(threshold):
            raise ConfigError("the threshold is NaN", remedy="give a number")
        point = self.roc.at_threshold(threshold)
        return replace(
            self,
            threshold=float(threshold),
            kept_true=int(point.signal_efficiency.passed or 0),
            kept_false=int(point.background_efficiency.passed or 0),
        )

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON: everything but the points of the curves."""
        construction, cumulative = self.construction_efficiency, self.cumulative_efficiency
        return {
            "truth": self.truth,
            "low_pt": self.low_pt,
            "threshold": self.threshold,
            "edges": {
                "given": self.given,
                "masked": self.masked,
                "masked_true": self.masked_true,
                "true": self.true,
                "false": self.false,
                "kept_true": self.kept_true,
                "kept_false": self.kept_false,
                "true_edges": self.true_edges,
            },
            "construction_efficiency": construction and construction.to_dict(),
            "graph_purity": self.graph_purity.to_dict(),
            "efficiency": self.efficiency.to_dict(),
            "purity": self.purity.to_dict(),
            "cumulative_efficiency": cumulative and cumulative.to_dict(),
            "accuracy": self.accuracy.to_dict(),
            "auc": None if self._roc is None else self.auc.to_dict(),
        }

    def __str__(self) -> str:
        from pcgnn.metrics.edge_text import report_text

        return report_text(self)

    def __repr__(self) -> str:
        return (
            f"EdgeReport({self.true + self.false:,} edges, efficiency {self.efficiency}, "
            f"purity {self.purity} at {self.threshold:g})"
        )
