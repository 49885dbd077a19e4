"""Synthetic graphs and workers of the training tests (importable by child processes)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback

from pcgnn.data import ParticleClouds, join_domains
from pcgnn.models import create_model
from pcgnn.training import fit


def separable(graphs: int, seed: int, *, shift: float = 1.5, **columns: Any) -> ParticleClouds:
    """Two classes whose first feature is shifted by ``shift`` widths."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 9, graphs)
    ptr = np.concatenate([[0], sizes.cumsum()])
    y = rng.integers(0, 2, graphs)
    x = rng.normal(size=(ptr[-1], 3))
    x[:, 0] += shift * np.repeat(y, sizes)
    return ParticleClouds(
        x=torch.tensor(x, dtype=torch.float32),
        pos=torch.tensor(rng.normal(size=(ptr[-1], 2)), dtype=torch.float32),
        ptr=torch.tensor(ptr),
        y=torch.tensor(y),
        **columns,
    )


def shifted(graphs: int, seed: int, *, data: bool = False) -> ParticleClouds:
    """Two classes told apart by feature 0; in simulation an artefact in feature 1 tells them too.

    In data feature 1 is shifted for both classes alike.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 9, graphs)
    ptr = np.concatenate([[0], sizes.cumsum()])
    y = rng.integers(0, 2, graphs)
    x = rng.normal(size=(ptr[-1], 3))
    of = np.repeat(2 * y - 1, sizes)
    x[:, 0] += 0.4 * of
    x[:, 1] += 2.0 if data else 1.0 * of
    return ParticleClouds(
        x=torch.tensor(x, dtype=torch.float32), ptr=torch.tensor(ptr), y=torch.tensor(y)
    )


def adversarial_task(seed: int = 0, **options: Any) -> Any:
    """A small PFN with dropout and an adversary."""
    from pcgnn.training import DomainAdversarialTask

    torch.manual_seed(seed)
    model = create_model("pfn", features=3, phi=[16, 16], f=[16], dropout=0.1)
    settings = {"adversary": [16], "lr": 1e-2, "strength": 1.0} | options
    return DomainAdversarialTask(model, **settings)


def small_model(seed: int = 0):
    """A small ParticleNet with dropout."""
    torch.manual_seed(seed)
    return create_model("particlenet-lite", features=3, blocks=[[3, [8, 8]]], classifier=[[8, 0.2]])


class PerGraph(torch.nn.Module):
    """Mean of the features of a graph, then a linear map: no statistics over a batch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, batch):
        count = torch.bincount(batch.batch)
        total = torch.zeros(len(count), 3).index_add(0, batch.batch, batch.x)
        return self.linear(total / count[:, None])


class PauseAtBatch(Callback):
    """Reports and waits to be killed."""

    def __init__(self, epoch: int, batch: int, report: Any) -> None:
        self.epoch, self.batch, self.report = epoch, batch, report

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (self.epoch, self.batch):
            self.report.send("waiting")
            time.sleep(600)


def pause_at_replace(number: int, report: Any) -> None:
    """Makes the n-th rename of a checkpoint report and wait, the temporary file being written."""
    from pcgnn.training import checkpoint_io

    original, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) == number:
            report.send(f"waiting before {Path(target).name}")
            time.sleep(600)
        original(source, target)

    checkpoint_io.os = type("os", (), {**vars(os), "replace": staticmethod(replace)})


def train(directory: str, resume: bool, pause: tuple | None, report: Any, **options: Any) -> None:
    """Runs a training in a process of its own."""
    torch.set_num_threads(1)
    callbacks = []
    if pause is not None and pause[0] == "batch":
        callbacks.append(PauseAtBatch(pause[1], pause[2], report))
    elif pause is not None:
        pause_at_replace(pause[1], report)
    settings = {"epochs": 4, "batch_size": 32, "lr": 1e-2, "seed": 7} | options
    # Another initialisation on resumption must not matter: the run keeps its own.
    weights = 99 if resume else 0
    model: Any = small_model(seed=weights)
    data = separable(150, 1, shift=0.5), separable(80, 2, shift=0.5)
    if settings.pop("adversarial", False):
        model, settings["task"] = None, adversarial_task(seed=weights)
        data = (
            join_domains(shifted(100, 1), shifted(60, 2, data=True)),
            join_domains(shifted(60, 3), shifted(40, 4, data=True)),
        )
    fit(
        model,
        *data,
        directory=directory,
        resume=resume,
        callbacks=callbacks,
        progress=False,
        **settings,
    )
    report.send("done")
