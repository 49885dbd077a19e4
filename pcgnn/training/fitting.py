"""Train a network in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch import nn

from pcgnn.errors import ConfigError, DataError
from pcgnn.training.base_task import Task
from pcgnn.training.callbacks import History, RunCheckpoint
from pcgnn.training.callbacks.history import columns
from pcgnn.training.callbacks.seeding import kept_random_state
from pcgnn.training.checkpoint_content import make_content
from pcgnn.training.checkpoint_io import AtomicCheckpointIO, read_checkpoint
from pcgnn.training.datamodule import LoadedDataModule, describe_inputs, first_attribute
from pcgnn.training.fingerprint import check_resumable, data_fingerprint
from pcgnn.training.quiet import quiet_lightning
from pcgnn.training.run import RunDirectory, RunOptions, open_run, run_callbacks, run_loggers
from pcgnn.training.target_checks import check_loss, check_targets
from pcgnn.training.tasks import task_of

__all__ = ["FitResult", "fit", "resolve_device"]


@dataclass(frozen=True)
class FitResult:
    """What a training leaves.

    Args:
        task: the task with the weights of the best epoch, in evaluation mode.
        directory: the run directory.
        best_checkpoint: checkpoint of the best epoch.
        last_checkpoint: checkpoint of the last epoch.
        history: column name -> one value per epoch.
        best_epoch: number of the best epoch, from 0.
    """

    task: Task
    directory: Path
    best_checkpoint: Path
    last_checkpoint: Path
    history: dict[str, list[Any]]
    best_epoch: int

    @property
    def model(self) -> nn.Module:
        """The network with the weights of the best epoch."""
        return self.task.network

    def __repr__(self) -> str:
        epochs = len(self.history.get("epoch", []))
        text = f"FitResult({epochs} epochs, best {self.best_epoch + 1}"
        for name in ("train_loss", "val_loss", "val_accuracy", "val_auc", "val_resolution"):
            if name in self.history:
                text += f", {name} {self.history[name][self.best_epoch]:.4f}"
        return f"{text}, directory {str(self.directory)!r})"


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device to use: ``auto`` means CUDA if there is one, else the CPU.

    Raises:
        ConfigError: for a device that does not exist.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(
            f"{device!r} is not a device", remedy="choose 'auto', 'cpu', 'cuda' or 'cuda:0'"
        ) from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("no CUDA device is available", remedy="use device='auto' or 'cpu'")
    return found


def fit(
    model: nn.Module | None,
    train: Any,
    val: Any = None,
    *,
    epochs: int,
    loss: str | None = None,
    loss_arguments: dict[str, Any] | None = None,
    task: Task | None = None,
    standardize: str = "mean-std",
    directory: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    device: str | torch.device = "auto",
    devices: int = 1,
    strategy: str = "auto",
    batch_size: int | None = None,
    eval_batch_size: int | None = None,
    group_sizes: bool = False,
    optimizer: str = "adamw",
    optimizer_arguments: dict[str, Any] | None = None,
    lr: float = 3e-3,
    weight_decay: float = 1e-2,
    schedule: str = "one-cycle",
    schedule_arguments: dict[str, Any] | None = None,
    gradient_clip: float | None = None,
    precision: Any = "32-true",
    monitor: str = "val_loss",
    early_stopping: int | None = None,
    early_stopping_start: int | None = None,
    progress: bool = True,
    loggers: Sequence[str] = ("csv",),
    callbacks: Sequence[Callback] = (),
    tune_allocator: bool = False,
) -> FitResult:
    """Trains a network and keeps the weights of the best epoch.

    After each epoch ``last.ckpt``, ``history.csv`` and, on an improvement, ``best.ckpt`` are
    written to the run directory, each complete or not at all. A training killed at any moment
    goes on with ``resume=True`` and the same arguments, from the start of the epoch it was in;
    on one and the same CPU its weights are those of an uninterrupted training, bit for bit.

    The standardisation is fitted on ``train`` alone. The random state of the caller is left as
    it was.

    Args:
        model: the network; None if ``task`` is given.
        train: clouds, hit graphs, a :class:`~pcgnn.data.CloudLoader`, a
            :class:`~pcgnn.data.CloudStream` or
            any iterable of PyG batches.
        val: the same for validation, or None.
        epochs: number of passes over ``train``.
        loss: name of the loss; None takes the one of the task (``cross-entropy`` for graphs,
            ``binary-cross-entropy`` for edges).
        loss_arguments: its arguments.
        task: a ready task; the arguments on loss, optimiser and schedule are then not used.
        standardize: ``mean-std``, ``quantile``, ``pca`` or ``none``.
        directory: run directory; None makes ``runs/<model>-<date>-<time>``.
        resume: go on with the run in ``directory`` if there is one.
        overwrite: delete an earlier run in ``directory``.
        seed: seed of order, dropout and all else drawn in training.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``, ``cuda:1``.
        devices: number of processes, one device each.
        strategy: ``auto``, or ``ddp`` for several processes.
        batch_size: graphs per batch and process in training; None means 256 for clouds and 1
            for hit graphs.
        eval_batch_size: graphs per batch in validation; has no influence on results.
        group_sizes: put graphs of similar size into one batch.
        optimizer: ``adamw``, ``adam`` or ``sgd``.
        optimizer_arguments: e.g. ``{"momentum": 0.9, "nesterov": True}``.
        lr: (largest) learning rate.
        weight_decay: decay of weights; biases and normalisation parameters are left out.
        schedule: see :func:`pcgnn.training.list_schedules`.
        schedule_arguments: its arguments.
        gradient_clip: largest norm of the gradient.
        precision: Lightning's name, e.g. ``bf16-mixed``.
        monitor: the number that decides which epoch is best.
        early_stopping: epochs without improvement before the training ends.
        early_stopping_start: first epoch that is judged; None waits for the schedule to anneal.
        progress: show progress.
        loggers: ``csv`` (always written) and ``tensorboard``.
        callbacks: further Lightning callbacks.
        tune_allocator: let glibc keep freed memory, up to twice as fast on a Linux CPU.

    Raises:
        ConfigError: for arguments that do not fit, or a directory that holds a run.
        CheckpointError: if ``resume`` finds a damaged checkpoint or other data.
        DataError: if the data have no target or the loss becomes infinite.

    Example:
        >>> result = fit(model, train, val, epochs=20)  # doctest: +SKIP
        >>> result.best_checkpoint  # doctest: +SKIP
    """
    _check_arguments(epochs, devices, loggers, train, val)
    if tune_allocator:
        from pcgnn.ops import tune_allocator as tune

        tune()
    given = task
    if task is None:
        if model is None:
            raise ConfigError("neither a model nor a task is given")
        task = task_of(model, train)(
            model,
            features=first_attribute("features", train),
            classes=first_attribute("classes", train),
            loss=loss,
            loss_arguments=loss_arguments,
            optimizer=optimizer,
            optimizer_arguments=optimizer_arguments,
            lr=lr,
            weight_decay=weight_decay,
            schedule=schedule,
            schedule_arguments=schedule_arguments,
            standardize=standardize,
        )
    elif model is not None and model is not task.network:
        raise ConfigError("the task has another network than the model", remedy="pass model=None")
    options = RunOptions(
        directory=None if directory is None else os.fspath(directory),
        resume=resume,
        overwrite=overwrite,
        monitor=monitor,
        early_stopping=early_stopping,
        early_stopping_start=early_stopping_start,
        progress=progress,
        tensorboard="tensorboard" in loggers,
    )
    if batch_size is None:
        batch_size = int(getattr(train, "default_batch_size", 256))
    if eval_batch_size is None:
        eval_batch_size = getattr(val, "default_batch_size", None)
    data = LoadedDataModule(
        train,
        val,
        batch_size=batch_size,
        eval_batch_size=eval_batch_size,
        group_sizes=group_sizes,
        seed=seed,
    )
    describe_inputs(task, train)
    task.record = {
        "settings": _settings(task, given)
        | {
            "epochs": epochs,
            "seed": seed,
            "devices": devices,
            "batch_size": batch_size,
            "group_sizes": group_sizes,
            "gradient_clip": gradient_clip,
            "precision": str(precision),
            "monitor": monitor,
            "early_stopping": early_stopping,
            "early_stopping_start": early_stopping_start,
        },
        "data": {"train": data_fingerprint(train), "val": data_fingerprint(val)},
    }
    for part in (train, val):
        check_targets(task, part)
    check_loss(task, train, batch_size)
    run = open_run(options, getattr(task.network, "name", None) or "model")
    step = 0
    if run.checkpoint is not None:
        step = int(check_resumable(run.checkpoint, task.record)["global_step"])
    where = resolve_device(device)
    own = run_callbacks(
        options,
        run,
        schedule=task.schedule,
        epochs=epochs,
        seed=seed,
        validated=val is not None,
    )
    with kept_random_state(), quiet_lightning():
        trainer = Trainer(
            accelerator="gpu" if where.type == "cuda" else where.type,
            devices=[where.index] if where.index is not None and devices == 1 else devices,
            strategy=strategy,
            max_epochs=epochs,
            precision=precision,
            gradient_clip_val=gradient_clip,
            callbacks=[*callbacks, *own],
            logger=run_loggers(options, run, step),
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            enable_progress_bar=progress,
            enable_model_summary=False,
            use_distributed_sampler=False,
            plugins=[AtomicCheckpointIO()],
            default_root_dir=run.path,
        )
        run_fit(trainer, task, data, run)
    return fit_result(trainer, task, run)


def run_fit(trainer: Trainer, task: Task, data: Any, run: RunDirectory) -> None:
    """Runs the training; an interruption by the keyboard arrives as ``KeyboardInterrupt``."""
    task.train()
    checkpoint = None if run.checkpoint is None else str(run.checkpoint)
    try:
        trainer.fit(task, datamodule=data, ckpt_path=checkpoint)
    except SystemExit as error:
        # Lightning turns an interruption into an exit, which would end a notebook.
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise


def fit_result(trainer: Trainer, task: Task, run: RunDirectory) -> FitResult:
    """Collects the result and puts the weights of the best epoch into the task."""
    callbacks: list[Callback] = getattr(trainer, "callbacks", [])
    history = next(item for item in callbacks if isinstance(item, History))
    keeper = next(item for item in callbacks if isinstance(item, RunCheckpoint))
    if trainer.is_global_zero:
        history.write()
    best = keeper.best if keeper.best.is_file() else keeper.last
    task.load_state_dict(read_checkpoint(best)["state_dict"])
    task.to("cpu")
    task.eval()
    return FitResult(
        task=task,
        directory=keeper.directory,
        best_checkpoint=best,
        last_checkpoint=keeper.last,
        history=columns(history.rows),
        best_epoch=keeper.best_epoch,
    )


def _check_arguments(
    epochs: int, devices: int, loggers: Sequence[str], train: Any, val: Any
) -> None:
    if epochs < 1:
        raise ConfigError(f"epochs = {epochs} must be at least 1")
    if devices < 1:
        raise ConfigError(f"devices = {devices} must be at least 1")
    if isinstance(loggers, str) or set(loggers) - {"csv", "tensorboard"}:
        raise ConfigError(
            f"loggers = {loggers!r} are not known", remedy="choose from ('csv', 'tensorboard')"
        )
    for name, data in (("train", train), ("val", val)):
        if hasattr(data, "__len__") and len(data) == 0:
            raise DataError(f"the {name} part is empty", remedy="check cut and split")


def _settings(task: Task, given: Task | None) -> dict[str, Any]:
    content = make_content(task)
    names = ("model", "features", "classes", "loss", "optimisation")
    settings = {name: content[name] for name in names}
    if given is not None and given.standardizer is not None:
        settings["standardizer"] = content["standardizer"]["config"]
    return settings
