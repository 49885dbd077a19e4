"""How a network is made and trained, ready to be done many times: what studies repeat."""

from __future__ import annotations

import copy
import hashlib
import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback
from torch import nn

from pcgnn.errors import ConfigError
from pcgnn.training.base_task import Task
from pcgnn.training.callbacks.seeding import kept_random_state
from pcgnn.training.datamodule import describe_inputs, first_attribute
from pcgnn.training.fitting import FitResult, fit
from pcgnn.training.plain import to_plain
from pcgnn.training.recipes import TREES, Recipe
from pcgnn.training.tasks import task_of

__all__ = ["OF_FIT", "OF_TASK", "Plan", "check_seed", "derived_seed", "plan_of"]

OF_TASK = (
    "loss", "loss_arguments", "optimizer", "optimizer_arguments", "lr", "weight_decay",
    "schedule", "schedule_arguments", "standardize",
)  # fmt: skip
"""Arguments of fit that it hands to the task."""
# what a study sets itself
_OURS = {
    "model", "train", "val", "task", "directory", "resume", "overwrite", "seed", "device",
    "devices", "strategy", "progress", "loggers", "callbacks", "tune_allocator",
}  # fmt: skip
OF_FIT = tuple(name for name in inspect.signature(fit).parameters if name not in _OURS)
"""Arguments of fit that a study takes."""


