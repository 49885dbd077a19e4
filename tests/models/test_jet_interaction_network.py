"""The interaction network on all pairs: its formula, blocks of any size, jets of one particle."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model_inputs import collate, jets, logits_and_gradients, relative
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Data

from pcgnn.errors import ConfigError
from pcgnn.models import JetInteractionNetwork, create_model
from pcgnn.models.audit import DeviceDiscipline
from pcgnn.nn import PairSum, pair_sum
from pcgnn.ops import SizePlan
from pcgnn.ops.pairs import PairPlan

SIZES = [9, 1, 30, 4, 9, 17, 2]
WIDTHS = {"relation": [12, 9, 5], "objects": [11, 6], "classifier": [8]}


def relation(layer: PairSum, receiver: Tensor, sender: Tensor) -> Tensor:
    """The network on one pair, or on rows of pairs."""
    h = torch.cat([receiver, sender], -1) @ layer.first.weight.t() + layer.first.bias
    h = functional.selu(h)
    for dense in list(layer.rest)[1:]:
        h = functional.selu(h @ dense.linear.weight.t() + dense.linear.bias)
    return h


def received(layer: PairSum, x: Tensor) -> Tensor:
    """What each particle of one jet receives, pair by pair."""
    rows = []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        messages = [relation(layer, x[i], x[j]) for j in others]
        zero = torch.zeros(layer.rest[-1].linear.out_features, dtype=x.dtype)
        rows.append(sum(messages, start=zero))
    return torch.stack(rows)


def plain(model: JetInteractionNetwork, data: list[Data]) -> Tensor:
    """The published formula, jet by jet and pair by pair."""
    logits = []
    for jet in data:
        h = torch.cat([jet.x, received(model.relation, jet.x)], 1)
        for dense in model.objects:
            h = (h @ dense.linear.weight.t() + dense.linear.bias).clamp(min=0)
        h = h.sum(0)
        for dense in list(model.classifier)[:-1]:
            h = functional.selu(dense.linear.weight @ h + dense.linear.bias)
        logits.append(model.classifier[-1].linear.weight @ h + model.classifier[-1].linear.bias)
    return torch.stack(logits)


def test_logits_and_gradients_of_the_plain_formula() -> None:
    torch.manual_seed(3)
    model = create_model("jet-interaction-network", features=7, **WIDTHS).double()
    data = jets(SIZES)
    computed = logits_and_gradients(model, lambda: model(collate(data)))
    expected = logits_and_gradients(model, lambda: plain(model, data))
    with torch.no_grad():
        assert relative(model(collate(data)), expected[0]) < 1e-11
    for ours, reference in zip(computed, expected, strict=True):
        assert relative(ours, reference) < 1e-11


@pytest.mark.parametrize("kept", [0, 2**30])
@pytest.mark.parametrize("slots", [1, 40, 500, 10**6])
def test_blocks_of_any_size_kept_or_not_give_the_same(
    slots: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One slot leaves each row of a table to itself; the most hold all graphs at once."""
    monkeypatch.setattr(pair_sum, "KEPT", kept)
    torch.manual_seed(0)
    layer = PairSum(7, [12, 5], activation="selu").double()
    sizes = sorted(SIZES)  # the order of the plan
    plan = SizePlan.from_sizes(sizes)
    pairs = PairPlan.of(torch.tensor(plan.ptr.copy()), plan, slots=slots)
    x = torch.randn(plan.total, 7, dtype=torch.float64, requires_grad=True)
    ours = layer(x, pairs)
    expected = torch.cat([received(layer, part) for part in x.split(sizes)])
    torch.testing.assert_close(ours, expected, rtol=1e-11, atol=1e-12)
    weight = torch.randn_like(ours)
    inputs = [x, *layer.parameters()]
    by_ours = torch.autograd.grad((ours * weight).sum(), inputs)
    by_formula = torch.autograd.grad((expected * weight).sum(), inputs)
    for a, b in zip(by_ours, by_formula, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_only_layers_that_would_not_fit_are_computed_anew(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And they are without leaving the device."""
    layer = PairSum(7, [12, 5]).to(device)
    runs = []
    block = layer._block
    monkeypatch.setattr(layer, "_block", lambda *args: runs.append(1) or block(*args))
    x = torch.randn(60, 7, device=device, requires_grad=True)
    plan = SizePlan.from_sizes([20, 40])
    for kept, passes in ((2**30, 1), (0, 2)):
        monkeypatch.setattr(pair_sum, "KEPT", kept)
        runs.clear()
        with DeviceDiscipline(device):
            k = torch.arange(3, device=device)  # offsets 0, 20, 60
            pairs = PairPlan.of(10 * k * (k + 1), plan, slots=1600)
            layer(x, pairs).sum().backward()
        assert len(runs) == passes * len(pairs.blocks)


def test_messages_that_see_the_receiver_alone_are_n_minus_1_times_the_same() -> None:
    torch.manual_seed(0)
    layer = PairSum(7, [12, 5], activation="selu").double()
    with torch.no_grad():
        layer.first.weight[:, 7:] = 0
        x = torch.randn(20, 7, dtype=torch.float64)
        for n in (1, 2, 20):
            plan = SizePlan.from_sizes([n])
            pairs = PairPlan.of(torch.tensor([0, n]), plan)
            expected = (n - 1) * relation(layer, x[:n], x[:n])
            torch.testing.assert_close(layer(x[:n], pairs), expected, rtol=1e-11, atol=1e-12)


def test_who_sends_matters() -> None:
    torch.manual_seed(0)
    model = create_model("jet-interaction-network", features=7).double()
    batch = collate(jets([20, 30]))
    with torch.no_grad():
        reference = model(batch)
        weight = model.relation.first.weight
        weight.copy_(torch.cat([weight[:, 7:], weight[:, :7]], 1))
        assert (model(batch) - reference).abs().max() > 1e-6


def test_a_lone_particle_receives_nothing() -> None:
    torch.manual_seed(0)
    model = create_model("jet-interaction-network", features=7).double()
    data = jets([1, 30, 1])
    with torch.no_grad():
        reference = model(collate(data))
        for parameter in model.relation.parameters():
            nn.init.normal_(parameter)
        changed = model(collate(data))
    assert torch.equal(changed[::2], reference[::2])
    assert (changed[1] - reference[1]).abs().max() > 1e-6


@pytest.mark.parametrize("readout", ["mean", ["sum", "max"], "attention"])
def test_readouts_and_activations_train(readout: Any) -> None:
    torch.manual_seed(1)
    model = create_model(
        "jet-interaction-network",
        features=7,
        readout=readout,
        activation="gelu",
        initialisation="glorot-normal",
        **WIDTHS,
    ).double()
    assert model.config["activation"] == ["gelu", "gelu", "gelu"]
    functional.cross_entropy(model(collate(jets(SIZES))), torch.arange(len(SIZES)) % 2).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_bad_options_are_named() -> None:
    with pytest.raises(ConfigError, match="relation"):
        JetInteractionNetwork(7, relation=[])
    with pytest.raises(ConfigError, match="one for f_R, f_O and phi_C"):
        JetInteractionNetwork(7, activation=("relu", "relu"))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no such activation"):
        JetInteractionNetwork(7, activation="swish")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="layers of"):
        PairSum(7, [4, 0])
