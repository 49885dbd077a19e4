from __future__ import annotations

import pytest
import torch
from neighbour_truth import CASES, cloud, nearest, within

from pcgnn.errors import ConfigError
from pcgnn.ops import radius

BACKENDS = ["bucketed", "tree", pytest.param("torch-cluster", marks=pytest.mark.accel)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("kind", "r"), [("random", 0.7), ("grid", 2.0), ("duplicates", 0.0)])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_all_pairs_within_and_no_others(
    backend: str, case: str, kind: str, r: float, dimensions: int
) -> None:
    # on the grid many pairs stand at exactly r = 2, which is inside
    x, ptr = cloud(CASES[case], dimensions, kind, torch.float64)
    pairs = radius(x, ptr, r, backend=backend)  # type: ignore[arg-type]
    found = [(int(j), int(i)) for j, i in pairs.t()]
    assert len(found) == len(set(found))
    assert set(found) == within(x, ptr, r)
    assert found == sorted(found, key=lambda pair: (pair[1], pair[0]))


@pytest.mark.parametrize("backend", ["bucketed", "tree"])
@pytest.mark.parametrize("kind", ["random", "grid", "duplicates"])
def test_a_cap_keeps_the_nearest(backend: str, kind: str) -> None:
    x, ptr = cloud(CASES["small"], 2, kind, torch.float64)
    limit, r = 3, 1.5
    pairs = radius(x, ptr, r, max_neighbours=limit, backend=backend)  # type: ignore[arg-type]
    inside = within(x, ptr, r)
    expected = {
        (int(j), i)
        for i, row in enumerate(nearest(x, ptr, limit))
        for j in row
        if (int(j), i) in inside
    }
    assert {(int(j), int(i)) for j, i in pairs.t()} == expected


def test_one_large_event_by_the_tree_and_in_blocks() -> None:
    x, ptr = cloud([4000], 3, "random", torch.float32)
    assert torch.equal(radius(x, ptr, 0.2), radius(x, ptr, 0.2, backend="bucketed"))


def test_wrong_input_is_named() -> None:
    x, ptr = torch.randn(4, 2), torch.tensor([0, 4])
    with pytest.raises(ConfigError, match="must not be negative"):
        radius(x, ptr, -0.1)
    with pytest.raises(ConfigError, match="must not be negative"):
        radius(x, ptr, float("nan"))
    with pytest.raises(ConfigError, match="at least 1"):
        radius(x, ptr, 0.1, max_neighbours=0)
    with pytest.raises(ConfigError, match="no such neighbour backend"):
        radius(x, ptr, 0.1, backend="pyg-lib")  # type: ignore[arg-type]
