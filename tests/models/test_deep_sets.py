"""Particle and Energy Flow Networks: their formula, infrared and collinear safety."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model_inputs import collate, jets, logits_and_gradients, relative
from torch import Tensor
from torch.nn import functional
from torch_geometric.data import Data

from pcgnn.errors import ConfigError, DataError
from pcgnn.models import CloudModel, EnergyFlowNetwork, ParticleFlowNetwork, create_model

SIZES = [9, 1, 30, 4, 9, 17, 2]
NAMES = ["pfn", "efn"]


def mlp(layers: torch.nn.Sequential, h: Tensor, *, last: bool) -> Tensor:
    """ReLU after every layer, the last one excepted if it is that of the logits."""
    for number, layer in enumerate(layers):
        h = h @ layer.linear.weight.t() + layer.linear.bias
        if number < len(layers) - 1 or not last:
            h = h.clamp(min=0)
    return h


def plain(model: CloudModel, data: list[Data]) -> Tensor:
    """The published formula, jet by jet."""
    logits = []
    for jet in data:
        if isinstance(model, EnergyFlowNetwork):
            momentum = (jet.p4[:, 1] ** 2 + jet.p4[:, 2] ** 2).sqrt()
            z = momentum / momentum.sum()
            pooled = sum(z[i] * mlp(model.phi, jet.pos[i], last=False) for i in range(len(z)))
        else:
            pooled = sum(mlp(model.phi, jet.x[i], last=False) for i in range(len(jet.x))) / 32
        logits.append(mlp(model.f, pooled, last=True))
    return torch.stack(logits)


@pytest.mark.parametrize("name", NAMES)
def test_logits_and_gradients_of_the_plain_formula(name: str) -> None:
    torch.manual_seed(3)
    model = create_model(name, features=7, phi=[12, 9], f=[8, 7]).double()
    data = jets(SIZES)
    computed = logits_and_gradients(model, lambda: model(collate(data)))
    expected = logits_and_gradients(model, lambda: plain(model, data))
    for ours, reference in zip(computed, expected, strict=True):
        assert relative(ours, reference) < 1e-11


def as_jet(p4: Tensor, pos: Tensor) -> Data:
    """A jet whose features are functions of its four-vectors, as those of real jets are."""
    momentum = (p4[:, 1] ** 2 + p4[:, 2] ** 2).sqrt()
    x = torch.cat([(1 + p4.abs()).log(), (1 + momentum).log()[:, None], pos], 1)
    return Data(x=x, pos=pos, p4=p4)


def split_collinear(jet: Data, share: float) -> Data:
    """Every second particle becomes two that share its momentum, in the same direction."""
    part = torch.ones(len(jet.p4), 1, dtype=torch.float64)
    part[::2] = share
    p4 = torch.cat([part * jet.p4, (1 - part[::2]) * jet.p4[::2]])
    return as_jet(p4, torch.cat([jet.pos, jet.pos[::2]]))


def emit_soft(jet: Data, momentum: float) -> Data:
    """Five more particles in other directions."""
    generator = torch.Generator().manual_seed(8)
    p = torch.randn(5, 3, dtype=torch.float64, generator=generator) * momentum
    p4 = torch.cat([p.norm(dim=1, keepdim=True), p], 1)
    pos = torch.randn(5, 2, dtype=torch.float64, generator=generator)
    return as_jet(torch.cat([jet.p4, p4]), torch.cat([jet.pos, pos]))


@pytest.mark.parametrize("readout", ["sum", "mean", "max", "std"])
def test_what_is_safe_under_collinear_splitting_and_soft_emission(readout: Any) -> None:
    torch.manual_seed(1)
    safe = create_model("efn", features=7).double()
    unsafe = create_model("pfn", features=7, readout=readout).double()
    data = [as_jet(d.p4, d.pos) for d in jets([20, 40, 1])]
    changes = {
        "collinear": [split_collinear(d, 0.3) for d in data],
        "soft": [emit_soft(d, 1e-12) for d in data],
        "nothing at all": [emit_soft(d, 0.0) for d in data],
    }
    with torch.no_grad():
        reference, other = safe(collate(data)), unsafe(collate(data))
        for changed in changes.values():
            assert (safe(collate(changed)) - reference).abs().max() < 1e-9
            assert (unsafe(collate(changed)) - other).abs().max() > 1e-4
        # and a hard one is seen
        hard = safe(collate([emit_soft(d, 20.0) for d in data]))
    assert (hard - reference).abs().max() > 1e-4


def test_fractions_do_not_depend_on_the_scale_of_momenta() -> None:
    torch.manual_seed(1)
    model = create_model("efn", features=7).double()
    data = jets(SIZES)
    with torch.no_grad():
        reference = model(collate(data))
        for d in data:
            d.p4 = 1000 * d.p4
        assert relative(model(collate(data)), reference) < 1e-12


def test_a_jet_without_momentum_is_the_network_of_nothing() -> None:
    model = create_model("efn", features=7).double()
    data = jets([5, 6])
    data[1].p4 = 0 * data[1].p4
    nothing = model.f(torch.zeros(1, 256, dtype=torch.float64))
    torch.testing.assert_close(model(collate(data))[1:], nothing)


@pytest.mark.parametrize("readout", ["mean", ["sum", "max"], "attention"])
def test_readouts_train(readout: Any) -> None:
    torch.manual_seed(1)
    model = create_model("pfn", features=7, phi=[8], f=[8], readout=readout).double()
    functional.cross_entropy(model(collate(jets(SIZES))), torch.arange(len(SIZES)) % 2).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_published_network() -> None:
    model = create_model("pfn", features=4)
    assert model.num_parameters == 82_558
    weight = model.phi[1].linear.weight  # He-uniform: within sqrt(6 / n)
    assert 0.99 * (6 / 100) ** 0.5 < float(weight.detach().abs().max()) <= (6 / 100) ** 0.5
    assert not any(layer.linear.bias.any() for layer in [*model.phi, *model.f])


def test_bad_options_are_named() -> None:
    with pytest.raises(ConfigError, match="phi"):
        ParticleFlowNetwork(7, phi=[])
    with pytest.raises(ConfigError, match="features and classes"):
        EnergyFlowNetwork(0)
    with pytest.raises(ConfigError, match="pooling"):
        ParticleFlowNetwork(7, readout="median")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="activation"):
        EnergyFlowNetwork(7, activation="swish")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="directions"):
        EnergyFlowNetwork(7, directions=0)
    with pytest.raises(ConfigError, match="readout"):
        create_model("efn", features=7, readout="mean")
    with pytest.raises(DataError, match="3 directions, pos has 2"):
        EnergyFlowNetwork(7, directions=3).double()(collate(jets([3])))
