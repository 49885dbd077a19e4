"""Say after each epoch how a training does, and stop it if that is not good enough."""

from __future__ import annotations

from collections.abc import Callable

from lightning.pytorch import Callback, LightningModule, Trainer

from pcgnn.training.callbacks.early_stopping import monitored_value

__all__ = ["EpochReport"]


class EpochReport(Callback):
    """Reports the monitored number of each epoch.

    Args:
        monitor: the number.
        report: is told epoch and value; True ends the training.
    """

    def __init__(self, monitor: str, report: Callable[[int, float], bool]) -> None:
        self.monitor, self.report = monitor, report
        self.pruned = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reports the epoch."""
        if self.report(trainer.current_epoch, monitored_value(trainer, self.monitor)):
            self.pruned = True
            trainer.should_stop = True
