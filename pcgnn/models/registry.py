"""The networks by name.

A model joins by one line in ``MODELS``: its name, its class (as text, imported when first wanted)
and the arguments in which it differs from the defaults of the class.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sized
from typing import Any, NamedTuple, TypeAlias

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models.base import CloudModel
from pcgnn.models.hit_graph_model import HitGraphModel

__all__ = ["Model", "ModelEntry", "create_model", "list_models", "model_class", "model_from_config"]


Model: TypeAlias = CloudModel | HitGraphModel


class ModelEntry(NamedTuple):
    """Where a model is defined, what its name presets, which package it needs beyond pcgnn's."""

    module: str
    class_name: str
    presets: Mapping[str, Any]
    requires: str | None = None


MODELS: dict[str, ModelEntry] = {
    "cnn": ModelEntry("pcgnn.models.image_network", "JetImageCNN", {}),
    "affine-pnn": ModelEntry("pcgnn.models.parametric_network", "ParametricNetwork", {}),
    "condensation-network": ModelEntry(
        "pcgnn.models.condensation_network", "CondensationNetwork", {}
    ),
    "deepjet": ModelEntry("pcgnn.models.deepjet", "DeepJet", {}),
    "dense": ModelEntry("pcgnn.models.dense_network", "DenseNetwork", {}),
    "dense-constituents": ModelEntry("pcgnn.models.dense_constituents", "DenseConstituents", {}),
    "edge-attention-network": ModelEntry(
        "pcgnn.models.attention_network", "EdgeAttentionNetwork", {}
    ),
    "edge-filter": ModelEntry("pcgnn.models.edge_filter", "EdgeFilter", {}),
    "efn": ModelEntry("pcgnn.models.deep_sets", "EnergyFlowNetwork", {}),
    "hit-embedding": ModelEntry("pcgnn.models.hit_embedding", "HitEmbedding", {}),
    "hit-network": ModelEntry("pcgnn.models.hit_network", "HitNetwork", {}),
    "interaction-network": ModelEntry("pcgnn.models.interaction_network", "InteractionNetwork", {}),
    "jet-interaction-network": ModelEntry(
        "pcgnn.models.jet_interaction_network", "JetInteractionNetwork", {}
    ),
    "recurrent-interaction-network": ModelEntry(
        "pcgnn.models.interaction_network", "RecurrentInteractionNetwork", {}
    ),
    "lbn": ModelEntry("pcgnn.models.lbn", "LBN", {}),
    "lola": ModelEntry("pcgnn.models.lola", "LoLa", {}),
    "lgatr": ModelEntry("pcgnn.models.lgatr_network", "LGATrTagger", {}, requires="lgatr"),
    "lorentznet": ModelEntry("pcgnn.models.lorentznet", "LorentzNet", {}),
    "particle-autoencoder": ModelEntry(
        "pcgnn.models.particle_autoencoder", "ParticleAutoencoder", {}
    ),
    "particle-transformer": ModelEntry(
        "pcgnn.models.particle_transformer", "ParticleTransformer", {}
    ),
    "lstm": ModelEntry("pcgnn.models.lstm_tagger", "LSTMTagger", {}),
    "particlenet": ModelEntry("pcgnn.models.particlenet", "ParticleNet", {}),
    "particlenet-lite": ModelEntry(
        "pcgnn.models.particlenet",
        "ParticleNet",
        {"blocks": [[7, [32, 32, 32]], [7, [64, 64, 64]]], "classifier": [[128, 0.1]]},
    ),
    "particlenet-nodes": ModelEntry("pcgnn.models.particlenet_nodes", "ParticleNetNodes", {}),
    "pnn": ModelEntry(
        "pcgnn.models.parametric_network", "ParametricNetwork", {"conditioning": "input"}
    ),
    "pfn": ModelEntry("pcgnn.models.deep_sets", "ParticleFlowNetwork", {}),
    "resnet": ModelEntry("pcgnn.models.image_network", "JetImageResNet", {}),
}


def list_models(task: str | None = None) -> list[str]:
    """Return the names of all models.

    Args:
        task: only those made for it: "classification" or "reconstruction" of graphs, "particles",
            "edges", "hits", "condensation" or "embedding" of hits.

    Example:
        >>> "particlenet-lite" in list_models()
        True
    """
    return sorted(name for name in MODELS if task is None or model_class(name).task == task)


def model_class(name: str) -> type[Model]:
    """Return the class behind a name.

    Raises:
        ConfigError: if there is no such model.
    """
    entry = _entry(name)
    found: type[Model] = getattr(importlib.import_module(entry.module), entry.class_name)
    return found


def create_model(
    name: str, *, features: Sized | int, classes: int | None = None, **kwargs: Any
) -> Model:
    """Make a new model with random weights.

    Args:
        name: one of :func:`list_models`.
        features: a feature definition (anything with a length), or the number of features.
        classes: number of classes, by default 2; not for models of particles, edges or hits.
        kwargs: further arguments of the model's class, over the presets of the name.

    Raises:
        ConfigError: if there is no such model or it has no such argument.
        BackendError: if the model needs a package that is not installed.

    Example:
        >>> create_model("particlenet-lite", features=7).num_parameters
        26416
    """
    count = features if isinstance(features, int) else len(features)
    given: dict[str, Any] = {"features": count}
    if model_class(name).task == "classification":
        given["classes"] = 2 if classes is None else classes
    elif classes is not None:
        raise ConfigError(f"{name} has no classes: its scores are of {model_class(name).task}")
    return _build(name, {**_entry(name).presets, **given, **kwargs})


def model_from_config(config: Mapping[str, Any]) -> Model:
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


def _build(name: str, arguments: Mapping[str, Any]) -> Model:
    cls = model_class(name)
    try:
        model = cls(**arguments)
    except TypeError as error:
        raise ConfigError(f"{cls.__name__}: {error}") from error
    model.name = name
    return model
