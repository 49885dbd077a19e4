"""The learning-rate range test: one short run with a rising rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pcgnn.errors import ConfigError, DataError
from pcgnn.losses import EpochLoss
from pcgnn.training.base_task import Task
from pcgnn.training.callbacks.seeding import kept_random_state, seed_epoch
from pcgnn.training.datamodule import describe_inputs, first_attribute, fit_standardizer
from pcgnn.training.fitting import resolve_device
from pcgnn.training.loaders import training_loader
from pcgnn.training.optimizers import create_optimizer
from pcgnn.training.target_checks import check_targets
from pcgnn.training.tasks import task_of

__all__ = ["LRRange", "lr_range_test"]


@dataclass(frozen=True, eq=False)
class LRRange:
    """The loss against the learning rate.

    Args:
        lr: rate of each update.
        loss: loss of its batch, before the update.
        smoothed: mean of the losses so far that forgets, without the bias of its start.

    **Shapes:** lr, loss, smoothed (S,)
    """

    lr: NDArray[np.float64]
    loss: NDArray[np.float64]
    smoothed: NDArray[np.float64]

    @property
    def lowest(self) -> float:
        """Rate at the minimum of the smoothed loss: from here on the training suffers."""
        return float(self.lr[int(np.argmin(self.smoothed))])

    @property
    def steepest(self) -> float:
        """Rate at which the smoothed loss falls fastest against the logarithm of the rate.

        The slope is that of a straight line through a tenth of the updates on either side, and
        the first updates, over which little is smoothed, are not looked at.
        """
        last = int(np.argmin(self.smoothed)) + 1
        half = max(len(self.lr) // 10, 2)
        if last <= 2 * half:
            return float(self.lr[last // 2])
        offsets = np.arange(-half, half + 1)
        windows = np.lib.stride_tricks.sliding_window_view(self.smoothed[:last], 2 * half + 1)
        return float(self.lr[half + int(np.argmin(windows @ offsets))])

    @property
    def suggestion(self) -> float:
        """A third of :attr:`lowest`, for ``lr=``, the largest rate of a schedule.

        The loss lags behind the rate, so that the minimum lies above what is good in the long run.
        """
        return self.lowest / 3

    @property
    def diverged(self) -> bool:
        """Whether the test went far enough to see the loss rise again."""
        return bool(self.smoothed[-1] > 1.5 * self.smoothed.min())

    def __str__(self) -> str:
        end = "" if self.diverged else "; the loss did not rise yet: raise end="
        return (
            f"{len(self.lr)} updates from {self.lr[0]:.1e} to {self.lr[-1]:.1e}: steepest at "
            f"{self.steepest:.1e}, lowest at {self.lowest:.1e}, suggested lr "
            f"{self.suggestion:.1e}{end}"
        )

    __repr__ = __str__


def lr_range_test(
    model: nn.Module | Task,
    train: Any,
    *,
    start: float = 1e-6,
    end: float = 1.0,
    updates: int = 200,
    smoothing: float = 0.9,
    stop: float = 4.0,
    batch_size: int | None = None,
    loss: str | None = None,
    loss_arguments: dict[str, Any] | None = None,
    standardize: str = "mean-std",
    optimizer: str = "adamw",
    optimizer_arguments: dict[str, Any] | None = None,
    weight_decay: float = 1e-2,
    gradient_clip: float | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> LRRange:
    r"""Raises the learning rate from update to update and looks when the loss stops to fall.

    "Cyclical Learning Rates for Training Neural Networks" (`arXiv:1506.01186
    <https://arxiv.org/abs/1506.01186>`__), with the rate even in the logarithm,

    .. math::
        \eta_i = \eta_0 \, (\eta_1 / \eta_0)^{i / (S - 1)}, \qquad
        \bar L_i = \frac{(1-\beta) \sum_{j \le i} \beta^{i-j} L_j}{1 - \beta^{i+1}}

    Weights, buffers and mode of the network and the random state of the caller are as before
    afterwards, also after an error.

    Args:
        model: the network as it would be trained, with its initial weights, or a task, whose own
            loss and optimiser are then used.
        train: training data, as in :func:`pcgnn.fit`.
        start: first rate.
        end: last rate.
        updates: number of updates S; passes over the data follow each other if needed.
        smoothing: beta.
        stop: ends the test where the smoothed loss is above its minimum by this many times its
            fall so far, or where a loss is not finite.
        batch_size: as in ``fit``; the rate that is found belongs to it.
        loss: as in ``fit``.
        loss_arguments: as in ``fit``.
        standardize: as in ``fit``.
        optimizer: as in ``fit``.
        optimizer_arguments: as in ``fit``.
        weight_decay: as in ``fit``.
        gradient_clip: as in ``fit``.
        seed: of order and dropout.
        device: as in ``fit``.

    Raises:
        ConfigError: numbers out of range.
        DataError: the first loss is not finite.

    Example:
        >>> found = lr_range_test(model, train, batch_size=128)  # doctest: +SKIP
        >>> result = fit(model, train, val, epochs=20, lr=found.suggestion)  # doctest: +SKIP
    """
    _check(start, end, updates, smoothing, stop)
    if isinstance(model, Task):
        task = model
    else:
        task = task_of(model, train)(
            model,
            features=first_attribute("features", train),
            classes=first_attribute("classes", train),
            loss=loss,
            loss_arguments=loss_arguments,
            optimizer=optimizer,
            optimizer_arguments=optimizer_arguments,
            weight_decay=weight_decay,
            standardize=standardize,
        )
    if batch_size is None:
        batch_size = int(getattr(train, "default_batch_size", 256))
    where = resolve_device(device)
    with kept_random_state():
        seed_epoch(seed, 0)
        describe_inputs(task, train)
        check_targets(task, train)
        standardizer, home, was_training = task.standardizer, task.device, task.training
        modes = {module: module.training for module in task.modules()}
        kept = {name: value.detach().clone() for name, value in task.state_dict().items()}
        try:
            fit_standardizer(task, train)
            look_at_targets: Any = getattr(task, "fit_targets", None)  # of regressions
            if callable(look_at_targets):
                look_at_targets(train)
            task.to(where).train()
            rates = start * (end / start) ** (np.arange(updates) / (updates - 1))
            found = _run(task, train, rates, batch_size, seed, smoothing, stop, gradient_clip)
        finally:
            task.standardizer = standardizer
            task.to(home).train(was_training)
            for module, mode in modes.items():
                module.training = mode
            task.zero_grad(set_to_none=True)
            task.load_state_dict(kept)
    return found


def _run(
    task: Task,
    train: Any,
    rates: NDArray[np.float64],
    batch_size: int,
    seed: int,
    smoothing: float,
    stop: float,
    gradient_clip: float | None,
) -> LRRange:
    optimizer = create_optimizer(
        task.optimizer_name,
        task.trained,
        lr=float(rates[0]),
        weight_decay=task.weight_decay,
        decay_norm_and_bias=task.decay_norm_and_bias,
        **task.optimizer_arguments,
    )
    if gradient_clip is None:
        gradient_clip = task.default_gradient_clip
    if isinstance(task.loss, EpochLoss):
        task.loss.begin_epoch(0)
    losses: list[float] = []
    smooth: list[float] = []
    mean = 0.0
    for rate, batch in zip(rates, _endless(train, batch_size, seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        optimizer.zero_grad(set_to_none=True)
        loss, _ = task.batch_loss(batch.to(task.device))
        value = float(loss.detach())
        if not math.isfinite(value):
            break
        losses.append(value)
        mean = smoothing * mean + (1 - smoothing) * value
        smooth.append(mean / (1 - smoothing ** len(losses)))
        lowest = min(smooth)
        if len(losses) > 10 and smooth[-1] > lowest + stop * max(smooth[0] - lowest, 0.1 * lowest):
            break
        torch.autograd.backward(loss)
        if gradient_clip is not None:
            nn.utils.clip_grad_norm_(task.trained.parameters(), gradient_clip)
        optimizer.step()
    if not losses:
        raise DataError(
            "the loss of the first batch is not finite",
            remedy="look for outliers in the features, or another initialisation",
        )
    return LRRange(rates[: len(losses)], np.array(losses), np.array(smooth))


def _endless(train: Any, batch_size: int, seed: int) -> Iterator[Any]:
    epoch = 0
    loader = training_loader(train, batch_size=batch_size, seed=seed, epoch=lambda: epoch)
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise DataError("there are no graphs to train on", remedy="check cut and split")
        epoch += 1


def _check(start: float, end: float, updates: int, smoothing: float, stop: float) -> None:
    if not 0 < start < end:
        raise ConfigError(f"the rates from {start} to {end}", remedy="give 0 < start < end")
    if updates < 10:
        raise ConfigError(f"updates = {updates} must be at least 10")
    if not 0 <= smoothing < 1:
        raise ConfigError(f"smoothing = {smoothing} must be at least 0 and below 1")
    if not stop > 0:
        raise ConfigError(f"stop = {stop} must be positive")
