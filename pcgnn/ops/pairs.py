"""All ordered pairs of particles of each graph, in dense blocks of graphs of similar size.

A pair needs no stored index where it has a place in a table: a block holds some graphs as tables of
``width`` columns, and what belongs to a particle is broadcast along rows or columns. Graphs of
equal size fill their block; of others a mask tells the real pairs. A particle and itself are no
pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pcgnn.ops.ragged import SizePlan, gather_ranges, graph_index

__all__ = ["PairBlock", "PairPlan"]

CPU_SLOTS = 4096
DEVICE_SLOTS = 2**20


class PairBlock(NamedTuple):
    """Pairs of some rows of a table with all of its columns.

    Attributes:
        graphs: number of graphs.
        start: first particle of the first graph, in the order of the plan.
        stop: end of the last graph.
        width: particles of the largest graph.
        first_row: first row of the table that is in this block.
        rows: how many rows there are.
        slots: first place of the block in flat tensors over all slots.
        places: particle of each place of the tables, counted from ``start``, shape
            (graphs * width,); None if the graphs fill their tables.
        mask: 1 for a pair, 0 for a place that is none, shape (graphs * rows * width,).
    """

    graphs: int
    start: int
    stop: int
    width: int
    first_row: int
    rows: int
    slots: int
    places: Tensor | None
    mask: Tensor

    @property
    def size(self) -> int:
        """Number of slots, pairs or not."""
        return self.graphs * self.rows * self.width

    def table(self, values: Tensor) -> Tensor:
        """The particles of the block as tables; places beyond a graph repeat its last particle.

        **Shapes:** (N, C) -> (graphs, width, C).
        """
        return self.lay(values[self.start : self.stop])

    def lay(self, part: Tensor) -> Tensor:
        """The same of the rows of this block's particles alone, see :meth:`PairPlan.parts`.

        **Shapes:** (stop - start, C) -> (graphs, width, C).
        """
        if self.places is not None:
            part = part.index_select(0, self.places)
        return part.view(self.graphs, self.width, part.size(1))

    def row_particles(self) -> Tensor:
        """Particle of each row of the block, shape (graphs * rows,)."""
        at = self.places
        if at is None:
            at = torch.arange(self.graphs * self.width, device=self.mask.device)
        rows = at.view(self.graphs, self.width)
        return self.start + rows[:, self.first_row : self.first_row + self.rows].reshape(-1)

    def own(self, table: Tensor) -> Tensor:
        """The particles of the rows of this block, along columns.

        **Shapes:** (graphs, width, C) -> (graphs, rows, 1, C).
        """
        return table[:, self.first_row : self.first_row + self.rows, None]

    def add_to_rows(self, total: Tensor, values: Tensor) -> None:
        """Add one value per row to the particles; those of no particle must be 0.

        **Shapes:** total (N, C), values (graphs, rows, C).
        """
        part = total[self.start : self.stop]
        if self.places is None:
            whole = part.view(self.graphs, self.width, -1)
            whole[:, self.first_row : self.first_row + self.rows].add_(values)
            return
        rows = self.row_particles()
        total.index_add_(0, rows, values.reshape(rows.numel(), -1))

    def add_to_columns(self, total: Tensor, values: Tensor) -> None:
        """Add one value per column to the particles; those of no particle must be 0.

        **Shapes:** total (N, C), values (graphs, width, C).
        """
        part = total[self.start : self.stop]
        if self.places is None:
            part.view(self.graphs, self.width, -1).add_(values)
        else:
            part.index_add_(0, self.places, values.reshape(self.places.numel(), -1))


@dataclass(frozen=True, eq=False)
class PairPlan:
    """The blocks of a batch, made once and used by every layer.

    The particles must be put in the order of the plan, graph after graph by rising size.

    Attributes:
        order: the particles by rising size of their graph, shape (N,).
        ptr: offsets of the graphs in that order, shape (G + 1,).
        by_size: the graphs by rising size, shape (G,).
        graph: graph of each particle in that order, shape (N,).
        partners: other particles of each particle's graph, shape (N,), int64.
        blocks: the blocks.
        num_pairs: number of ordered pairs of different particles, known on the host.
        num_slots: places of all blocks, of which some hold no pair.

    Example:
        >>> plan = SizePlan.from_sizes([3, 1, 2])
        >>> pairs = PairPlan.of(torch.tensor([0, 3, 4, 6]), plan)
        >>> pairs.num_pairs, pairs.order.tolist()
        (8, [3, 4, 5, 0, 1, 2])
    """

    order: Tensor
    ptr: Tensor
    by_size: Tensor
    graph: Tensor
    partners: Tensor
    blocks: tuple[PairBlock, ...]
    num_pairs: int
    num_slots: int

    @classmethod
    def of(
        cls, ptr: Tensor, plan: SizePlan, *, added: int = 0, slots: int | None = None
    ) -> PairPlan:
        """Plan the pairs of a batch.

        Args:
            ptr: offsets of the graphs, shape (G + 1,).
            plan: their sizes on the host.
            added: particles that each graph has more in ``ptr`` than in ``plan``.
            slots: places a block may have, more only if one row of a table alone has more; by
                default what suits the cache of a CPU, or the memory of another device.
        """
        if slots is None:
            slots = CPU_SLOTS if ptr.device.type == "cpu" else DEVICE_SLOTS
        ascending = tuple(n + added for n in plan.ascending)
        total = plan.total + added * plan.num_graphs
        sizes = ptr.diff()
        by_size = sizes.argsort(stable=True)
        order = gather_ranges(ptr, by_size, total)
        sorted_sizes = sizes.index_select(0, by_size)
        offsets = torch.cat([ptr[:1], sorted_sizes.cumsum(0)])
        graph = graph_index(offsets, total)
        blocks = tuple(_blocks(ascending, sorted_sizes, offsets, slots))
        return cls(
            order=order,
            ptr=offsets,
            by_size=by_size,
            graph=graph,
            partners=sorted_sizes.index_select(0, graph) - 1,
            blocks=blocks,
            num_pairs=sum(n * (n - 1) for n in ascending),
            num_slots=sum(block.size for block in blocks),
        )

    def to_batch_order(self, values: Tensor) -> Tensor:
        """Put values of the graphs by rising size back into the order of the batch.

        **Shapes:** (G, C) -> (G, C).
        """
        return torch.zeros_like(values).index_copy(0, self.by_size, values)

    def parts(self, values: Tensor) -> list[Tensor]:
        """Cut values into those of the particles of each block.

        Its gradient is put together once; that of slices would be one tensor of N rows per block.

        **Shapes:** (N, C) -> for each block (stop - start, C).
        """
        lengths: list[int] = []
        numbers = []
        start = -1
        for block in self.blocks:  # blocks of the same graph follow each other
            if block.start != start:
                lengths.append(block.stop - block.start)
                start = block.start
            numbers.append(len(lengths) - 1)
        parts = torch.split(values, lengths)
        return [parts[number] for number in numbers]

    def gather_rows(self, rows: Sequence[Tensor]) -> Tensor:
        """Add up one value per row of every block where its particle is; differentiable.

        Args:
            rows: values of each block, 0 in rows of no particle, shape (graphs, rows, C).

        **Shapes:** -> (N, C).
        """
        flat = [values.flatten(0, 1) for values in rows]
        index = [block.row_particles() for block in self.blocks]
        values = torch.cat(flat)
        zero = values.new_zeros(self.order.numel(), values.size(1))
        return zero.index_add(0, torch.cat(index), values)


def _blocks(
    ascending: tuple[int, ...], sizes: Tensor, offsets: Tensor, slots: int
) -> list[PairBlock]:
    blocks = []
    first = sum(n == 0 for n in ascending)  # graphs without particles have no table
    start = place = 0
    while first < len(ascending):
        last = _end(ascending, first, slots)
        graphs, width = last - first, ascending[last - 1]
        total = sum(ascending[first:last])
        columns = torch.arange(width, device=sizes.device)
        inside = columns < sizes[first:last, None]
        at = None
        if total < graphs * width:
            places = columns.minimum(sizes[first:last, None] - 1)
            at = (places + (offsets[first:last] - offsets[first])[:, None]).view(-1)
        step = width if graphs > 1 else max(1, min(width, slots // width))
        for row in range(0, width, step):
            rows = min(step, width - row)
            pair = inside[:, row : row + rows, None] & inside[:, None]
            pair = pair & (columns[row : row + rows, None] != columns)
            blocks.append(
                PairBlock(graphs, start, start + total, width, row, rows, place, at, pair.view(-1))
            )
            place += graphs * rows * width
        first, start = last, start + total
    return blocks


def _end(ascending: tuple[int, ...], first: int, slots: int) -> int:
    """End of the graphs from ``first`` on whose tables fit, by bisection; at least one graph."""
    low, high = first + 1, len(ascending)
    while low < high:
        middle = (low + high + 1) // 2
        if (middle - first) * ascending[middle - 1] ** 2 <= slots:
            low = middle
        else:
            high = middle - 1
    return low
