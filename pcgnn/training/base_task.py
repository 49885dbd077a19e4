"""The base of all tasks: network, standardisation, loss and validation numbers wired up."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from pcgnn.errors import CheckpointError, ConfigError, DataError
from pcgnn.io.predicted_rows import Origin, PredictedRows
from pcgnn.losses import EpochLoss, create_loss
from pcgnn.training.checkpoint_content import (
    check_content,
    make_content,
    standardizer_from_content,
    temperature_from_content,
)
from pcgnn.training.optimizers import check_optimizer, create_optimizer
from pcgnn.training.scheduling import FactorLR, create_schedule, scheduler_config
from pcgnn.training.task_inputs import (
    Unbuilt,
    check_network,
    class_names,
    named_network,
    resolve_features,
)
from pcgnn.training.validation import gather_rows

__all__ = ["Task"]


class Task(LightningModule):
    """Trains a network that maps a batch to logits; a subclass says of what.

    The same class serves :func:`pcgnn.fit` and the command line. It only wires: the network,
    the standardisation in front of it, the loss and the numbers of the validation are objects
    of their own.

    In a training step nothing waits for the device. Validation keeps logits on the device and
    computes ``val_loss``, ``val_accuracy`` and ``val_auc`` once per epoch over everything that
    all processes saw, so they do not depend on batch size or number of processes.

    Attributes:
        kind: what is classified; stands in checkpoints.
        of_graphs: whether the scores are of graphs of clouds, one row each.
        of_particles: whether they are of the particles of clouds.
        default_loss: the loss where none is named.
        standardizes: whether the inputs of this task are standardised.
        temperature: what :func:`pcgnn.calibrate` found, None before; scores alone depend on it.

    Args:
        network: a module that maps a batch to logits. Give this or ``name``.
        name: name of a model in the registry (``pcgnn models`` lists them).
        arguments: arguments of the named model.
        features: the inputs: a definition, the name of one, or a plain dictionary of one. None
            takes those of the training data; a named network is made when they are known.
        classes: names of the classes in the order of the logits, or their number.
        target: name of the target column, for the record.
        loss: name of a loss; None takes the one of the task.
        loss_arguments: its arguments.
        optimizer: ``adamw``, ``adam`` or ``sgd``.
        lr: (largest) learning rate.
        weight_decay: weight decay.
        decay_norm_and_bias: decay biases and normalisation parameters too.
        optimizer_arguments: further arguments, e.g. momentum and nesterov of SGD.
        schedule: name of a learning-rate schedule.
        schedule_arguments: its arguments.
        standardize: how ``standardizer`` is to be fitted on the training part: ``mean-std``,
            ``quantile``, ``pca`` or ``none``.
        standardizer: a fitted standardisation, applied to each batch before the network.

    Raises:
        ConfigError: for names or arguments that are not known.
    """

    kind: ClassVar[str]
    of_graphs: ClassVar[bool] = False
    of_particles: ClassVar[bool] = False
    default_loss: ClassVar[str]
    standardizes: ClassVar[bool] = True

    def __init__(
        self,
        network: nn.Module | None = None,
        *,
        name: str | None = None,
        arguments: dict[str, Any] | None = None,
        features: Any = None,
        classes: Sequence[str] | int | None = None,
        target: str | None = None,
        loss: str | None = None,
        loss_arguments: dict[str, Any] | None = None,
        optimizer: str = "adamw",
        lr: float = 3e-3,
        weight_decay: float = 1e-2,
        decay_norm_and_bias: bool = False,
        optimizer_arguments: dict[str, Any] | None = None,
        schedule: str = "one-cycle",
        schedule_arguments: dict[str, Any] | None = None,
        standardize: str = "mean-std",
        standardizer: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.features = self.parse_features(features)
        self.classes = self.name_outputs(classes)
        check_network(network, name, arguments)
        self._pending = None if name is None else (name, dict(arguments or {}))
        self.network: nn.Module = Unbuilt() if network is None else network
        self.target = target
        self.loss_name = loss or self.default_loss
        self.loss_arguments = dict(loss_arguments or {})
        self.loss = create_loss(self.loss_name, **self.loss_arguments)
        # the width of inputs some of which are optional is known with the data
        if self._pending is not None and self.features is not None and not _open(self.features):
            self.build()
        check_optimizer(optimizer, float(lr))
        self.optimizer_name = optimizer
        self.lr, self.weight_decay = float(lr), float(weight_decay)
        self.decay_norm_and_bias = decay_norm_and_bias
        self.optimizer_arguments = dict(optimizer_arguments or {})
        self.schedule_name, self.schedule_arguments = schedule, dict(schedule_arguments or {})
        self.schedule = create_schedule(schedule, **self.schedule_arguments)
        self.standardize = standardize if self.standardizes else "none"
        self.standardizer: nn.Module | None = standardizer
        self.provenance: dict[str, Any] = {}
        self.record: dict[str, Any] = {}
        self.temperature: tuple[float, ...] | None = None
        self._evaluated: list[tuple[Tensor, Tensor, Tensor | None]] = []
        self._epoch_scheduler: FactorLR | None = None

    def build(self, features: Any = None, classes: Sequence[str] | None = None) -> None:
        """Takes features and classes from the data and makes the network given by its name.

        Does nothing to a network that is there already.

        Args:
            features: definition of the inputs, taken if the task has none yet or if it is the same
                with everything settled that depends on the data.
            classes: names of the classes, taken if their number is right.
        """
        ours = self.features
        if ours is None or (hasattr(ours, "resolves_to") and _settled(ours, features)):
            self.features = self.parse_features(features)
        if classes and (len(classes) == len(self.classes) or isinstance(self.network, Unbuilt)):
            self.classes = self.name_outputs(classes)
        if isinstance(self.network, Unbuilt) and self._pending is not None:
            name, arguments = self._pending
            self.network = named_network(name, arguments, self.features, self.num_outputs)

    def name_outputs(self, classes: Sequence[str] | int | None) -> tuple[str, ...]:
        """Names of what the outputs stand for, from names or their number."""
        return class_names(classes)

    @property
    def num_outputs(self) -> int:
        """Outputs of a network of this task."""
        return len(self.classes)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the columns of a prediction."""
        return self.classes

    def parse_features(self, features: Any) -> Any:
        """The inputs as the task keeps them."""
        return resolve_features(features)

    @abstractmethod
    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Targets of a batch and their weights (None for 1)."""

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities from logits."""

    @abstractmethod
    def numbers(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        """Numbers of the validation beside the loss."""

    def check_kind(self, graphs: Any) -> None:
        """Refuses graphs whose targets are of another kind; called before the network is made."""

    def check_targets(self, graphs: Any) -> None:
        """Refuses graphs whose targets the network cannot have; called before a training."""

    def rows(self, values: np.ndarray, origin: Origin) -> PredictedRows:
        """Scores of graphs with their file and entry.

        Args:
            values: what :meth:`scores` gave, (G, ...).
            origin: file and entry of each.

        Raises:
            ConfigError: the task does not score graphs.
        """
        raise ConfigError(
            f"a task on {self.kind} scores hit graphs, not clouds",
            remedy="make them with pcgnn.tracking.build_graphs",
        )

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities from logits, with the temperature of a calibration if there was one."""
        if self.temperature is not None:
            one = len(self.temperature) == 1
            logits = logits / (self.temperature[0] if one else logits.new_tensor(self.temperature))
        return self.probabilities(logits)

    @property
    def trained(self) -> nn.Module:
        """What the optimiser trains."""
        return self.network

    @property
    def default_gradient_clip(self) -> float | None:
        """Largest norm of the gradient where the training names none; None for no limit."""
        return None

    def extra_arguments(self) -> dict[str, Any]:
        """Plain arguments of this kind of task beside those of all; they stand in checkpoints."""
        return {}

    def forward(self, batch: Any) -> Tensor:
        """Logits of a batch of raw graphs."""
        if self.standardizer is not None:
            batch = self.standardizer(batch)
        logits: Tensor = self.network(batch)
        return logits

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Loss of one batch; the value stays on the device."""
        loss, examples = self.batch_loss(batch)
        self.log(
            "train_loss",
            loss.detach(),
            on_step=False,
            on_epoch=True,
            sync_dist=True,
            batch_size=examples,
        )
        return loss

    def batch_loss(self, batch: Any) -> tuple[Tensor, int]:
        """Loss of one batch and the number of its examples."""
        target, weight = self.targets(batch)
        return self.loss(self(batch), target, weight), target.shape[0]

    def on_validation_epoch_start(self) -> None:
        """Forgets the graphs of the last validation."""
        self._evaluated = []

    def on_test_epoch_start(self) -> None:
        """Forgets the graphs of the last test."""
        self._evaluated = []

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Keeps the logits of one batch."""
        self._evaluated.append((self(batch).detach(), *self.targets(batch)))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Keeps the logits of one batch."""
        self.validation_step(batch, batch_idx)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Probabilities of one batch."""
        logits: Tensor = self(batch)
        return self.scores(logits.float())

    def on_validation_epoch_end(self) -> None:
        """Logs ``val_loss``, ``val_accuracy`` and ``val_auc``."""
        self._log_evaluated("val")

    def on_test_epoch_end(self) -> None:
        """Logs ``test_loss``, ``test_accuracy`` and ``test_auc``."""
        self._log_evaluated("test")

    def _log_evaluated(self, stage: str) -> None:
        numbers = self.evaluated_numbers()
        self._evaluated = []
        for name, value in numbers.items():
            self.log(f"{stage}_{name}", value.float(), sync_dist=True, batch_size=1)

    def evaluated_numbers(self) -> dict[str, Tensor]:
        """Loss and the other numbers over what was kept since the start of the epoch."""
        if not self._evaluated:
            raise DataError("there are no graphs to validate on")
        logits = gather_rows(torch.cat([part[0] for part in self._evaluated])).double()
        target = gather_rows(torch.cat([part[1] for part in self._evaluated]))
        weight: Tensor | None = None
        if self._evaluated[0][2] is not None:
            weights = [part[2] for part in self._evaluated if part[2] is not None]
            weight = gather_rows(torch.cat(weights)).double()
        return {
            "loss": self.loss(logits, target, weight),
            **self.numbers(logits, target, weight),
        }

    def configure_optimizers(self) -> Any:
        """Optimiser and learning-rate schedule for Lightning."""
        optimizer = create_optimizer(
            self.optimizer_name,
            self.trained,
            lr=self.lr,
            weight_decay=self.weight_decay,
            decay_norm_and_bias=self.decay_norm_and_bias,
            **self.optimizer_arguments,
        )
        epochs = self.trainer.max_epochs or 0
        if epochs < 1:
            raise ConfigError(
                "the number of epochs is not known", remedy="set trainer.max_epochs in the config"
            )
        if not self._length_known():
            # A stream does not know its length: the schedule then moves epoch by epoch.
            self._epoch_scheduler = FactorLR(optimizer, self.schedule, 1, epochs)
            return optimizer
        per_epoch = max(1, int(self.trainer.estimated_stepping_batches) // epochs)
        return {
            "optimizer": optimizer,
            "lr_scheduler": scheduler_config(optimizer, self.schedule, per_epoch, epochs),
        }

    def _length_known(self) -> bool:
        # Asking Lightning for the number of updates would start to read a stream, before a
        # resumed training knows its epoch.
        data: Any = getattr(self.trainer, "datamodule", None)
        return data is None or hasattr(data.train_dataloader(), "__len__")

    def on_fit_start(self) -> None:
        """Forgets a calibration: other weights need another one."""
        self.temperature = None

    def on_train_epoch_start(self) -> None:
        """Tells the epoch to a loss that changes, and moves the schedule of an unknown length."""
        if isinstance(self.loss, EpochLoss):
            self.loss.begin_epoch(self.current_epoch)
        if self._epoch_scheduler is not None:
            self._epoch_scheduler.go_to(self.current_epoch)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what a later prediction needs."""
        checkpoint["pcgnn"] = make_content(self)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the standardisation of the checkpoint before the weights are loaded."""
        content = check_content(checkpoint)
        ours = getattr(self.network, "config", None)
        theirs = content["model"]["arguments"]
        if ours is not None and content["model"]["name"] == getattr(self.network, "name", None):
            from pcgnn.training.plain import differences, to_plain

            if lines := differences(theirs, to_plain(ours)):
                raise CheckpointError(
                    f"the checkpoint holds a model with other arguments: {'; '.join(lines)}",
                    remedy="create the model with the arguments of the checkpoint",
                )
        self.standardizer = standardizer_from_content(content)
        if self.standardizer is not None:
            self.standardizer.to(self.device)
        self.temperature = temperature_from_content(content)
        self.provenance = dict(content["provenance"])
        if content["classes"]:
            self.classes = tuple(content["classes"])


def _open(features: Any) -> bool:
    return any(getattr(feature, "optional", False) for feature in features)


def _settled(ours: Any, theirs: Any) -> bool:
    return hasattr(theirs, "resolves_to") and bool(ours.resolves_to(theirs))
