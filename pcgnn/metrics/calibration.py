"""Are scores probabilities? Reliability bins, expected calibration error, Brier score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics._inputs import Sample, clean_sample
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import LEVEL, efficiency_interval

__all__ = ["Binning", "CalibrationReport", "ReliabilityCurve", "calibration_report"]

Binning: TypeAlias = Literal["equal-width", "equal-count"]
FloatArray = NDArray[np.float64]

_REPLICAS = 1000


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    r"""Stated probability against the share that it came true for, bin by bin.

    Attributes:
        name: of the class, or "confidence".
        edges: of the bins in the stated probability, (B + 1,).
        total: jets in each bin, (B,).
        passed: those of them for which it came true, (B,).
        stated: mean stated probability, (B,); NaN in an empty bin.
        observed: share for which it came true, (B,); NaN in an empty bin.
        lower: lower end of its Clopper-Pearson interval, (B,).
        upper: upper end, (B,).
        share: share of all jets (of the weight) in the bin, (B,).
        ece: expected calibration error :math:`\sum_b s_b |o_b - p_b|`, with the spread of
            binomial fluctuations inside the bins as its error.
        chance: what this error would be on average if the probabilities were exact: it is never
            negative, so that finite counts alone give a positive one.
        mce: largest distance of a bin from the diagonal.
        level: confidence level of the intervals.
    """

    name: str
    edges: FloatArray
    total: NDArray[np.int64]
    passed: NDArray[np.int64]
    stated: FloatArray
    observed: FloatArray
    lower: FloatArray
    upper: FloatArray
    share: FloatArray
    ece: Estimate
    chance: float
    mce: float
    level: float = LEVEL

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; null in empty bins."""
        columns = {
            name: [None if np.isnan(v) else float(v) for v in getattr(self, name)]
            for name in ("stated", "observed", "lower", "upper", "share")
        }
        return {
            "name": self.name,
            "edges": self.edges.tolist(),
            "total": self.total.tolist(),
            "passed": self.passed.tolist(),
            **columns,
            "ece": self.ece.to_dict(),
            "chance": self.chance,
            "mce": self.mce,
        }


@dataclass(frozen=True, eq=False, repr=False)
class CalibrationReport:
    r"""How well the scores of a classifier are probabilities.

    Attributes:
        confidence: of the class with the highest probability: how often it is the right one.
            Its ``ece`` is the one of `arXiv:1706.04599 <https://arxiv.org/abs/1706.04599>`__.
        classes: of the probability of each class by name; of two classes only the signal, whose
            curve tells that of the background, too.
        nll: mean negative log-likelihood :math:`-\ln p_y`.
        brier: Brier score, the mean of :math:`\sum_c (p_c - [y = c])^2`.
        jets: number of jets.
    """

    confidence: ReliabilityCurve
    classes: dict[str, ReliabilityCurve]
    nll: Estimate
    brier: Estimate
    jets: int

    @property
    def ece(self) -> Estimate:
        """Expected calibration error of the confidence."""
        return self.confidence.ece

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "jets": self.jets,
            "confidence": self.confidence.to_dict(),
            "classes": {name: curve.to_dict() for name, curve in self.classes.items()},
            "nll": self.nll.to_dict(),
            "brier": self.brier.to_dict(),
        }

    def __str__(self) -> str:
        lines = [f"Calibration of {self.jets:,} jets"]
        lines += [
            f"  {curve.name:<14} ECE {curve.ece} (by chance {curve.chance:.2g}), "
            f"largest {curve.mce:.3f}"
            for curve in (self.confidence, *self.classes.values())
        ]
        lines.append(f"  -ln L {self.nll}   Brier score {self.brier}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"CalibrationReport({self.jets:,} jets, ECE {self.ece})"


def calibration_report(
    y: Any,
    score: Any,
    *,
    weight: Any = None,
    classes: Sequence[str] | None = None,
    bins: int = 15,
    binning: Binning = "equal-width",
    level: float = LEVEL,
    seed: int = 0,
) -> CalibrationReport:
    r"""Compare stated probabilities with what came true.

    Jets are put into bins of the stated probability p. In bin b the share for which it came true,
    :math:`o_b` with its Clopper-Pearson interval, stands against the mean :math:`p_b`; the expected
    calibration error is

    .. math::  \mathrm{ECE} = \sum_b s_b\, |o_b - p_b|

    with :math:`s_b` the share of all jets in the bin.

    Args:
        y: class number of each jet.
        score: probabilities, or a prediction; of two classes the signal's will do.
        weight: one weight per jet.
        classes: class names in the order of the labels.
        bins: number of bins.
        binning: "equal-width" in p, or "equal-count" (edges at quantiles).
        level: confidence level of the intervals.
        seed: of the fluctuations that give the error of the ECE.

    **Shapes:** y (G,), score (G,) or (G, C), weight (G,).

    Raises:
        DataError: inputs that do not fit together, or scores outside of [0, 1].
        ConfigError: no bins, or an unknown binning.

    Example:
        >>> report = calibration_report([0, 1, 1, 1], [0.1, 0.9, 0.9, 0.9], bins=2)
        >>> float(round(report.ece.value, 6)), report.classes["signal"].total.tolist()
        (0.1, [1, 3])
    """
    if bins < 1 or binning not in get_args(Binning):
        raise ConfigError(
            f"{bins} bins of {binning!r}", remedy="give at least one, equal-width or equal-count"
        )
    sample = clean_sample(y, score, weight, classes)
    table = _probabilities(sample)
    w = np.ones(len(table)) if sample.weight is None else sample.weight
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {
        "weight": sample.weight,
        "bins": bins,
        "binning": binning,
        "level": level,
        "rng": rng,
    }
    confidence = _curve(
        "confidence", table.max(axis=1), table.argmax(axis=1) == sample.y, **options
    )
    chosen = [1] if table.shape[1] == 2 else range(table.shape[1])
    curves = {
        sample.classes[c]: _curve(sample.classes[c], table[:, c], sample.y == c, **options)
        for c in chosen
    }
    own = np.take_along_axis(table, sample.y[:, None], axis=1)[:, 0]
    truth = np.eye(table.shape[1])[sample.y]
    # a probability that underflowed counts as the smallest there is, not as infinitely wrong
    nll = -np.log(np.maximum(own, np.finfo(np.float32).tiny))
    return CalibrationReport(
        confidence,
        curves,
        _mean(nll, w, level),
        _mean(((table - truth) ** 2).sum(axis=1), w, level),
        len(table),
    )


def _probabilities(sample: Sample) -> FloatArray:
    """(G, C) probabilities, of two classes from the one of the signal."""
    score = sample.score
    if score.ndim == 2:
        return score
    wrong = (score < 0) | (score > 1)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"score: {score[first]:.6g} at index {first} is no probability",
            remedy="apply a sigmoid or softmax to logits",
        )
    return np.stack([1 - score, score], axis=1)


