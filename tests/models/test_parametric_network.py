"""Parametric networks: the formula, and one network that is as good as one per mass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError
from pcgnn.models import ParametricNetwork, create_model


def test_parameters_are_those_of_the_published_networks() -> None:
    dense = 27 * 300 + 300 + 300 * 150 + 150 + 150 * 100 + 100 + 100 * 50 + 50 + 50 * 2 + 2
    affine = 4 * (300 + 150 + 100 + 50)
    assert create_model("affine-pnn", features=28).num_parameters == dense + affine
    assert create_model("pnn", features=28).num_parameters == dense + 300


@pytest.mark.parametrize("conditioning", ["input", "concatenate", "bias", "scale", "affine"])
def test_logits_are_the_plain_formula(conditioning: str) -> None:
    torch.manual_seed(2)
    model = (
        ParametricNetwork(
            6,
            parameters=2,
            conditioning=conditioning,
            widths=(7, 5),  # type: ignore[arg-type]
        )
        .double()
        .eval()
    )
    x = torch.randn(4, 6).double()
    ptr = torch.arange(5)
    found = model.forward_tensors(x=x, ptr=ptr)
    for row in range(4):
        values, m = (x[row], None) if conditioning == "input" else (x[row, :4], x[row, 4:])
        for number, layer in enumerate(model.layers):
            values = (layer.linear.weight @ values + layer.linear.bias).clamp(min=0)
            if m is not None:
                values = model.conditions[number](values[None], m[None])[0]
        wanted = model.out.linear.weight @ values + model.out.linear.bias
        torch.testing.assert_close(found[row], wanted)


def resonance(events: int, masses: list[float], seed: int) -> ParticleClouds:
    """A peak at the mass over a flat background from 0 to 10; the mass is the last column."""
    rng = np.random.default_rng(seed)
    mass = rng.choice(masses, events)
    y = rng.integers(0, 2, events)
    value = np.where(y == 1, rng.normal(mass, 0.5), rng.uniform(0, 10, events))
    x = np.stack([value, rng.normal(size=events), mass], 1)
    return ParticleClouds(
        x=torch.tensor(x, dtype=torch.float32), ptr=torch.arange(events + 1), y=torch.tensor(y),
        mass=torch.tensor(mass),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pnn", "affine-pnn"])
def test_it_finds_each_mass_and_one_it_has_not_seen(name: str, tmp_path: Path) -> None:
    train = resonance(12_000, [3.0, 4.0, 6.0, 7.0], 1)
    val = resonance(3_000, [3.0, 4.0, 6.0, 7.0], 2)
    torch.manual_seed(1)
    model = create_model(name, features=3, widths=[64, 64], dropout=0.0)
    result = pcgnn.fit(
        model, train, val, epochs=15, batch_size=256, lr=3e-3, directory=tmp_path / "run",
        progress=False,
    )  # fmt: skip
    # a flat background of range R is nearer than a distance d with 2 d / R: AUC = 1 - 2 <d> / R
    best = 1 - 2 * 0.5 * np.sqrt(2 / np.pi) / 10
    for mass in (3.0, 5.0, 7.0):  # 5 was not trained on
        test = resonance(6_000, [mass], 3)
        report = pcgnn.metrics.tagging_report(test.y, pcgnn.predict(result, test))
        assert report.auc.value > best - (0.03 if mass == 5.0 else 0.01), mass


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="more features than parameters"):
        ParametricNetwork(1)
    with pytest.raises(ConfigError):
        ParametricNetwork(3, conditioning="product")  # type: ignore[arg-type]
