"""Reports on labels that do not exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcgnn.errors import DataError
from pcgnn.metrics.report import TaggingReport
from pcgnn.metrics.tagging import tagging_report

__all__ = ["label_reports"]


def label_reports(
    y: Any, score: Any, *, labels: Sequence[str] | None = None, **options: Any
) -> dict[str, TaggingReport]:
    """One report per label: jets that have it are the signal, all others the background.

    Args:
        y: whether each jet has each label, 0 or 1.
        score: probability of each label, or a prediction of labels.
        labels: names of the columns; default: those of the prediction.
        options: weight, threshold, signal_efficiencies, ... of :func:`tagging_report`.

    Shapes:
        - **y**, **score**: $(G, L)$

    Returns:
        Name -> report; `metrics.compare` prints them side by side.

    Raises:
        DataError: shapes that do not fit, or what `tagging_report` finds wrong in a column.

    Example:
        >>> found = label_reports([[1, 0], [0, 1], [1, 1], [0, 0]],
        ...                       [[0.9, 0.2], [0.1, 0.6], [0.8, 0.7], [0.3, 0.1]],
        ...                       labels=["b", "lepton"])
        >>> found["lepton"].auc.value
        1.0
    """
    names = labels if labels is not None else getattr(score, "classes", None)
    truth = np.asarray(y)
    scores = np.asarray(getattr(score, "probabilities", score), np.float64)
    if truth.ndim != 2 or truth.shape != scores.shape:
        raise DataError(
            f"labels of shape {truth.shape} for scores of shape {scores.shape}",
            remedy="give one column per label in both",
        )
    names = tuple(f"label {i}" for i in range(truth.shape[1])) if names is None else tuple(names)
    if len(names) != truth.shape[1] or len(set(names)) != len(names):
        raise DataError(f"{truth.shape[1]} columns for the labels {list(names)}")
    return {
        name: tagging_report(truth[:, i], scores[:, i], classes=(f"not {name}", name), **options)
        for i, name in enumerate(names)
    }
