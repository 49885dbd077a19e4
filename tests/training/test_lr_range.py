"""The learning-rate range test: against the largest stable rate of a problem that has one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from workshop_samples import Mean, Regression, labelled, make_mean

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError

OPTIONS = {"batch_size": 32, "device": "cpu"}


def state_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_rates_rise_by_a_constant_factor_and_losses_are_smoothed_as_the_formula_says() -> None:
    torch.manual_seed(0)
    found = pcgnn.lr_range_test(
        make_mean(), labelled(200, 0), start=1e-5, end=1e-1, updates=60, smoothing=0.8, **OPTIONS
    )
    assert np.allclose(np.diff(np.log(found.lr)), np.log(1e4) / 59)
    assert found.lr[0] == 1e-5
    for i in range(len(found.loss)):
        weights = 0.2 * 0.8 ** np.arange(i, -1, -1)
        assert found.smoothed[i] == pytest.approx((weights * found.loss[: i + 1]).sum() / (
            1 - 0.8 ** (i + 1)
        ))  # fmt: skip
    assert found.suggestion == found.lowest / 3
    assert found.steepest <= found.lowest


def test_the_first_loss_is_that_of_the_untrained_network() -> None:
    clouds = labelled(40, 1)
    model = make_mean()
    found = pcgnn.lr_range_test(model, clouds, updates=10, batch_size=40, device="cpu")
    standardized = pcgnn.Standardizer.fit(clouds)(clouds.batch(np.arange(40)))
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(model(standardized), clouds.y)
    assert found.loss[0] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_it_ends_at_the_largest_stable_rate_of_a_quadratic(scale: float) -> None:
    """Gradient descent on a quadratic diverges where the rate exceeds 2 over the curvature."""
    ptr = torch.arange(201)
    x = scale * torch.tensor(np.random.default_rng(0).normal(size=(200, 3)), dtype=torch.float32)
    # what cannot be fitted keeps every direction moving
    y = x[:, 0] - 2 * x[:, 1] + x[:, 2] / scale
    clouds = ParticleClouds(x=x, ptr=ptr, y=y)
    design = torch.cat([x[:, :2], torch.ones(200, 1)], 1).double()
    curvature = float(torch.linalg.eigvalsh(2 * design.T @ design / 200).max())
    torch.manual_seed(1)
    task = Regression(
        Mean(outputs=1), optimizer="sgd", weight_decay=0.0, standardize="none",
        schedule="constant",
    )  # fmt: skip
    found = pcgnn.lr_range_test(
        task, clouds, start=1e-4 / curvature, end=100 / curvature, updates=400, batch_size=50,
        smoothing=0.0, device="cpu",
    )  # fmt: skip
    assert found.diverged
    # the loss needs some updates to grow, in which the rate rises by less than a factor of 2
    assert 2 / curvature < found.lr[-1] < 4 / curvature
    assert found.suggestion < 2 / curvature


def test_network_and_random_state_are_as_before() -> None:
    model = make_mean()
    model.eval()
    before, draws = state_of(model), torch.get_rng_state()
    pcgnn.lr_range_test(model, labelled(100, 3), updates=30, **OPTIONS)
    after = state_of(model)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(torch.get_rng_state(), draws)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_buffers_and_modes_are_as_before_even_after_an_error() -> None:
    from training_samples import separable, small_model

    model = small_model()
    frozen = next(m for m in model.modules() if isinstance(m, torch.nn.BatchNorm1d))
    frozen.eval()
    before = state_of(model)
    pcgnn.lr_range_test(model, separable(80, 0), updates=12, **OPTIONS)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not frozen.training
    assert model.training

    class Broken(Mean):
        calls = 0

        def forward(self, batch):
            self.calls += 1
            if self.calls > 3:
                raise RuntimeError("broken")
            return super().forward(batch)

    broken = Broken()
    before = state_of(broken)
    with pytest.raises(RuntimeError, match="broken"):
        pcgnn.lr_range_test(broken, labelled(60, 4), updates=20, end=10.0, **OPTIONS)
    assert all(torch.equal(before[k], v) for k, v in broken.state_dict().items())


def test_same_seed_same_course() -> None:
    torch.manual_seed(0)
    model = make_mean()
    first, again, other = (
        pcgnn.lr_range_test(model, labelled(100, 5), updates=20, seed=seed, **OPTIONS)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.loss, again.loss)
    assert not np.array_equal(first.loss, other.loss)


def test_a_training_with_the_suggested_rate_learns() -> None:
    clouds = labelled(600, 6, shift=2.0)
    torch.manual_seed(0)
    model = make_mean()
    found = pcgnn.lr_range_test(model, clouds, end=10.0, **OPTIONS)
    assert 1e-3 < found.suggestion < 1.0
    assert "suggested" in str(found)


@pytest.mark.parametrize(
    "options",
    [{"start": 0.0}, {"start": 1.0, "end": 0.1}, {"updates": 3}, {"smoothing": 1.0}, {"stop": 0}],
)
def test_impossible_numbers_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        pcgnn.lr_range_test(make_mean(), labelled(20, 7), **options)


def test_a_loss_that_is_not_finite_says_so() -> None:
    model = make_mean()
    with torch.no_grad():
        model.map[0].weight.fill_(float("nan"))
    with pytest.raises(DataError, match="first batch"):
        pcgnn.lr_range_test(model, labelled(20, 8), **OPTIONS)


def test_an_adversary_is_trained_along(monkeypatch: pytest.MonkeyPatch) -> None:
    from training_samples import adversarial_task, shifted

    from pcgnn.data import join_domains
    from pcgnn.training import lr_range

    seen = []
    make = lr_range.create_optimizer

    def look(name, module, **options):
        seen.extend(module.parameters())
        return make(name, module, **options)

    monkeypatch.setattr(lr_range, "create_optimizer", look)
    task = adversarial_task()
    both = join_domains(shifted(40, 1), shifted(40, 2, data=True))
    found = pcgnn.lr_range_test(task, both, updates=12, **OPTIONS)
    assert len(found.loss) == 12
    assert {id(p) for p in seen} == {id(p) for p in task.parameters()}


def test_losses_of_ratios_are_clipped_as_in_a_training() -> None:
    random = np.random.default_rng(2)
    clouds = ParticleClouds(
        x=torch.tensor(random.normal(size=(100, 3)), dtype=torch.float32),
        ptr=torch.arange(101),
        y=torch.tensor(np.exp(random.uniform(0, 4, 100)), dtype=torch.float32),
    )
    runs = {}
    for clip in (None, 1.0, 1e9):
        torch.manual_seed(0)
        model = Mean(outputs=1)
        torch.nn.init.constant_(model.map.bias, 30.0)  # far off, where slopes are large
        runs[clip] = pcgnn.lr_range_test(
            model, clouds, updates=20, loss="mean-squared-ratio", optimizer="sgd",
            end=10.0, gradient_clip=clip, **OPTIONS,
        ).loss  # fmt: skip
    assert np.array_equal(runs[None], runs[1.0])
    assert not np.array_equal(runs[None], runs[1e9])
