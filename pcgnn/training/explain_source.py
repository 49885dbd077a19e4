"""What is explained: the model behind a source, one number per graph, and the baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from pcgnn.data import ParticleClouds, Standardizer
from pcgnn.errors import ConfigError, DataError
from pcgnn.models.base import CloudModel
from pcgnn.training.multi_label_task import MultiLabelTask
from pcgnn.training.predicting import load_source
from pcgnn.training.prediction_parts import check_inputs
from pcgnn.training.task import ClassificationTask

__all__ = ["Explained", "OutputKind", "explained_inputs", "find_explained", "find_targets"]

OutputKind: TypeAlias = Literal["logit", "log-odds", "probability"]

_WIDTHS = {"p4": ("E", "px", "py", "pz")}


@dataclass(frozen=True, eq=False)
class Explained:
    """A classifier whose output is explained.

    Attributes:
        module: what maps a batch of raw clouds to logits.
        network: the network inside.
        standardizer: the standardisation inside, or None.
        classes: names of the classes; empty where the model does not tell them.
        multi_label: whether the logits stand for labels that do not exclude each other.
    """

    module: nn.Module
    network: nn.Module
    standardizer: nn.Module | None
    classes: tuple[str, ...]
    multi_label: bool

    def output(self, logits: Tensor, target: Tensor, kind: OutputKind) -> Tensor:
        """The number of each graph that is explained.

        **Shapes:** logits (G, C), target (G,) -> (G,)
        """
        own = logits.gather(1, target[:, None]).squeeze(1)
        if self.multi_label:
            return own.sigmoid() if kind == "probability" else own
        if kind == "logit":
            return own
        if kind == "probability":
            return logits.softmax(1).gather(1, target[:, None]).squeeze(1)
        taken = torch.zeros_like(logits, dtype=torch.bool).scatter(1, target[:, None], True)
        return own - logits.masked_fill(taken, float("-inf")).logsumexp(1)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return next((p.dtype for p in self.module.parameters()), torch.float32)


def find_explained(source: Any, clouds: Any) -> Explained:
    """The classifier behind a model, the result of a training, a task or a checkpoint file.

    Raises:
        ConfigError: it is no classifier of graphs, or was trained on other inputs.
    """
    if isinstance(source, CloudModel):
        classes = tuple(str(name) for name in getattr(clouds, "classes", ()) or ())
        return Explained(source, source, None, classes, False)
    task = load_source(source)
    if not isinstance(task, (ClassificationTask, MultiLabelTask)):
        raise ConfigError(
            f"a task on {task.kind} has no class to explain",
            remedy="give a classifier of jets or events",
        )
    check_inputs(task.features, clouds)
    multi_label = isinstance(task, MultiLabelTask)
    return Explained(task, task.network, task.standardizer, tuple(task.classes), multi_label)


def find_targets(explained: Explained, logits: Tensor, target: Any) -> Tensor:
    """Class that is explained of each graph, (G,), int64, on the host.

    Args:
        explained: the classifier.
        logits: of the graphs, (G, C).
        target: number or name of a class, one number per graph, "predicted", or None for the
            last class.

    Raises:
        ConfigError: no such class.
    """
    graphs, count = logits.shape
    if target is None:
        target = count - 1
    if isinstance(target, str) and target not in explained.classes:
        if target != "predicted":
            raise ConfigError(
                f"no class {target!r}",
                remedy=f"choose from {[*explained.classes, 'predicted']}",
            )
        return logits.argmax(1).cpu()
    if isinstance(target, str):
        target = explained.classes.index(target)
    array = np.asarray(target)
    if array.dtype.kind not in "iu" or array.shape not in ((), (graphs,)):
        raise ConfigError(
            f"target of type {array.dtype} and shape {array.shape}",
            remedy=f"give a class number, or one for each of the {graphs} graphs",
        )
    found = torch.from_numpy(np.broadcast_to(array, (graphs,)).astype(np.int64))
    if graphs and not (int(found.min()) >= 0 and int(found.max()) < count):
        raise ConfigError(f"there is no class {int(found.max())} of {count}")
    return found


def explained_inputs(
    explained: Explained, clouds: ParticleClouds, inputs: Sequence[str] | str | None
) -> tuple[str, ...]:
    """Names of the inputs that attributions are wanted of.

    By default the features, or what else the model reads.

    Raises:
        ConfigError: the model does not read them.
        DataError: the clouds do not have them.
    """
    needs = getattr(explained.network, "needs", None)
    known = [name for name in ("x", "pos", "p4") if needs is None or name in needs]
    if inputs is None:
        inputs = ("x",) if "x" in known else tuple(known)
    chosen = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    for name in chosen:
        if name not in known:
            raise ConfigError(f"the model does not read {name!r}", remedy=f"it reads {known}")
        if getattr(clouds, name, None) is None:
            raise DataError(f"the clouds have no {name}", remedy="keep it when they are made")
    if not chosen:
        raise ConfigError("no input is named to explain", remedy=f"choose from {known}")
    return chosen


def input_names(clouds: ParticleClouds, name: str) -> tuple[str, ...]:
    """Names of the columns of an input."""
    width = int(getattr(clouds, name).shape[1])
    definition = clouds.features
    found: tuple[str, ...] = ()
    if name == "x" and definition is not None:
        found = tuple(definition.names)
    elif name == "pos" and definition is not None:
        found = tuple(definition.pos)
    else:
        found = _WIDTHS.get(name, ())
    return found if len(found) == width else tuple(f"{name}[{f}]" for f in range(width))


def find_baseline(explained: Explained, clouds: ParticleClouds, name: str, baseline: Any) -> Tensor:
    """Values of an input at the baseline, (F,).

    Args:
        explained: the classifier.
        clouds: the clouds that are explained.
        name: the input.
        baseline: "zero", "mean", or a mapping of inputs to values.

    Raises:
        ConfigError: it is something else.
    """
    raw: Tensor = getattr(clouds, name)
    width = raw.shape[1]
    if isinstance(baseline, dict):
        baseline = baseline.get(name, "zero")
    if isinstance(baseline, str):
        if baseline == "mean":
            return raw.double().mean(0).to(raw.dtype)
        if baseline != "zero":
            raise ConfigError(f"baseline {baseline!r}", remedy="choose 'zero' or 'mean'")
        standardizer = explained.standardizer
        if name == "x" and isinstance(standardizer, Standardizer):
            return standardizer.inverse(raw.new_zeros(1, standardizer.num_outputs)).squeeze(0)
        return raw.new_zeros(width)
    values = torch.as_tensor(baseline, dtype=raw.dtype)
    if values.shape not in ((), (width,)):
        raise ConfigError(
            f"the baseline of {name} has the shape {tuple(values.shape)}",
            remedy=f"give one number for each of the {width} columns",
        )
    return values.expand(width)


Forward: TypeAlias = Callable[..., Tensor]
