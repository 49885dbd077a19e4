"""From a checkpoint file back to a task."""

from __future__ import annotations

import os
from typing import Any

from torch import nn

from pcgnn.errors import CheckpointError, PcgnnError
from pcgnn.training.base_task import Task
from pcgnn.training.checkpoint_content import (
    check_content,
    standardizer_from_content,
    temperature_from_content,
)
from pcgnn.training.checkpoint_io import read_checkpoint
from pcgnn.training.tasks import task_class

__all__ = ["load_checkpoint"]


def load_checkpoint(
    path: str | os.PathLike[str], *, network: nn.Module | None = None, device: Any = "cpu"
) -> Task:
    """Builds the task stored in a checkpoint: network, weights, features, standardisation.

    The file is read with ``weights_only=True``; nothing in it is executed and no class is looked
    up by a name in it other than the models of pcgnn.

    Args:
        path: a ``.ckpt`` file written by :func:`pcgnn.fit` or ``pcgnn fit``.
        network: the network (weights are replaced) where it is not one of pcgnn's models.
        device: where the task goes.

    Returns:
        the task in evaluation mode.

    Raises:
        CheckpointError: if the file is missing, damaged, of another program or a newer version.

    Example:
        >>> load_checkpoint("runs/top/best.ckpt").classes  # doctest: +SKIP
        ('background', 'signal')
    """
    checkpoint = read_checkpoint(path)
    content = check_content(checkpoint, path)
    try:
        task = _build(content, network)
        task.load_state_dict(checkpoint["state_dict"])
    except PcgnnError as error:
        raise CheckpointError(
            f"the checkpoint cannot be used: {error.problem}", file=path, remedy=error.remedy
        ) from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[:2]
        raise CheckpointError(
            f"the weights do not fit the model: {' '.join(part.strip() for part in first)}",
            file=path,
            remedy="the checkpoint was written by other code; pass the right network=",
        ) from error
    task.to(device)
    task.eval()
    return task


def _build(content: dict[str, Any], network: nn.Module | None) -> Task:
    model, optimisation = content["model"], content.get("optimisation", {})
    if network is None:
        network = _build_model(model)
    task = task_class(content.get("task", "classification"))(
        network,
        features=content["features"],
        classes=content["classes"],
        target=content["target"],
        loss=content.get("loss", {}).get("name"),
        loss_arguments=content.get("loss", {}).get("arguments"),
        standardizer=standardizer_from_content(content),
        **optimisation,
        **content.get("task_arguments", {}),
    )
    task.provenance = dict(content["provenance"])
    task.record = dict(content.get("record", {}))
    task.temperature = temperature_from_content(content)
    return task


def _build_model(model: dict[str, Any]) -> nn.Module:
    from pcgnn.models import list_models, model_from_config

    if model["name"] is None or model["name"] not in list_models():
        raise CheckpointError(
            f"the network {model.get('class')!r} is not a model of pcgnn",
            remedy="create it and pass it: load_checkpoint(path, network=...)",
        )
    network: nn.Module = model_from_config(
        {"name": model["name"], "arguments": dict(model["arguments"])}
    )
    return network
