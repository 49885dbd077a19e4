"""What pcgnn adds to a Lightning checkpoint: enough to predict from a ROOT file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from pcgnn.errors import CheckpointError, PcgnnError
from pcgnn.training.plain import to_plain

if TYPE_CHECKING:
    from pcgnn.training.base_task import Task

__all__ = [
    "CONTENT_VERSION",
    "check_content",
    "make_content",
    "standardizer_from_content",
    "temperature_from_content",
]

CONTENT_VERSION = 1

_REQUIRED = {"version", "model", "features", "classes", "target", "standardizer", "provenance"}


def make_content(task: Task) -> dict[str, Any]:
    """The entry ``"pcgnn"`` of a checkpoint, of plain types only."""
    from pcgnn import __version__

    network = task.network
    name = getattr(network, "name", None)
    config = getattr(network, "config", None)
    return {
        "version": CONTENT_VERSION,
        "pcgnn_version": __version__,
        "task": task.kind,
        "task_arguments": to_plain(task.extra_arguments(), where="task"),
        "model": {
            "name": name if isinstance(name, str) else None,
            "arguments": to_plain(dict(config), where="model.config") if config else {},
            "class": f"{type(network).__module__}.{type(network).__qualname__}",
        },
        "features": None if task.features is None else to_plain(task.features, where="features"),
        "classes": list(task.classes),
        "target": task.target,
        "standardizer": _standardizer_content(task.standardizer),
        "temperature": None if task.temperature is None else list(task.temperature),
        "loss": {"name": task.loss_name, "arguments": to_plain(task.loss_arguments)},
        "optimisation": {
            "optimizer": task.optimizer_name,
            "lr": task.lr,
            "weight_decay": task.weight_decay,
            "decay_norm_and_bias": task.decay_norm_and_bias,
            "optimizer_arguments": to_plain(task.optimizer_arguments),
            "schedule": task.schedule_name,
            "schedule_arguments": to_plain(task.schedule_arguments),
            "standardize": task.standardize,
        },
        "provenance": to_plain(task.provenance, where="provenance"),
        "record": to_plain(task.record, where="record"),
    }


def check_content(checkpoint: Mapping[str, Any], file: object = None) -> dict[str, Any]:
    """The entry ``"pcgnn"`` of a checkpoint after a look at its version and parts.

    Raises:
        CheckpointError: if the checkpoint is not one of pcgnn, or of a newer version.
    """
    content = checkpoint.get("pcgnn")
    if not isinstance(content, Mapping) or "state_dict" not in checkpoint:
        raise CheckpointError(
            "the checkpoint was not written by pcgnn",
            file=file,
            remedy="for published weights use pcgnn.load_published",
        )
    version = content.get("version")
    if not isinstance(version, int) or version > CONTENT_VERSION:
        raise CheckpointError(
            f"the checkpoint has the format version {version!r}, "
            f"this pcgnn reads up to {CONTENT_VERSION}",
            file=file,
            remedy=f"install pcgnn {content.get('pcgnn_version', '')} or newer".strip(),
        )
    if missing := _REQUIRED - set(content):
        raise CheckpointError(f"the checkpoint lacks its entry {sorted(missing)[0]!r}", file=file)
    return dict(content)


def _standardizer_content(standardizer: nn.Module | None) -> dict[str, Any] | None:
    if standardizer is None:
        return None
    config = getattr(standardizer, "config", None)
    state = {key: value.detach().cpu() for key, value in standardizer.state_dict().items()}
    return {"config": to_plain(config, where="standardizer.config"), "state": state}


def standardizer_from_content(content: Mapping[str, Any]) -> nn.Module | None:
    """The standardisation stored in a checkpoint, None if there is none."""
    stored = content["standardizer"]
    if stored is None:
        return None
    from pcgnn.data import Standardizer

    try:
        standardizer: nn.Module = Standardizer.from_config(stored["config"])
        standardizer.load_state_dict(stored["state"])
    except PcgnnError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"the standardisation in the checkpoint cannot be used: {error}"
        ) from error
    return standardizer


def temperature_from_content(content: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The temperatures of a calibration stored in a checkpoint, None if there are none."""
    stored = content.get("temperature")  # absent from checkpoints of earlier versions
    return None if stored is None else tuple(float(value) for value in stored)
