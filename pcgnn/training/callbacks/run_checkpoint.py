"""Two files per run: the last epoch to go on from, the best one to use."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from pcgnn.errors import DataError
from pcgnn.training.callbacks.early_stopping import better, monitored_value
from pcgnn.training.checkpoint_io import copy_checkpoint

__all__ = ["BEST", "LAST", "RunCheckpoint"]

BEST = "best.ckpt"
LAST = "last.ckpt"


def _epochs_done(trainer: Trainer) -> int:
    progress: Any = trainer.fit_loop.epoch_progress.current
    return int(progress.processed)


class RunCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` after each epoch and copies it to ``best.ckpt`` on an improvement.

    ``last.ckpt`` is also written before the first epoch, so that a training killed in it starts
    again from the same initial weights. It is written first and names the best epoch: should
    the process die before ``best.ckpt`` is in place, resumption makes the copy.

    Args:
        directory: the run directory.
        monitor: the number that decides what is best.
    """

    def __init__(self, directory: str | os.PathLike[str], monitor: str = "val_loss") -> None:
        self.directory = Path(directory)
        self.monitor = monitor
        self.best_value = math.nan
        self.best_epoch = -1

    @property
    def best(self) -> Path:
        """Checkpoint of the best epoch."""
        return self.directory / BEST

    @property
    def last(self) -> Path:
        """Checkpoint of the last epoch."""
        return self.directory / LAST

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """All processes use the directory of the first one."""
        self.directory = Path(trainer.strategy.broadcast(str(self.directory)))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stores the initial state, or completes what a killed process left half done."""
        done = _epochs_done(trainer)
        if done == 0:
            trainer.save_checkpoint(self.last)
        elif self.best_epoch == done - 1 and trainer.is_global_zero and self.last.is_file():
            copy_checkpoint(self.last, self.best)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the checkpoints of the epoch."""
        value = monitored_value(trainer, self.monitor)
        if math.isnan(value):
            raise DataError(
                f"{self.monitor} is not a number after epoch {trainer.current_epoch + 1}, so that "
                "no epoch is the best",
                remedy="check that the validation part has graphs of every class, or monitor "
                "another number",
            )
        improved = self.best_epoch < 0 or better(self.monitor, value, self.best_value)
        if improved:
            self.best_value, self.best_epoch = value, trainer.current_epoch
        trainer.save_checkpoint(self.last)
        if improved and trainer.is_global_zero:
            copy_checkpoint(self.last, self.best)
        trainer.strategy.barrier("RunCheckpoint")

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {
            "monitor": self.monitor,
            "best_value": self.best_value,
            "best_epoch": self.best_epoch,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.best_value = state_dict["best_value"]
        self.best_epoch = state_dict["best_epoch"]
