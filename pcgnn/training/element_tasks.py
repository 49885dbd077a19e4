"""Classification of the edges and of the hits of hit graphs."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from pcgnn.errors import DataError
from pcgnn.training.base_task import Task
from pcgnn.training.validation import weighted_auc

__all__ = ["EdgeClassificationTask", "ElementTask", "HitClassificationTask"]


class ElementTask(Task):
    """One logit per edge or hit, a weight that may be 0, numbers of two classes."""

    default_loss: ClassVar[str] = "binary-cross-entropy"
    standardizes: ClassVar[bool] = False

    def parse_features(self, features: Any) -> Any:
        """Names of the inputs of a hit."""
        return None if features is None else tuple(str(name) for name in features)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Score of each edge or hit."""
        return logits.sigmoid()

    def numbers(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        """Accuracy, and efficiency and purity, at a score of 0.5, and the AUC."""
        passed, positive = logits > 0, target > 0.5
        one = weight if weight is not None else torch.ones_like(logits)
        right = (one * (passed & positive)).sum()
        return {
            "accuracy": (one * (passed == positive)).sum() / one.sum(),
            "efficiency": right / (one * positive).sum().clamp(min=1),
            "purity": right / (one * passed).sum().clamp(min=1),
            "auc": weighted_auc(logits, positive, weight),
        }


def _truth(batch: Any, name: str) -> Tensor:
    target: Tensor | None = getattr(batch, name, None)
    if target is None:
        raise DataError("the graphs have no truth", remedy="read the hits with their truth")
    return target


class EdgeClassificationTask(ElementTask):
    """Trains a network that maps hit graphs to one logit per edge, (E,).

    Targets are ``y`` of the graphs. Edges that their ``edge_mask`` leaves out (of particles below
    the pT floor) enter neither the loss nor the numbers of the validation.

    Example:
        >>> task = EdgeClassificationTask(name="interaction-network", features=("r", "phi", "z"))
        >>> task.network.num_parameters
        6448
    """

    kind: ClassVar[str] = "edges"

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Truth of each edge and whether it counts, (E,) and (E,).

        Raises:
            DataError: the graphs have no truth.
        """
        target = _truth(batch, "y")
        counted: Tensor | None = getattr(batch, "edge_mask", None)
        return target, None if counted is None else counted.to(target.dtype)


class HitClassificationTask(ElementTask):
    """Trains a network that maps hit graphs to one logit per hit, (N,).

    Targets are ``hit_y`` of the graphs: 1 for the hits of particles above the pT floor, 0 for
    noise and softer particles.
    """

    kind: ClassVar[str] = "hits"

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Truth of each hit, (N,).

        Raises:
            DataError: the graphs have no truth.
        """
        return _truth(batch, "hit_y"), None
