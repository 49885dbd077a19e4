"""What a task is told: features, classes, network; what a batch tells it: targets, weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from pcgnn.errors import ConfigError, DataError

__all__ = [
    "Unbuilt",
    "check_network",
    "class_names",
    "named_network",
    "resolve_features",
    "target_of",
    "weight_of",
]


def resolve_features(features: Any) -> Any:
    """A feature definition from a definition, a name, a mapping or a list; None stays None."""
    if features is None or not isinstance(features, (str, Mapping, list)):
        return features
    from pcgnn.data import FeatureDefinition

    return FeatureDefinition.parse(features)


def class_names(classes: Sequence[str] | int | None) -> tuple[str, ...]:
    """Names of the classes; two without names are background and signal."""
    if not classes or classes == 2:
        return ("background", "signal")
    if isinstance(classes, int):
        names = tuple(f"class_{index}" for index in range(classes))
    else:
        names = tuple(str(name) for name in classes)
    if len(names) < 2:
        raise ConfigError(f"{len(names)} class is too few to classify", remedy="give at least 2")
    return names


class Unbuilt(nn.Module):
    """Stands for a network whose number of inputs is not known yet."""

    def forward(self, batch: Any) -> Tensor:
        """Always refuses."""
        raise ConfigError(
            "the network has not been made, since its inputs are not known",
            remedy="give features to the task, or train it on clouds",
        )


def check_network(
    network: nn.Module | None, name: str | None, arguments: dict[str, Any] | None
) -> None:
    """Refuses no network, two of them, and names that are not known."""
    if network is None and name is None:
        raise ConfigError(
            "no network is given",
            remedy="give the name of a model (name: particlenet-lite) or network: class_path",
        )
    if network is not None and (name is not None or arguments):
        raise ConfigError(
            "a network and the name of a model are given", remedy="leave one of the two out"
        )
    if name is not None:
        from pcgnn.models import list_models

        if name not in list_models():
            raise ConfigError(f"no model is called {name!r}", remedy=f"choose from {list_models()}")


def named_network(name: str, arguments: dict[str, Any], features: Any, classes: int) -> nn.Module:
    """Makes a model of the registry for the number of inputs."""
    from pcgnn.models import create_model, model_class

    if features is None:
        raise ConfigError(
            f"the number of inputs of {name!r} is not known", remedy="give the features"
        )
    if model_class(name).task == "classification":
        arguments = {"classes": classes, **arguments}
    model: nn.Module = create_model(name, features=features, **arguments)
    return model


def target_of(batch: Any) -> Tensor:
    """Class of each graph of a batch, (G,)."""
    target = getattr(batch, "y", None)
    if target is None:
        raise DataError(
            "the graphs have no target", remedy="name it: ParticleClouds.from_awkward(target=...)"
        )
    if target.dim() == 2 and target.shape[1] > 1 and not target.is_floating_point():
        raise DataError(
            f"the graphs have {target.shape[1]} labels each, the task is on one class per graph",
            remedy="train a pcgnn.training.MultiLabelTask, or name one column as target",
        )
    labels: Tensor = target.squeeze(1) if target.dim() == 2 and target.shape[1] == 1 else target
    if labels.dim() != 1 or labels.is_floating_point():
        raise DataError(
            f"the target has the type {labels.dtype} and the shape {tuple(target.shape)}, a "
            "classification needs one class number per graph",
            remedy="name a column of class numbers as target; for numbers 0.0, 1.0 use y.long()",
        )
    return labels.long()


def weight_of(batch: Any) -> Tensor | None:
    """Weight of each graph of a batch, (G,), or None."""
    return getattr(batch, "weight", None)
