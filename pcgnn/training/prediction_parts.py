"""What every prediction needs, whoever made the scores: input checks, origins, finite numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcgnn.errors import ConfigError, DataError
from pcgnn.io.prediction import Prediction
from pcgnn.io.regression_prediction import RegressionPrediction
from pcgnn.training.plain import differences, to_plain

__all__ = ["check_inputs", "join_prediction", "join_values", "make_prediction", "places_of"]


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


def make_prediction(probabilities: np.ndarray, clouds: Any, classes: tuple[str, ...]) -> Prediction:
    """Scores of clouds in their order.

    Raises:
        DataError: a score is not finite.

    **Shapes:** probabilities (G, C)
    """
    file, entry = places_of(clouds)
    return join_prediction(probabilities, file, entry, dict(clouds.provenance or {}), classes)


def places_of(clouds: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
    """File and entry of each graph of clouds, None where they are not known."""
    columns = (clouds.columns.get(name) for name in ("file", "entry"))
    file, entry = (None if column is None else np.asarray(column) for column in columns)
    return file, entry


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


def join_values(
    values: np.ndarray,
    file: np.ndarray | None,
    entry: np.ndarray | None,
    provenance: dict[str, Any],
    targets: tuple[str, ...],
) -> RegressionPrediction:
    """Values of a regression with the file and entry of each row, from 0 where they are not known.

    Raises:
        DataError: a value is not finite.

    **Shapes:** values (G, T), or (G, 2 T) with the widths behind; file and entry (G,)
    """
    graphs, count = len(values), len(targets)
    return RegressionPrediction(
        values=values[:, :count],
        file=np.zeros(graphs, np.int32) if file is None else file.astype(np.int32),
        entry=np.arange(graphs, dtype=np.int64) if entry is None else entry.astype(np.int64),
        files=tuple(provenance.get("files") or ("memory",)),
        tree=provenance.get("tree"),
        targets=targets,
        width=values[:, count:] if values.shape[1] > count else None,
    )
