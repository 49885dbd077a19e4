"""Targets looked at before a training begins, where all of them are at hand."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.losses import BatchLoss
from pcgnn.training.base_task import Task
from pcgnn.training.datamodule import first_attribute
from pcgnn.training.multi_label_task import labels_of
from pcgnn.training.regression_task import RegressionTask, check_outputs, values_of
from pcgnn.training.task_inputs import target_of

__all__ = ["check_kind", "check_loss", "check_rows", "check_targets"]


def check_kind(task: Task, data: Any) -> None:
    """Look at the kind of the targets of clouds alone, before the network is made.

    Raises:
        DataError: there are none, or they are not of the kind of the task.
    """
    clouds = getattr(data, "clouds", data)
    if not hasattr(clouds, "batch") or not hasattr(clouds, "sizes"):
        return
    if task.kind == "classification":
        target_of(clouds)
    elif task.kind == "multi-label":
        labels_of(clouds)
    elif task.kind == "regression":
        values_of(clouds)


def check_targets(task: Task, data: Any) -> None:
    """Look at the targets of clouds; streams and foreign loaders are looked at batch by batch.

    Raises:
        DataError: there are none, they are no classes, or the task has fewer classes.
    """
    if task.kind not in ("classification", "multi-label", "regression") or data is None:
        return
    check_rows(task.network, first_attribute("features", data))
    clouds = getattr(data, "clouds", data)
    if not hasattr(clouds, "batch") or not hasattr(clouds, "sizes"):
        return
    classes = len(task.classes)
    if task.kind == "multi-label":
        outputs = getattr(task.network, "config", {}).get("classes", classes)
        _check_labels(labels_of(clouds), outputs)
        return
    if isinstance(task, RegressionTask):
        check_outputs(task, clouds)
        return
    target = target_of(clouds)
    low, high = int(target.min()), int(target.max())
    if low < 0 or high >= classes:
        names: Any = first_attribute("classes", data) or ()
        raise DataError(
            f"the classes of the data run from {low} to {high}, the model tells {classes} apart"
            + (f" (the data: {', '.join(names)})" if names else ""),
            branch=task.target,
            remedy=f"create the model with classes={high + 1}, or choose another target",
        )


def check_rows(network: Any, features: Any) -> None:
    """Refuse a network on particles for rows of variables, and the other way round.

    Raises:
        ConfigError: the network would train on them, and learn nothing.
    """
    rows = getattr(features, "rows", None)
    if rows is None or not hasattr(network, "one_row"):
        return
    if rows == "graph" and not network.one_row:
        raise ConfigError(
            f"{network.name or type(network).__name__} is a network on particles, but the features "
            f"{features.name!r} are one row per graph",
            remedy="take the model 'dense' or trees, or features of particles",
        )
    if rows != "graph" and network.one_row:
        raise ConfigError(
            f"{network.name or type(network).__name__} takes one row per graph, but the features "
            f"{features.name!r} are of particles",
            remedy="take features with one row per graph, for example 'high-level'",
        )


def check_loss(task: Task, train: Any, batch_size: int) -> None:
    """Let a loss of whole batches say if they are too small for it."""
    clouds = getattr(train, "clouds", train)
    if isinstance(task.loss, BatchLoss) and hasattr(clouds, "sizes"):
        size = getattr(train, "batch_size", batch_size)
        task.loss.check_batches(target_of(clouds), min(size, len(clouds)))


def _check_labels(labels: Tensor, classes: int) -> None:
    if labels.shape[1] != classes:
        raise DataError(
            f"the graphs have {labels.shape[1]} labels, the model {classes} outputs",
            remedy=f"create the model with classes={labels.shape[1]}",
        )
    if int(labels.min()) < 0 or int(labels.max()) > 1:
        raise DataError("labels must be 0 or 1", remedy="give the columns as conditions")
