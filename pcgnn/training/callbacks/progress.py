"""A bar with jets/s (or events/s) on a terminal, one line per epoch everywhere else."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

__all__ = ["EpochProgress", "epoch_line"]

_NUMBERS = (
    ("train_loss", "train loss {:.4f}"),
    ("val_loss", "val loss {:.4f}"),
    ("val_accuracy", "accuracy {:.4f}"),
    ("val_auc", "AUC {:.4f}"),
    ("val_resolution", "resolution {:.4f}"),
    ("val_bias", "bias {:+.4f}"),
)


def epoch_line(
    epoch: int,
    epochs: int,
    numbers: dict[str, float],
    speed: float,
    remaining: float,
    unit: str = "jets",
) -> str:
    """The line of one epoch.

    Args:
        epoch: number of the epoch, from 1.
        epochs: all epochs.
        numbers: what was logged.
        speed: graphs per second in training.
        remaining: expected time to the end, in seconds.
        unit: what a graph is.

    Example:
        >>> epoch_line(3, 20, {"train_loss": 0.29, "val_auc": 0.96}, 5321.0, 75.0)
        'epoch  3/20  train loss 0.2900  AUC 0.9600  5,321 jets/s  1:15 left'
    """
    width = len(str(epochs))
    parts = [f"epoch {epoch:>{width}}/{epochs}"]
    parts += [text.format(numbers[name]) for name, text in _NUMBERS if name in numbers]
    digits = 0 if speed >= 10 else 1
    parts.append(f"{speed:,.{digits}f} {unit}/s")
    minutes, seconds = divmod(round(remaining), 60)
    parts.append(f"{minutes}:{seconds:02d} left")
    return "  ".join(parts)


def _unit(module: LightningModule) -> str:
    jets = getattr(module, "of_graphs", True) or getattr(module, "of_particles", False)
    return "jets" if jets else "events"


class EpochProgress(ProgressBar):
    """Progress of a training.

    Counting uses sizes known on the host only: the bar never waits for the device.

    Args:
        console: where to print; the standard output by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self.console = console or Console()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._enabled = True
        self._graphs = 0
        self._begin = self._start = 0.0
        self._speed = 0.0
        self._first_epoch = 0

    def disable(self) -> None:
        """Prints nothing from now on (Lightning calls it on all processes but the first)."""
        self._enabled = False

    def enable(self) -> None:
        """Prints again."""
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Opens the bar if a person watches."""
        self._start = time.perf_counter()
        self._first_epoch = trainer.current_epoch
        if not self._enabled or not self.console.is_terminal or self.console.is_jupyter:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[speed]:,.0f} " + f"{_unit(pl_module)}/s"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._bar.start()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the bar of the epoch."""
        self._graphs, self._begin = 0, time.perf_counter()
        if self._bar is not None:
            total = self.total_train_batches
            self._task = self._bar.add_task(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
                total=None if total == float("inf") else int(total),
                speed=0.0,
            )

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Moves the bar."""
        self._graphs += int(batch.num_graphs) * trainer.world_size
        self._speed = self._graphs / max(time.perf_counter() - self._begin, 1e-9)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1, speed=self._speed)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the line of the epoch."""
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
        if not self._enabled:
            return
        epochs, epoch = trainer.max_epochs or 0, trainer.current_epoch + 1
        per_epoch = (time.perf_counter() - self._start) / (epoch - self._first_epoch)
        numbers = {name: float(value) for name, value in trainer.callback_metrics.items()}
        left = per_epoch * (epochs - epoch)
        line = epoch_line(epoch, epochs, numbers, self._speed, left, _unit(pl_module))
        self.console.print(line, highlight=False, soft_wrap=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Closes the bar."""
        self._close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Closes the bar, so that the message after it is readable."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
