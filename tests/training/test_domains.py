"""Trainings without true labels in the data: adversarial adaptation, and mixed samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import adversarial_task, separable, shifted

import pcgnn
from pcgnn.data import ParticleClouds, join_domains, join_mixtures, mix
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import tagging_report
from pcgnn.models import create_model
from pcgnn.nn import reverse_gradient
from pcgnn.training import DomainAdversarialTask


def test_reversal_turns_the_gradient_round() -> None:
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    out = reverse_gradient(x, 0.3)
    assert torch.equal(out, x)
    (out**3).sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * 3 * x.detach() ** 2)


def test_gradients_are_those_of_the_two_losses() -> None:
    both = join_domains(shifted(20, 1), shifted(12, 2, data=True))
    task = adversarial_task(strength=0.7, ramp=False).eval().double()
    batch = both.batch(np.arange(32))
    batch.x = batch.x.double()
    loss, count = task.batch_loss(batch)
    assert count == 32
    own = torch.autograd.grad(loss, [*task.network.parameters(), *task.adversary.parameters()])

    # plainly: classes on the first 20 graphs, domains on all, each domain counted alike
    with pcgnn.models.hidden.capture(task.network) as hidden:
        logits = task(batch)
        h = hidden.value
    classes = torch.nn.functional.cross_entropy(logits[:20], batch.y[:20])
    each = torch.nn.functional.cross_entropy(task.adversary(h), batch.domain, reduction="none")
    domains = 0.5 * (each[:20].mean() + each[20:].mean())
    assert loss.item() == pytest.approx((classes + domains).item(), rel=1e-9)
    network, adversary = list(task.network.parameters()), list(task.adversary.parameters())
    first = torch.autograd.grad(classes - 0.7 * domains, network, retain_graph=True)
    second = torch.autograd.grad(domains, adversary)
    for found, wanted in zip(own, [*first, *second], strict=True):
        torch.testing.assert_close(found, wanted)


def test_weights_are_copies_in_both_losses() -> None:
    both = join_domains(shifted(20, 1), shifted(12, 2, data=True))
    copies = np.random.default_rng(4).integers(1, 5, 32)
    task = adversarial_task(strength=0.7, ramp=False).eval().double()
    weighted = both.replace(weight=torch.tensor(copies, dtype=torch.float32))
    losses = []
    for clouds in (weighted, both[np.repeat(np.arange(32), copies)]):
        batch = clouds.batch(np.arange(len(clouds)))
        batch.x = batch.x.double()
        losses.append(task.batch_loss(batch)[0].item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> dict[float, object]:
    folder = tmp_path_factory.mktemp("domains")
    train = join_domains(shifted(1500, 1), shifted(1500, 2, data=True))
    val = join_domains(shifted(500, 3), shifted(500, 4, data=True))
    results = {}
    for strength in (0.0, 1.0):
        task = adversarial_task(strength=strength, lr=5e-3, schedule="constant")
        results[strength] = pcgnn.fit(
            None, train, val, task=task, epochs=15, batch_size=100, monitor="val_domain_auc",
            directory=folder / f"{strength}", progress=False,
        )  # fmt: skip
    return results


def test_the_adversary_makes_the_domains_alike(adapted: dict[float, pcgnn.FitResult]) -> None:
    data = shifted(2000, 9, data=True)
    areas = {}
    for strength, result in adapted.items():
        last = pcgnn.load_checkpoint(result.last_checkpoint)
        areas[strength] = tagging_report(data.y, pcgnn.predict(last, data)).auc.value
    told = {s: result.history["val_domain_auc"][-1] for s, result in adapted.items()}
    sums = np.add.reduceat(data.x[:, 0].numpy(), data.ptr[:-1].numpy())
    best = tagging_report(data.y, 1 / (1 + np.exp(-0.8 * sums))).auc.value
    # what goes by the artefact is lost in data, and can tell where it is
    assert areas[0.0] < best - 0.15, areas
    assert told[0.0] > 0.8, told
    assert areas[1.0] > best - 0.05, areas
    assert told[1.0] < told[0.0] - 0.03, told


def test_checkpoint_brings_the_adversary_back(adapted: dict[float, pcgnn.FitResult]) -> None:
    result = adapted[1.0]
    task = pcgnn.load_checkpoint(result.best_checkpoint)
    assert isinstance(task, DomainAdversarialTask)
    assert task.extra_arguments() == {"strength": 1.0, "ramp": True, "adversary": [16]}
    data = shifted(50, 9, data=True)
    left, right = pcgnn.predict(task, data), pcgnn.predict(result, data)
    np.testing.assert_array_equal(left.probabilities, right.probabilities)


def test_strength_rises_as_published(tmp_path: Path) -> None:
    seen = []

    class Look(pcgnn.training.callbacks.History):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):  # type: ignore[no-untyped-def]
            seen.append(module.reversal)

    from lightning.pytorch import Callback

    look = type("Look", (Callback,), {"on_train_batch_start": Look.on_train_batch_start})()
    both = join_domains(shifted(40, 1), shifted(40, 2, data=True))
    pcgnn.fit(
        None, both, both, task=adversarial_task(strength=2.0), epochs=5, batch_size=20,
        directory=tmp_path / "run", callbacks=[look], progress=False,
    )  # fmt: skip
    expected = [2.0 * (2 / (1 + np.exp(-10 * step / 20)) - 1) for step in range(20)]
    assert seen == pytest.approx(expected)


def test_data_have_no_say_in_the_classes() -> None:
    simulation, data = shifted(30, 1), shifted(20, 2, data=True)
    other = ParticleClouds(x=data.x, ptr=data.ptr, y=1 - data.y)
    task = adversarial_task()
    pairs = [join_domains(simulation, part).batch(np.arange(50)) for part in (data, other)]
    assert torch.equal(task.targets(pairs[0])[0], task.targets(pairs[1])[0])
    _, weight = task.targets(pairs[0])
    assert weight is not None
    assert weight.tolist() == [1.0] * 30 + [0.0] * 20


def test_mixtures_have_their_fractions_and_share_nothing() -> None:
    clouds = separable(1000, 1)
    numbered = clouds.replace(number=torch.arange(1000))
    parts = mix(numbered, [0.1, 0.5, 0.2], seed=3)
    for part, fraction in zip(parts, [0.1, 0.5, 0.2], strict=True):
        assert part.y is not None
        assert part.y.double().mean().item() == pytest.approx(fraction, abs=1.5 / len(part))
    numbers = np.concatenate([part.graph_column("number").numpy() for part in parts])
    assert np.unique(numbers).size == numbers.size
    # background runs out first: 0.9 + 0.5 + 0.8 of each
    assert len(parts[0]) == pytest.approx((clouds.y == 0).sum().item() / 2.2, abs=2)


def test_mixed_samples_train_the_classifier_of_their_parts(tmp_path: Path) -> None:
    poor, rich = mix(separable(3000, 1, shift=0.5), [0.2, 0.8])
    both = join_mixtures(poor, rich)
    assert both.classes == ("poor", "rich")
    train, val = both.split((0.8, 0.2), seed=1)
    torch.manual_seed(0)
    model = create_model("pfn", features=3, phi=[16, 16], f=[16])
    result = pcgnn.fit(
        model, train, val, epochs=8, batch_size=100, lr=5e-3, directory=tmp_path / "run",
        progress=False,
    )  # fmt: skip
    test = separable(2000, 5, shift=0.5)
    report = tagging_report(test.y, pcgnn.predict(result, test).probabilities[:, 1])
    # the sum of the first feature over n particles is all there is to know
    sums = np.add.reduceat(test.x[:, 0].numpy() - 0.25, test.ptr[:-1].numpy())
    best = tagging_report(test.y, 1 / (1 + np.exp(-0.5 * sums))).auc.value
    assert report.auc.value > best - 0.02
    assert set(both.graph_column("truth").tolist()) == {0, 1}


def test_refusals() -> None:
    simulation, data = shifted(10, 1), shifted(10, 2)
    with pytest.raises(DataError, match="no classes"):
        join_domains(data.replace(y=None), simulation)
    with pytest.raises(DataError, match="no column 'domain'"):
        adversarial_task(ramp=False).batch_loss(simulation.batch([0, 1]))
    with pytest.raises(ConfigError, match="strength = -1"):
        adversarial_task(strength=-1)
    with pytest.raises(ConfigError, match="fractions"):
        mix(simulation, [1.5])
    with pytest.raises(DataError, match="too few"):
        mix(simulation.replace(y=torch.ones(10, dtype=torch.int64)), [0.5])
