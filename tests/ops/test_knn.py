from __future__ import annotations

import numpy as np
import pytest
import torch
from neighbour_truth import CASES, cloud, nearest

from pcgnn.errors import BackendError, ConfigError, DataError
from pcgnn.ops import SizePlan, available_backends, knn
from pcgnn.ops.neighbours.bucketed import knn_bucketed

BACKENDS = ["bucketed", "tree", pytest.param("torch-cluster", marks=pytest.mark.accel)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["random", "grid", "duplicates"])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 7])
def test_exact_in_double_with_ties_by_the_lowest_index(
    backend: str, case: str, kind: str, dimensions: int
) -> None:
    x, ptr = cloud(CASES[case], dimensions, kind, torch.float64)
    found = knn(x, ptr, 16, backend=backend)  # type: ignore[arg-type]
    assert np.array_equal(found.numpy(), nearest(x, ptr, 16))


@pytest.mark.parametrize("distance", ["direct", "product"])
@pytest.mark.parametrize("case", CASES)
def test_exact_in_many_dimensions(distance: str, case: str) -> None:
    x, ptr = cloud(CASES[case], 64, "random", torch.float64)
    found = knn(x, ptr, 16, distance=distance)  # type: ignore[arg-type]
    assert np.array_equal(found.numpy(), nearest(x, ptr, 16))


@pytest.mark.parametrize("shift", [0.0, 3.0, 30.0, 300.0])
@pytest.mark.parametrize("dimensions", [2, 64])
def test_exact_in_single_precision_away_from_the_origin(shift: float, dimensions: int) -> None:
    x, ptr = cloud(CASES["jets"], dimensions, "random", torch.float32)
    x = x * 0.1 + shift
    found = knn(x, ptr, 16)
    truth = torch.from_numpy(nearest(x, ptr, 16))
    graph_rows = torch.arange(x.size(0))[:, None]

    def distances(table: torch.Tensor) -> torch.Tensor:
        return (x.double()[table] - x.double()[graph_rows]).square().sum(-1)

    # near-ties may swap by the rounding of a distance, nothing more
    excess = distances(found) - distances(truth)
    allowed = 1e-5 if dimensions > 8 else 1e-9
    assert (excess.abs() <= allowed * distances(truth)).all()


@pytest.mark.parametrize("kind", ["random", "grid", "duplicates"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neither_companions_nor_padding_nor_blocks_matter(kind: str, dtype: torch.dtype) -> None:
    sizes = [50, 33, 7, 120, 18]
    x, ptr = cloud(sizes, 2, kind, dtype)
    plan = SizePlan.from_sizes(sizes)
    together = knn(x, ptr, 16, plan=plan)
    for g, n in enumerate(sizes):
        start = int(ptr[g])
        alone = knn(x[start : start + n], torch.tensor([0, n]), 16)
        expected = together[start : start + n]
        assert torch.equal(alone, torch.where(expected < 0, expected, expected - start))
    for buckets in (1, 2, 5):
        assert torch.equal(knn(x, ptr, 16, plan=SizePlan.from_sizes(sizes, buckets)), together)
    for block in (1, 500, 10**9):
        assert torch.equal(knn_bucketed(x, ptr, 16, plan, "direct", block), together)


def test_the_stable_sort_of_other_devices_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    x, ptr = cloud(CASES["jets"], 2, "grid", torch.float32)
    fast = knn(x, ptr, 7)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.equal(knn(x, ptr, 7), fast)


def test_large_graphs_take_the_tree_and_agree() -> None:
    x, ptr = cloud([3000, 5, 1700], 3, "random", torch.float32)
    found = knn(x, ptr, 8)
    assert torch.equal(found, knn(x, ptr, 8, backend="bucketed"))
    assert torch.equal(found, knn(x, ptr, 8, backend="tree"))


def test_half_precision_and_autocast_compare_in_single() -> None:
    x, ptr = cloud(CASES["jets"], 64, "random", torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(knn(x, ptr, 16), knn(x, ptr, 16, distance="direct"))
    half = x.bfloat16()
    assert torch.equal(knn(half, ptr, 16), knn(half.float(), ptr, 16))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dimensions", [2, 64])
def test_huge_coordinates_do_not_overflow(dtype: torch.dtype, dimensions: int) -> None:
    x, ptr = cloud(CASES["jets"], dimensions, "random", dtype)
    huge = x * (torch.finfo(dtype).max / 100)
    found = knn(huge, ptr, 16)
    graph = torch.repeat_interleave(torch.arange(6), ptr.diff())
    assert (graph[found] == graph[:, None]).all()
    assert (found != torch.arange(x.size(0))[:, None]).all()
    if dimensions == 2:
        assert torch.equal(found, knn(x, ptr, 16))


def test_a_nan_stays_in_its_graph() -> None:
    x, ptr = cloud([20, 20], 2, "random", torch.float32)
    clean = knn(x, ptr, 5)
    x[3, 0] = torch.nan
    found = knn(x, ptr, 5)
    assert torch.equal(found[20:], clean[20:])
    assert found[:20].max() < 20
    with pytest.raises(DataError, match="particle 3 of graph 0"):
        knn(x, ptr, 5, backend="tree")


def test_it_runs_without_values() -> None:
    sizes = [3, 50, 1, 20]
    plan = SizePlan.from_sizes(sizes)
    x = torch.empty(plan.total, 2, device="meta")
    ptr = torch.empty(5, dtype=torch.long, device="meta")
    assert knn(x, ptr, 16, plan=plan).shape == (74, 16)


def test_wrong_input_is_named() -> None:
    x, ptr = torch.randn(4, 2), torch.tensor([0, 4])
    with pytest.raises(ConfigError, match="no such neighbour backend: 'faiss'"):
        knn(x, ptr, 2, backend="faiss")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'direct' or 'product'"):
        knn(x, ptr, 2, distance="mm")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="must not be negative"):
        knn(x, ptr, -1)
    with pytest.raises(DataError, match="the plan is of 1 graphs with 3 particles"):
        knn(x, ptr, 2, plan=SizePlan.from_sizes([3]))
    with pytest.raises(DataError, match="the plan is of 1 graphs with 5 particles"):
        knn(x, torch.tensor([0, 5]), 2)
    with pytest.raises(DataError, match="floating point"):
        knn(torch.ones(4, 2, dtype=torch.long), ptr, 2)
    with pytest.raises(BackendError, match="CPU only"):
        knn(x.to("meta"), ptr, 2, plan=SizePlan.from_sizes([4]), backend="tree")


@pytest.mark.parametrize("backend", ["torch-cluster", "pyg-lib"])
def test_a_missing_extension_is_named(backend: str) -> None:
    if backend in available_backends():
        pytest.skip(f"{backend} is installed")
    with pytest.raises(BackendError, match="is not installed"):
        knn(torch.randn(4, 2), torch.tensor([0, 4]), 2, backend=backend)  # type: ignore[arg-type]


def test_pyg_lib_agrees() -> None:
    if "pyg-lib" not in available_backends():
        pytest.skip("pyg-lib is not installed (it is not on PyPI)")
    x, ptr = cloud(CASES["jets"], 3, "random", torch.float32)
    assert torch.equal(knn(x, ptr, 16, backend="pyg-lib"), knn(x, ptr, 16))
