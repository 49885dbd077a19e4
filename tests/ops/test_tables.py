from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from pcgnn.ops import SizePlan
from pcgnn.ops.tables import ParticleTables

sizes_strategy = st.lists(st.integers(1, 12), min_size=1, max_size=15)


@given(sizes_strategy, st.integers(1, 6))
def test_every_particle_has_its_place(sizes: list[int], buckets: int) -> None:
    plan = SizePlan.from_sizes(sizes, buckets)
    tables = ParticleTables.of(torch.tensor(plan.ptr.copy()), plan)
    values = torch.arange(1, plan.total + 1)[:, None]
    spread = tables.spread(values)
    assert torch.equal(spread.index_select(0, tables.places), values)
    assert spread.size(0) == tables.rows
    order = iter(plan.order)
    for table, part in zip(tables.tables, tables.split(spread), strict=True):
        rows = part[:, :, 0]
        assert torch.equal(rows > 0, table.inside)
        for row in rows:
            graph = next(order)
            expected = values[plan.ptr[graph] : plan.ptr[graph + 1], 0]
            assert torch.equal(row[: sizes[graph]], expected)
    assert torch.equal(tables.join(tables.split(spread)), spread)


@given(sizes_strategy, st.integers(1, 6))
def test_every_unordered_pair_has_its_place(sizes: list[int], buckets: int) -> None:
    plan = SizePlan.from_sizes(sizes, buckets)
    tables = ParticleTables.of(torch.tensor(plan.ptr.copy()), plan)
    pairs = tables.pairs()
    expected = [
        (plan.ptr[g] + i, plan.ptr[g] + j)
        for g, n in enumerate(sizes)
        for i in range(n)
        for j in range(i + 1)
    ]
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == expected
    assert tables.num_pairs == len(expected)
    spread = tables.spread_pairs(torch.stack([pairs.first + 1, pairs.second + 1], 1), pairs)
    assert spread.size(0) == tables.pair_rows
    order = iter(plan.order)
    for table, parts in zip(tables.tables, tables.split_pairs(spread), strict=True):
        for part in parts:
            graph = next(order)
            own = torch.zeros(table.width, dtype=torch.long)
            own[: sizes[graph]] = torch.arange(plan.ptr[graph], plan.ptr[graph + 1]) + 1
            triangle = torch.tril(own[:, None] * own) > 0
            assert torch.equal(part[:, :, 0], own[:, None] * triangle)
            assert torch.equal(part[:, :, 1], own * triangle)


@given(sizes_strategy)
def test_graphs_come_back_in_their_order(sizes: list[int]) -> None:
    plan = SizePlan.from_sizes(sizes)
    tables = ParticleTables.of(torch.tensor(plan.ptr.copy()), plan)
    by_size = torch.tensor(sizes).index_select(0, tables.by_size)
    assert torch.equal(by_size, torch.tensor(plan.ascending))
    assert torch.equal(torch.cat(tables.split_graphs(by_size[:, None]))[:, 0], by_size)
    assert tables.to_batch_order(by_size).tolist() == sizes
