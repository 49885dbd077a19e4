"""Training of autoencoders on one kind of jets, to find others."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pcgnn.io.anomaly import AnomalyScores
from pcgnn.io.predicted_rows import Origin
from pcgnn.training.base_task import Task
from pcgnn.training.task_inputs import weight_of

__all__ = ["ReconstructionTask"]


class ReconstructionTask(Task):
    """Trains a network that maps a batch of graphs to the distance from their images, (G,).

    Targets are not read: which jets are background is decided by what it is trained on, e.g.
    ``fit(model, train[train.y == 0], val[val.y == 0], ...)``. :func:`pcgnn.predict` then gives
    :class:`pcgnn.io.AnomalyScores`, one distance per jet.

    Example:
        >>> ReconstructionTask(name="particle-autoencoder", features="particlenet").loss_name
        'mean-distance'
    """

    kind: ClassVar[str] = "reconstruction"
    of_graphs: ClassVar[bool] = True
    default_loss: ClassVar[str] = "mean-distance"
    standardizes: ClassVar[bool] = False

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Zeros in place of targets, and the weight of each graph, (G,) and (G,)."""
        return batch.ptr.new_zeros(batch.ptr.numel() - 1), weight_of(batch)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The distances themselves: larger is less usual."""
        return logits

    def numbers(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        """The median distance."""
        return {"median_distance": torch.median(logits)}

    def rows(self, values: np.ndarray, origin: Origin) -> AnomalyScores:
        """Distances (G,) with their file and entry."""
        return AnomalyScores(score=values, **origin.to_dict())
