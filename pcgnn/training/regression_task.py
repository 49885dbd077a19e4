"""Regression: targets with a value, such as a mass, instead of a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from pcgnn.errors import ConfigError, DataError
from pcgnn.io.predicted_rows import Origin
from pcgnn.io.regression_prediction import RegressionPrediction
from pcgnn.losses import GaussianLikelihood, ValueLoss
from pcgnn.training.base_task import Task
from pcgnn.training.datamodule import first_attribute
from pcgnn.training.task_inputs import Unbuilt, weight_of
from pcgnn.training.validation import ratio_numbers

__all__ = ["RegressionTask", "values_of"]

_NAMELESS = "target"
# Graphs and values that are looked at to find the best prediction for all.
_LOOKED_AT, _STEPS = 10_000, 200
_LARGEST_NORM = 1.0


class RegressionTask(Task):
    r"""Trains a network that maps a batch of graphs to one value per target, (G, T).

    Any model of graphs does it, made with ``classes`` = number of targets (twice as many for the
    loss ``gaussian-likelihood``: values, then logarithms of widths). Clouds with floating-point
    targets get this task from :func:`pcgnn.fit`.

    Masses in GeV are no output for a network whose weights are of order 1, so that the task looks
    at the targets of the training part, once, and keeps what it found in the checkpoint:

    - losses of differences see :math:`(y - \bar y)/s` with mean and standard deviation, and the
      network output z as it is: :math:`p = \bar y + s z`;
    - losses of ratios need predictions above 0: :math:`p = m\,\mathrm{softplus}(z + z_0)` with the
      median m of the targets. Where p << m this is an exponential, so that equal steps of z are
      equal ratios; where p >> m it is linear, and large outputs do not run away as those of an
      exponential would. A new network (z near 0) predicts the one value that the loss likes best
      for all graphs, by choice of :math:`z_0`: begun above it, the large ratios of small targets
      would drive all predictions to 0, where the loss has no slope.

    The slope of a ratio grows with the ratio: one small target that is predicted too large
    outweighs all others, and its step may end where the loss is flat. So gradients of losses of
    ratios are clipped to a norm of 1 where the training names no other norm.

    The numbers of the validation are the loss and, of the ratios R of prediction and truth with
    quantiles a (84%), b (16%) and the median c, ``resolution`` (a - b)/(2c) and ``bias`` c - 1;
    of several targets the means.

    Args:
        network: see :class:`pcgnn.training.Task`.
        classes: names of the targets, or their number; one without a name if not given.
        loss: ``mean-squared-error`` if not given; ``huber``, ``gaussian-likelihood``,
            ``mean-squared-ratio``, ``central-fraction``.
        **arguments: the others, see :class:`pcgnn.training.Task`.

    Raises:
        ConfigError: for names or arguments that are not known, or a loss of classes.

    Example:
        >>> task = RegressionTask(name="pfn", features="particlenet", classes=["mass"])
        >>> task.network.config["classes"], task.classes
        (1, ('mass',))
    """

    kind: ClassVar[str] = "regression"
    of_graphs: ClassVar[bool] = True
    default_loss: ClassVar[str] = "mean-squared-error"

    target_shift: Tensor
    target_scale: Tensor
    target_start: Tensor
    targets_seen: Tensor

    def __init__(
        self,
        network: nn.Module | None = None,
        *,
        classes: Sequence[str] | int | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(network, classes=classes, **arguments)
        if not isinstance(self.loss, ValueLoss):
            raise ConfigError(
                f"the loss {self.loss_name!r} is of classes, not of values",
                remedy="choose mean-squared-error, huber, gaussian-likelihood, mean-squared-ratio "
                "or central-fraction",
            )
        if not classes:
            outputs = getattr(self.network, "config", {}).get("classes", self.num_outputs)
            self.classes = self.name_outputs(max(1, outputs // self.loss.outputs))
        self._reset_scale()

    def name_outputs(self, classes: Sequence[str] | int | None) -> tuple[str, ...]:
        """Names of the targets."""
        if not classes or classes == 1:
            return (_NAMELESS,)
        if isinstance(classes, int):
            return tuple(f"{_NAMELESS}_{index}" for index in range(classes))
        return tuple(str(name) for name in classes)

    @property
    def num_outputs(self) -> int:
        """Outputs of the network: one or two per target."""
        loss: Any = self.loss
        return int(getattr(loss, "outputs", 1)) * len(self.classes)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the targets; a single one without a name has that of its column."""
        if self.classes == (_NAMELESS,) and self.target:
            return (self.target,)
        return self.classes

    def build(self, features: Any = None, classes: Sequence[str] | None = None) -> None:
        """Takes features and names of targets from the data and makes the network."""
        super().build(features, classes)
        if hasattr(self, "target_scale") and len(self.classes) != len(self.target_scale):
            self._reset_scale()

    def _reset_scale(self) -> None:
        count = len(self.classes)
        self.register_buffer("target_shift", torch.zeros(count))
        self.register_buffer("target_scale", torch.ones(count))
        self.register_buffer("target_start", torch.zeros(count))
        self.register_buffer("targets_seen", torch.zeros((), dtype=torch.bool))

    def fit_targets(self, train: Any) -> None:
        """Takes shift and scale from the training part, unless they are known.

        Args:
            train: clouds, a loader or a stream, of which one pass is made.

        Raises:
            DataError: there are no targets, or the loss needs positive ones.
        """
        if bool(self.targets_seen):
            return
        values = _all_values(train).double()
        loss: Any = self.loss
        if loss.positive:
            self.check_positive(values)
            shift, scale = torch.zeros(values.shape[1]).double(), values.median(0).values
            self.target_start.copy_(best_start(loss, values / scale))
        else:
            shift, scale = values.mean(0), values.std(0, correction=0)
            scale = torch.where(scale > 0, scale, 1.0)
        self.target_shift.copy_(shift)
        self.target_scale.copy_(scale)
        self.targets_seen.fill_(True)

    def check_positive(self, values: Tensor) -> None:
        """Refuses targets that are not above 0 where the loss is one of ratios.

        Raises:
            DataError: naming how many.
        """
        loss: Any = self.loss
        if loss.positive and bool((values <= 0).any()):
            graphs = int((values <= 0).any(1).sum())
            raise DataError(
                f"{graphs} of {len(values)} graphs have a target that is not above 0, of which "
                f"the loss {self.loss_name!r} takes a ratio",
                branch=self.target,
                remedy="leave them out by a cut, or take the loss huber or mean-squared-error",
            )

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Scaled targets and the weight of each graph, (G, T) and (G,)."""
        return (values_of(batch) - self.target_shift) / self.target_scale, weight_of(batch)

    @property
    def default_gradient_clip(self) -> float | None:
        """1 for losses of ratios."""
        loss: Any = self.loss
        return _LARGEST_NORM if loss.positive else None

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips gradients as the training says, those of ratios in any case."""
        if gradient_clip_val is None:
            gradient_clip_val = self.default_gradient_clip
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def forward(self, batch: Any) -> Tensor:
        """Scaled predictions of a batch of raw graphs, (G, T) or (G, 2 T)."""
        output: Tensor = super().forward(batch)
        loss: Any = self.loss
        if not loss.positive:
            return output
        wide = output if output.dtype == torch.float64 else output.float()
        predictions: Tensor = loss.aim * functional.softplus(wide + self.target_start)
        return predictions

    def probabilities(self, logits: Tensor) -> Tensor:
        """Values in the unit of the target, (G, T), for a loss with widths (G, 2 T)."""
        count = len(self.target_scale)
        loss: Any = self.loss
        values: Tensor = logits[:, :count] * (self.target_scale / loss.aim) + self.target_shift
        if not isinstance(loss, GaussianLikelihood):
            return values
        widths = loss.log_width(logits[:, count:]).exp() * self.target_scale
        return torch.cat([values, widths], dim=1)

    def numbers(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        """Resolution and bias of the ratios of prediction and truth."""
        values = self.probabilities(logits)[:, : target.shape[1]]
        return ratio_numbers(values, target * self.target_scale + self.target_shift, weight)

    def check_kind(self, graphs: Any) -> None:
        """Refuses targets that are no numbers."""
        values_of(graphs)

    def check_targets(self, graphs: Any) -> None:
        """Refuses another number of targets, and values that the loss cannot have."""
        check_outputs(self, graphs)

    def rows(self, values: np.ndarray, origin: Origin) -> RegressionPrediction:
        """Values (G, T), and widths where there are some, with their file and entry."""
        targets = self.output_names
        count = len(targets)
        return RegressionPrediction(
            values=values[:, :count],
            targets=targets,
            width=values[:, count:] if values.shape[1] > count else None,
            **origin.to_dict(),
        )


def best_start(loss: ValueLoss, targets: Tensor) -> Tensor:
    """Where softplus is the one prediction for all graphs that has the lowest loss.

    Looked for between the smallest and the largest target, in 200 equal ratios.

    Args:
        loss: one of ratios.
        targets: above 0.

    **Shapes:** targets (G, T) -> (T,).

    Example:
        >>> from pcgnn.losses import MeanSquaredRatio
        >>> functional.softplus(best_start(MeanSquaredRatio(), torch.ones(9, 1)))
        tensor([1.], dtype=torch.float64)
    """
    some = targets[:: max(1, len(targets) // _LOOKED_AT)]
    found = []
    for column in (each[:, None] for each in some.unbind(1)):
        low, high = float(column.min()), float(column.max())
        steps = torch.logspace(math.log10(low), math.log10(high), _STEPS).to(column)
        values = [loss(torch.full_like(column, loss.aim * float(p)), column) for p in steps]
        found.append(steps[torch.stack(values).argmin()])
    # the inverse of softplus, exact where it is small too
    best = torch.stack(found).double()
    return best + torch.log(-torch.expm1(-best))


def values_of(batch: Any) -> Tensor:
    """Targets of each graph of a batch, (G, T).

    Raises:
        DataError: there are none, or not one row per graph.
    """
    target = getattr(batch, "y", None)
    if not isinstance(target, Tensor):
        raise DataError(
            "the graphs have no target", remedy="name it: ParticleClouds.from_awkward(target=...)"
        )
    values = target[:, None] if target.dim() == 1 else target
    ptr = getattr(batch, "ptr", None)
    graphs = len(values) if ptr is None else len(ptr) - 1
    if values.dim() != 2 or len(values) != graphs:
        raise DataError(
            f"the targets have the shape {tuple(target.shape)} for {graphs} graphs",
            remedy="a regression needs one value per graph, or one row of values",
        )
    return values if values.is_floating_point() else values.to(torch.get_default_dtype())


def check_outputs(task: RegressionTask, clouds: Any) -> None:
    """Refuse clouds with another number of targets than the task and its network have.

    Raises:
        DataError: saying how to make the network.
    """
    values = values_of(clouds)
    loss: Any = task.loss
    needed = int(loss.outputs) * values.shape[1]
    given = _outputs(task, clouds)
    if values.shape[1] == len(task.classes) and given == needed:
        task.check_positive(values)
        return
    raise DataError(
        f"the graphs have {values.shape[1]} floating-point target(s), for which the loss "
        f"{task.loss_name!r} needs {needed} output(s); the network has {given}",
        branch=task.target,
        remedy=f"create the model with classes={needed}; if the numbers are classes, use y.long()",
    )


def _outputs(task: RegressionTask, clouds: Any) -> int:
    """Outputs of the network, which is asked where it does not say."""
    if isinstance(task.network, Unbuilt):
        return task.num_outputs
    said = getattr(task.network, "config", {}).get("classes")
    if said is not None:
        return int(said)
    was_training = task.training
    task.eval()
    try:
        with torch.no_grad():
            output = task(clouds.batch([0]).to(task.device))
    finally:
        task.train(was_training)
    return int(output.shape[1]) if output.dim() == 2 else 1


def _all_values(train: Any) -> Tensor:
    clouds = first_attribute("clouds", train)
    if clouds is None and hasattr(train, "sizes") and hasattr(train, "batch"):
        clouds = train
    if clouds is not None:
        return values_of(clouds)
    epoch = getattr(train, "epoch", None)
    parts = [values_of(batch).cpu() for batch in train]
    if epoch is not None and hasattr(train, "set_epoch"):
        train.set_epoch(epoch)  # looking at the data is no epoch of the training
    if not parts:
        raise DataError("there are no graphs to train on", remedy="check cut and split")
    return torch.cat(parts)
