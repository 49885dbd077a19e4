"""Products, batch statistics and messages on pairs against an explicit list of pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pcgnn.nn.pair_messages import PairLayers, pair_messages, pair_messages_formula
from pcgnn.nn.pair_norm import PairMoments, pair_statistics
from pcgnn.nn.pair_products import pair_products
from pcgnn.ops import SizePlan
from pcgnn.ops.pairs import PairPlan

SIZES = [3, 1, 2, 20, 2, 31, 5, 4]
METRIC = torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64)
WIDTH = 6


def psi(v: Tensor) -> Tensor:
    return v.sign() * (1 + v.abs()).log()


@pytest.fixture(params=[25, 4096])
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    torch.manual_seed(2)
    sizes = SizePlan.from_sizes(SIZES)
    plan = PairPlan.of(torch.tensor(sizes.ptr.copy()), sizes, slots=request.param)
    n = sizes.total
    same = plan.graph[:, None] == plan.graph
    i, j = (same & ~torch.eye(n, dtype=torch.bool)).nonzero().T

    def leaf(*shape: int, scale: float = 1.0) -> Tensor:
        return (torch.randn(*shape, dtype=torch.float64) * scale).requires_grad_()

    weights = [leaf(2, WIDTH), leaf(WIDTH, WIDTH), leaf(WIDTH), leaf(WIDTH), leaf(1)]
    weights += [leaf(WIDTH, WIDTH), leaf(WIDTH), leaf(WIDTH)]
    return {
        "plan": plan,
        "pairs": (i, j),
        "x": leaf(n, 4, scale=60.0),
        "own": leaf(n, WIDTH),
        "other": leaf(n, WIDTH),
        "weights": weights,
        "upstream": (
            torch.randn(n, WIDTH, dtype=torch.float64),
            torch.randn(n, 4, dtype=torch.float64),
        ),
    }


def listed_products(case: dict[str, Any]) -> Tensor:
    i, j = case["pairs"]
    x = case["x"]
    d = x[i] - x[j]
    return torch.stack([psi((d * d * METRIC).sum(1)), psi((x[i] * x[j] * METRIC).sum(1))])


def compare(first: Callable[[], list[Tensor]], second: Callable[[], list[Tensor]]) -> None:
    for ours, reference in zip(first(), second(), strict=True):
        scale = reference.abs().max().clamp(min=1e-3)
        assert ((ours - reference).abs().max() / scale).item() < 1e-10


def test_statistics_of_the_list_of_pairs(case: dict[str, Any]) -> None:
    own, other, weight, x = case["own"], case["other"], case["weights"][0], case["x"]
    up = torch.randn(2, WIDTH, dtype=torch.float64)

    def judged(mean: Tensor, variance: Tensor) -> list[Tensor]:
        loss = (torch.stack([mean, variance]) * up).sum()
        return [
            mean.detach(),
            variance.detach(),
            *torch.autograd.grad(loss, [own, other, weight, x]),
        ]

    def ours() -> list[Tensor]:
        products = pair_products(x, case["plan"], torch.float64)
        moments = PairMoments(products, case["plan"])
        return judged(*pair_statistics(own, other, weight, moments))

    def reference() -> list[Tensor]:
        i, j = case["pairs"]
        z = own[i] + other[j] + listed_products(case).t() @ weight
        return judged(z.mean(0), z.var(0, unbiased=False))

    compare(ours, reference)


def test_statistics_keep_their_digits_far_from_zero(case: dict[str, Any]) -> None:
    """A variance from sums of squares loses all of them at an offset of 1e5 in float32."""
    own = (case["own"].detach() * 0.01 + 1e5).float()
    other = (case["other"].detach() * 0.01 - 3e4).float()
    weight = torch.zeros(2, WIDTH)
    moments = PairMoments(
        pair_products(case["x"].detach(), case["plan"], torch.float32), case["plan"]
    )
    mean, variance = pair_statistics(own, other, weight, moments)
    i, j = case["pairs"]
    z = own.double()[i] + other.double()[j]
    torch.testing.assert_close(mean, z.mean(0), rtol=1e-12, atol=0)
    torch.testing.assert_close(variance, z.var(0, unbiased=False), rtol=1e-6, atol=0)


@pytest.mark.parametrize("update", ["difference", "vector"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("messages", [pair_messages, pair_messages_formula])
def test_messages_of_the_list_of_pairs(
    case: dict[str, Any], messages: Any, last: bool, update: Any
) -> None:
    weights = case["weights"][:5] if last else case["weights"]
    own, other, x = case["own"], case["other"], case["x"]
    up_total, up_steps = case["upstream"]

    def judged(total: Tensor, steps: Tensor | None) -> list[Tensor]:
        loss = (total * up_total).sum()
        if steps is not None:
            loss = loss + (steps * up_steps).sum()
        leaves = [own, other, x, *weights]
        found = [total.detach()] + ([] if steps is None else [steps.detach()])
        return found + list(torch.autograd.grad(loss, leaves))

    def ours() -> list[Tensor]:
        products = pair_products(x, case["plan"], torch.float64)
        layers = PairLayers.of(weights)
        return judged(*messages(own, other, products, x, layers, case["plan"], update))

    def reference() -> list[Tensor]:
        i, j = case["pairs"]
        pair, w2, b2, wm, bm = weights[:5]
        y = (own[i] + other[j] + listed_products(case).t() @ pair).relu()
        h = (y @ w2.t() + b2).relu()
        m = h * (h @ wm + bm).sigmoid()[:, None]
        total = torch.zeros_like(own).index_add(0, i, m)
        if last:
            return judged(total, None)
        w1, b1, wc = weights[5:]
        c = (m @ w1.t() + b1).relu() @ wc
        direction = x[i] - x[j] if update == "difference" else x[j]
        step = (direction * c[:, None]).clamp(-100, 100)
        clamped = (step.abs() == 100).double().mean()
        assert 0 < clamped < 1
        return judged(total, torch.zeros_like(x).index_add(0, i, step))

    compare(ours, reference)
