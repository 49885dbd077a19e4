"""Losses of values against plain formulas in float64, and on the device."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pcgnn.errors import ConfigError
from pcgnn.losses import CentralFractionLoss, GaussianLikelihood, create_loss
from pcgnn.models.audit import DeviceDiscipline

NAMES = [
    "central-fraction",
    "gaussian-likelihood",
    "huber",
    "mean-squared-error",
    "mean-squared-ratio",
]


@pytest.fixture
def sample():
    generator = torch.Generator().manual_seed(5)
    target = torch.rand(101, 2, dtype=torch.float64, generator=generator) + 0.2
    spread = torch.randn(101, 2, dtype=torch.float64, generator=generator)
    output = target * (1.2 + 0.3 * spread)
    copies = torch.randint(1, 5, (101,), generator=generator)
    return output.requires_grad_(), target, copies


def output_of(name: str, output: torch.Tensor) -> torch.Tensor:
    return torch.cat([output, output.detach() - 1], 1) if "gaussian" in name else output


@pytest.mark.parametrize("t", [1.0, 3.0])
def test_the_central_fraction_is_the_printed_formula(sample, t: float) -> None:
    output, target, _ = sample
    expected, squares = [], []
    for column in range(2):
        ratio = np.sort((output / target)[:, column].detach().numpy())
        low, high = np.quantile(ratio, [0.13, 0.87], method="hazen")
        kept = ratio[(ratio >= low) & (ratio <= high)]
        assert abs(len(kept) / len(ratio) - 0.74) < 0.01
        expected.append(math.sqrt(((t - kept) ** 2).sum()) / (len(ratio) * t))
        squares.append((((t - kept) / t) ** 2).mean())
    loss = create_loss("central-fraction", t=t)
    assert loss(output, target).item() == pytest.approx(np.mean(expected), rel=1e-12)
    loss = create_loss("central-fraction", t=t, form="mean-square")
    assert loss(output, target).item() == pytest.approx(np.mean(squares), rel=1e-12)


def test_the_tails_of_the_central_fraction_do_not_count(sample) -> None:
    output, target, _ = sample
    loss = CentralFractionLoss(t=1.0)
    before = loss(output, target)
    (slope,) = torch.autograd.grad(before, output)
    ratio = (output / target).detach()
    farthest = ratio.argmax(0)
    assert slope[farthest, [0, 1]].abs().max() == 0
    assert 0.7 < (slope != 0).double().mean() < 0.78
    worse = output.detach().clone()
    worse[farthest, [0, 1]] *= 1e6
    assert loss(worse, target).item() == pytest.approx(before.item(), rel=1e-12)


def test_the_others_are_their_formulas(sample) -> None:
    output, target, _ = sample
    p, y = output.detach().numpy(), target.numpy()
    assert create_loss("mean-squared-error")(output, target).item() == pytest.approx(
        ((p - y) ** 2).mean(), rel=1e-12
    )
    assert create_loss("mean-squared-ratio")(output, target).item() == pytest.approx(
        ((1 - p / y) ** 2).mean(), rel=1e-12
    )
    r = np.abs(p - y)
    huber = np.where(r < 0.3, r**2 / 2, 0.3 * (r - 0.15)).mean()
    assert create_loss("huber", delta=0.3)(output, target).item() == pytest.approx(huber, rel=1e-12)
    both = output_of("gaussian", output)
    width = np.exp(7 * np.tanh((p - 1) / 7))
    likelihood = ((p - y) ** 2 / (2 * width**2) + np.log(width)).mean()
    assert GaussianLikelihood()(both, target).item() == pytest.approx(likelihood, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_is_a_number_of_copies(sample, name: str) -> None:
    output, target, copies = sample
    loss = create_loss(name, **({"form": "mean-square"} if name == "central-fraction" else {}))
    output = output_of(name, output)
    weighted = loss(output, target, copies.double())
    repeated = loss(output.repeat_interleave(copies, 0), target.repeat_interleave(copies, 0))
    # at the edges of the central part the copies of one graph may be parted
    tolerance = 2e-2 if name == "central-fraction" else 1e-12
    assert weighted.item() == pytest.approx(repeated.item(), rel=tolerance)
    assert loss(output, target, 1e-6 * copies.double()).item() == pytest.approx(
        weighted.item(), rel=1e-9
    )


@pytest.mark.parametrize("name", NAMES)
def test_extremes_stay_finite(name: str) -> None:
    loss = create_loss(name)
    cases = [
        (torch.ones(1, 1), torch.ones(1, 1)),
        (torch.full((8, 1), loss.aim), torch.ones(8, 1)),
        (torch.ones(8, 1), torch.zeros(8, 1)),
        (torch.full((8, 1), 1e12), torch.full((8, 1), 1e-3)),
        (torch.zeros(8, 1), torch.full((8, 1), 1e12)),
    ]
    for output, target in cases:
        both = torch.cat([output] * loss.outputs, 1).requires_grad_()
        value = loss(both, target)
        value.backward()
        assert value.isfinite()
        assert both.grad is not None
        assert both.grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_waits_for_the_device(name: str) -> None:
    loss = create_loss(name)
    output = torch.zeros(9, 2 * loss.outputs, device="meta", requires_grad=True)
    weight = torch.ones(9, device="meta")
    with DeviceDiscipline("meta"):
        loss(output, torch.ones(9, 2, device="meta"), weight).backward()
    assert output.grad is not None


def test_the_likelihood_finds_mean_and_width() -> None:
    target = 3 + 0.5 * torch.randn(4000, 1, generator=torch.Generator().manual_seed(1))
    raw = torch.zeros(1, 2, requires_grad=True)
    loss = GaussianLikelihood()
    optimizer = torch.optim.Adam([raw], 0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss(raw.expand(4000, 2), target).backward()
        optimizer.step()
    assert raw[0, 0].item() == pytest.approx(target.mean().item(), abs=1e-3)
    width = loss.log_width(raw[0, 1]).exp().item()
    assert width == pytest.approx(target.std().item(), rel=1e-2)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ConfigError, match="fraction"):
        CentralFractionLoss(fraction=0.0)
    with pytest.raises(ConfigError, match="form"):
        CentralFractionLoss(form="other")
    with pytest.raises(ConfigError, match="delta"):
        create_loss("huber", delta=0.0)
    with pytest.raises(ConfigError, match="bound"):
        GaussianLikelihood(-1.0)
    with pytest.raises(ConfigError, match="2 output"):
        GaussianLikelihood()(torch.zeros(3, 1), torch.zeros(3, 1))
    assert str(CentralFractionLoss()) == (
        "CentralFractionLoss(fraction=0.74, t=3, form=as-printed)"
    )


def test_weights_may_have_any_sum() -> None:
    distance, weight = torch.tensor([0.5, 2.0]), torch.tensor([1.0, -2.0])
    expected = (0.5 - 2 * 2.0) / -1.0
    assert create_loss("mean-distance")(distance, torch.zeros(2), weight).item() == pytest.approx(
        expected
    )
    assert create_loss("mean-distance")(distance, torch.zeros(2), torch.zeros(2)).item() == 0
    ratio = create_loss("mean-squared-ratio")
    value = ratio(torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [2.0]]), weight)
    assert value.item() == pytest.approx((0.25 - 2 * 0.25) / -1.0)
    assert ratio(torch.ones(2, 1), torch.ones(2, 1), torch.zeros(2)).item() == 0
