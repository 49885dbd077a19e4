from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pcgnn.errors import DataError
from pcgnn.ops import SizePlan, gather_ranges, graph_index

sizes_strategy = st.lists(st.integers(0, 40), max_size=40)


@given(sizes_strategy, st.integers(1, 12))
def test_buckets_cover_every_graph_once_and_are_wide_enough(sizes: list[int], buckets: int) -> None:
    plan = SizePlan.from_sizes(sizes, buckets)
    covered = [(b.start, b.stop) for b in plan.buckets]
    assert [start for start, _ in covered] == [0, *[stop for _, stop in covered[:-1]]][
        : len(covered)
    ]
    assert (covered[-1][1] if covered else 0) == len(sizes)
    assert sorted(plan.order.tolist()) == list(range(len(sizes)))
    for bucket in plan.buckets:
        inside = plan.sizes[plan.order[bucket.start : bucket.stop]]
        assert inside.max() == bucket.width
    assert len(plan.buckets) <= buckets


@given(sizes_strategy)
def test_plan_says_what_the_offsets_say(sizes: list[int]) -> None:
    plan = SizePlan.from_sizes(sizes)
    assert plan.ptr.tolist() == np.concatenate([[0], np.cumsum(sizes)]).tolist()
    assert plan.total == sum(sizes)
    assert (plan.min_size, plan.max_size) == ((min(sizes), max(sizes)) if sizes else (0, 0))
    again = SizePlan.from_ptr(torch.as_tensor(plan.ptr.copy()))
    assert again.sizes.tolist() == plan.sizes.tolist()
    assert again.buckets == plan.buckets
    assert torch.equal(
        torch.argsort(torch.as_tensor(plan.sizes.copy()), stable=True),
        torch.as_tensor(plan.order.copy()),
    )


@given(sizes_strategy, st.integers(0, 9))
def test_number_of_edges(sizes: list[int], k: int) -> None:
    assert SizePlan.from_sizes(sizes).num_edges(k) == sum(n * min(k, max(n - 1, 0)) for n in sizes)


@given(sizes_strategy, st.data())
def test_gather_ranges_against_slices(sizes: list[int], data: st.DataObject) -> None:
    plan = SizePlan.from_sizes(sizes)
    wanted = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=9)) if sizes else []
    expected = [i for g in wanted for i in range(plan.ptr[g], plan.ptr[g + 1])]
    ptr = torch.as_tensor(plan.ptr.copy())
    graphs = torch.tensor(wanted, dtype=torch.long)
    assert gather_ranges(ptr, graphs).tolist() == expected
    assert gather_ranges(ptr, graphs, len(expected)).tolist() == expected
    assert graph_index(ptr, plan.total).tolist() == [
        g for g, n in enumerate(sizes) for _ in range(n)
    ]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [([1, -2], "graph 1 has a negative size"), ([[1]], "flat list"), ([1.5], "whole numbers")],
)
def test_impossible_sizes_are_refused(sizes: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SizePlan.from_sizes(sizes)  # type: ignore[arg-type]


def test_impossible_offsets_are_refused() -> None:
    with pytest.raises(DataError, match="starts at 0"):
        SizePlan.from_ptr(torch.tensor([1, 2]))
    with pytest.raises(DataError, match="negative size"):
        SizePlan.from_ptr(torch.tensor([0, 3, 2]))
    with pytest.raises(DataError, match="meta"):
        SizePlan.from_ptr(torch.zeros(3, dtype=torch.long, device="meta"))


def test_a_plan_cannot_be_changed_and_copies() -> None:
    plan = SizePlan.from_sizes([3, 4])
    with pytest.raises(ValueError, match="read-only"):
        plan.sizes[0] = 9
    assert copy.deepcopy(plan).total == 7
    assert repr(plan) == "SizePlan(2 graphs, 7 particles, 3 to 4 each, 2 buckets)"
