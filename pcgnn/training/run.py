"""A run: its directory, its callbacks and its loggers, the same for fit() and the command line."""

from __future__ import annotations

import datetime
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from pcgnn.errors import ConfigError
from pcgnn.training.callbacks import (
    EpochProgress,
    EpochSeed,
    History,
    PatientStopping,
    RunCheckpoint,
)
from pcgnn.training.callbacks.run_checkpoint import BEST, LAST
from pcgnn.training.schedules import Schedule

__all__ = ["RunDirectory", "RunOptions", "open_run", "run_callbacks", "run_loggers"]

HISTORY = "history.csv"
TENSORBOARD = "tensorboard"
CONFIG = "config.yaml"


@dataclass
class RunOptions:
    """How a run is kept and watched.

    Args:
        directory: where checkpoints and logs go; None makes ``runs/<model>-<date>-<time>``.
        resume: go on from ``last.ckpt`` if there is one.
        overwrite: delete an earlier run in the directory.
        monitor: the number that decides which epoch is best.
        early_stopping: epochs without improvement before the training ends; None never stops.
        early_stopping_start: first epoch (from 0) that is judged; None waits until the
            learning-rate schedule has annealed.
        progress: show progress.
        tensorboard: write TensorBoard logs beside the CSV file.
    """

    directory: str | None = None
    resume: bool = False
    overwrite: bool = False
    monitor: str = "val_loss"
    early_stopping: int | None = None
    early_stopping_start: int | None = None
    progress: bool = True
    tensorboard: bool = False


@dataclass(frozen=True)
class RunDirectory:
    """An opened run directory.

    Args:
        path: the directory.
        checkpoint: the checkpoint to go on from, None for a new training.
    """

    path: Path
    checkpoint: Path | None

    @property
    def history(self) -> Path:
        """The CSV file."""
        return self.path / HISTORY


def open_run(options: RunOptions, model_name: str) -> RunDirectory:
    """Makes the directory of a run, or finds the one to go on with.

    Raises:
        ConfigError: if the directory holds a run and neither resume nor overwrite is given.
    """
    if options.resume and options.overwrite:
        raise ConfigError("resume and overwrite are both given", remedy="choose one")
    if options.directory is None:
        if options.resume:
            raise ConfigError(
                "there is nothing to resume without a directory", remedy="give directory="
            )
        path = _new_directory(model_name)
    else:
        path = Path(options.directory)
    if path.exists() and not path.is_dir():
        raise ConfigError("the run directory is a file", file=path, remedy="choose another name")
    held = [name for name in (LAST, BEST, HISTORY, TENSORBOARD) if (path / name).exists()]
    if getattr(rank_zero_only, "rank", None) not in (None, 0):
        # The first process has checked the directory; it may be writing there by now.
        held = held if options.resume else []
    elif held and not (options.resume or options.overwrite):
        raise ConfigError(
            f"the directory holds a run already ({', '.join(held)})",
            file=path,
            remedy="go on with it by resume=True, or delete it by overwrite=True",
        )
    elif held and options.resume and LAST not in held:
        raise ConfigError(
            f"the directory holds {', '.join(held)} but no {LAST} to go on from",
            file=path,
            remedy="start in another directory, or delete this run by overwrite=True",
        )
    elif held and options.overwrite:
        _delete_run(path, [*held, CONFIG])
        held = []
    path.mkdir(parents=True, exist_ok=True)
    last = path / LAST
    return RunDirectory(path, last if options.resume and last.is_file() else None)


def _new_directory(model_name: str) -> Path:
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    base = Path("runs") / f"{model_name}-{now}"
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    return path


def _delete_run(path: Path, names: list[str]) -> None:
    for name in names:
        target = path / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)


def run_callbacks(
    options: RunOptions,
    run: RunDirectory,
    *,
    schedule: Schedule,
    epochs: int,
    seed: int,
    validated: bool,
) -> list[Callback]:
    """The callbacks of a run, in the order in which they have to act.

    Args:
        options: the options.
        run: the directory.
        schedule: tells from which epoch on results may be judged.
        epochs: epochs of the training.
        seed: seed of the training.
        validated: False if there is no validation part; the training loss then decides.
    """
    monitor = options.monitor if validated else "train_loss"
    callbacks: list[Callback] = [EpochSeed(seed), History(run.history)]
    if options.early_stopping is not None:
        start = options.early_stopping_start
        if start is None:
            start = schedule.annealed_from(epochs)
        callbacks.append(PatientStopping(monitor, options.early_stopping, start))
    if options.progress:
        callbacks.append(EpochProgress())
    callbacks.append(RunCheckpoint(run.path, monitor))
    return callbacks


def run_loggers(options: RunOptions, run: RunDirectory, resumed_step: int = 0) -> list[Logger]:
    """The TensorBoard logger if asked for; the CSV file is written by the history callback.

    Args:
        options: the options.
        run: the directory.
        resumed_step: events after this step stem from a killed process and are dropped.
    """
    if not options.tensorboard:
        return []
    arguments: dict[str, Any] = {}
    if run.checkpoint is not None:
        arguments["purge_step"] = resumed_step + 1
    return [TensorBoardLogger(run.path, name=TENSORBOARD, version="", **arguments)]