def _curve(
    name: str,
    stated: FloatArray,
    true: NDArray[np.bool_],
    *,
    weight: FloatArray | None,
    bins: int,
    binning: str,
    level: float,
    rng: np.random.Generator,
) -> ReliabilityCurve:
    edges = np.linspace(0.0, 1.0, bins + 1)
    if binning == "equal-count":
        inner = np.quantile(stated, edges[1:-1])
        edges = np.unique(np.concatenate([[0.0], inner, [1.0]]))
    count = len(edges) - 1
    place = np.clip(np.searchsorted(edges, stated, side="right") - 1, 0, count - 1)
    w = np.ones(len(stated)) if weight is None else weight

    def sums(values: FloatArray) -> FloatArray:
        return np.bincount(place, values, minlength=count).astype(np.float64)

    total = np.bincount(place, minlength=count)
    passed = np.bincount(place, true, minlength=count).astype(np.int64)
    all_, all2 = sums(w), sums(w * w)
    weighted = {}
    if weight is not None:
        weighted = {
            "weight_passed": sums(w * true),
            "weight_total": all_,
            "weight2_passed": sums(w * w * true),
            "weight2_total": all2,
        }
    observed, lower, upper, n_eff = efficiency_interval(passed, total, level=level, **weighted)
    usable = np.isfinite(observed)
    mean = np.divide(sums(w * stated), all_, out=np.full(count, np.nan), where=usable)
    share = np.where(usable, all_, 0.0) / max(float(all_[usable].sum()), np.finfo(float).tiny)
    gap = np.where(usable, np.abs(observed - mean), 0.0)
    ece = float((share * gap).sum())
    trials = np.where(usable, np.maximum(np.rint(n_eff), 1), 1).astype(np.int64)

    def replicas(probability: FloatArray) -> FloatArray:
        p = np.clip(np.where(usable, probability, 0.0), 0.0, 1.0)
        found = rng.binomial(trials, p, (_REPLICAS, count)) / trials
        distance = np.where(usable, np.abs(found - np.where(usable, mean, 0.0)), 0.0)
        total: FloatArray = (share * distance).sum(axis=1)
        return total

    sigma = float(replicas(observed).std())
    estimate = Estimate(
        ece,
        max(ece - sigma, 0.0),
        ece + sigma,
        total=len(stated),
        level=LEVEL,
        method="binomial fluctuations in the bins",
    )
    return ReliabilityCurve(
        name,
        edges,
        total,
        passed,
        mean,
        observed,
        lower,
        upper,
        share,
        estimate,
        float(replicas(mean).mean()),
        float(gap.max()),
        level,
    )


def _mean(values: FloatArray, weight: FloatArray, level: float) -> Estimate:
    """Weighted mean with its standard error."""
    total = float(weight.sum())
    mean = float((weight * values).sum() / total)
    error = float(np.sqrt((weight**2 * (values - mean) ** 2).sum())) / total
    return Estimate(
        mean, mean - error, mean + error, total=len(values), level=level, method="standard error"
    )
