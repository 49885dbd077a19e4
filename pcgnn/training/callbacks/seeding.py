"""Random numbers that depend on (seed, epoch, process) alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

__all__ = ["EpochSeed", "kept_random_state", "seed_epoch"]


def seed_epoch(seed: int, epoch: int, rank: int = 0) -> None:
    """Seeds torch, numpy and Python for one epoch of one process."""
    words = np.random.SeedSequence([seed, epoch, rank]).generate_state(4)
    torch.manual_seed(int(words[0]) << 32 | int(words[1]))
    np.random.seed(int(words[2]))  # noqa: NPY002 - code of others may draw from it
    random.seed(int(words[3]))


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Puts the random states of torch, numpy and Python back at the end.

    A training in a notebook then changes nothing about the random numbers of later cells.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=list(devices)):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


class EpochSeed(Callback):
    """Reseeds at the start of every epoch.

    An epoch draws the same numbers (dropout, shuffling) whether the training came to it or was
    resumed at it. This makes resumption exact without storing generator states.

    Args:
        seed: seed of the training.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seeds for the epoch that begins."""
        seed_epoch(self.seed, trainer.current_epoch, trainer.global_rank)
