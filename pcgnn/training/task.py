"""Classification of graphs: jets and events."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from pcgnn.training.base_task import Task
from pcgnn.training.task_inputs import target_of, weight_of
from pcgnn.training.validation import accuracy, auc

__all__ = ["ClassificationTask"]


class ClassificationTask(Task):
    """Trains a network that maps a batch of graphs to one logit per class, (G, classes).

    Example:
        >>> task = ClassificationTask(name="particlenet-lite", features="particlenet")
        >>> task.classes
        ('background', 'signal')
    """

    kind: ClassVar[str] = "classification"
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