@dataclass(frozen=True)
class Plan:
    """One way to make and train a network.

    Args:
        model: name of a model, a network (each training starts from a copy with its weights), or
            a function that makes a network or a task, called with the random numbers seeded.
        arguments: of the named model or the function.
        fit: arguments of :func:`pcgnn.fit`.
        task: class of the task of a named model; None takes the one the model is made for.
        task_arguments: of the task, beside those in ``fit``.

    Raises:
        ConfigError: arguments that are not known or do not go together.
    """

    model: str | nn.Module | Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    fit: Mapping[str, Any] = field(default_factory=dict)
    task: type[Task] | None = None
    task_arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.fit) - set(OF_FIT)):
            raise ConfigError(
                f"{unknown[0]!r} is no argument of a training in a study",
                remedy=f"use {', '.join(OF_FIT)}",
            )
        if "epochs" not in self.fit:
            raise ConfigError("the number of epochs is not given", remedy="give epochs=")
        if self.arguments and isinstance(self.model, nn.Module):
            raise ConfigError(
                "a network that is made already takes no arguments",
                remedy="give the name of a model or a function that makes one",
            )
        if self.model == TREES:
            raise ConfigError(
                "trees are no network", remedy="use pcgnn.compare or pcgnn.fit_trees for them"
            )

    @property
    def name(self) -> str:
        """Name of the model, for folders and tables."""
        if isinstance(self.model, str):
            return self.model
        name = getattr(self.model, "name", None) or getattr(self.model, "__name__", None)
        return str(name or type(self.model).__name__).strip("<>")

    def varied(self, arguments: Mapping[str, Any], fit: Mapping[str, Any]) -> Plan:
        """The plan with other values put over its own; nested mappings are merged."""
        return replace(self, arguments=_over(self.arguments, arguments), fit=_over(self.fit, fit))

    def make(self, train: Any, seed: int) -> Any:
        """A network or task with initial weights that depend on the seed alone."""
        with kept_random_state():
            # as the command line does, so that a plan and its configuration start alike
            torch.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - the code of others may draw from it
            random.seed(seed)
            if isinstance(self.model, nn.Module):
                return copy.deepcopy(self.model)
            if isinstance(self.model, str):
                return self._named_task(self.model, train)
            made = self.model(**self.arguments)
        if not isinstance(made, nn.Module):
            raise ConfigError(
                f"the function {self.name!r} gives a {type(made).__name__}, no network or task"
            )
        if isinstance(made, Task) and (own := sorted(set(OF_TASK) & set(self.fit))):
            raise ConfigError(
                f"{own[0]!r} belongs to the task, which is given", remedy="set it in the task"
            )
        return made

    def _named_task(self, name: str, train: Any) -> Task:
        from pcgnn.models import create_model, model_class

        kind = self.task or task_of(model_class(name), train)
        classes = first_attribute("classes", train)
        given = {key: value for key, value in self.fit.items() if key in OF_TASK}
        given |= {"classes": classes, **self.task_arguments}
        if first_attribute("features", train) is not None or "features" in given:
            task = kind(name=name, arguments=dict(self.arguments), **given)
            describe_inputs(task, train)
            return task
        x, y = first_attribute("x", train), first_attribute("y", train)
        arguments = dict(self.arguments)
        if y is not None and y.is_floating_point():
            arguments.setdefault("classes", 1 if y.dim() == 1 else int(y.shape[1]))
        elif model_class(name).task == "classification":
            arguments.setdefault("classes", max(len(classes or ()), 2))
        width = 0 if x is None else int(x.shape[1])
        return kind(create_model(name, features=width, **arguments), **given)

    def train(
        self,
        train: Any,
        val: Any,
        *,
        directory: Path,
        seed: int,
        device: str = "auto",
        progress: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> FitResult:
        """Trains, or goes on with the training in the directory."""
        made = self.make(train, seed)
        options = dict(self.fit)
        if isinstance(made, Task):
            options = {key: value for key, value in options.items() if key not in OF_TASK}
        return fit(
            None if isinstance(made, Task) else made,
            train,
            val,
            task=made if isinstance(made, Task) else None,
            directory=directory,
            resume=True,
            seed=seed,
            device=device,
            progress=progress,
            callbacks=callbacks,
            **options,
        )

    def record(self, made: nn.Module | None = None) -> dict[str, Any]:
        """Plain values by which another plan would be noticed.

        Args:
            made: what :meth:`make` gives: of a function nothing but its name and the layers of
                this network can be compared.
        """
        found: dict[str, Any] = {
            "model": self.name,
            "arguments": to_plain(dict(self.arguments)),
            "fit": to_plain(dict(self.fit)),
            "task": None if self.task is None else self.task.__name__,
            "task_arguments": to_plain(dict(self.task_arguments)),
        }
        if isinstance(self.model, nn.Module):
            found["network"] = f"{type(self.model).__module__}.{type(self.model).__qualname__}"
            found["weights"] = _hash(self.model, values=True)
        elif made is not None and not isinstance(self.model, str):
            found["layers"] = _hash(made, values=False)
        return found


def plan_of(model: Any, options: Mapping[str, Any]) -> Plan:
    """A plan from what a user hands over.

    Args:
        model: a plan, a recipe, a name, a network or a function that makes one.
        options: arguments of fit, put over those of a plan or recipe.

    Raises:
        ConfigError: something else, or wrong arguments.
    """
    if isinstance(model, Plan):
        return model.varied({}, options)
    if isinstance(model, Recipe):
        return Plan(model.model, dict(model.arguments), _over(model.fit, options))
    if isinstance(model, Task):
        raise ConfigError(
            "a task cannot be trained several times", remedy="give a function that makes the task"
        )
    if isinstance(model, (str, nn.Module)) or callable(model):
        return Plan(model, {}, dict(options))
    raise ConfigError(
        f"a {type(model).__name__} cannot be trained",
        remedy="give the name of a model, a network, a recipe or a function that makes a network",
    )


def check_seed(seed: int) -> None:
    """Refuses everything but a whole number from 0 to 2^32 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ConfigError(f"seed = {seed!r} must be a whole number from 0 to 2^32 - 1")


def derived_seed(*words: int) -> int:
    """A seed below 2^31 that depends on all words.

    Example:
        >>> derived_seed(1, 2) == derived_seed(1, 2) != derived_seed(2, 1)
        True
    """
    return int(np.random.SeedSequence(list(words)).generate_state(1)[0] >> 1)


def _over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = _over(old, value) if nested else value  # type: ignore[arg-type]
    return result


def _hash(network: nn.Module, *, values: bool) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        if isinstance(value, torch.Tensor):
            array = value.detach().cpu().contiguous()
            digest.update(f"{name} {array.dtype} {tuple(array.shape)}".encode())
            if values:
                digest.update(array.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
