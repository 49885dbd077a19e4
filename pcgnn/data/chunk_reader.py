"""Reads chunks of ROOT files into clouds; keeps the files it needs again open."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcgnn.data.arena import Arena
from pcgnn.data.chunking import Chunk, FileEntries
from pcgnn.data.clouds import ParticleClouds
from pcgnn.data.conversion import CloudOptions, clouds_from_records
from pcgnn.data.records import FlatRecords
from pcgnn.errors import ReadError
from pcgnn.io.boundary import reading
from pcgnn.io.chunks import Plan, iterate_columns, table_of
from pcgnn.io.provenance import describe
from pcgnn.io.recipe import Recipe
from pcgnn.io.selection import select
from pcgnn.io.sources import Source, open_tree

__all__ = ["ChunkReader"]

_OPEN_FILES = 16


@dataclass
class _Open:
    stack: ExitStack
    tree: Any
    plan: Plan


class ChunkReader:
    """Turns chunks of files into clouds, one at a time.

    The same as ``read_root`` over the entries of the chunk followed by
    :meth:`~pcgnn.data.ParticleClouds.from_awkward`, without opening the file each time and
    without records in between.

    Args:
        sources: the files.
        recipe: what to read and select.
        options: what to make of it.
    """

    def __init__(self, sources: Sequence[Source], recipe: Recipe, options: CloudOptions) -> None:
        self.sources = list(sources)
        self.recipe = recipe
        self.options = options
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._arena: Arena | None = None

    def filling(self, arena: Arena) -> ChunkReader:
        """The same reader; its clouds are on loan from an arena, valid until that is cleared."""
        other = copy.copy(self)
        # Choosing the leading particles moves rows; the arena has them one after the other.
        other._arena = arena if self.options.max_particles is None else None
        return other

    def read(self, chunk: Chunk) -> ParticleClouds | None:
        """The clouds of a chunk, or None if the selection takes none of its entries.

        Raises:
            PcgnnError: whatever is wrong with the file, the options or the data.
        """
        opened = self._get(chunk.file)
        plan = opened.plan
        source = self.sources[chunk.file]
        parts = [
            select(columns, self.recipe, plan.event, plan.place)[0]
            for columns in iterate_columns(
                opened.tree, plan, chunk.start, chunk.stop, chunk.entries
            )
        ]
        if len(parts) != 1:
            raise ReadError(
                f"entries {chunk.start} to {chunk.stop} came in {len(parts)} pieces",
                file=source.file,
                tree=plan.table.name,
            )
        columns = parts[0]
        if len(columns) == 0:
            return None
        event = {
            **columns.event,
            "file": np.full(len(columns), chunk.file, dtype=np.int32),
            "entry": columns.entry,
        }
        offsets, bare = columns.offsets, columns.offsets is None
        if offsets is None:
            offsets = np.zeros(len(columns) + 1, np.int64)
        records = FlatRecords(offsets, columns.particles, event, {}, bare)
        if self._arena is not None:
            self._arena.expect(len(columns))
        provenance = self.provenance(plan.table.name)
        return clouds_from_records(records, self.options, provenance, self._arena)

    def entries(self, number: int) -> FileEntries:
        """How many entries a file has and where its clusters begin."""
        with self.visiting(number) as tree:
            file, name = self.sources[number].file, None
            with reading(file, name):
                return FileEntries(0, int(tree.num_entries), _clusters(tree))

    @contextmanager
    def visiting(self, number: int) -> Iterator[Any]:
        """Open the tree of a file and close it again."""
        with open_tree(self.sources[number]) as (tree, _):
            yield tree

    def provenance(self, tree: str | None) -> dict[str, Any]:
        """Where the data come from, without counts."""
        files = [source.file for source in self.sources]
        return describe("root", files, tree, self.recipe)

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._open.popitem()[1].stack.close()

    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}

    def _get(self, number: int) -> _Open:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        source = self.sources[number]
        stack = ExitStack()
        tree, name = stack.enter_context(open_tree(source))
        try:
            plan = Plan.make(table_of(tree, source.file, name), self.recipe)
        except BaseException:
            stack.close()
            raise
        self._open[number] = _Open(stack, tree, plan)
        while len(self._open) > _OPEN_FILES:
            self._open.popitem(last=False)[1].stack.close()
        return self._open[number]


def _clusters(tree: Any) -> np.ndarray:
    """First entries of the clusters (RNTuple) or of the baskets all branches share (TTree)."""
    if hasattr(tree, "common_entry_offsets"):
        return np.asarray(tree.common_entry_offsets(), dtype=np.int64)
    firsts = [cluster.num_first_entry for cluster in tree.cluster_summaries]
    return np.asarray(firsts, dtype=np.int64)
