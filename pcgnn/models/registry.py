"""The networks by name.

A model joins by one line in ``MODELS``: its name, its class (as text, imported when first wanted)
and the arguments in which it differs from the defaults of the class.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sized
from typing import Any, NamedTuple

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models.base import CloudModel

__all__ = ["ModelEntry", "create_model", "list_models", "model_class", "model_from_config"]


class ModelEntry(NamedTuple):
    """Where a model is defined and what its name presets."""

    module: str
    class_name: str
    presets: Mapping[str, Any]


MODELS: dict[str, ModelEntry] = {
    "particlenet": ModelEntry("pcgnn.models.particlenet", "ParticleNet", {}),
    "particlenet-lite": ModelEntry(
        "pcgnn.models.particlenet",
        "ParticleNet",
        {"blocks": [[7, [32, 32, 32]], [7, [64, 64, 64]]], "classifier": [[128, 0.1]]},
    ),
}


def list_models() -> list[str]:
    """Return the names of all models.

    Example:
        >>> "particlenet-lite" in list_models()
        True
    """
    return sorted(MODELS)


def model_class(name: str) -> type[CloudModel]:
    """Return the class behind a name.

    Raises:
        ConfigError: if there is no such model.
    """
    entry = _entry(name)
    found: type[CloudModel] = getattr(importlib.import_module(entry.module), entry.class_name)
    return found


def create_model(
    name: str, *, features: Sized | int, classes: int = 2, **kwargs: Any
) -> CloudModel:
    """Make a new model with random weights.

    Args:
        name: one of :func:`list_models`.
        features: a feature definition (anything with a length), or the number of features.
        classes: number of classes.
        kwargs: further arguments of the model's class, over the presets of the name.

    Raises:
        ConfigError: if there is no such model or it has no such argument.

    Example:
        >>> create_model("particlenet-lite", features=7).num_parameters
        26416
    """
    count = features if isinstance(features, int) else len(features)
    return _build(name, {**_entry(name).presets, "features": count, "classes": classes, **kwargs})


def model_from_config(config: Mapping[str, Any]) -> CloudModel:
    """Make a model from what a checkpoint says of it.

    Args:
        config: ``{"name": ..., "arguments": {...}}`` with ``model.name`` and ``model.config``.

    Raises:
        CheckpointError: if that is not what the mapping holds.
        ConfigError: if there is no such model or it has no such argument.
    """
    name, arguments = config.get("name"), config.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise CheckpointError(
            "the model's configuration must have a 'name' and 'arguments', got "
            f"{sorted(map(str, config))}"
        )
    return _build(name, arguments)


def _entry(name: str) -> ModelEntry:
    try:
        return MODELS[name]
    except KeyError:
        raise ConfigError(
            f"no such model: {name!r}", remedy=f"use one of {', '.join(list_models())}"
        ) from None


def _build(name: str, arguments: Mapping[str, Any]) -> CloudModel:
    cls = model_class(name)
    try:
        model = cls(**arguments)
    except TypeError as error:
        raise ConfigError(f"{cls.__name__}: {error}") from error
    model.name = name
    return model
