"""What every prediction needs, whoever made the scores: input checks, origins, finite numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcgnn.errors import ConfigError, DataError
from pcgnn.io.anomaly import AnomalyScores
from pcgnn.io.prediction import Prediction
from pcgnn.training.plain import differences, to_plain

__all__ = [
    "check_inputs",
    "join_anomalies",
    "join_prediction",
    "make_anomalies",
    "make_prediction",
]


def check_inputs(features: Any, data: Any) -> None:
    """Refuse data whose inputs are others than those of the training.

    Raises:
        ConfigError: the definitions differ; names what.
    """
    theirs: Any = getattr(data, "features", None)
    if not (hasattr(features, "to_dict") and hasattr(theirs, "to_dict")):
        return
    lines = differences(
        {**to_plain(features.to_dict()), "name": ""}, {**to_plain(theirs.to_dict()), "name": ""}
    )
    if lines:
        raise ConfigError(
            f"the data hold other inputs than the model was trained on: {'; '.join(lines[:3])}",
            remedy="build the clouds with features=task.features",
        )


def make_prediction(
    probabilities: np.ndarray, clouds: Any, classes: tuple[str, ...], multi_label: bool = False
) -> Prediction:
    """Scores of clouds in their order.

    Raises:
        DataError: a score is not finite.

    **Shapes:** probabilities (G, C)
    """
    return join_prediction(
        probabilities,
        _column(clouds, "file"),
        _column(clouds, "entry"),
        dict(clouds.provenance or {}),
        classes,
        multi_label,
    )


def join_prediction(
    probabilities: np.ndarray,
    file: np.ndarray | None,
    entry: np.ndarray | None,
    provenance: dict[str, Any],
    classes: tuple[str, ...],
    multi_label: bool = False,
) -> Prediction:
    """Scores with the file and entry of each row, from 0 where they are not known.

    Raises:
        DataError: a score is not finite.

    **Shapes:** probabilities (G, C), file and entry (G,)
    """
    graphs = len(probabilities)
    if not np.isfinite(probabilities).all():
        row = int(np.argmin(np.isfinite(probabilities).all(axis=1)))
        raise DataError(
            "the score of a graph is not finite",
            entry=row if entry is None else int(entry[row]),
            remedy="look for NaN or infinite values in features or weights",
        )
    return Prediction(
        probabilities=probabilities,
        file=np.zeros(graphs, np.int32) if file is None else file.astype(np.int32),
        entry=np.arange(graphs, dtype=np.int64) if entry is None else entry.astype(np.int64),
        files=tuple(provenance.get("files") or ("memory",)),
        tree=provenance.get("tree"),
        classes=classes,
        multi_label=multi_label,
    )


def make_anomalies(score: np.ndarray, clouds: Any) -> AnomalyScores:
    """Anomaly scores of clouds in their order.

    Raises:
        DataError: a score is not finite.

    **Shapes:** score (G,)
    """
    return join_anomalies(
        score, _column(clouds, "file"), _column(clouds, "entry"), dict(clouds.provenance or {})
    )


def join_anomalies(
    score: np.ndarray,
    file: np.ndarray | None,
    entry: np.ndarray | None,
    provenance: dict[str, Any],
) -> AnomalyScores:
    """Anomaly scores with the file and entry of each row, from 0 where they are not known.

    Raises:
        DataError: a score is not finite.

    **Shapes:** score, file and entry (G,)
    """
    if not np.isfinite(score).all():
        row = int(np.argmin(np.isfinite(score)))
        raise DataError(
            "the score of a graph is not finite",
            entry=row if entry is None else int(entry[row]),
            remedy="look for NaN or infinite values in the four-vectors or weights",
        )
    return AnomalyScores(
        score=score,
        file=np.zeros(len(score), np.int32) if file is None else file.astype(np.int32),
        entry=np.arange(len(score), dtype=np.int64) if entry is None else entry.astype(np.int64),
        files=tuple(provenance.get("files") or ("memory",)),
        tree=provenance.get("tree"),
    )


def _column(clouds: Any, name: str) -> np.ndarray | None:
    value = clouds.columns.get(name)
    return None if value is None else np.asarray(value)
