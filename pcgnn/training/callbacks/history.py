"""The numbers of every epoch, kept in the checkpoint and written as CSV."""

from __future__ import annotations

import csv
import io
import math
import os
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from pcgnn.errors import DataError

__all__ = ["History", "columns"]


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows as a table: column name -> one value per epoch, None where there is none.

    Example:
        >>> columns([{"epoch": 0, "a": 1.0}, {"epoch": 1, "a": 2.0}])
        {'epoch': [0, 1], 'a': [1.0, 2.0]}
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


class History(Callback):
    """One row per epoch: losses, validation numbers, learning rate, time and speed.

    The rows are part of the checkpoint and the CSV file is rewritten from them, so a resumed
    training has neither missing nor doubled lines.

    Args:
        file: the CSV file; None writes none.

    Raises:
        DataError: at the end of an epoch with a training loss that is not finite.
    """

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        self.file = None if file is None else Path(file)
        self.rows: list[dict[str, Any]] = []
        self._begin = 0.0
        self._seconds: float | None = None
        self._graphs = 0
        self._lr = math.nan

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._begin, self._seconds, self._graphs = time.perf_counter(), None, 0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Notes the learning rate of the first batch and counts graphs."""
        if batch_idx == 0:
            self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])
        self._graphs += int(batch.num_graphs) * trainer.world_size

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock of the training part."""
        self._seconds = time.perf_counter() - self._begin

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds the row of the epoch."""
        total = time.perf_counter() - self._begin
        seconds = total if self._seconds is None else self._seconds
        row: dict[str, Any] = {"epoch": trainer.current_epoch}
        for name, value in sorted(trainer.callback_metrics.items()):
            row[name] = float(value)
        row |= {
            "lr": self._lr,
            "seconds": round(total, 3),
            "jets_per_second": round(self._graphs / max(seconds, 1e-9), 1),
        }
        if not math.isfinite(row.get("train_loss", 0.0)):
            raise DataError(
                f"the training loss became {row['train_loss']} in epoch {row['epoch']}",
                remedy="lower the learning rate, clip gradients (gradient_clip=1.0) "
                "or look for outliers in the features",
            )
        self.rows.append(row)
        if trainer.is_global_zero:
            self.write()

    def write(self) -> None:
        """Writes the CSV file: complete or not at all."""
        if self.file is None or not self.rows:
            return
        table = columns(self.rows)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
        temporary = self.file.with_name(f".{self.file.name}.tmp")
        temporary.write_text(text.getvalue())
        os.replace(temporary, self.file)

    def state_dict(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the rows of a checkpoint and makes the CSV file agree with them."""
        self.rows = [dict(row) for row in state_dict["rows"]]
