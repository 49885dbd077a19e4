"""Stop when the validation stops improving, but not before the schedule has annealed."""

from __future__ import annotations

import math
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from pcgnn.errors import ConfigError

__all__ = ["PatientStopping", "better", "monitored_value"]


def better(monitor: str, new: float, old: float) -> bool:
    """Whether ``new`` is an improvement: smaller for losses and resolutions, else larger.

    A number that is not finite never is one.

    Example:
        >>> better("val_loss", 0.2, 0.3), better("val_auc", 0.2, 0.3)
        (True, False)
    """
    if not math.isfinite(new):
        return False
    if not math.isfinite(old):
        return True
    return new < old if monitor.endswith(("loss", "resolution")) else new > old


def monitored_value(trainer: Trainer, monitor: str) -> float:
    """Value of a logged number.

    Raises:
        ConfigError: if nothing of that name is logged.
    """
    if monitor not in trainer.callback_metrics:
        raise ConfigError(
            f"monitor {monitor!r} is not among the logged numbers",
            remedy=f"choose from {sorted(trainer.callback_metrics)}",
        )
    return float(trainer.callback_metrics[monitor])


class PatientStopping(Callback):
    """Ends the training after ``patience`` epochs in a row without improvement.

    Epochs before ``start`` are not judged: while the learning rate is large, validation results
    swing, and the best of them says little about the end of the training.

    Args:
        monitor: the number to look at.
        patience: epochs without improvement that are borne.
        start: first epoch that is judged, from 0.
    """

    def __init__(self, monitor: str, patience: int, start: int = 0) -> None:
        if patience < 1:
            raise ConfigError(f"early_stopping = {patience} must be at least 1 epoch")
        self.monitor, self.patience, self.start = monitor, patience, start
        self.best = math.nan
        self.waited = 0
        self.stopped = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A training that had stopped stays stopped when it is resumed."""
        if self.stopped:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Judges the epoch."""
        if trainer.current_epoch < self.start:
            return
        value = monitored_value(trainer, self.monitor)
        if better(self.monitor, value, self.best):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.stopped = True
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on."""
        return {"best": self.best, "waited": self.waited, "stopped": self.stopped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.best = state_dict["best"]
        self.waited = state_dict["waited"]
        self.stopped = state_dict["stopped"]
