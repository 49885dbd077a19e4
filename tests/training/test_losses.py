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
        "likelihood-ratio",
        "mean-distance",
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


def test_class_weights_are_repeated_classes(sample):
    logits, target, copies = sample
    loss = create_loss("cross-entropy", class_weights=[1, 3, 2])
    times = torch.tensor([1, 3, 2])[target] * copies
    expected = WeightedCrossEntropy()(logits, target, times.double())
    assert loss(logits, target, copies).item() == pytest.approx(expected.item(), rel=1e-12)


def test_balanced_classes_count_alike(sample):
    logits, target, copies = sample
    loss = create_loss("cross-entropy", class_weights="balanced")
    each = WeightedCrossEntropy()(logits, target, reduce=False)
    means = [
        (copies * each)[target == c].sum() / copies[target == c].sum() for c in target.unique()
    ]
    assert loss(logits, target, copies).item() == pytest.approx(sum(means).item() / len(means))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_focusing_is_the_formula(sample, smoothing):
    logits, target, _ = sample
    loss = create_loss("cross-entropy", focusing=2.0, label_smoothing=smoothing)
    p = logits.detach().softmax(1)
    terms = -((1 - p) ** 2) * p.log()
    own = terms[torch.arange(12), target]
    expected = ((1 - smoothing) * own + smoothing * terms.mean(1)).mean()
    assert loss(logits, target).item() == pytest.approx(expected.item(), rel=1e-12)
    assert torch.autograd.gradcheck(lambda z: loss(z, target), logits)
    certain = torch.tensor([[100.0, -100.0, 0.0]], requires_grad=True)
    for truth in (0, 1):
        (gradient,) = torch.autograd.grad(loss(certain, torch.tensor([truth])), certain)
        assert gradient.isfinite().all()


def test_likelihood_ratio_finds_the_ratio_at_any_shares():
    # two Gaussians of width 1 at 0 and 1: ln p1/p0 = x - 1/2, whatever the mixture
    generator = torch.Generator().manual_seed(7)
    count = 60_000
    target = (torch.rand(count, generator=generator, dtype=torch.float64) < 0.05).long()
    x = torch.randn(count, generator=generator, dtype=torch.float64) + target
    found = {}
    for name in ("likelihood-ratio", "cross-entropy"):
        line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([line], max_iter=50, line_search_fn="strong_wolfe")
        loss = create_loss(name)

        def step(line=line, optimizer=optimizer, loss=loss):
            optimizer.zero_grad()
            signal = line[0] * x + line[1]
            value = loss(torch.stack([torch.zeros_like(x), signal], 1), target)
            value.backward()
            return value

        optimizer.step(step)
        found[name] = line.detach()
    share = target.double().mean()
    odds = (share / (1 - share)).log().item()
    assert found["likelihood-ratio"].tolist() == pytest.approx([1.0, -0.5], abs=0.08)
    both = found["cross-entropy"] - found["likelihood-ratio"]
    assert both.tolist() == pytest.approx([0.0, odds], abs=1e-4)


@pytest.mark.parametrize("priors", [None, [5.0, 2.0, 3.0]])
def test_likelihood_ratio_counts_a_weight_as_copies(sample, priors):
    logits, target, copies = sample
    loss = create_loss("likelihood-ratio", priors=priors)
    repeated = loss(logits.repeat_interleave(copies, 0), target.repeat_interleave(copies))
    assert loss(logits, target, copies.double()).item() == pytest.approx(repeated.item(), rel=1e-12)


def test_likelihood_ratio_loss_needs_no_host_and_stays_finite():
    loss = create_loss("likelihood-ratio")
    out = loss(torch.zeros(4, 2, device="meta"), torch.zeros(4, dtype=torch.long, device="meta"))
    assert out.device.type == "meta"
    logits = torch.zeros(4, 2, requires_grad=True)
    loss(logits, torch.zeros(4, dtype=torch.long)).backward()
    assert logits.grad.isfinite().all()


def test_wrong_weights_and_priors():
    with pytest.raises(ConfigError, match="class_weights"):
        create_loss("cross-entropy", class_weights=[1.0, -1.0])
    with pytest.raises(ConfigError, match="class_weights"):
        create_loss("cross-entropy", class_weights="even")
    with pytest.raises(ConfigError, match="focusing"):
        create_loss("cross-entropy", focusing=-1.0)
    with pytest.raises(ConfigError, match="2 class weights for 3"):
        create_loss("cross-entropy", class_weights=[1, 2])(
            torch.zeros(1, 3), torch.zeros(1, dtype=torch.long)
        )
    with pytest.raises(ConfigError, match="priors"):
        create_loss("likelihood-ratio", priors=[0.0, 1.0])
