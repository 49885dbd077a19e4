from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pcgnn.errors import BackendError, ConfigError, DataError
from pcgnn.ops import SizePlan, available_backends, segment_reduce, segment_softmax

OPS = ["sum", "mean", "max", "min", "std"]
SIZES = [[3, 1, 5, 17, 2], [4, 0, 1, 0], [6]]


def loop(x: Tensor, sizes: list[int], op: str) -> Tensor:
    rows = []
    for part in x.split(sizes):
        if part.size(0) == 0:
            rows.append(x.new_zeros(x.shape[1:]))
        elif op in ("max", "min"):
            rows.append(getattr(part, f"a{op}")(0))
        elif op == "std":
            rows.append(part.std(0, correction=0) if part.size(0) > 1 else part[0] * 0)
        else:
            rows.append(getattr(part, op)(0))
    return torch.stack(rows)


def offsets(sizes: list[int]) -> Tensor:
    return torch.as_tensor(SizePlan.from_sizes(sizes).ptr.copy())


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("trailing", [(), (3,), (2, 3)], ids=str)
def test_against_a_plain_loop_with_gradients(
    op: str, sizes: list[int], trailing: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    x = torch.randn(sum(sizes), *trailing, dtype=torch.float64)
    ours, plain = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
    a = segment_reduce(ours, offsets(sizes), op)
    b = loop(plain, sizes, op)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)
    weight = torch.randn_like(a)
    (a * weight).sum().backward()
    (b * weight).sum().backward()
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", OPS)
def test_nothing_reduces_to_zeros(op: str) -> None:
    assert segment_reduce(torch.ones(0, 3), torch.tensor([0, 0, 0]), op).tolist() == [[0.0] * 3] * 2
    assert segment_reduce(torch.ones(0, 3), torch.tensor([0]), op).shape == (0, 3)


@pytest.mark.parametrize("op", OPS)
def test_derivatives(op: str) -> None:
    torch.manual_seed(1)
    sizes = [3, 2, 4]
    x = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: segment_reduce(v, offsets(sizes), op), (x,))


def test_equal_particles_have_no_spread_and_a_finite_gradient() -> None:
    x = torch.full((4, 2), 3.0, requires_grad=True)
    out = segment_reduce(x, torch.tensor([0, 4]), "std")
    out.sum().backward()
    assert out.tolist() == [[0.0, 0.0]]
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0, 0.0]] * 4


def test_a_plan_spares_the_question_and_must_fit() -> None:
    x, ptr = torch.randn(5, 2), torch.tensor([0, 2, 5])
    plan = SizePlan.from_sizes([2, 3])
    assert torch.equal(segment_reduce(x, ptr, "max", plan=plan), segment_reduce(x, ptr, "max"))
    with pytest.raises(DataError, match="the plan is of 1 graphs"):
        segment_reduce(x, ptr, "max", plan=SizePlan.from_sizes([5]))


def test_wrong_names_are_refused() -> None:
    x, ptr = torch.randn(5, 2), torch.tensor([0, 2, 5])
    with pytest.raises(ConfigError, match="no such reduction: 'median'"):
        segment_reduce(x, ptr, "median")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no such backend"):
        segment_reduce(x, ptr, "sum", backend="cuda")  # type: ignore[arg-type]


@pytest.mark.skipif("torch-scatter" in available_backends(), reason="torch-scatter is installed")
def test_a_missing_extension_is_named() -> None:
    with pytest.raises(BackendError, match="torch_scatter"):
        segment_reduce(torch.ones(1), torch.tensor([0, 1]), "sum", backend="torch-scatter")


@pytest.mark.accel
@pytest.mark.parametrize("op", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_torch_scatter_agrees(op: str, sizes: list[int]) -> None:
    x = torch.randn(sum(sizes), 3, dtype=torch.float64)
    theirs = segment_reduce(x, offsets(sizes), op, backend="torch-scatter")
    torch.testing.assert_close(theirs, segment_reduce(x, offsets(sizes), op))


def test_softmax_of_each_segment() -> None:
    torch.manual_seed(1)
    segment = torch.tensor([3, 0, 3, 1, 0, 3, 0])  # segment 2 is empty
    for trailing in ((), (3,), (2, 3)):
        x = 5 * torch.randn(7, *trailing, dtype=torch.float64)
        x[1] += 1e4  # far beyond what exp can take
        ours, plain = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
        out = segment_softmax(ours, segment, 4)
        expected = torch.empty_like(x)
        for number in (0, 1, 3):
            rows = segment == number
            expected = expected.masked_scatter(
                rows.view(-1, *[1] * len(trailing)).expand_as(x), torch.softmax(plain[rows], 0)
            )
        assert torch.allclose(out, expected, rtol=1e-12, atol=1e-15)
        weight = torch.randn_like(x)
        (out * weight).sum().backward()
        (expected * weight).sum().backward()
        assert ours.grad is not None
        assert plain.grad is not None
        assert torch.allclose(ours.grad, plain.grad, rtol=1e-9, atol=1e-12)
    assert segment_softmax(x.bfloat16(), segment, 4).dtype == torch.float32
    assert segment_softmax(torch.empty(0, 2), torch.empty(0, dtype=torch.long), 4).shape == (0, 2)
    with pytest.raises(DataError, match="segments"):
        segment_softmax(x, segment[1:], 4)
