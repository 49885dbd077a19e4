"""The hidden representation of a graph: what the last linear layer makes the logits of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from pcgnn.errors import ConfigError

__all__ = ["Hidden", "capture", "hidden_and_logits", "hidden_layer"]


class Hidden:
    r"""The hidden representation h of the last batch that went through a model.

    .. math::  \mathrm{logits} = W h + b

    Made by :func:`capture`.
    """

    def __init__(self) -> None:
        self._value: Tensor | None = None

    @property
    def value(self) -> Tensor:
        """Hidden representation, shape (G, H), with its gradient.

        Raises:
            ConfigError: no batch has gone through the model yet.
        """
        if self._value is None:
            raise ConfigError(
                "there is no hidden representation yet",
                remedy="apply the model to a batch inside of capture(model)",
            )
        return self._value


def hidden_layer(model: nn.Module) -> nn.Linear:
    """The last linear layer of a classifier of graphs, which makes the logits.

    Its ``in_features`` is the width H of the hidden representation.

    Args:
        model: a model of the registry, a task around one, or a network of one's own whose last
            linear layer, in the order in which its layers were made, makes the logits.

    Raises:
        ConfigError: the model has no such layer: its logits are not those of graphs, or no linear
            layer makes them (lgatr: they are averages over particles).

    Example:
        >>> from pcgnn.models import create_model
        >>> hidden_layer(create_model("particlenet-lite", features=7)).in_features
        128
    """
    network = _network(model)
    name = getattr(network, "name", "") or type(network).__name__
    task = getattr(network, "task", "classification")
    if task != "classification":
        raise ConfigError(
            f"{name} has no hidden representation of a graph: its scores are of {task}",
            remedy="take a model that classifies graphs",
        )
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    config = getattr(network, "config", None)
    classes = config.get("classes") if isinstance(config, dict) else None
    if not layers or (classes is not None and layers[-1].out_features != classes):
        raise ConfigError(
            f"{name} has no linear layer that makes the logits",
            remedy="take another model: pcgnn.list_models('classification')",
        )
    return layers[-1]


@contextmanager
def capture(model: nn.Module) -> Iterator[Hidden]:
    """Keep the hidden representation of each batch that goes through a model.

    The network is left as it is: a hook on :func:`hidden_layer` looks at its input and is removed
    at the end. Rows are in the order of the graphs of the batch. In training a dropout before the
    layer has acted already.

    Args:
        model: see :func:`hidden_layer`.

    Raises:
        ConfigError: see :func:`hidden_layer`.

    Example:
        >>> with capture(model) as hidden:  # doctest: +SKIP
        ...     logits = model(batch)
        ...     loss = domain_loss(reverse(hidden.value), batch.domain)
    """
    hidden = Hidden()

    def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        hidden._value = inputs[0]

    handle = hidden_layer(model).register_forward_pre_hook(keep)
    try:
        yield hidden
    finally:
        handle.remove()


def hidden_and_logits(model: nn.Module, batch: Any) -> tuple[Tensor, Tensor]:
    """Hidden representation and logits of a batch, by one pass.

    Args:
        model: see :func:`hidden_layer`; of a task the standardisation acts, too.
        batch: what the model takes.

    **Shapes:** G graphs -> (G, H) and (G, classes), both with gradient.

    Raises:
        ConfigError: see :func:`hidden_layer`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> hidden, logits = hidden_and_logits(model, torch.randn(5, 3))
        >>> hidden.shape, logits.shape
        (torch.Size([5, 8]), torch.Size([5, 2]))
    """
    with capture(model) as hidden:
        logits: Tensor = model(batch)
        return hidden.value, logits


def _network(model: nn.Module) -> nn.Module:
    """The network of a task, or the model itself."""
    inner = getattr(model, "network", None)
    return inner if isinstance(inner, nn.Module) else model
