"""Blocks of pairs hold every ordered pair of every graph once, and nothing else."""

from __future__ import annotations

import pytest
import torch

from pcgnn.ops import SizePlan
from pcgnn.ops.pairs import PairPlan

SIZES = [3, 1, 2, 70, 2, 0, 100, 5, 4, 4]


def plan_of(sizes: list[int], slots: int, added: int = 0) -> PairPlan:
    plan = SizePlan.from_sizes([n - added for n in sizes])
    ptr = torch.tensor([0, *torch.tensor(sizes).cumsum(0).tolist()])
    return PairPlan.of(ptr, plan, slots=slots, added=added)


def pairs_in(plan: PairPlan) -> list[tuple[int, int]]:
    """Both particles of each slot with a pair, numbered as they were given."""
    number = plan.order.double()[:, None]
    found = []
    for block in plan.blocks:
        table = block.table(number)
        shape = (block.graphs, block.rows, block.width)
        own = block.own(table)[..., 0].expand(shape).reshape(-1)
        other = table[:, None, :, 0].expand(shape).reshape(-1)
        chosen = block.mask
        found += list(zip(own[chosen].tolist(), other[chosen].tolist(), strict=True))
    return [(int(i), int(j)) for i, j in found]


@pytest.mark.parametrize("slots", [1, 30, 4096, 10**6])
def test_every_pair_once(slots: int) -> None:
    plan = plan_of(SIZES, slots)
    begin, wanted = 0, []
    for n in SIZES:
        inside = range(begin, begin + n)
        wanted += [(i, j) for i in inside for j in inside if i != j]
        begin += n
    found = pairs_in(plan)
    assert len(found) == plan.num_pairs == sum(n * (n - 1) for n in SIZES)
    assert sorted(found) == wanted
    assert plan.num_slots == sum(block.size for block in plan.blocks)
    assert [block.slots for block in plan.blocks] == [
        sum(block.size for block in plan.blocks[:number]) for number in range(len(plan.blocks))
    ]


def test_blocks_stay_within_their_size_unless_one_row_is_longer() -> None:
    for slots in (1, 30, 4096):
        assert all(block.size <= max(slots, block.width) for block in plan_of(SIZES, slots).blocks)


def test_padding_is_small_for_graphs_like_jets() -> None:
    torch.manual_seed(0)
    sizes = torch.randint(10, 120, (32,)).tolist()
    plan = plan_of(sizes, 4096)
    # the diagonal, and the difference of neighbours in size
    assert plan.num_slots < 1.05 * plan.num_pairs


@pytest.mark.parametrize("slots", [20, 4096])
def test_sums_over_rows_and_columns_reach_their_particles(slots: int) -> None:
    """Row i of a jet receives the sum over its partners j, and column j that over i."""
    plan = plan_of(SIZES, slots)
    weight = torch.randn(int(sum(SIZES)), 2, dtype=torch.float64)[plan.order]
    by_row, by_column = torch.zeros_like(weight), torch.zeros_like(weight)
    rows = []
    for block in plan.blocks:
        table = block.table(weight)
        shape = (block.graphs, block.rows, block.width, 2)
        mask = block.mask.view(*shape[:3], 1)
        rows.append((table[:, None].expand(shape) * mask).sum(2))
        block.add_to_rows(by_row, rows[-1])
        block.add_to_columns(by_column, (block.own(table).expand(shape) * mask).sum(1))
    total = torch.zeros(len(SIZES), 2, dtype=torch.float64).index_add(0, plan.graph, weight)
    expected = total[plan.graph] - weight
    torch.testing.assert_close(by_row, expected)
    torch.testing.assert_close(by_column, expected)
    torch.testing.assert_close(plan.gather_rows(rows), expected)


def test_added_particles_count() -> None:
    plan = plan_of([4, 2, 9], 4096, added=2)
    assert plan.num_pairs == 12 + 2 + 72
    assert plan.partners.tolist() == [1] * 2 + [3] * 4 + [8] * 9
