"""Shuffled batches from clouds in memory (or mapped), as gathers of ranges."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Batch

from pcgnn.data.collection import GraphCollection
from pcgnn.data.hypotheses import Hypotheses
from pcgnn.errors import ConfigError

__all__ = ["CloudLoader", "resolve_rank"]

# Batches whose graphs are sorted by size together: wide enough that sizes within a batch become
# similar, narrow enough that batches stay random.
_MEGA_BATCHES = 50
_REDRAW = 3  # keeps the random numbers of hypotheses apart from those of the order


def resolve_rank(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Rank and number of processes: as given, else those of torch.distributed, else 0 and 1.

    Raises:
        ConfigError: only one is given, or the rank is not one of the processes.
    """
    if (rank is None) != (world_size is None):
        raise ConfigError("give both rank and world_size, or neither")
    if rank is None or world_size is None:
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        return 0, 1
    if world_size < 1 or not 0 <= rank < world_size:
        raise ConfigError(f"rank {rank} is not one of {world_size} processes")
    return rank, world_size


class CloudLoader:
    """Iterates over clouds in PyG batches.

    The order is a pure function of ``seed`` and ``epoch``. Every graph comes exactly once per
    epoch, also over several ranks: none is repeated to fill up, so the last batches may be
    smaller and one rank may have one batch more (``drop_last`` makes them equal). A pass that is
    run to its end moves ``epoch`` on by one; :meth:`set_epoch` sets it.

    Args:
        clouds: what to iterate over: clouds, or hit graphs.
        batch_size: graphs per batch.
        shuffle: new order each epoch; otherwise the order of the clouds.
        seed: of the order.
        drop_last: leave incomplete batches out, and give every rank equally many.
        group_sizes: put graphs of similar size together: shuffle, sort by size within stretches
            of 50 batches, shuffle the batches. Needs ``shuffle``.
        redraw: gives background graphs a new signal hypothesis in every batch.
        rank: this process among ``world_size``; by default from torch.distributed if it runs.
        world_size: number of processes that share the clouds.
        pin_memory: page-locked batches for faster copies to a GPU; nothing without CUDA.

    Raises:
        ConfigError: options that cannot be or do not go together.

    Example:
        >>> from pcgnn.data import ParticleClouds
        >>> clouds = ParticleClouds(x=torch.ones(6, 1), ptr=torch.tensor([0, 1, 3, 6]))
        >>> [batch.num_graphs for batch in CloudLoader(clouds, 2)]
        [2, 1]
    """

    def __init__(
        self,
        clouds: GraphCollection,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        group_sizes: bool = False,
        redraw: Hypotheses | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        pin_memory: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, got {batch_size}")
        if group_sizes and not shuffle:
            raise ConfigError("group_sizes changes the order, so it needs shuffle=True")
        self.clouds = clouds
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = int(seed)
        self.drop_last = drop_last
        self.group_sizes = group_sizes
        self.redraw = redraw
        self.rank, self.world_size = resolve_rank(rank, world_size)
        self.pin_memory = pin_memory and torch.cuda.is_available()
        self.epoch = 0
        self._start = 0  # where a restored state continues
        self._done = 0

    @property
    def sampler(self) -> CloudLoader:
        """Itself: Lightning looks here for ``set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass; a position within another epoch is forgotten."""
        if epoch != self.epoch:
            self._start = 0
        self.epoch = int(epoch)

    def shard(self, rank: int, world_size: int) -> CloudLoader:
        """The same loader for one of several processes."""
        other = copy.copy(self)
        other.rank, other.world_size = resolve_rank(rank, world_size)
        other._start = other._done = 0
        return other

    def order(self) -> list[np.ndarray]:
        """Numbers of the graphs of each batch of this rank, for the current epoch."""
        total = len(self.clouds)
        if not self.shuffle:
            return self._cut(np.arange(total, dtype=np.int64)[self.rank :: self.world_size])
        random = np.random.default_rng([self.seed, self.epoch])
        mine = random.permutation(total)[self.rank :: self.world_size]
        if not self.group_sizes:
            return self._cut(mine)
        sizes = self.clouds.sizes
        stretch = self.batch_size * _MEGA_BATCHES
        if self.drop_last:
            mine = mine[: len(self) * self.batch_size]
        grouped = [
            part[np.argsort(sizes[part], kind="stable")]
            for part in (mine[i : i + stretch] for i in range(0, mine.size, stretch))
        ]
        batches = self._cut(np.concatenate(grouped) if grouped else mine)
        return [batches[i] for i in random.permutation(len(batches))]

    def make(self, number: int, graphs: np.ndarray) -> Batch:
        """The batch of some graphs, as the one with this number of the current epoch."""
        batch = self.clouds.batch(graphs)
        if self.redraw is not None:
            place = [self.seed, self.epoch, number, self.rank, _REDRAW]
            self.redraw.redraw(batch, np.random.default_rng(place))
        return batch

    def _cut(self, graphs: np.ndarray) -> list[np.ndarray]:
        size = self.batch_size
        return [graphs[i * size : (i + 1) * size] for i in range(len(self))]

    def __len__(self) -> int:
        total = len(self.clouds)
        if self.drop_last:
            return total // self.world_size // self.batch_size
        mine = (total - self.rank + self.world_size - 1) // self.world_size
        return math.ceil(mine / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        batches = self.order()
        start, self._start = self._start, 0
        for number in range(start, len(batches)):
            batch = self.make(number, batches[number])
            self._done = number + 1
            yield batch.pin_memory() if self.pin_memory else batch
        self._done = 0
        self.epoch += 1

    def state_dict(self) -> dict[str, Any]:
        """Epoch and number of batches given out in it."""
        return {"epoch": self.epoch, "batches": self._done, "options": self._options()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where :meth:`state_dict` was taken: the next pass gives what remained.

        Raises:
            ConfigError: the loader differs from the one whose state it is.
        """
        if state.get("options") != self._options():
            raise ConfigError(
                f"the state is of a loader with {state.get('options')}, this one has "
                f"{self._options()}"
            )
        self.epoch = int(state["epoch"])
        self._start = self._done = int(state["batches"])

    def _options(self) -> dict[str, Any]:
        return {
            "graphs": len(self.clouds),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "drop_last": self.drop_last,
            "group_sizes": self.group_sizes,
            "redraw": None if self.redraw is None else self.redraw.record(),
            "rank": self.rank,
            "world_size": self.world_size,
        }

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self.clouds):,} graphs, {len(self):,} batches of "
            f"{self.batch_size}, shuffle={self.shuffle}, group_sizes={self.group_sizes}, "
            f"rank {self.rank} of {self.world_size}, epoch {self.epoch})"
        )
