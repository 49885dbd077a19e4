"""Several yes-or-no labels of each graph at once."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pcgnn.errors import DataError
from pcgnn.io.predicted_rows import Origin
from pcgnn.io.prediction import Prediction
from pcgnn.training.base_task import Task
from pcgnn.training.task import probabilities_of
from pcgnn.training.task_inputs import weight_of
from pcgnn.training.validation import weighted_auc

__all__ = ["MultiLabelTask", "labels_of"]


class MultiLabelTask(Task):
    r"""Trains a network that maps a batch of graphs to one logit per label, (G, L).

    A jet may carry any number of labels (a b hadron, a c hadron, a lepton). Each logit stands for
    itself, :math:`p_l = \sigma(z_l)`, and the loss is the mean of the binary cross entropies.

    Clouds whose target is a mapping have such labels, and :func:`pcgnn.fit` takes this task for
    them.

    Example:
        >>> task = MultiLabelTask(name="pfn", features="particlenet", classes=["b", "lepton"])
        >>> task.classes
        ('b', 'lepton')
    """

    kind: ClassVar[str] = "multi-label"
    of_graphs: ClassVar[bool] = True
    default_loss: ClassVar[str] = "binary-cross-entropy"

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Labels, 0 or 1, and the weight of the graph for each of them: (G, L) and (G, L)."""
        labels, weight = labels_of(batch), weight_of(batch)
        return labels, None if weight is None else weight[:, None].expand(labels.shape)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probability of each label, (G, L)."""
        return logits.sigmoid()

    def numbers(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        """Part of the labels that are right, and the mean AUC of the labels."""
        right = ((logits > 0) == (target > 0)).double()
        each = torch.ones_like(right) if weight is None else weight.double()
        areas = [
            weighted_auc(logits[:, label], target[:, label] > 0, each[:, label])
            for label in range(target.shape[1])
        ]
        return {
            "accuracy": (each * right).sum() / each.sum(),
            "auc": torch.stack(areas).nanmean(),
        }

    def check_kind(self, graphs: Any) -> None:
        """Refuses targets that are not labels."""
        labels_of(graphs)

    def check_targets(self, graphs: Any) -> None:
        """Refuses another number of labels than outputs, and labels that are not 0 or 1."""
        labels = labels_of(graphs)
        outputs = getattr(self.network, "config", {}).get("classes", len(self.classes))
        if labels.shape[1] != outputs:
            raise DataError(
                f"the graphs have {labels.shape[1]} labels, the model {outputs} outputs",
                remedy=f"create the model with classes={labels.shape[1]}",
            )
        if int(labels.min()) < 0 or int(labels.max()) > 1:
            raise DataError("labels must be 0 or 1", remedy="give the columns as conditions")

    def rows(self, values: np.ndarray, origin: Origin) -> Prediction:
        """Probabilities (G, L) with their file and entry."""
        return probabilities_of(values, origin, tuple(self.classes), multi_label=True)


def labels_of(batch: Any) -> Tensor:
    """Labels of each graph of a batch, (G, L).

    Raises:
        DataError: there are none, or the target is something else.
    """
    target = getattr(batch, "y", None)
    if not isinstance(target, Tensor) or target.dim() != 2 or target.is_floating_point():
        raise DataError(
            "the graphs have no labels of 0 and 1, one column each",
            remedy='name them: ParticleClouds.from_awkward(target={"b": "has_b", ...})',
        )
    return target
