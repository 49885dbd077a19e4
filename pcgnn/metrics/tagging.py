"""Truth and scores -> the numbers a tagger is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from pcgnn.errors import ConfigError
from pcgnn.metrics import auc as _auc
from pcgnn.metrics._inputs import Sample, clean_sample
from pcgnn.metrics.confusion import ConfusionMatrix
from pcgnn.metrics.counting import efficiency_estimate
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import LEVEL, kish_n_eff
from pcgnn.metrics.report import ClassCount, ClassReport, TaggingReport
from pcgnn.metrics.roc import RocCurve

__all__ = ["tagging_report"]


def _signal_score(sample: Sample, label: int) -> NDArray[np.float64]:
    return sample.score if sample.score.ndim == 1 else sample.score[:, label]


def _mean_estimate(value: float, variance: float, level: float, method: str) -> Estimate:
    """A mean over classes with a normal interval kept inside [0, 1]."""
    width = float(ndtri((1 + level) / 2)) * float(np.sqrt(variance))
    if not np.isfinite(width):
        return Estimate(value, 0.0, 1.0, level=level, method="undetermined")
    lower, upper = max(value - width, min(value, 0.0)), min(value + width, max(value, 1.0))
    return Estimate(value, lower, upper, level=level, method=method)


def _macro_auc(sample: Sample, parts: dict[int, ClassReport], level: float) -> Estimate:
    # The one-versus-rest AUCs share their jets: add what each jet does to all of them first.
    total = np.zeros(len(sample.y))
    for label in parts:
        total += _auc.influences(sample.y == label, _signal_score(sample, label), sample.weight)
    variance = float(np.sum((total / len(parts)) ** 2))
    value = float(np.mean([part.auc.value for part in parts.values()]))
    if variance == 0 and value in (0.0, 1.0):  # perfect separation: the bounds of the parts
        lower = float(np.mean([part.auc.lower for part in parts.values()]))
        upper = float(np.mean([part.auc.upper for part in parts.values()]))
        return Estimate(value, lower, upper, level=level, method="pairs")
    return _mean_estimate(value, variance, level, "DeLong, correlations included")


def _class_report(
    sample: Sample,
    label: int,
    threshold: float,
    efficiencies: Sequence[float],
    options: dict[str, Any],
) -> ClassReport:
    roc = RocCurve.from_arrays(
        sample.y == label, _signal_score(sample, label), sample.weight, **options
    )
    points = tuple(roc.at(value) for value in efficiencies)
    return ClassReport(sample.classes[label], roc, points, roc.at_threshold(threshold))


def tagging_report(
    y: Any,
    score: Any,
    *,
    weight: Any = None,
    classes: Sequence[str] | None = None,
    threshold: float = 0.5,
    signal_efficiencies: Sequence[float] = (0.3, 0.5),
    auc_error: str = "delong",
    replicas: int = 200,
    seed: int = 0,
    level: float = LEVEL,
) -> TaggingReport:
    r"""Accuracy, AUC, background rejections, confusion matrix: each number with its uncertainty.

    With two classes, class 1 is the signal and a jet is tagged where its signal score reaches
    the threshold; accuracy and confusion matrix follow from that. With more classes a jet is
    given its most probable class, and each class in turn is the signal against all others, with
    the threshold on its own probability.

    Intervals are central at `level`: Clopper-Pearson for counted ratios (a rejection's counts
    are background jets that really pass, see [`RocCurve`][pcgnn.metrics.roc.RocCurve]), DeLong
    or bootstrap for the AUC. They are statistical errors of this sample; the spread between
    trainings with other seeds comes on top.

    **Weights** may be negative (as from NLO generators) as long as each class keeps a positive
    sum; counts stay counts of jets, efficiencies become ratios of sums of weights, and
    [`efficiency_interval`][pcgnn.metrics.intervals.efficiency_interval] gives their intervals.

    Args:
        y: class number of each jet.
        score: signal scores of two classes (any range, larger is more signal-like), class
            probabilities, or a `Prediction`.
        weight: one weight per jet; None counts each jet once.
        classes: class names in the order of the labels; default: those of the prediction, else
            background and signal.
        threshold: cut on the score, `score >= threshold` is tagged.
        signal_efficiencies: working points at which the rejection is given.
        auc_error: `"delong"` or `"bootstrap"`.
        replicas: number of bootstrap samples.
        seed: seed of the bootstrap.
        level: confidence level of all intervals.

    Shapes:
        - **y**, **weight**: $(G,)$
        - **score**: $(G,)$ or $(G, C)$

    Returns:
        The report; `print(report)` shows it, `report.to_dict()` is ready for JSON.

    Raises:
        DataError: lengths differ, NaN, unknown or missing labels, rows that are no probabilities,
            weights of a class that do not sum to a positive number.
        ConfigError: an option out of range.

    Example:
        >>> report = tagging_report([0, 0, 0, 1, 1], [0.1, 0.2, 0.7, 0.6, 0.9])
        >>> round(report.auc.value, 3), report.accuracy.counts
        (0.833, '4 / 5')
    """
    sample = clean_sample(y, score, weight, classes)
    efficiencies = tuple(float(value) for value in np.atleast_1d(signal_efficiencies))
    if not np.isfinite(threshold):
        raise ConfigError(f"the threshold is {threshold}", remedy="give a finite number")
    options = {"auc_error": auc_error, "replicas": replicas, "seed": seed, "level": level}
    binary = len(sample.classes) == 2
    present = [int(label) for label in np.unique(sample.y)]
    parts = {
        label: _class_report(sample, label, float(threshold), efficiencies, options)
        for label in ([1] if binary else present)
    }
    if binary:
        predicted = (sample.score >= threshold).astype(np.int64)
        auc = parts[1].auc
    else:
        predicted = sample.score.argmax(axis=1)
        auc = _macro_auc(sample, parts, level)
    confusion = ConfusionMatrix.from_labels(
        sample.y, predicted, sample.classes, sample.weight, level
    )
    recognised = [confusion.efficiency(label, label) for label in present]
    macro = float(np.mean([each.value for each in recognised]))
    spread = sum(each.error**2 for each in recognised) / len(recognised) ** 2
    # The errors are half widths at `level` already: bring them to one standard deviation.
    spread /= float(ndtri((1 + level) / 2)) ** 2
    w = np.ones(len(sample.y)) if sample.weight is None else sample.weight
    counts = tuple(
        ClassCount(
            name,
            int((sample.y == label).sum()),
            float(w[sample.y == label].sum()),
            kish_n_eff(w[sample.y == label]),
        )
        for label, name in enumerate(sample.classes)
    )
    return TaggingReport(
        classes=sample.classes,
        counts=counts,
        threshold=float(threshold),
        signal_efficiencies=efficiencies,
        accuracy=efficiency_estimate(predicted == sample.y, sample.weight, level=level),
        auc=auc,
        macro_efficiency=_mean_estimate(
            macro, spread, level, "errors of the classes in quadrature"
        ),
        one_vs_rest={sample.classes[label]: part for label, part in parts.items()},
        confusion=confusion,
        weighted=sample.weight is not None,
        y=sample.y,
        score=sample.score,
        weight=sample.weight,
    )
