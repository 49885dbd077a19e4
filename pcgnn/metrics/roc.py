"""ROC curves with the counts behind every point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics import auc as _auc
from pcgnn.metrics._inputs import clean_sample
from pcgnn.metrics.counting import estimate_from_sums, rejection_estimate
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import LEVEL, efficiency_interval, rejection_interval
from pcgnn.metrics.working_point import RocPoints, WorkingPoint

__all__ = ["RocCurve"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class RocCurve:
    r"""The exact ROC curve of a score: one point per distinct score, nothing interpolated.

    Point $t$ keeps the jets with `score >= thresholds[t]`; point 0 (threshold infinity) keeps
    none, the last one all. Jets of equal score enter together, so the trapezoid area under the
    points is the Mann-Whitney statistic with ties counted half.

    **Working points.** The threshold of a signal efficiency $\epsilon_S$ is the highest score at
    which at least $\epsilon_S$ of the signal (of its weight) passes. The counts are those of jets
    that really pass this cut: with ties, or few jets, slightly more signal than asked for is
    kept, and the signal efficiency reached is reported beside it. The interval of a rejection is
    the counting interval of the background at this cut.

    Args:
        thresholds: infinity, then the distinct scores in falling order.
        signal_passed: signal jets that pass each threshold.
        background_passed: the same of the background.
        signal_sums: sums of weights and of squared weights of the signal that passes.
        background_sums: the same of the background.
        weighted: whether weights were given.
        auc: area under the curve with its error.

    Shapes:
        - **thresholds**, **signal_passed**, **background_passed**: $(T + 1,)$
        - **signal_sums**, **background_sums**: $(2, T + 1)$

    Example:
        >>> roc = RocCurve.from_arrays([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> roc.auc.value
        0.75
        >>> roc.at(0.5).background_efficiency.counts
        '0 / 2'
    """

    thresholds: FloatArray
    signal_passed: IntArray
    background_passed: IntArray
    signal_sums: FloatArray
    background_sums: FloatArray
    weighted: bool
    auc: Estimate

    @classmethod
    def from_arrays(
        cls,
        y: Any,
        score: Any,
        weight: Any = None,
        *,
        auc_error: str = "delong",
        replicas: int = 200,
        seed: int = 0,
        level: float = LEVEL,
    ) -> RocCurve:
        """Build the curve from labels and scores.

        Args:
            y: 1 (or True) for signal, 0 for background.
            score: signal score; larger is more signal-like, any range.
            weight: one weight per jet, negative ones allowed; None counts each once.
            auc_error: `"delong"` or `"bootstrap"` (percentiles, jets redrawn class by class).
            replicas: number of bootstrap samples.
            seed: seed of the bootstrap.
            level: confidence level.

        Shapes:
            - **y**, **score**, **weight**: $(G,)$

        Raises:
            DataError: the arrays do not fit together, or one class is absent.
            ConfigError: an unknown option.
        """
        if auc_error not in ("delong", "bootstrap"):
            raise ConfigError(
                f"auc_error is {auc_error!r}", remedy="choose 'delong' or 'bootstrap'"
            )
        sample = clean_sample(y, score, weight, None)
        signal = sample.y == 1
        w = np.ones(len(signal)) if sample.weight is None else sample.weight
        groups, inverse = np.unique(sample.score, return_inverse=True)
        size = len(groups)
        per_class = []
        for mask in (signal, ~signal):
            index, wm = inverse[mask], w[mask]
            sums = [np.bincount(index, values, minlength=size) for values in (wm, wm * wm)]
            per_class.append((np.bincount(index, minlength=size), np.stack(sums)))
        (n_s, sums_s), (n_b, sums_b) = per_class
        value = float(_auc.auc_value(sums_s[0], sums_b[0]))
        variance = _auc.delong_variance(sums_s[0], sums_b[0], sums_s[1], sums_b[1])
        area = _auc.interval_of_auc(value, variance, int(min(n_s.sum(), n_b.sum())), level)
        if auc_error == "bootstrap":
            ends = _auc.bootstrap_interval(
                (inverse[signal], w[signal]),
                (inverse[~signal], w[~signal]),
                size,
                replicas=replicas,
                seed=seed,
                level=level,
            )
            area = Estimate(value, *ends, level=level, method="bootstrap")
        return cls(
            thresholds=np.concatenate([[np.inf], groups[::-1]]),
            signal_passed=_from_the_top(n_s),
            background_passed=_from_the_top(n_b),
            signal_sums=_from_the_top(sums_s),
            background_sums=_from_the_top(sums_b),
            weighted=sample.weight is not None,
            auc=area,
        )

    @property
    def signal_total(self) -> int:
        """Number of signal jets."""
        return int(self.signal_passed[-1])

    @property
    def background_total(self) -> int:
        """Number of background jets."""
        return int(self.background_passed[-1])

    @property
    def signal_efficiency(self) -> FloatArray:
        """Share of the signal (of its weight) that passes each threshold."""
        efficiency: FloatArray = self.signal_sums[0] / self.signal_sums[0, -1]
        return efficiency

    @property
    def background_efficiency(self) -> FloatArray:
        """Share of the background (of its weight) that passes each threshold: the mistag rate."""
        efficiency: FloatArray = self.background_sums[0] / self.background_sums[0, -1]
        return efficiency

    @property
    def background_rejection(self) -> FloatArray:
        """1 / background efficiency; infinite where no background passes (see `points`)."""
        efficiency = self.background_efficiency
        rejection = np.full(efficiency.shape, np.inf)
        np.divide(1.0, efficiency, out=rejection, where=efficiency > 0)
        return rejection

    def _index_at(self, signal_efficiency: FloatArray) -> IntArray:
        if not ((signal_efficiency > 0) & (signal_efficiency <= 1)).all():
            raise ConfigError(
                f"signal efficiency {signal_efficiency.tolist()} is not in (0, 1]",
                remedy="ask for a share of the signal such as 0.3",
            )
        total = self.signal_sums[0, -1]
        # 0.3 * 1000 must mean 300 jets whatever the rounding of the float.
        wanted = signal_efficiency * total - 1e-12 * total
        # With negative weights the sum can fall again: the first crossing is the tightest cut.
        highest = np.maximum.accumulate(self.signal_sums[0])
        found: IntArray = np.searchsorted(highest, wanted, side="left").clip(max=len(highest) - 1)
        return found

    def _sums(self, index: int, background: bool) -> tuple[float, float, float, float] | None:
        if not self.weighted:
            return None
        w, w2 = self.background_sums if background else self.signal_sums
        return float(w[index]), float(w[-1]), float(w2[index]), float(w2[-1])

    def _working_point(self, index: int, threshold: float, asked: float | None) -> WorkingPoint:
        signal = estimate_from_sums(
            int(self.signal_passed[index]),
            self.signal_total,
            self._sums(index, background=False),
            level=self.auc.level,
        )
        background = estimate_from_sums(
            int(self.background_passed[index]),
            self.background_total,
            self._sums(index, background=True),
            level=self.auc.level,
        )
        return WorkingPoint(asked, threshold, signal, background, rejection_estimate(background))

    def at(self, signal_efficiency: float) -> WorkingPoint:
        """The tightest cut that keeps at least this share of the signal.

        Args:
            signal_efficiency: in (0, 1].

        Raises:
            ConfigError: not in (0, 1].
        """
        index = int(self._index_at(np.asarray([signal_efficiency], np.float64))[0])
        return self._working_point(index, float(self.thresholds[index]), float(signal_efficiency))

    def at_threshold(self, threshold: float) -> WorkingPoint:
        """What the cut `score >= threshold` keeps.

        Args:
            threshold: the cut on the score.
        """
        if np.isnan(threshold):
            raise ConfigError("the threshold is NaN", remedy="give a number")
        # thresholds fall: count those not below the cut, the infinite one always among them
        index = int(np.searchsorted(-self.thresholds[1:], -threshold, side="right"))
        return self._working_point(index, float(threshold), None)

    def rejection(self, signal_efficiency: float) -> Estimate:
        """Background rejection at a signal efficiency, with counts and interval.

        Args:
            signal_efficiency: in (0, 1].
        """
        return self.at(signal_efficiency).rejection

    def points(self, signal_efficiency: ArrayLike) -> RocPoints:
        r"""Working points for many signal efficiencies at once, for figures and tables.

        Args:
            signal_efficiency: values in (0, 1].

        Shapes:
            - **signal_efficiency**: $(P,)$
            - **output**: arrays $(P,)$
        """
        index = self._index_at(np.atleast_1d(np.asarray(signal_efficiency, np.float64)))
        sums = {}
        if self.weighted:
            w, w2 = self.background_sums
            sums = {
                "weight_passed": w[index],
                "weight_total": w[-1],
                "weight2_passed": w2[index],
                "weight2_total": w2[-1],
            }
        passed = self.background_passed[index]
        efficiency = efficiency_interval(
            passed, self.background_total, level=self.auc.level, **sums
        )
        return RocPoints(
            self.thresholds[index],
            self.signal_efficiency[index],
            passed,
            efficiency,
            *rejection_interval(efficiency),
        )

    def __len__(self) -> int:
        return len(self.thresholds)

    def __repr__(self) -> str:
        kind = "weighted, " if self.weighted else ""
        return (
            f"RocCurve({kind}{self.signal_total:,} signal, {self.background_total:,} background, "
            f"{len(self):,} points, AUC {self.auc})"
        )


def _from_the_top(per_group: NDArray[Any]) -> NDArray[Any]:
    """Ascending sums per group -> running sums from the highest score down, 0 in front."""
    running = np.cumsum(per_group[..., ::-1], axis=-1)
    start = np.zeros((*per_group.shape[:-1], 1), running.dtype)
    return np.concatenate([start, running], axis=-1)
