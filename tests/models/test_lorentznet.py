"""LorentzNet: logits of the authors' code, a plain formula, its symmetry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_inputs import collate, jets, logits_and_gradients, relative
from torch import Tensor
from torch.nn import functional

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models import LorentzNet, create_model, load_published
from pcgnn.ops import SizePlan, lorentz

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "lorentznet.npz"
METRIC = torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64)
SIZES = [9, 1, 30, 4, 9, 17, 2]


def psi(v: Tensor) -> Tensor:
    return v.sign() * (1 + v.abs()).log()


def norm(z: Tensor, layer: torch.nn.BatchNorm1d) -> Tensor:
    if not layer.training:
        mean, var = layer.running_mean, layer.running_var
    else:
        mean, var = z.mean(0), z.var(0, unbiased=False)
    return (z - mean) / (var + layer.eps).sqrt() * layer.weight + layer.bias


def plain(model: LorentzNet, jets_p4: list[Tensor]) -> Tensor:
    """The published formula on an explicit list of pairs, everything in float64."""
    beams = torch.tensor([[2**0.5, 0, 0, 1], [2**0.5, 0, 0, -1]], dtype=torch.float64)
    x = torch.cat([torch.cat([beams, p4]) for p4 in jets_p4])
    graph = torch.cat([torch.full((len(p4) + 2,), g) for g, p4 in enumerate(jets_p4)])
    beam = torch.cat([torch.arange(len(p4) + 2) < 2 for p4 in jets_p4])
    psi_mass = psi((x * x * METRIC).sum(1).abs().sqrt())
    s = torch.stack([psi_mass * ~beam, psi_mass * beam], 1)
    i, j = ((graph[:, None] == graph) & ~torch.eye(len(x), dtype=torch.bool)).nonzero().T
    h = model.embedding(s)
    for block in model.blocks:
        d = x[i] - x[j]
        pair = torch.stack([psi((d * d * METRIC).sum(1)), psi((x[i] * x[j] * METRIC).sum(1))], 1)
        z = norm(block.edge_first(torch.cat([h[i], h[j], pair], 1)), block.edge_norm)
        m = block.edge_second(z.relu()).relu()
        m = m * block.gate(m).sigmoid()
        if block.step_hidden is not None:
            c = block.step_out(block.step_hidden(m).relu())
            step = (d if block.update == "difference" else x[j]) * c
            total = torch.zeros_like(x).index_add(0, i, step.clamp(-100, 100))
            count = torch.zeros(len(x), dtype=x.dtype).index_add(0, i, torch.ones(len(i)).double())
            x = x + block.c_weight * total / count[:, None]
        total = torch.zeros_like(h).index_add(0, i, m)
        inner = norm(block.node_first(torch.cat([h, total, s], 1)), block.node_norm)
        h = h + block.node_second(inner.relu())
    pooled = torch.stack([h[graph == g].mean(0) for g in range(len(jets_p4))])
    return model.classifier(pooled)


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    with np.load(GOLDEN, allow_pickle=False) as file:
        content = {key: torch.from_numpy(file[key]) for key in file.files if key != "config"}
        config = json.loads(str(file["config"]))
    p4 = [content[f"jet{i}_p4"] for i in range(3)]
    state = {k.removeprefix("state."): v for k, v in content.items() if k.startswith("state.")}
    plan = SizePlan.from_sizes([len(each) for each in p4])
    inputs = {"p4": torch.cat(p4), "ptr": torch.tensor(plan.ptr.copy()), "plan": plan}
    return {"inputs": inputs, "jets": p4, "state": state, "config": config, **content}


def test_logits_of_the_authors_code(golden: dict[str, Any]) -> None:
    """They ran jet by jet: without padding, where their divisor is the number of particles."""
    model = load_published("lorentznet", golden["state"], c_weight=golden["config"]["c_weight"])
    with torch.no_grad():
        logits = model.forward_tensors(**golden["inputs"])
    torch.testing.assert_close(logits, golden["logits"], rtol=1e-9, atol=0)
    tracked = model.forward_tensors(**golden["inputs"]).detach()
    torch.testing.assert_close(tracked, golden["logits"], rtol=1e-9, atol=0)
    assert relative(plain(model, golden["jets"]).detach(), golden["logits"]) < 1e-12


@pytest.mark.parametrize("explicit", [True, False])
def test_logits_of_the_authors_code_with_padding(golden: dict[str, Any], explicit: bool) -> None:
    """And with 15 empty places, of which the divisor knows."""
    for jet, p4 in enumerate(golden["jets"]):
        padding = len(p4) + 2 + 15
        model = load_published(
            "lorentznet",
            golden["state"],
            readout="padded_mean",
            padded_length=padding if explicit else None,
        )
        # a longer companion pads the batch where no number is given
        companion = golden["jets"][2].repeat(2, 1)[: padding - 2]
        with torch.no_grad():
            logits = model.forward_tensors(
                p4=torch.cat([p4, companion]),
                ptr=torch.tensor([0, len(p4), len(p4) + len(companion)]),
            )
        expected = golden["logits_padded_plus_15"][jet]
        torch.testing.assert_close(logits[0], expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("update", ["difference", "vector"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_logits_and_gradients_of_the_plain_formula(
    training: bool, update: str, scale: float
) -> None:
    """The large scale drives steps into the clamp."""
    torch.manual_seed(3)
    model = create_model(
        "lorentznet", features=7, hidden=12, blocks=3, dropout=0.0, coordinate_update=update
    ).double()
    for block in list(model.blocks)[:-1]:
        torch.nn.init.normal_(block.step_out.weight)  # steps that matter
    model.train()
    data = jets(SIZES)
    for d in data:
        d.p4 = d.p4 * scale
    with torch.no_grad():
        model(collate(jets(SIZES, seed=1)))
    model.train(training)
    # the order of a canonical sort, so that sums over particles are the same
    computed = logits_and_gradients(model, lambda: model(collate(data)))
    expected = logits_and_gradients(model, lambda: plain(model, [d.p4 for d in data]))
    for ours, reference in zip(computed, expected, strict=True):
        assert relative(ours, reference) < 1e-9


def test_the_running_statistics_are_those_of_torch() -> None:
    torch.manual_seed(0)
    model = create_model("lorentznet", features=7, hidden=8, blocks=1).double().train()
    data = jets(SIZES)
    model(collate(data))
    block = model.blocks[0]
    x = torch.cat([torch.cat([model._beams(d.p4), d.p4]) for d in data])
    assert int(block.edge_norm.num_batches_tracked) == 1
    graph = torch.cat([torch.full((n + 2,), g) for g, n in enumerate(SIZES)])
    i, j = ((graph[:, None] == graph) & ~torch.eye(len(x), dtype=torch.bool)).nonzero().T
    mass = psi((x * x * METRIC).sum(1).abs().sqrt())
    beam = torch.cat([torch.arange(n + 2) < 2 for n in SIZES])
    h = model.embedding(torch.stack([mass * ~beam, mass * beam], 1))
    d = x[i] - x[j]
    pair = torch.stack([psi((d * d * METRIC).sum(1)), psi((x[i] * x[j] * METRIC).sum(1))], 1)
    z = block.edge_first(torch.cat([h[i], h[j], pair], 1))
    reference = torch.nn.BatchNorm1d(8).double().train()
    reference(z)
    assert relative(block.edge_norm.running_mean, reference.running_mean) < 1e-12
    assert relative(block.edge_norm.running_var, reference.running_var) < 1e-12


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_boosting_jet_and_beams_together_changes_nothing(beta: float) -> None:
    torch.manual_seed(1)
    model = create_model("lorentznet", features=7, hidden=16, blocks=3).double().eval()
    data = jets([20, 40])
    velocity = beta * functional.normalize(torch.randn(3, dtype=torch.float64), dim=0)
    matrix = lorentz.boost(torch.eye(4, dtype=torch.float64), velocity).t()
    with torch.no_grad():
        reference = model(collate(data))
        for d in data:
            d.p4 = d.p4 @ matrix.t()
        alone = model(collate(data))
        model.frame = matrix
        together = model(collate(data))
    assert (together - reference).abs().max() < 1e-8
    assert (alone - reference).abs().max() > 1e-6


def test_features_take_part_only_if_asked() -> None:
    torch.manual_seed(1)
    data = jets([20, 40])
    changed = jets([20, 40])
    for d in changed:
        d.x = d.x + 1
    for use in (False, True):
        model = create_model("lorentznet", features=7, use_features=use, beams=False).double()
        model.eval()
        with torch.no_grad():
            shift = (model(collate(data)) - model(collate(changed))).abs().max()
        assert (shift > 1e-6) == use
        assert ("x" in model.needs) == use


@pytest.mark.parametrize("readout", ["sum", ["mean", "max", "min", "std"], "attention"])
def test_readouts_train(readout: Any) -> None:
    torch.manual_seed(1)
    model = create_model("lorentznet", features=7, hidden=8, blocks=2, readout=readout).double()
    batch = collate(jets(SIZES))
    functional.cross_entropy(model(batch), torch.arange(len(SIZES)) % 2).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_bad_options_and_weights_are_named(golden: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="pooling"):
        LorentzNet(7, readout="median")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="padded_length"):
        LorentzNet(7, padded_length=40)
    with pytest.raises(ConfigError, match="no scalars"):
        LorentzNet(7, mass=False, beams=False)
    with pytest.raises(ConfigError, match="coordinate_update"):
        LorentzNet(7, coordinate_update="sideways")  # type: ignore[arg-type]
    state = dict(golden["state"])
    del state["LGEBs.1.phi_x.0.bias"]
    with pytest.raises(CheckpointError, match=r"missing: blocks\.1\.step_hidden\.bias"):
        load_published("lorentznet", state)
    with pytest.raises(CheckpointError, match=r"not weights of LorentzNet: other"):
        load_published("lorentznet", {**golden["state"], "other": torch.zeros(1)})
    with pytest.raises(ConfigError, match="readout"):
        load_published("lorentznet", golden["state"], readout="sum")


def test_published_kinds_of_particles_come_without_beams(golden: dict[str, Any]) -> None:
    """Quark-gluon weights have eight one-hot scalars."""
    state = {
        key: torch.cat([value, value[:, :1].expand(-1, 6)], 1)
        if key == "embedding.weight" or key.endswith("phi_h.0.weight")
        else value
        for key, value in golden["state"].items()
    }
    model = load_published("lorentznet", state, c_weight=1e-3)
    assert (model.beams, model.mass, model.config["features"]) == (False, False, 8)


def test_parameters_of_the_published_network() -> None:
    assert create_model("lorentznet", features=7).num_parameters == 224_072
