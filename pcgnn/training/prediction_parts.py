"""What every prediction needs, whoever made the scores: input checks and origins."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcgnn.errors import ConfigError
from pcgnn.io.predicted_rows import Origin
from pcgnn.training.plain import differences, to_plain

__all__ = ["check_inputs", "origin_of"]


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


def origin_of(clouds: Any) -> Origin:
    """File and entry of each graph of clouds."""
    columns = (clouds.columns.get(name) for name in ("file", "entry"))
    file, entry = (None if column is None else np.asarray(column) for column in columns)
    return Origin.of(len(clouds), file, entry, dict(clouds.provenance or {}))
