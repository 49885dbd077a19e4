"""Graphs, networks and workers of the tests of the training workshop."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from lightning.pytorch import Callback
from torch import Tensor, nn

from pcgnn.data import ParticleClouds
from pcgnn.training import Task
from pcgnn.training.task_inputs import weight_of


def labelled(graphs: int, seed: int, shift: float = 1.0, **columns: Any) -> ParticleClouds:
    """Two classes whose first feature is shifted by ``shift`` widths; the third names the graph."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 7, graphs)
    ptr = np.concatenate([[0], sizes.cumsum()])
    y = rng.integers(0, 2, graphs)
    x = rng.normal(size=(ptr[-1], 3)).astype(np.float32)
    x[:, 0] += shift * np.repeat(y, sizes)
    x[:, 2] = np.repeat(np.arange(graphs), sizes)
    return ParticleClouds(x=torch.tensor(x), ptr=torch.tensor(ptr), y=torch.tensor(y), **columns)


class Mean(nn.Module):
    """Mean of the first features of a graph, then a linear map."""

    def __init__(self, outputs: int = 2, features: int = 2, hidden: int = 0) -> None:
        super().__init__()
        self.features = features
        self.map = (
            nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
            if hidden
            else nn.Linear(features, outputs)
        )

    def forward(self, batch: Any) -> Tensor:
        x = batch.x[:, : self.features]
        sizes = batch.ptr.diff()
        total = x.new_zeros(len(sizes), self.features).index_add(0, batch.batch, x)
        return self.map(total / sizes[:, None])


class Memory(nn.Module):
    """Learns by heart: logits of each number that a column of the graphs holds."""

    def __init__(self, entries: int, column: str) -> None:
        super().__init__()
        self.column = column
        self.table = nn.Embedding(entries, 2)
        nn.init.zeros_(self.table.weight)

    def forward(self, batch: Any) -> Tensor:
        return self.table(getattr(batch, self.column))


class SquaredError(nn.Module):
    """Mean square of what is off."""

    def forward(self, output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        return ((output[:, 0] - target) ** 2).mean()


class Regression(Task):
    """Mean square error of one number per graph."""

    kind: ClassVar[str] = "test-regression"
    default_loss: ClassVar[str] = "cross-entropy"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.loss = SquaredError()

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        return batch.y, weight_of(batch)

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits[:, 0]

    def numbers(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> dict[str, Tensor]:
        return {"bias": (logits[:, 0] - target).mean()}


def make_mean() -> nn.Module:
    """A network with random weights, at the top of a module so that processes find it."""
    return Mean(hidden=8)


def make_wide(hidden: int = 4, slope: float = 0.0) -> nn.Module:
    """A network with arguments."""
    return Mean(hidden=hidden)


class Wait(Callback):
    """Writes a file and waits to be killed in one epoch of one fold."""

    def __init__(self, epoch: int, sign: Path) -> None:
        self.epoch, self.sign = epoch, sign

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == self.epoch:
            self.sign.write_text(str(os.getpid()))
            time.sleep(120)
