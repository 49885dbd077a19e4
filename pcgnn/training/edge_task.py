"""Classification of the edges of hit graphs: does an edge join two hits of one particle?"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from pcgnn.errors import DataError
from pcgnn.training.base_task import Task
from pcgnn.training.validation import weighted_auc

__all__ = ["EdgeClassificationTask"]


class EdgeClassificationTask(Task):
    """Trains a network that maps hit graphs to one logit per edge, (E,).

    Targets are ``y`` of the graphs. Edges that their ``edge_mask`` leaves out (of particles below
    the pT floor) enter neither the loss nor the numbers of the validation.

    Example:
        >>> task = EdgeClassificationTask(name="interaction-network", features=("r", "phi", "z"))
        >>> task.network.num_parameters
        6448
    """

    kind: ClassVar[str] = "edges"
    default_loss: ClassVar[str] = "binary-cross-entropy"
    standardizes: ClassVar[bool] = False

    def parse_features(self, features: Any) -> Any:
        """Names of the inputs of a hit."""
        return None if features is None else tuple(str(name) for name in features)

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Truth of each edge and whether it counts, (E,) and (E,).

        Raises:
            DataError: the graphs have no truth.
        """
        target: Tensor | None = getattr(batch, "y", None)
        if target is None:
            raise DataError("the graphs have no truth", remedy="read the hits with their truth")
        counted: Tensor | None = getattr(batch, "edge_mask", None)
        return target, None if counted is None else counted.to(target.dtype)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Score of each edge, (E,)."""
        return logits.sigmoid()

    def numbers(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        """Accuracy, and efficiency and purity, at a score of 0.5, and the AUC."""
        passed, positive = logits > 0, target > 0.5
        one = weight if weight is not None else (logits * 0 + 1)
        right = (one * (passed & positive)).sum()
        return {
            "accuracy": (one * (passed == positive)).sum() / one.sum(),
            "efficiency": right / (one * positive).sum().clamp(min=1),
            "purity": right / (one * passed).sum().clamp(min=1),
            "auc": weighted_auc(logits, positive, weight),
        }
