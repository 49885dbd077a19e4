"""A classifier whose scores were calibrated, and how it is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pcgnn.training.checkpoint_content import make_content
from pcgnn.training.checkpoint_io import write_checkpoint

if TYPE_CHECKING:
    from pcgnn.training.base_task import Task

__all__ = ["Calibrated"]


@dataclass(frozen=True, repr=False)
class Calibrated:
    """What :func:`pcgnn.calibrate` gives: a copy of the task with temperatures.

    :func:`pcgnn.predict` takes it as it takes the result of a training.

    Attributes:
        task: the task; its probabilities are those of the logits divided by the temperature.
        temperature: one number, or one per label where labels do not exclude each other.
        error: its statistical error.
        loss_before: mean negative log-likelihood of the validation part before.
        loss_after: the same after.
        graphs: number of graphs it was fitted on.
    """

    task: Task
    temperature: tuple[float, ...]
    error: tuple[float, ...]
    loss_before: float
    loss_after: float
    graphs: int

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint with weights and temperature, for ``predict`` and ``load_checkpoint``.

        Args:
            path: of the file, best a new name in the run directory.

        Raises:
            CheckpointError: it cannot be written.
        """
        write_checkpoint(
            {"state_dict": self.task.state_dict(), "pcgnn": make_content(self.task)}, path
        )

    def __repr__(self) -> str:
        each = ", ".join(
            f"{t:.3f} ± {e:.3f}" for t, e in zip(self.temperature, self.error, strict=True)
        )
        return (
            f"Calibrated(T = {each}, from {self.graphs:,} graphs, "
            f"loss {self.loss_before:.4f} -> {self.loss_after:.4f})"
        )
