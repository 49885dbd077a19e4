"""Inputs are normalised by all rows seen, the same in training and evaluation."""

from __future__ import annotations

import pytest
import torch

from pcgnn.nn import InputNorm


def test_statistics_are_those_of_all_rows_whatever_the_batches() -> None:
    torch.manual_seed(0)
    x = torch.randn(1000, 3, dtype=torch.float64) * torch.tensor([1e-3, 1.0, 50.0]) + 7
    x = x.sort(0).values  # batches that differ strongly
    norm = InputNorm(3, eps=0.0).double()
    for part in x.split([1, 2, 500, 0, 300, 197]):
        last = norm(part)
    torch.testing.assert_close(norm.mean, x.mean(0), rtol=1e-12, atol=0)
    torch.testing.assert_close(norm.var, x.var(0, unbiased=False), rtol=1e-10, atol=0)
    expected = (x[-197:] - x.mean(0)) / x.std(0, unbiased=False)
    torch.testing.assert_close(last, expected, rtol=1e-9, atol=1e-9)


def test_a_batch_is_treated_in_training_as_in_evaluation() -> None:
    """A batch norm would take the mean of the event out, in training alone."""
    torch.manual_seed(0)
    norm = InputNorm(1)
    for _ in range(200):
        norm(torch.randn(50, 1) + 3 * torch.randn(1))
    event = torch.randn(50, 1) + 5
    before = norm.eval()(event)
    assert before.mean() > 1
    assert (norm.train()(event) - before).abs().max() < 0.02


def test_evaluation_changes_nothing_and_an_untrained_norm_is_the_identity() -> None:
    norm = InputNorm(2, eps=0.0).eval()
    x = torch.randn(5, 2)
    assert torch.equal(norm(x), x)
    assert norm.rows == 0
    assert sorted(norm.state_dict()) == ["mean", "rows", "var"]


@pytest.mark.parametrize("training", [True, False])
def test_gradients_reach_the_input(training: bool) -> None:
    norm = InputNorm(2).train(training)
    x = torch.randn(5, 2, requires_grad=True)
    norm(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, (norm.var + norm.eps).rsqrt().expand(5, 2))
