"""Loaders for training: epochs told to them, processes shared out among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pcgnn.data import BalancedLoader, CloudLoader, GraphCollection
from pcgnn.errors import ConfigError

__all__ = ["EpochLoader", "SharedLoader", "evaluation_loader", "training_loader"]


class EpochLoader:
    """Tells a loader the epoch before each pass.

    The order of an epoch then depends on its number only. The pass starts with the first batch
    that is asked for, when the epoch has begun and its random numbers are seeded.

    Args:
        loader: any iterable of batches; ``set_epoch`` is called where it has one.
        epoch: gives the number of the epoch.
    """

    def __init__(self, loader: Any, epoch: Callable[[], int]) -> None:
        self.loader = loader
        self.epoch = epoch
        # Lightning looks for __len__ on the object: a stream must not seem to have one.
        if hasattr(loader, "__len__"):
            self.__class__ = _SizedEpochLoader

    def __iter__(self) -> Iterator[Any]:
        return self._batches()

    def _batches(self) -> Iterator[Any]:
        if hasattr(self.loader, "set_epoch"):
            self.loader.set_epoch(self.epoch())
        yield from self.loader


class _SizedEpochLoader(EpochLoader):
    def __len__(self) -> int:
        return len(self.loader)


class SharedLoader:
    """The part of one process in the batches of a :class:`~pcgnn.data.CloudLoader`.

    All processes follow the order of one loader with ``world_size`` times the batch size and
    each takes every ``world_size``-th graph of every batch. So each graph comes exactly once per
    epoch and all processes make the same number of steps, without which a training over several
    processes would wait forever.

    Args:
        loader: a loader for one process.
        rank: number of this process.
        world_size: number of processes.

    Raises:
        ConfigError: if there are fewer graphs than processes.
    """

    def __init__(self, loader: CloudLoader, rank: int, world_size: int) -> None:
        clouds = loader.clouds
        if len(clouds) < world_size:
            raise ConfigError(
                f"{len(clouds)} graphs cannot be shared out among {world_size} processes",
                remedy="use fewer devices",
            )
        self.clouds, self.rank, self.world_size = clouds, rank, world_size
        self.loader = CloudLoader(
            clouds,
            loader.batch_size * world_size,
            shuffle=loader.shuffle,
            seed=loader.seed,
            drop_last=loader.drop_last,
            group_sizes=loader.group_sizes,
            redraw=loader.redraw,
            rank=0,
            world_size=1,
        )

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next pass."""
        self.loader.set_epoch(epoch)

    def order(self) -> list[np.ndarray]:
        """Numbers of the graphs of each batch of this process."""
        batches = self.loader.order()
        sizes = [len(batch) for batch in batches]
        if min(sizes) < self.world_size:
            # A rest with less than one graph per process joins another batch.
            rest = batches.pop(int(np.argmin(sizes)))
            batches[-1] = np.concatenate([batches[-1], rest])
        return [batch[self.rank :: self.world_size] for batch in batches]

    def __len__(self) -> int:
        total, size = len(self.clouds), self.loader.batch_size
        full, rest = divmod(total, size)
        if self.loader.drop_last:
            return full
        return max(1, full + (rest >= self.world_size))

    def __iter__(self) -> Iterator[Any]:
        for number, graphs in enumerate(self.order()):
            yield self.loader.make(number * self.world_size + self.rank, graphs)


def training_loader(
    data: Any,
    *,
    batch_size: int,
    seed: int,
    epoch: Callable[[], int],
    group_sizes: bool = False,
    rank: int = 0,
    world_size: int = 1,
) -> EpochLoader:
    """Shuffled batches of clouds, or the user's own loader, shared out over processes.

    Raises:
        ConfigError: for a loader that cannot be shared out among processes.
    """
    if isinstance(data, GraphCollection):
        data = CloudLoader(
            data,
            batch_size,
            shuffle=True,
            seed=seed,
            group_sizes=group_sizes,
            rank=0,
            world_size=1,
        )
    return EpochLoader(_shared(data, rank, world_size), epoch)


def evaluation_loader(
    data: Any, *, batch_size: int, rank: int = 0, world_size: int = 1
) -> EpochLoader:
    """Batches in input order, every graph once over all processes."""
    if isinstance(data, CloudLoader) and data.drop_last:
        data = CloudLoader(data.clouds, data.batch_size, rank=0, world_size=1)
    if isinstance(data, GraphCollection):
        data = CloudLoader(data, batch_size, shuffle=False, rank=0, world_size=1)
    return EpochLoader(_shared(data, rank, world_size), lambda: 0)


def _shared(loader: Any, rank: int, world_size: int) -> Any:
    if world_size == 1:
        return loader
    if isinstance(loader, BalancedLoader):
        return loader.shard(rank, world_size)
    if isinstance(loader, CloudLoader):
        return SharedLoader(loader, rank, world_size)
    raise ConfigError(
        f"a {type(loader).__name__} cannot be shared out among {world_size} processes",
        remedy="give ParticleClouds, HitGraphs or a CloudLoader",
    )
