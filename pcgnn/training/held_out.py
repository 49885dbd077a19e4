"""Outputs and numbers of a trained task on graphs it has not seen, whatever the task is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.training.base_task import Task

__all__ = ["held_out_outputs"]


def held_out_outputs(
    task: Task, clouds: ParticleClouds, *, device: torch.device, batch_size: int = 512
) -> tuple[NDArray[Any], dict[str, float]]:
    """What the task says of each graph, in order, and its loss and other numbers over all of them.

    Args:
        task: a task with one output row per graph, of any kind.
        clouds: graphs with targets.
        device: where to compute.
        batch_size: graphs at a time; changes nothing but speed.

    Returns:
        outputs (G, ...), for classes their probabilities; numbers by name, NaN where the graphs do
        not define them (the AUC of a single class).

    Raises:
        ConfigError: the outputs are not one row per graph.
        DataError: an output is not finite.
    """
    outputs: list[Tensor] = []
    logits: list[Tensor] = []
    targets: list[Tensor] = []
    weights: list[Tensor] = []
    home, was_training = task.device, task.training
    task.to(device).eval()
    try:
        with torch.inference_mode():
            for begin in range(0, len(clouds), batch_size):
                batch = clouds.batch(np.arange(begin, min(begin + batch_size, len(clouds))))
                found = task(batch.to(device)).float()
                target, weight = task.targets(batch)
                outputs.append(task.probabilities(found))
                logits.append(found)
                targets.append(target)
                if weight is not None:
                    weights.append(weight)
            values = torch.cat(outputs).cpu().numpy()
            joined = torch.cat(logits).double(), torch.cat(targets)
            weight = torch.cat(weights).double() if weights else None
            numbers = {"loss": task.loss(*joined, weight), **task.numbers(*joined, weight)}
    finally:
        task.to(home).train(was_training)
    if len(values) != len(clouds):
        raise ConfigError(
            f"a task on {task.kind} gives {len(values)} rows for {len(clouds)} graphs",
            remedy="validate tasks with one output row per graph",
        )
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values.reshape(len(values), -1)).all(axis=1)))
        raise DataError(
            "the output of a graph is not finite",
            entry=row,
            remedy="look for NaN or infinite values in features or weights",
        )
    return values, {name: _number(value) for name, value in numbers.items()}


def _number(value: Tensor) -> float:
    found = float(value)
    return found if math.isfinite(found) else math.nan
