"""Targets looked at before a training begins, where all of them are at hand."""

from __future__ import annotations

from typing import Any

from pcgnn.errors import DataError
from pcgnn.training.base_task import Task
from pcgnn.training.datamodule import first_attribute
from pcgnn.training.task_inputs import target_of

__all__ = ["check_targets"]


def check_targets(task: Task, data: Any) -> None:
    """Look at the targets of clouds; streams and foreign loaders are looked at batch by batch.

    Raises:
        DataError: there are none, they are no classes, or the task has fewer classes.
    """
    if task.kind != "classification" or data is None:
        return
    clouds = getattr(data, "clouds", data)
    if not hasattr(clouds, "batch") or not hasattr(clouds, "sizes"):
        return
    target = target_of(clouds)
    classes = len(task.classes)
    low, high = int(target.min()), int(target.max())
    if low < 0 or high >= classes:
        names: Any = first_attribute("classes", data) or ()
        raise DataError(
            f"the classes of the data run from {low} to {high}, the model tells {classes} apart"
            + (f" (the data: {', '.join(names)})" if names else ""),
            branch=task.target,
            remedy=f"create the model with classes={high + 1}, or choose another target",
        )
