"""Losses of yields: closed forms, slopes, warm start, and a training that needs them."""

from __future__ import annotations

import warnings
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError
from pcgnn.losses import AsimovLoss, SignificanceLoss, create_loss


def batch(events: int = 400, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(events, 2, generator=generator, dtype=torch.float64)
    target = torch.arange(events) % 2
    weight = torch.rand(events, generator=generator, dtype=torch.float64) + 0.1
    return logits, target, weight


def by_hand(S: float, B: float, logits: torch.Tensor, target: torch.Tensor, w: torch.Tensor):
    p = logits.softmax(1)[:, 1].numpy()
    y, w = target.numpy(), w.numpy()
    s = S * (w * p * y).sum() / (w * y).sum()
    b = B * (w * p * (1 - y)).sum() / (w * (1 - y)).sum()
    return s + S * 1e-6, b + B * 1e-6


def test_values_are_the_closed_forms() -> None:
    logits, target, weight = batch()
    s, b = by_hand(20.0, 300.0, logits, target, weight)
    found = SignificanceLoss(20.0, 300.0)(logits, target, weight)
    assert float(found) == pytest.approx((s + b) / s**2, rel=1e-12)
    found = SignificanceLoss(20.0, 300.0, "s/sqrt(b)")(logits, target, weight)
    assert float(found) == pytest.approx(b / s**2, rel=1e-12)
    for f, power in ((0.0, 1), (0.3, 1), (0.3, 2)):
        loss = AsimovLoss(20.0, 300.0, f, power=power).eval()
        with mpmath.workdps(50):
            v = mpmath.mpf((f * b) ** 2)
            if f == 0:
                squared = 2 * ((s + b) * mpmath.log(1 + mpmath.mpf(s) / b) - s)
            else:
                squared = 2 * (
                    (s + b) * mpmath.log((s + b) * (b + v) / (mpmath.mpf(b) ** 2 + (s + b) * v))
                    - mpmath.mpf(b) ** 2 / v * mpmath.log(1 + v * s / (b * (b + v)))
                )
            wanted = float(squared ** (-power / mpmath.mpf(2)))
        assert float(loss(logits, target, weight)) == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("name", ["significance", "asimov"])
def test_slopes_are_those_of_the_value(name: str) -> None:
    logits, target, weight = batch(12)
    loss = create_loss(name, expected_signal=20.0, expected_background=300.0).eval()
    assert torch.autograd.gradcheck(
        lambda x: loss(x, target, weight), logits.requires_grad_(), eps=1e-6
    )


@pytest.mark.parametrize("signal", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("background", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("shift", [-200.0, -20.0, 0.0, 20.0, 200.0])
def test_slopes_are_finite_in_single_precision(
    signal: float, background: float, shift: float
) -> None:
    logits, target, _ = batch(64)
    for loss in (
        SignificanceLoss(signal, background),
        AsimovLoss(signal, background, 0.0).eval(),
        AsimovLoss(signal, background, 0.5).eval(),
    ):
        # everything rejected, everything kept, and all background rejected
        for which in (torch.ones(64), (target == 0).float()):
            x = logits.float().clone()
            x[:, 1] += shift * which
            x.requires_grad_()
            value = loss(x, target)
            value.backward()
            assert value.isfinite()
            assert x.grad is not None
            assert x.grad.isfinite().all()


def test_a_batch_of_one_class_counts_nothing() -> None:
    logits, _, _ = batch(10)
    logits.requires_grad_()
    for label in (0, 1):
        loss = SignificanceLoss(1.0, 1.0)(logits, torch.full((10,), label))
        loss.backward()
        assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_the_scale_of_the_weights_does_not_matter_their_ratios_do() -> None:
    logits, target, weight = batch()
    loss = AsimovLoss(20.0, 300.0, 0.2).eval()
    torch.testing.assert_close(
        loss(logits, target, 7 * weight), loss(logits, target, weight), rtol=1e-12, atol=0
    )
    twice = torch.cat([torch.arange(400), torch.arange(100)])
    each = torch.ones(400, dtype=torch.float64)
    each[:100] = 2
    torch.testing.assert_close(loss(logits, target, each), loss(logits[twice], target[twice]))


def test_the_warm_start_is_a_function_of_the_epoch() -> None:
    logits, target, _ = batch()
    loss = AsimovLoss(20.0, 300.0, 0.3, warm_start=2)
    first = SignificanceLoss(20.0, 300.0)(logits, target)
    final = loss.eval()(logits, target)
    loss.train()
    for epoch, wanted in ((0, first), (1, first), (2, final), (0, first)):
        loss.begin_epoch(epoch)
        torch.testing.assert_close(loss(logits, target), wanted)
    with pytest.warns(UserWarning, match="warm start"):
        AsimovLoss(20.0, 300.0, 0.3, warm_start=0).begin_epoch(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AsimovLoss(20.0, 300.0, 0.0, warm_start=0).begin_epoch(0)


def rows(events: int, seed: int) -> ParticleClouds:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, events)
    x = rng.normal(size=(events, 2))
    x[:, 0] += 1.5 * y
    return ParticleClouds(
        x=torch.tensor(x, dtype=torch.float32), ptr=torch.arange(events + 1), y=torch.tensor(y)
    )


def test_a_training_switches_after_the_warm_start(tmp_path: Path) -> None:
    train, val = rows(6000, 1), rows(3000, 2)
    arguments = {
        "expected_signal": 50.0,
        "expected_background": 1000.0,
        "systematic": 0.3,
        "warm_start": 2,
    }
    torch.manual_seed(1)
    model = pcgnn.create_model("dense", features=2, widths=[20])
    result = pcgnn.fit(
        model, train, val, epochs=6, batch_size=1000, lr=1e-2, loss="asimov",
        loss_arguments=arguments, directory=tmp_path / "run", progress=False,
    )  # fmt: skip
    losses = result.history["train_loss"]
    # (s+b)/s^2 is some .1 to .4 here, 1/Z_A above 1: the history shows the change
    assert max(losses[:2]) < min(losses[2:])
    significance = pcgnn.metrics.significance_scan(
        val.y, pcgnn.predict(result, val), signal=50, background=1000, systematic=0.3
    )
    everything = pcgnn.metrics.asimov_significance(50.0, 1000.0, 0.3)
    assert significance.best_significance > 4 * everything
    with pytest.warns(UserWarning, match="larger batches"):
        pcgnn.fit(
            model, train, val, epochs=1, batch_size=100, loss="significance",
            loss_arguments={"expected_signal": 1.0, "expected_background": 1.0},
            directory=tmp_path / "small", progress=False,
        )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        {"expected_signal": 0.0},
        {"expected_background": -1.0},
        {"expected_signal": float("inf")},
        {"systematic": -0.1},
        {"power": 3},
        {"warm_start": -1},
    ],
)
def test_numbers_out_of_range_are_named(arguments: dict[str, float]) -> None:
    given = {"expected_signal": 1.0, "expected_background": 1.0, **arguments}
    with pytest.raises(ConfigError):
        create_loss("asimov", **given)
    with pytest.raises(ConfigError, match="two classes"):
        SignificanceLoss(1.0, 1.0)(torch.zeros(4, 3), torch.zeros(4).long())
