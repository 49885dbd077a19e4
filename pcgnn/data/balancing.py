"""Batches in which classes, background processes and signal masses have fixed shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from torch import Tensor

from pcgnn.data.clouds import ParticleClouds
from pcgnn.data.hypotheses import Hypotheses
from pcgnn.data.loader import CloudLoader
from pcgnn.errors import ConfigError, DataError

__all__ = ["Balance", "BalancedLoader", "Cell"]

Balance: TypeAlias = Literal["class", "process", "mass", "full"]
_SAMPLER = 1  # keeps the random numbers of the order apart from those of other uses of the seed


@dataclass(frozen=True, eq=False)
class Cell:
    """Graphs that have a fixed share of every batch.

    Attributes:
        name: for messages, as "signal, mass = 750".
        graphs: numbers of its graphs, (n,).
        count: how many of them are in each batch.
    """

    name: str
    graphs: np.ndarray
    count: int


class BalancedLoader(CloudLoader):
    """Batches that hold classes, processes and masses in exactly equal numbers.

    From "Improving parametric neural networks for high-energy physics (and beyond)"
    (`arXiv:2202.00424 <https://arxiv.org/abs/2202.00424>`__). What is balanced:

    - "class": the classes of ``y``, equally many of each;
    - "process": half signal, half background, which is shared equally by the processes;
    - "mass": half background, half signal, which is shared equally by the masses;
    - "full": both of these.

    Each of these cells goes through its own shuffled order from beginning to end and then through
    another one, over the borders of epochs: over any number of epochs two graphs of a cell differ
    by one at most in how often they were used, so rare graphs come often and none is left out.
    The order is a pure function of ``seed`` and ``epoch``, as that of
    :class:`~pcgnn.data.CloudLoader`; every process gets batches of its own, each balanced, and all
    equally many.

    Work and memory per epoch are those of a shuffled order, of as many numbers as the epoch has
    graphs.

    Args:
        clouds: what to iterate over.
        batch_size: graphs per batch; a multiple of what the shares need.
        balance: see above.
        process: per-graph column of the background process.
        mass: per-graph column of the signal mass, (G,) or (G, P) for several parameters.
        signal: the class of ``y`` that is signal; all others are background.
        batches: batches per epoch of one process; by default as many as the clouds fill.
        seed: of the order.
        redraw: gives background graphs a new hypothesis in every batch.
        rank: this process among ``world_size``; by default from torch.distributed if it runs.
        world_size: number of processes.
        pin_memory: page-locked batches for faster copies to a GPU; nothing without CUDA.

    Raises:
        ConfigError: the batch size cannot be shared equally; names sizes that can.
        DataError: a column is missing or a share has no graphs.

    Example:
        >>> import torch
        >>> clouds = ParticleClouds(x=torch.zeros(5, 1), ptr=torch.arange(6),
        ...                         y=torch.tensor([0, 0, 0, 0, 1]))
        >>> [batch.y.sum().item() for batch in BalancedLoader(clouds, 2, balance="class")]
        [1, 1]
    """

    def __init__(
        self,
        clouds: ParticleClouds,
        batch_size: int,
        *,
        balance: Balance = "full",
        process: str = "process",
        mass: str = "mass",
        signal: int = 1,
        batches: int | None = None,
        seed: int = 0,
        redraw: Hypotheses | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        pin_memory: bool = False,
    ) -> None:
        super().__init__(
            clouds,
            batch_size,
            shuffle=True,
            seed=seed,
            drop_last=True,
            redraw=redraw,
            rank=rank,
            world_size=world_size,
            pin_memory=pin_memory,
        )
        if balance not in get_args(Balance):
            raise ConfigError(
                f"balance = {balance!r}", remedy=f"choose of {', '.join(get_args(Balance))}"
            )
        if batches is not None and batches < 1:
            raise ConfigError(f"batches = {batches} must be at least 1")
        self.balance = balance
        self.batches = batches
        self.cells = _cells(_groups(clouds, balance, process, mass, signal), batch_size)

    @staticmethod
    def unit(
        clouds: ParticleClouds,
        balance: Balance = "full",
        *,
        process: str = "process",
        mass: str = "mass",
        signal: int = 1,
    ) -> int:
        """The number of which every batch size must be a multiple, see the class.

        Raises:
            DataError: a column is missing or a share has no graphs.

        Example:
            >>> import torch
            >>> clouds = ParticleClouds(x=torch.zeros(4, 1), ptr=torch.arange(5),
            ...                         y=torch.tensor([0, 0, 1, 1]), mass=torch.arange(4))
            >>> BalancedLoader.unit(clouds, "mass")
            4
        """
        return _unit(_groups(clouds, balance, process, mass, signal))

    def order(self) -> list[np.ndarray]:
        """Numbers of the graphs of each batch of this rank, for the current epoch."""
        each, ranks = len(self), self.world_size
        first = self.epoch * each * ranks
        columns = []
        for number, cell in enumerate(self.cells):
            drawn = _stretch(
                cell.graphs,
                first * cell.count,
                (first + each * ranks) * cell.count,
                [self.seed, _SAMPLER, number],
            )
            columns.append(drawn.reshape(each, ranks, cell.count)[:, self.rank])
        return list(np.concatenate(columns, 1))

    def __len__(self) -> int:
        if self.batches is not None:
            return self.batches
        return max(1, math.ceil(len(self.clouds) / (self.batch_size * self.world_size)))

    def _options(self) -> dict[str, Any]:
        return super()._options() | {
            "balance": self.balance,
            "batches": self.batches,
            "cells": {cell.name: [int(cell.graphs.size), cell.count] for cell in self.cells},
        }


def _stretch(graphs: np.ndarray, start: int, stop: int, seed: list[int]) -> np.ndarray:
    """Entries ``start`` to ``stop`` of the endless row of shuffled copies of ``graphs``."""
    size = graphs.size
    rounds = range(start // size, (stop - 1) // size + 1)
    row = [graphs[np.random.default_rng([*seed, turn]).permutation(size)] for turn in rounds]
    skipped = start - rounds[0] * size
    return np.concatenate(row)[skipped : skipped + stop - start]


def _groups(
    clouds: ParticleClouds, balance: Balance, process: str, mass: str, signal: int
) -> list[list[tuple[str, np.ndarray]]]:
    """Groups of equal shares, each of cells of equal shares: name and graphs."""
    y = clouds.y
    if y is None or y.dim() != 1 or y.is_floating_point() or clouds.levels["y"] != "graph":
        raise DataError(
            "balanced batches need one class per graph as target",
            branch="y",
            remedy="name it: ParticleClouds.from_awkward(target=...)",
        )
    classes = y.numpy()
    if balance == "class":
        return [
            [(f"class {label}", np.flatnonzero(classes == label))] for label in np.unique(classes)
        ]
    is_signal = classes == signal
    parts = {"signal": np.flatnonzero(is_signal), "background": np.flatnonzero(~is_signal)}
    columns = {
        "signal": mass if balance in ("mass", "full") else None,
        "background": process if balance in ("process", "full") else None,
    }
    return [_strata(clouds, part, parts[part], columns[part]) for part in parts]


def _unit(groups: list[list[tuple[str, np.ndarray]]]) -> int:
    return math.lcm(*(len(groups) * len(group) for group in groups))


def _cells(groups: list[list[tuple[str, np.ndarray]]], batch_size: int) -> list[Cell]:
    unit = _unit(groups)
    if batch_size % unit:
        below = batch_size // unit * unit
        sizes = [size for size in (below, below + unit) if size]
        raise ConfigError(
            f"a batch of {batch_size} cannot be shared equally by {_described(groups)}",
            remedy=f"take batch_size = {' or '.join(map(str, sizes))}, a multiple of {unit}",
        )
    return [
        Cell(name, graphs, batch_size // (len(groups) * len(group)))
        for group in groups
        for name, graphs in group
    ]


def _described(groups: list[list[tuple[str, np.ndarray]]]) -> str:
    names = [(len(group), group[0][0].split(",")[0]) for group in groups]
    return ", ".join(name if count == 1 else f"{count} parts of {name}" for count, name in names)


def _strata(
    clouds: ParticleClouds, part: str, graphs: np.ndarray, column: str | None
) -> list[tuple[str, np.ndarray]]:
    if graphs.size == 0:
        raise DataError(f"there are no graphs of {part}", branch="y")
    if column is None:
        return [(part, graphs)]
    values: Tensor = clouds.graph_column(column)
    found, which = np.unique(values.numpy()[graphs], axis=0, return_inverse=True)
    which = which.reshape(-1)
    return [
        (f"{part}, {column} = {value.tolist()}", graphs[which == number])
        for number, value in enumerate(found)
    ]
