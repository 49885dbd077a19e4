from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from pcgnn.errors import DataError
from pcgnn.ops import SizePlan, canonical_order
from pcgnn.ops.order import inverse_order


def shuffled_within(ptr: list[int], seed: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    pairs = pairwise(ptr)
    return torch.cat([a + torch.randperm(b - a, generator=g) for a, b in pairs])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e12])
def test_any_listing_gives_the_same_rows(dtype: torch.dtype, scale: float) -> None:
    torch.manual_seed(0)
    plan = SizePlan.from_sizes([5, 1, 200, 0, 17])
    ptr = torch.as_tensor(plan.ptr.copy())
    # a calorimeter-like grid with many equal coordinates, and one column far larger than the other
    x = torch.randint(0, 4, (plan.total, 3)).to(dtype) * scale
    pos = (torch.randint(-3, 3, (plan.total, 2)) * 0.1).to(dtype)
    first = canonical_order(ptr, plan.total, x, pos)
    assert sorted(first.tolist()) == list(range(plan.total))
    for seed in range(3):
        listing = shuffled_within(plan.ptr.tolist(), seed)
        again = canonical_order(ptr, plan.total, x[listing], pos[listing])
        assert torch.equal(x[listing][again], x[first])
        assert torch.equal(pos[listing][again], pos[first])


def test_graphs_stay_where_they_are() -> None:
    ptr = torch.tensor([0, 3, 3, 8])
    order = canonical_order(ptr, 8, torch.randn(8, 2))
    assert sorted(order[:3].tolist()) == [0, 1, 2]
    assert sorted(order[3:].tolist()) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("companions", [1, 2, 100, 5000])
def test_other_graphs_do_not_change_the_order(companions: int) -> None:
    x = torch.randn(50, 2)
    alone = canonical_order(torch.tensor([0, 50]), 50, x)
    ptr = torch.cat([torch.tensor([0]), torch.arange(50, 51 + companions)])
    among = canonical_order(ptr, 50 + companions, torch.cat([x, torch.randn(companions, 2)]))
    assert torch.equal(among[:50], alone)


def test_the_two_zeros_are_equal() -> None:
    a, b = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([-0.0, 1.0, 2.0])
    ptr = torch.tensor([0, 3])
    assert canonical_order(ptr, 3, a).tolist() == canonical_order(ptr, 3, b).tolist()


def test_inverse_undoes() -> None:
    order = torch.randperm(20)
    x = torch.randn(20)
    assert torch.equal(x[order][inverse_order(order)], x)


def test_columns_must_fit() -> None:
    with pytest.raises(DataError, match="does not describe 3 particles"):
        canonical_order(torch.tensor([0, 3]), 3, torch.randn(2, 2))
