"""Cross entropy: weights as duplicated events, smoothing as the formula says."""

from __future__ import annotations

import pytest
import torch

from pcgnn.errors import ConfigError
from pcgnn.losses import WeightedCrossEntropy, create_loss, list_losses


@pytest.fixture
def sample():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(12, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    target = torch.randint(0, 3, (12,), generator=generator)
    copies = torch.randint(1, 5, (12,), generator=generator)
    return logits, target, copies


def test_weight_equals_duplicated_events(sample):
    logits, target, copies = sample
    loss = WeightedCrossEntropy()
    weighted = loss(logits, target, copies.double())
    (gradient,) = torch.autograd.grad(weighted, logits)
    repeated = loss(logits.repeat_interleave(copies, 0), target.repeat_interleave(copies))
    (expected,) = torch.autograd.grad(repeated, logits)
    assert weighted.item() == pytest.approx(repeated.item(), rel=1e-14)
    assert torch.allclose(gradient, expected, rtol=1e-12, atol=1e-15)


def test_scale_of_the_weights_does_not_matter(sample):
    logits, target, copies = sample
    loss = WeightedCrossEntropy()
    assert loss(logits, target, 1e-6 * copies).item() == pytest.approx(
        loss(logits, target, 1e6 * copies).item(), rel=1e-6
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_formula(sample, smoothing):
    logits, target, copies = sample
    total = 0.0
    for row, truth, weight in zip(logits.tolist(), target.tolist(), copies.tolist(), strict=True):
        norm = torch.tensor(row, dtype=torch.float64).exp().sum().log().item()
        for c, z in enumerate(row):
            wanted = (1 - smoothing) * (c == truth) + smoothing / 3
            total -= weight * wanted * (z - norm)
    expected = total / copies.sum().item()
    loss = create_loss("cross-entropy", label_smoothing=smoothing)
    assert loss(logits, target, copies).item() == pytest.approx(expected, rel=1e-12)


def test_value_per_graph_adds_up(sample):
    logits, target, _ = sample
    loss = WeightedCrossEntropy()
    assert loss(logits, target, reduce=False).mean().item() == pytest.approx(
        loss(logits, target).item(), rel=1e-14
    )


def test_meta_device_needs_no_host():
    logits = torch.zeros(4, 2, device="meta", requires_grad=True)
    target = torch.zeros(4, dtype=torch.long, device="meta")
    loss = WeightedCrossEntropy()(logits, target, torch.ones(4, device="meta"))
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.shape == (4, 2)


def test_registry_and_errors():
    assert list_losses() == [
        "asimov",
        "binary-cross-entropy",
        "central-fraction",
        "condensation",
        "cross-entropy",
        "focal",
        "gaussian-likelihood",
        "huber",
        "mean-squared-error",
        "mean-squared-ratio",
        "pair-hinge",
        "significance",
    ]
    assert str(create_loss("cross-entropy", label_smoothing=0.1)) == (
        "WeightedCrossEntropy(label_smoothing=0.1)"
    )
    with pytest.raises(ConfigError, match="did you mean 'cross-entropy'"):
        create_loss("cross_entropy")
    with pytest.raises(ConfigError, match="smoothing"):
        create_loss("cross-entropy", smoothing=0.1)
    with pytest.raises(ConfigError, match="outside"):
        WeightedCrossEntropy(label_smoothing=1.0)
