"""DeepJet: its layers in a row, jet by jet; which particle comes last; where dropout stands."""

from __future__ import annotations

import pytest
import torch
from model_inputs import collate, jets, logits_and_gradients, relative
from torch import Tensor
from torch_geometric.data import Data

from pcgnn.errors import ConfigError
from pcgnn.models import DeepJet, create_model

SIZES = [9, 1, 30, 4, 9, 17, 2]


def norm(rows: Tensor, layer: torch.nn.BatchNorm1d) -> Tensor:
    """Batch norm of a table, by the rows themselves in training."""
    mean, var = layer.running_mean, layer.running_var
    if layer.training:
        mean, var = rows.mean(0), ((rows - rows.mean(0)) ** 2).mean(0)
    return (rows - mean) / (var + layer.eps).sqrt() * layer.weight + layer.bias


def plain(model: DeepJet, data: list[Data]) -> Tensor:
    """The layers one by one; the LSTM is that of torch, on one jet at a time."""
    h = norm(torch.cat([jet.x for jet in data]), model.input_norm)
    for number, layer in enumerate(model.convolutions):
        h = (h @ layer.linear.weight.t() + layer.linear.bias).clamp(min=0)
        if number < len(model.convolutions) - 1:
            h = norm(h, layer.norm)
    reference = torch.nn.LSTM(h.size(1), model.lstm.hidden).double()
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    weights = {f"{name}_l0": getattr(model.lstm, name) for name in names}
    states = []
    for jet, part in zip(data, h.split([len(jet.x) for jet in data]), strict=True):
        momentum = (jet.p4[:, 1] ** 2 + jet.p4[:, 2] ** 2).sqrt()
        order = sorted(range(len(momentum)), key=lambda i: float(momentum[i]))
        every, _ = torch.func.functional_call(reference, weights, (part[order],))
        states.append(every[-1])
    h = norm(torch.stack(states), model.state_norm)
    for layer in list(model.dense)[:-1]:
        h = norm((h @ layer.linear.weight.t() + layer.linear.bias).clamp(min=0), layer.norm)
    return h @ model.dense[-1].linear.weight.t() + model.dense[-1].linear.bias


@pytest.mark.parametrize("training", [True, False])
def test_logits_and_gradients_of_the_plain_formula(training: bool) -> None:
    torch.manual_seed(3)
    model = create_model(
        "deepjet", features=7, convolutions=[9, 6, 4], hidden=11, dense=[12, 8], dropout=0.0
    ).double()
    model(collate(jets(SIZES, seed=1)))
    model.train(training)
    data = jets(SIZES)
    computed = logits_and_gradients(model, lambda: model(collate(data)))
    expected = logits_and_gradients(model, lambda: plain(model, data))
    for ours, reference in zip(computed, expected, strict=True):
        # a bias in front of a batch norm has a gradient of rounding errors alone
        assert (ours - reference).abs().max() < 1e-9 * reference.abs().max() + 1e-12


def test_the_hardest_particle_comes_last() -> None:
    """A forget gate that is shut leaves the last particle alone in the state."""
    torch.manual_seed(1)
    data = jets([20, 30, 5])
    for hardest_first in (False, True):
        model = create_model("deepjet", features=7, hardest_first=hardest_first).double()
        with torch.no_grad():
            model(collate(data))
            model.eval()
            model.lstm.weight_hh.zero_()
            model.lstm.bias_ih[150:300].fill_(-1e6)
            reference = model(collate(data))
            alone = []
            for jet in data:
                momentum = jet.p4[:, 1:3].norm(dim=1)
                last = momentum.argmin() if hardest_first else momentum.argmax()
                alone.append(Data(x=jet.x[last, None], pos=jet.pos[:1], p4=jet.p4[last, None]))
            assert relative(model(collate(alone)), reference) < 1e-9


def test_dropout_and_norm_stand_behind_every_layer_but_the_last_ones() -> None:
    model = create_model("deepjet", features=7)
    *inner, last = model.convolutions
    *dense, out = model.dense
    assert [layer.linear.out_features for layer in inner] == [64, 32, 32]
    assert [layer.linear.out_features for layer in dense] == [200] + 7 * [100]
    assert all(layer.norm is not None and layer.dropout.p == 0.1 for layer in [*inner, *dense])
    assert all(layer.norm is None and layer.dropout is None for layer in [last, out])
    assert out.activation is None
    assert model.state_dropout.p == 0.1
    without = create_model("deepjet", features=7, norm=False)
    assert not any(isinstance(m, torch.nn.BatchNorm1d) for m in without.modules())


def test_dropout_acts_in_training_alone() -> None:
    torch.manual_seed(0)
    model = create_model("deepjet", features=7, norm=False, dropout=0.5).double()
    batch = collate(jets(SIZES))
    assert not torch.equal(model(batch), model(batch))
    model.eval()
    assert torch.equal(model(batch), model(batch))


def test_bad_options_are_named() -> None:
    with pytest.raises(ConfigError, match="convolutions"):
        DeepJet(7, convolutions=[])
    with pytest.raises(ConfigError, match="dropout = 1"):
        DeepJet(7, dropout=1.0)
    with pytest.raises(ConfigError, match="initialisation"):
        DeepJet(7, initialisation="xavier")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 outputs"):
        DeepJet(7, dense=[0])
