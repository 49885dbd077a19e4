"""The particles and the pairs of each graph as dense tables, one set of tables per size bucket.

Attention looks at all particles of a graph at once and wants them as (graphs, width, channels). The
tables of all buckets stand one after the other in one tensor of ``rows`` rows: what works on single
particles takes it whole, what works on graphs takes the part of each bucket. Places beyond the
particles of a graph are padding, told by a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pcgnn.ops.ragged import SizePlan, graph_index

__all__ = ["PairList", "ParticleTables", "Table"]


class Table(NamedTuple):
    """Graphs of similar size, in the order of their sizes.

    Attributes:
        graphs: how many graphs there are.
        width: particles of the largest of them.
        inside: which places hold a particle, shape (graphs, width).
    """

    graphs: int
    width: int
    inside: Tensor


class PairList(NamedTuple):
    """All unordered pairs of particles of the same graph, each particle with itself among them.

    Attributes:
        first: one particle of each pair, shape (P,); the later one in its graph.
        second: the other, shape (P,).
        places: row of each pair in the pair tables, at (first, second), shape (P,).
    """

    first: Tensor
    second: Tensor
    places: Tensor


@dataclass(frozen=True, eq=False)
class ParticleTables:
    """The tables of a batch, made once and used by every layer.

    Attributes:
        ptr: offsets of the graphs, shape (G + 1,).
        by_size: the graphs by rising size, shape (G,).
        places: row of each particle, shape (N,).
        tables: the tables of the buckets.
        rows: places for particles in all tables.
        pair_rows: places for ordered pairs in all tables.
        num_pairs: number of unordered pairs, particles with themselves among them.

    Example:
        >>> plan = SizePlan.from_sizes([3, 1, 2], num_buckets=2)
        >>> tables = ParticleTables.of(torch.tensor([0, 3, 4, 6]), plan)
        >>> [(table.graphs, table.width) for table in tables.tables], tables.places.tolist()
        ([(1, 1), (2, 3)], [4, 5, 6, 0, 1, 2])
    """

    ptr: Tensor
    by_size: Tensor
    places: Tensor
    tables: tuple[Table, ...]
    rows: int
    pair_rows: int
    num_pairs: int
    _graph: Tensor
    _width: Tensor
    _pair_start: Tensor

    @classmethod
    def of(cls, ptr: Tensor, plan: SizePlan) -> ParticleTables:
        """Lay out the tables.

        Args:
            ptr: offsets of the graphs, shape (G + 1,).
            plan: their sizes on the host.
        """
        sizes = ptr.diff()
        by_size = sizes.argsort(stable=True)
        sorted_sizes = sizes.index_select(0, by_size)
        tables, widths = [], []
        row = pair_row = 0
        for start, stop, width in plan.buckets:
            graphs = stop - start
            inside = torch.arange(width, device=ptr.device) < sorted_sizes[start:stop, None]
            tables.append(Table(graphs, width, inside))
            widths.append(sizes.new_full((graphs,), width))
            row += graphs * width
            pair_row += graphs * width**2
        width_by_size = torch.cat(widths) if widths else sizes
        squared = width_by_size * width_by_size
        graph = graph_index(ptr, plan.total)
        place = torch.arange(plan.total, device=ptr.device) - ptr.index_select(0, graph)
        start_of = _in_order(by_size, width_by_size.cumsum(0) - width_by_size)
        return cls(
            ptr=ptr,
            by_size=by_size,
            places=start_of.index_select(0, graph) + place,
            tables=tuple(tables),
            rows=row,
            pair_rows=pair_row,
            num_pairs=sum(n * (n + 1) // 2 for n in plan.ascending),
            _graph=graph,
            _width=_in_order(by_size, width_by_size),
            _pair_start=_in_order(by_size, squared.cumsum(0) - squared),
        )

    def pairs(self) -> PairList:
        """List the unordered pairs, graph after graph."""
        total = self._graph.numel()
        particle = torch.arange(total, device=self.ptr.device)
        place = particle - self.ptr.index_select(0, self._graph)
        # the first particle of a graph pairs with itself, the second with two, and so on
        counts = place + 1
        first = torch.repeat_interleave(particle, counts, output_size=self.num_pairs)
        begin = (counts.cumsum(0) - counts).index_select(0, first)
        partner = torch.arange(self.num_pairs, device=self.ptr.device) - begin
        own = place.index_select(0, first)
        graph = self._graph.index_select(0, first)
        at = self._pair_start.index_select(0, graph) + own * self._width.index_select(0, graph)
        return PairList(first, first - own + partner, at + partner)

    def spread(self, values: Tensor) -> Tensor:
        """Put particles into their places, zeros into the padding: (N, C) -> (rows, C)."""
        # the inverse is a gather without repeats: no sum in the backward pass
        return values.new_zeros(self.rows, values.size(1)).index_copy(0, self.places, values)

    def spread_pairs(self, values: Tensor, pairs: PairList) -> Tensor:
        """Put pairs into their places: (P, C) -> (pair_rows, C), one triangle of each table."""
        zeros = values.new_zeros(self.pair_rows, values.size(1))
        return zeros.index_copy(0, pairs.places, values)

    # split, not one slice per table: in the backward pass the parts are joined once, where each
    # slice would fill a tensor of the whole size with zeros
    def split(self, values: Tensor) -> list[Tensor]:
        """Give each table its particles: (rows, C) -> each (graphs, width, C)."""
        parts = torch.split(values, [table.graphs * table.width for table in self.tables])
        return [
            part.view(table.graphs, table.width, values.size(1))
            for part, table in zip(parts, self.tables, strict=True)
        ]

    def split_pairs(self, values: Tensor) -> list[Tensor]:
        """Give each table its pairs: (pair_rows, C) -> each (graphs, width, width, C)."""
        parts = torch.split(values, [table.graphs * table.width**2 for table in self.tables])
        return [
            part.view(table.graphs, table.width, table.width, values.size(1))
            for part, table in zip(parts, self.tables, strict=True)
        ]

    def split_graphs(self, values: Tensor) -> tuple[Tensor, ...]:
        """Give each table its graphs, by rising size: (G, C) -> each (graphs, C)."""
        return torch.split(values, [table.graphs for table in self.tables])

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Join what was computed table by table: each (graphs, width, C) -> (rows, C)."""
        return torch.cat([part.flatten(0, 1) for part in parts])

    def to_batch_order(self, values: Tensor) -> Tensor:
        """Put values of the graphs by rising size back into the order of the batch: (G, C)."""
        return _in_order(self.by_size, values)


def _in_order(by_size: Tensor, values: Tensor) -> Tensor:
    return torch.zeros_like(values).index_copy(0, by_size, values)
