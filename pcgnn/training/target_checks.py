"""Targets looked at before a training begins, where all of them are at hand."""

from __future__ import annotations

from typing import Any

from pcgnn.errors import ConfigError, DataError
from pcgnn.losses import BatchLoss
from pcgnn.training.base_task import Task
from pcgnn.training.datamodule import first_attribute
from pcgnn.training.task_inputs import target_of

__all__ = ["check_hypotheses", "check_kind", "check_loss", "check_rows", "check_targets"]


def check_kind(task: Task, data: Any) -> None:
    """Look at the kind of the targets of clouds alone, before the network is made.

    Raises:
        DataError: there are none, or they are not of the kind of the task.
    """
    clouds = getattr(data, "clouds", data)
    if not hasattr(clouds, "batch") or not hasattr(clouds, "sizes"):
        return
    task.check_kind(clouds)


def check_targets(task: Task, data: Any) -> None:
    """Look at the targets of clouds; streams and foreign loaders are looked at batch by batch.

    Raises:
        DataError: there are none, they are of another kind, or the network has fewer outputs.
    """
    if not task.of_graphs or data is None:
        return
    check_rows(task.network, first_attribute("features", data))
    clouds = getattr(data, "clouds", data)
    if hasattr(clouds, "batch") and hasattr(clouds, "sizes"):
        task.check_targets(clouds)
        if getattr(data, "redraw", None) is None:
            check_hypotheses(task.network, clouds)


def check_hypotheses(network: Any, clouds: Any) -> None:
    """Refuse a background that its parameters alone tell from the signal.

    A background that still has the mass 0 is told apart by it: the training would end at an AUC of
    1 and know nothing of the events.

    Raises:
        DataError: no background has parameters within the range of the signal's.
    """
    count = getattr(network, "config", {}).get("parameters", 0)
    x, y = clouds.x, clouds.y
    if not count or x is None or y is None or y.dim() != 1 or len(y) != len(clouds.sizes):
        return
    own = x[clouds.ptr[:-1], -count:]
    signal, background = own[y == 1], own[y == 0]
    if not len(signal) or not len(background):
        return
    low, high = signal.amin(0), signal.amax(0)
    if not bool(((background >= low) & (background <= high)).all(1).any()):
        raise DataError(
            "no background has a hypothesis, the last of its inputs, within the range of the "
            "signal's, so that this input alone tells the two apart",
            branch="x",
            remedy="give it some: pcgnn.data.Hypotheses.of(train).assign(clouds), or a loader with "
            "redraw=; in a configuration data.hypotheses",
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
