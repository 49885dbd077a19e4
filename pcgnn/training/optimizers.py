"""Optimisers by name, with weight decay on the weights of linear maps alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from pcgnn.errors import ConfigError

__all__ = ["check_optimizer", "create_optimizer", "list_optimizers", "parameter_groups"]

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}


def list_optimizers() -> list[str]:
    """The names that :func:`create_optimizer` knows.

    Example:
        >>> list_optimizers()
        ['adam', 'adamw', 'sgd']
    """
    return sorted(OPTIMIZERS)


def parameter_groups(
    module: nn.Module, weight_decay: float, decay_norm_and_bias: bool = False
) -> list[dict[str, Any]]:
    """Splits parameters into those with weight decay and those without.

    Biases and the scales and shifts of normalisation layers (every parameter with fewer than
    two dimensions) carry no capacity that decay could limit; pulling them to zero only shifts
    activations.

    Args:
        module: the module to train.
        weight_decay: decay of the first group.
        decay_norm_and_bias: True puts everything into the first group.

    Example:
        >>> [len(g["params"]) for g in parameter_groups(nn.Linear(2, 3), 0.01)]
        [1, 1]
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    with_decay = [p for p in trained if decay_norm_and_bias or p.ndim >= 2]
    without = [p for p in trained if not decay_norm_and_bias and p.ndim < 2]
    groups: list[dict[str, Any]] = [{"params": with_decay, "weight_decay": weight_decay}]
    if without:
        groups.append({"params": without, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]


def check_optimizer(name: str, lr: float) -> None:
    """Looks at a name and a learning rate before anything is trained.

    Raises:
        ConfigError: if the name is not known or the rate not positive.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(
            f"no optimizer is called {name!r}", remedy=f"choose from {list_optimizers()}"
        )
    if not lr > 0:
        raise ConfigError(f"lr = {lr} must be positive")


def create_optimizer(
    name: str,
    module: nn.Module,
    *,
    lr: float,
    weight_decay: float = 0.0,
    decay_norm_and_bias: bool = False,
    **arguments: Any,
) -> Optimizer:
    """Makes an optimiser from its name.

    Args:
        name: ``adamw``, ``adam`` or ``sgd``.
        module: the module to train.
        lr: learning rate.
        weight_decay: decoupled for AdamW, an L2 term for the others.
        decay_norm_and_bias: see :func:`parameter_groups`.
        **arguments: passed on, e.g. ``momentum=0.9, nesterov=True`` for SGD, ``betas``.

    Raises:
        ConfigError: for an unknown name or arguments the optimiser refuses.

    Example:
        >>> create_optimizer("sgd", nn.Linear(2, 2), lr=0.1, momentum=0.9).defaults["momentum"]
        0.9
    """
    check_optimizer(name, lr)
    groups = parameter_groups(module, weight_decay, decay_norm_and_bias)
    if not groups:
        raise ConfigError("the model has no parameters to train")
    try:
        return OPTIMIZERS[name](groups, lr=lr, **arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer {name!r}: {error}") from error
