"""Transport cost against linear programming, Chamfer distance against the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from pcgnn.ops.set_distance import chamfer_distance, transport_distance


def exact(cost: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    n, m = cost.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    found = linprog(
        cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([a, b]), method="highs"
    )
    return float(found.fun)


def sets(graphs: int = 6, n: int = 9, m: int = 5, seed: int = 0):
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(graphs, n, 2)), rng.normal(size=(graphs, m, 2))
    a, b = rng.dirichlet(np.ones(n), graphs), rng.dirichlet(np.ones(m), graphs)
    a[0, 4:] = 0  # padding
    a[0] /= a[0].sum()
    cost = np.linalg.norm(left[:, :, None] - right[:, None], axis=3)
    return torch.tensor(cost), torch.tensor(a), torch.tensor(b)


def test_transport_is_the_optimum() -> None:
    cost, a, b = sets()
    found = transport_distance(cost, a, b, blur=0.02, iterations=2000)
    expected = [exact(c, x, y) for c, x, y in zip(*(t.numpy() for t in (cost, a, b)), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=0.002)
    # few iterations are good to a few percent: the columns of the plan are not quite b yet
    np.testing.assert_allclose(transport_distance(cost, a, b, blur=0.05), expected, rtol=0.05)


def test_equal_sets_have_no_distance_and_padding_none_either() -> None:
    cost, a, _ = sets(n=5)
    same = torch.cdist(cost[:, :, :2], cost[:, :, :2])
    assert (transport_distance(same, a, a, iterations=50) < 0.02).all()
    assert (chamfer_distance(same, a, a) == 0).all()
    wide = torch.nn.functional.pad(cost, (0, 0, 0, 3), value=7.0)
    padded = torch.nn.functional.pad(a, (0, 3))
    b = torch.full((6, 5), 0.2, dtype=torch.float64)
    torch.testing.assert_close(transport_distance(wide, padded, b), transport_distance(cost, a, b))
    torch.testing.assert_close(chamfer_distance(wide, padded, b), chamfer_distance(cost, a, b))


def test_the_gradient_is_that_of_the_optimum() -> None:
    cost, a, b = sets(graphs=2, seed=3)
    cost.requires_grad_()
    b.requires_grad_()
    transport_distance(cost, a, b, blur=0.02, iterations=3000).sum().backward()
    assert cost.grad is not None
    assert b.grad is not None
    torch.testing.assert_close(cost.grad.sum(2), a, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(cost.grad.sum(1), b.detach(), rtol=1e-3, atol=1e-4)
    # moving a little weight between two points, by linear programming
    step = 1e-3
    for j, k in ((0, 1), (2, 4)):
        shifted = b.detach()[1].clone()
        shifted[j] += step
        shifted[k] -= step
        values = [
            exact(cost.detach()[1].numpy(), a[1].numpy(), w.numpy())
            for w in (shifted, b.detach()[1])
        ]
        slope = (values[0] - values[1]) / step
        assert float(b.grad[1, j] - b.grad[1, k]) == pytest.approx(slope, abs=0.06)


def test_chamfer_by_hand() -> None:
    cost = torch.tensor([[[1.0, 5.0], [4.0, 2.0], [0.0, 0.0]]])
    a = torch.tensor([[0.25, 0.75, 0.0]])  # the third is padding
    b = torch.tensor([[0.5, 0.5]])
    expected = 0.25 * 1 + 0.75 * 2 + 0.5 * 1 + 0.5 * 2
    assert float(chamfer_distance(cost, a, b)) == pytest.approx(expected)
