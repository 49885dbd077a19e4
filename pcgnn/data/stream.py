"""Shuffled batches from ROOT files larger than memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from torch_geometric.data import Batch

from pcgnn.data.arena import Arena
from pcgnn.data.chunk_reader import ChunkReader
from pcgnn.data.chunk_workers import read_chunks
from pcgnn.data.chunking import Chunk, FileEntries, make_chunks, order_chunks
from pcgnn.data.clouds import ParticleClouds
from pcgnn.data.conversion import CloudOptions
from pcgnn.data.features import FeatureDefinition
from pcgnn.data.joining import concatenate
from pcgnn.data.loader import resolve_rank
from pcgnn.errors import ConfigError, DataError, ReadError
from pcgnn.io.ranges import check_range
from pcgnn.io.recipe import Empty, EventColumns, Nonfinite, Particles, Recipe
from pcgnn.io.sources import Files, find_sources

__all__ = ["CloudStream"]

_PEEK = 1000


class _Position(NamedTuple):
    """A place in the epoch: rows of block ``block``, made of chunks from ``chunk`` on."""

    chunk: int
    block: int
    row: int


class CloudStream:
    """Reads, computes features, shuffles and batches while the files stay on disk.

    The files are cut into chunks, at the borders of their compressed clusters where possible.
    Chunks are visited in an order in which every stretch holds all files in proportion; as many
    as fit into the buffer are joined, shuffled and cut into batches. What is left of one buffer
    goes in front of the next. Memory is bounded by the buffer (about its clouds and a chunk;
    with workers twice its clouds, plus two chunks for each), whatever the files' size. A buffer
    holds two chunks of each file (at most sixteen), so clusters (RNTuple) or baskets (TTree)
    longer than such a share of it are decompressed more than once: with such files a larger
    buffer reads faster.

    The batches are a pure function of the files and options, ``seed``, ``epoch`` and the rank;
    the number of workers changes nothing. Every selected entry comes exactly once per epoch, over
    all ranks together; ranks read different stretches of each file, and their numbers of batches
    may differ. A pass that is run to its end moves ``epoch`` on by one.

    Args:
        files: paths, globs, addresses or ``file.root:tree``, as for :func:`pcgnn.read_root`.
        tree: name of the tree.
        particles: pattern or mapping of the particles' branches.
        event: event columns.
        cut: condition on entries.
        derived: columns to compute.
        nonfinite: "error", "drop" or "keep" entries with NaN or infinity.
        empty: "error" or "drop" entries without particles.
        entry_start: first entry in the chain of files.
        entry_stop: one past the last.
        features: see :meth:`ParticleClouds.from_awkward`, like the next seven.
        target: the same. Labels beyond 0 and 1 need ``classes``.
        weight: the same.
        max_particles: the same.
        columns: the same.
        classes: the same.
        dtype: the same.
        p4: the same.
        batch_size: graphs per batch.
        buffer_size: graphs shuffled together.
        shuffle: otherwise the order of the files.
        seed: of the order.
        drop_last: leave an incomplete last batch out.
        workers: processes that read and compute features; 0 does it in this one.
        rank: this process among ``world_size``; by default from torch.distributed if it runs.
        world_size: number of processes that share the files.
        pin_memory: page-locked batches for faster copies to a GPU; nothing without CUDA.

    Raises:
        ReadError: a file, tree or branch is missing or damaged.
        ConfigError: options that make no sense.

    Example:
        >>> stream = CloudStream(["signal.root", "background.root"], particles="part_*",
        ...                      event=["is_top"], target="is_top")  # doctest: +SKIP
        >>> for batch in stream:  # doctest: +SKIP
        ...     loss = criterion(model(batch), batch.y)
    """

    def __init__(
        self,
        files: Files,
        tree: str | None = None,
        *,
        particles: Particles = None,
        event: EventColumns = None,
        cut: str | None = None,
        derived: Mapping[str, str] | None = None,
        nonfinite: Nonfinite = "error",
        empty: Empty = "error",
        entry_start: int | None = None,
        entry_stop: int | None = None,
        features: Any = "particlenet",
        target: str | Sequence[str] | Mapping[str, str] | None = None,
        weight: str | None = None,
        max_particles: int | None = None,
        columns: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        dtype: torch.dtype = torch.float32,
        p4: bool = True,
        batch_size: int = 256,
        buffer_size: int = 50_000,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        workers: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        pin_memory: bool = False,
    ) -> None:
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("buffer_size", buffer_size, 1),
            ("workers", workers, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name}={value!r} must be a whole number from {least}")
        if buffer_size < batch_size:
            raise ConfigError(f"a buffer of {buffer_size} holds no batch of {batch_size}")
        if empty == "keep":
            raise ConfigError("clouds have no empty graphs: empty is 'error' or 'drop'")
        recipe = Recipe.make(particles, event, cut, derived, nonfinite, empty)
        options = CloudOptions(features, target, weight, max_particles, columns, classes, dtype, p4)
        if particles is None and any(
            name.startswith("part_")
            for feature in options.features
            for name in feature.compiled.names
        ):
            raise ConfigError(
                f"a stream with the features {options.features.name!r} needs particles",
                remedy='pass particles="part_*", or features of event columns',
            )
        self._reader = ChunkReader(find_sources(files, tree), recipe, options)
        self._range = check_range(entry_start, entry_stop)
        self.batch_size = batch_size
        self.buffer_size = buffer_size
        self.shuffle = shuffle
        self.seed = int(seed)
        self.drop_last = drop_last
        self.workers = workers
        self.rank, self.world_size = resolve_rank(rank, world_size)
        self.pin_memory = pin_memory and torch.cuda.is_available()
        self.epoch = 0
        self._entries: list[FileEntries] | None = None
        self._first: ParticleClouds | None = None
        self._start = self._position = _Position(0, 0, 0)

    # What is in it

    @property
    def files(self) -> list[str]:
        """The files, in the order ``file`` counts them."""
        return [source.file for source in self._reader.sources]

    @property
    def num_entries(self) -> int:
        """Entries of all ranks in one epoch, before the cut."""
        return sum(entries.stop - entries.start for entries in self._all_entries())

    @property
    def features(self) -> FeatureDefinition | None:
        """How x and pos are made, settled on the first entries."""
        return self._peek().features

    @property
    def multi_label(self) -> bool:
        """Whether each graph has several labels of 0 and 1."""
        return self._peek().multi_label

    @property
    def regression(self) -> bool:
        """Whether each graph has floating-point targets."""
        return self._peek().regression

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self._peek().classes

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the data come from."""
        return {**self._peek().provenance, "entries_read": self.num_entries}

    def sample(self, graphs: int | None = None) -> ParticleClouds:
        """Clouds from the beginning of the current order, for looking or fitting.

        Args:
            graphs: how many, by default a buffer. The order is shuffled over the files first.

        Raises:
            DataError: no entry is selected.
        """
        wanted = graphs or self.buffer_size
        found: list[ParticleClouds] = []
        chunks = self._order()
        try:
            while chunks and sum(map(len, found)) < wanted:
                clouds = self._reader.read(chunks.pop(0))
                found += [] if clouds is None else [clouds]
        finally:
            self._reader.close()
        if not found:
            raise DataError("no entry is selected", remedy="loosen the cut")
        joined = ParticleClouds.concatenate(found)
        return joined[:wanted] if len(joined) > wanted else joined

    # Going through it

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass; a position within another epoch is forgotten."""
        if epoch != self.epoch:
            self._start = self._position = _Position(0, 0, 0)
        self.epoch = int(epoch)

    def shard(self, rank: int, world_size: int) -> CloudStream:
        """The same stream for one of several processes."""
        other = copy.copy(self)
        other._reader = copy.copy(self._reader)
        other.rank, other.world_size = resolve_rank(rank, world_size)
        other._start = other._position = _Position(0, 0, 0)
        return other

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands: after the last batch it gave out."""
        return {"epoch": self.epoch, **self._position._asdict(), "options": self._options()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state: the next pass gives exactly the remaining batches.

        Raises:
            ConfigError: it is the state of another stream.
        """
        if state.get("options") != self._options():
            raise ConfigError(
                f"the state is of a stream with {state.get('options')}, this one has "
                f"{self._options()}"
            )
        self.epoch = int(state["epoch"])
        self._start = _Position(int(state["chunk"]), int(state["block"]), int(state["row"]))
        self._position = self._start

    def __iter__(self) -> Iterator[Batch]:
        start, self._start = self._start, _Position(0, 0, 0)
        self._position = start
        given = 0
        arena = Arena(self.buffer_size)
        left: ParticleClouds | None = None
        for parts, position in self._blocks(start, arena):
            fresh = sum(map(len, parts))
            order = self._permutation(fresh, position.block)[position.row :]
            carried = 0 if left is None else len(left)
            joined = concatenate(parts if left is None else [*parts, left], arena)
            parts.clear()
            rows = np.concatenate([np.arange(fresh, fresh + carried), order])
            stop = rows.size - rows.size % self.batch_size
            for first in range(0, stop, self.batch_size):
                last = first + self.batch_size
                self._position = position._replace(row=position.row + last - carried)
                given += 1
                yield self._finish(joined.batch(rows[first:last]))
            left = joined.select(rows[stop:]).copy() if stop < rows.size else None
            arena.clear()  # the next chunks are put in the place of these
        if left is not None and not self.drop_last:
            given += 1
            self._position = _Position(len(self._order()), self._position.block + 1, 0)
            yield self._finish(left.batch(slice(None)))
        if given == 0 and start == (0, 0, 0):
            raise ReadError(
                "the stream gives no batch: no entry is selected, or drop_last leaves none",
                file=self.files[0] if len(self.files) == 1 else f"{len(self.files)} files",
            )
        self._position = _Position(0, 0, 0)
        self.epoch += 1

    def _finish(self, batch: Batch) -> Batch:
        return batch.pin_memory() if self.pin_memory else batch

    def _permutation(self, size: int, block: int) -> np.ndarray:
        if not self.shuffle:
            return np.arange(size)
        return np.random.default_rng([self.seed, self.epoch, self.rank, block]).permutation(size)

    def _blocks(
        self, start: _Position, arena: Arena | None = None
    ) -> Iterator[tuple[list[ParticleClouds], _Position]]:
        """Buffers of clouds: as many chunks as fit; with the place of their first row."""
        chunks = self._order()[start.chunk :]
        # Workers have no part in this process's memory.
        reader = self._reader
        if arena is not None and self.workers == 0:
            reader = reader.filling(arena)
        found = read_chunks(reader, chunks, self.workers)
        held: list[ParticleClouds] = []
        place = start
        for number, chunk in enumerate(chunks, start=start.chunk):
            if held and sum(map(len, held)) + chunk.entries > self.buffer_size:
                yield held, place
                held = []
                place = _Position(number, place.block + 1, 0)
            clouds = next(found)  # not before the last buffer is done with: its memory is free
            if clouds is not None:
                self._compare(clouds)
                held.append(clouds)
        if held:
            yield held, place

    def _order(self) -> list[Chunk]:
        """Chunks of this rank in the order of the epoch."""
        files = make_chunks(self._mine(), self.buffer_size)
        if not self.shuffle:
            return list(chain.from_iterable(files))
        return order_chunks(files, self.buffer_size, (self.seed, self.epoch, self.rank))

    def _mine(self) -> list[FileEntries]:
        """This rank's stretch of each file; the stretches change hands each epoch."""
        part, parts = self.rank, self.world_size
        if self.shuffle:
            part = (part + self.epoch) % parts
        mine = []
        for start, stop, clusters in self._all_entries():
            edges = [start + (stop - start) * i // parts for i in (part, part + 1)]
            mine.append(FileEntries(edges[0], edges[1], clusters))
        return mine

    def _all_entries(self) -> list[FileEntries]:
        """The entries of each file within the range asked for; files are opened once for it."""
        if self._entries is None:
            first, last = self._range
            found, before = [], 0
            for number in range(len(self._reader.sources)):
                whole = self._reader.entries(number)
                start = min(max(first - before, 0), whole.stop)
                stop = whole.stop if last is None else min(max(last - before, start), whole.stop)
                found.append(FileEntries(start, stop, whole.clusters))
                before += whole.stop
            self._entries = found
        return self._entries

    def _peek(self) -> ParticleClouds:
        """A few selected entries, from which features and classes are settled."""
        if self._first is None:
            for number, (start, stop, _) in enumerate(self._all_entries()):
                for edge in range(start, stop, _PEEK):
                    clouds = self._reader.read(Chunk(number, edge, min(edge + _PEEK, stop)))
                    if clouds is not None:
                        self._first = clouds[:1].copy()
                        self._reader.close()
                        return self._first
            raise DataError("no entry is selected", remedy="loosen the cut")
        return self._first

    def _compare(self, clouds: ParticleClouds) -> None:
        if self._first is None:
            self._first = clouds[:1].copy()
        if clouds.classes != self._first.classes:
            raise ConfigError(
                f"different chunks hold different labels ({', '.join(clouds.classes)}; "
                f"{', '.join(self._first.classes)})",
                remedy="name all classes in the order of their numbers with classes=",
            )

    def plan(self) -> dict[str, Any]:
        """What is read and made of it: files, entries, selection, columns and inputs."""
        options = self._options()
        return {name: options[name] for name in ("entries", "range", "read", "clouds")}

    def _options(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "entries": self.num_entries,
            "range": list(self._range),
            "read": self._reader.recipe.to_dict(),
            "clouds": self._reader.options.to_dict(),
            "batch_size": self.batch_size,
            "buffer_size": self.buffer_size,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "drop_last": self.drop_last,
            "rank": self.rank,
            "world_size": self.world_size,
        }

    def __repr__(self) -> str:
        return (
            f"CloudStream({len(self.files)} files, {self.num_entries:,} entries, batches of "
            f"{self.batch_size} from buffers of {self.buffer_size:,}, shuffle={self.shuffle}, "
            f"{self.workers} workers, rank {self.rank} of {self.world_size}, epoch {self.epoch})"
        )
