"""Classification of graphs: jets and events."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from pcgnn.errors import DataError
from pcgnn.io.predicted_rows import Origin
from pcgnn.io.prediction import Prediction
from pcgnn.training.base_task import Task
from pcgnn.training.task_inputs import target_of, weight_of
from pcgnn.training.validation import accuracy, auc

__all__ = ["ClassificationTask", "probabilities_of"]


class ClassificationTask(Task):
    """Trains a network that maps a batch of graphs to one logit per class, (G, classes).

    Example:
        >>> task = ClassificationTask(name="particlenet-lite", features="particlenet")
        >>> task.classes
        ('background', 'signal')
    """

    kind: ClassVar[str] = "classification"
    of_graphs: ClassVar[bool] = True
    default_loss: ClassVar[str] = "cross-entropy"

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Class and weight of each graph, (G,) and (G,)."""
        return target_of(batch), weight_of(batch)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of the classes, (G, classes)."""
        return logits.softmax(dim=1)

    def numbers(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        """Accuracy and AUC."""
        probabilities = logits.softmax(dim=1)
        return {
            "accuracy": accuracy(probabilities, target, weight),
            "auc": auc(probabilities, target, weight),
        }

    def check_kind(self, graphs: Any) -> None:
        """Refuses targets that are not one class per graph."""
        target_of(graphs)

    def check_targets(self, graphs: Any) -> None:
        """Refuses classes that the network does not tell apart."""
        target, classes = target_of(graphs), len(self.classes)
        low, high = int(target.min()), int(target.max())
        if low < 0 or high >= classes:
            names: Any = getattr(graphs, "classes", None) or ()
            raise DataError(
                f"the classes of the data run from {low} to {high}, the model tells {classes} apart"
                + (f" (the data: {', '.join(names)})" if names else ""),
                branch=self.target,
                remedy=f"create the model with classes={high + 1}, or choose another target",
            )
        outputs = getattr(self.network, "config", {}).get("classes", classes)
        if high >= outputs:
            raise DataError(
                f"the classes of the data run from 0 to {high}, the network has {outputs} outputs",
                branch=self.target,
                remedy=f"create the model with classes={high + 1}; if the target is a value and no "
                "class, make it a floating-point number (y.float(), or target='1.0 * column')",
            )
        rows = getattr(graphs, "sizes", None)
        if rows is not None and len(target) != len(rows):
            raise DataError(
                f"there are {len(target):,} targets of particles for {len(rows):,} graphs, and "
                f"{getattr(self.network, 'name', None) or type(self.network).__name__} gives one "
                "score per graph",
                branch=self.target,
                remedy="take a model of particles, see list_models('particles')",
            )

    def rows(self, values: np.ndarray, origin: Origin) -> Prediction:
        """Probabilities (G, C) with their file and entry."""
        return probabilities_of(values, origin, tuple(self.classes))


def probabilities_of(
    values: np.ndarray, origin: Origin, classes: tuple[str, ...], multi_label: bool = False
) -> Prediction:
    """Probabilities with their file and entry.

    Raises:
        DataError: one is not finite.

    **Shapes:** values (G, C)
    """
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise DataError(
            "the score of a graph is not finite",
            entry=int(origin.entry[row]),
            remedy="look for NaN or infinite values in features or weights",
        )
    return Prediction(
        probabilities=values, classes=classes, multi_label=multi_label, **origin.to_dict()
    )
