"""Graph networks that depend on a hypothesis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.data import Hypotheses, ParticleClouds, at_hypothesis
from pcgnn.errors import ConfigError
from pcgnn.models import CloudModel, create_model
from pcgnn.nn import Condition

SMALL: dict[str, dict[str, Any]] = {
    "particlenet": {"blocks": [[3, [8, 8]], [3, [12]]], "classifier": [[8, 0.0]]},
    "pfn": {"phi": [8, 12], "f": [8]},
    "lorentznet": {"hidden": 8, "blocks": 2, "use_features": True, "dropout": 0.0},
}
EVERY = [(name, place) for name in SMALL for place in ("readout", "blocks")]


def made(name: str, parameters: int = 1, features: int = 4, **more: Any) -> CloudModel:
    torch.manual_seed(3)
    model = create_model(name, features=features, parameters=parameters, **SMALL[name], **more)
    assert isinstance(model, CloudModel)
    return model.double().eval()


def inputs(mass: list[float], features: int = 3) -> dict[str, torch.Tensor]:
    sizes = torch.tensor([5, 2, 7])
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
    random = torch.Generator().manual_seed(5)
    x = torch.randn(14, features, generator=random, dtype=torch.float64)
    p = torch.randn(14, 3, generator=random, dtype=torch.float64) * 30
    p4 = torch.cat([(p.square().sum(1, keepdim=True) + 1).sqrt(), p], 1)
    m = torch.tensor(mass, dtype=torch.float64).repeat_interleave(sizes)[:, None]
    return {"x": torch.cat([x, m], 1), "pos": p4[:, 1:3] / 30, "p4": p4, "ptr": ptr}


@pytest.mark.parametrize(("name", "place"), EVERY)
def test_each_graph_depends_on_its_own_hypothesis(name: str, place: str) -> None:
    model = made(name, condition_at=place)
    base = model.forward_tensors(**inputs([1.0, 2.0, 3.0]))
    moved = model.forward_tensors(**inputs([1.0, -4.0, 3.0]))
    same = (base == moved).all(1).tolist()
    assert same == [True, False, True]


@pytest.mark.parametrize(("name", "place"), EVERY)
def test_without_weight_on_the_hypothesis_it_is_the_plain_network(name: str, place: str) -> None:
    model, plain = made(name, condition_at=place), made(name, 0, 3)
    shared = {k: v for k, v in model.state_dict().items() if not k.startswith("conditions")}
    plain.load_state_dict(shared)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, Condition):
                assert layer.scale is not None
                assert layer.bias is not None
                layer.scale.weight.zero_()
                layer.bias.weight.zero_()
    given = inputs([1.0, 2.0, 3.0])
    bare = given | {"x": given["x"][:, :3]}
    torch.testing.assert_close(model.forward_tensors(**given), plain.forward_tensors(**bare))
    blocks = {"particlenet": 2, "pfn": 1, "lorentznet": 2}[name]
    count = sum(isinstance(layer, Condition) for layer in model.modules())
    assert count == (1 if place == "readout" else 1 + blocks)


@pytest.mark.parametrize(("name", "place"), EVERY)
def test_runs_on_any_device(name: str, place: str) -> None:
    model = made(name, condition_at=place).float()
    given = {k: v.float() if v.is_floating_point() else v for k, v in inputs([1, 2, 3]).items()}
    from pcgnn.ops.ragged import SizePlan

    plan = SizePlan.from_ptr(given["ptr"])
    meta = {key: value.to("meta") for key, value in given.items()}
    out = model.to("meta").forward_tensors(**meta, plan=plan)
    assert out.device.type == "meta"
    assert out.shape == (3, 2)


def resonances(events: int, masses: list[float], seed: int) -> ParticleClouds:
    """Two particles back to back whose invariant mass peaks at the hypothesis (in TeV)."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, events)
    mass = random.choice(masses, events)
    found = np.where(y == 1, random.normal(mass, 0.1), random.uniform(0.2, 2.0, events))
    found = np.maximum(found, 0.05)
    cosine, phi = random.uniform(-1, 1, events), random.uniform(-np.pi, np.pi, events)
    sine = np.sqrt(1 - cosine**2)
    axis = np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], 1)
    p = 0.5 * found[:, None] * axis
    p4 = np.stack([np.linalg.norm(p, axis=1), *p.T], 1)
    both = np.stack([p4, p4 * [1, -1, -1, -1]], 1).reshape(-1, 4)
    x = np.concatenate([both, np.repeat(mass, 2)[:, None]], 1)
    return ParticleClouds(
        x=x.astype(np.float32), p4=both.astype(np.float32), pos=both[:, 1:3].astype(np.float32),
        ptr=2 * np.arange(events + 1), y=y,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pfn", "particlenet"])
def test_a_graph_network_finds_masses_it_has_not_seen(name: str, tmp_path: Path) -> None:
    train, val = (resonances(n, [0.5, 0.75, 1.25, 1.5], s) for n, s in ((9_000, 1), (2_000, 2)))
    torch.manual_seed(1)
    sizes: dict[str, Any] = {"phi": [48, 48], "f": [48, 48]}
    if name == "particlenet":
        sizes = {"blocks": [[1, [32, 32]]], "classifier": [[48, 0.0]], "input_norm": False}
    model = create_model(name, features=5, parameters=1, **sizes)
    loader = pcgnn.CloudLoader(train, 128, shuffle=True, redraw=Hypotheses.of(train))
    result = pcgnn.fit(
        model, loader, val, epochs=9, lr=5e-3, directory=tmp_path / "run", progress=False
    )
    test = resonances(4_000, [1.0], 3)
    right = pcgnn.metrics.tagging_report(test.y, pcgnn.predict(result, test)).auc.value
    other = at_hypothesis(test, 0.5)
    wrong = pcgnn.metrics.tagging_report(test.y, pcgnn.predict(result, other)).auc.value
    # a flat background of range R is nearer than a distance d with 2 d / R
    best = 1 - 2 * 0.1 * np.sqrt(2 / np.pi) / 1.8
    assert right > best - 0.05, "a mass that was not trained on is found by its own hypothesis"
    assert wrong < 0.6, "and by no other"


def test_refusals() -> None:
    for name in SMALL:
        with pytest.raises(ConfigError):
            create_model(name, features=1, parameters=1, use_features=True) if (
                name == "lorentznet"
            ) else create_model(name, features=1, parameters=1)
        with pytest.raises(ConfigError, match="place"):
            create_model(name, features=4, parameters=1, condition_at="everywhere")
