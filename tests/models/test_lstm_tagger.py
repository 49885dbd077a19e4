"""The LSTM tagger: its recurrence, the order of momenta, what padding must not do."""

from __future__ import annotations

import pytest
import torch
from model_inputs import collate, jets, logits_and_gradients, relative, shuffled
from torch import Tensor
from torch_geometric.data import Data

from pcgnn.errors import ConfigError
from pcgnn.models import LSTMTagger, create_model
from pcgnn.nn import SequenceLSTM, momentum_order
from pcgnn.ops import SizePlan

SIZES = [9, 1, 30, 4, 9, 17, 2]


def recurrence(layer: SequenceLSTM, x: Tensor) -> Tensor:
    """Last state of one sequence, gate by gate."""
    h = c = torch.zeros(layer.hidden, dtype=x.dtype)
    for row in x:
        z = layer.weight_ih @ row + layer.bias_ih + layer.weight_hh @ h + layer.bias_hh
        i, f, g, o = z.split(layer.hidden)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h


def plain(model: LSTMTagger, data: list[Data]) -> Tensor:
    """The formula, jet by jet."""
    logits = []
    for jet in data:
        momentum = (jet.p4[:, 1] ** 2 + jet.p4[:, 2] ** 2).sqrt()
        order = sorted(range(len(momentum)), key=lambda i: float(momentum[i]))
        h = recurrence(model.lstm, jet.x[order[::-1] if model.hardest_first else order])
        for layer in list(model.classifier)[:-1]:
            h = (layer.linear.weight @ h + layer.linear.bias).clamp(min=0)
        logits.append(model.classifier[-1].linear.weight @ h + model.classifier[-1].linear.bias)
    return torch.stack(logits)


@pytest.mark.parametrize("hardest_first", [True, False])
def test_logits_and_gradients_of_the_plain_formula(hardest_first: bool) -> None:
    torch.manual_seed(3)
    model = create_model(
        "lstm", features=7, hidden=11, classifier=[8, 6], hardest_first=hardest_first
    ).double()
    data = jets(SIZES)
    computed = logits_and_gradients(model, lambda: model(collate(data)))
    expected = logits_and_gradients(model, lambda: plain(model, data))
    for ours, reference in zip(computed, expected, strict=True):
        assert relative(ours, reference) < 1e-11


def test_the_layer_is_that_of_torch_with_open_forget_gates() -> None:
    torch.manual_seed(0)
    ours = SequenceLSTM(7, 12)
    torch.manual_seed(0)
    reference = torch.nn.LSTM(7, 12, batch_first=True)
    with torch.no_grad():
        reference.bias_ih_l0[12:24] = 1.0
    for a, b in zip(ours.parameters(), reference.parameters(), strict=True):
        assert torch.equal(a, b)
    x = torch.randn(9, 7)
    state = ours(x, torch.arange(9), torch.tensor([0, 9]), SizePlan.from_sizes([9]))
    torch.testing.assert_close(state, reference(x[None])[1][0][0])


def test_the_order_is_that_of_momenta_and_nothing_else() -> None:
    """Momenta in the opposite order are another sequence; another scale of them is the same."""
    torch.manual_seed(1)
    data = jets(SIZES)
    model = create_model("lstm", features=7, hardest_first=True).double()
    with torch.no_grad():
        reference = model(collate(data))
        listed = model(collate([shuffled(d, 4) for d in data]))
        scaled = [Data(x=d.x, pos=d.pos, p4=3.7 * d.p4) for d in data]
        inverse = [
            Data(x=d.x, pos=d.pos, p4=d.p4 / d.p4[:, 1:3].square().sum(1, True)) for d in data
        ]
        assert torch.equal(listed, reference)
        assert torch.equal(model(collate(scaled)), reference)
        backwards = model(collate(inverse))
        model.hardest_first = False
        assert torch.equal(model(collate(inverse)), reference)
    several = torch.tensor(SIZES) > 1
    assert ((backwards - reference).abs().amax(1)[several] > 1e-6).all()
    assert torch.equal(backwards[~several], reference[~several])


def test_equal_momenta_keep_their_order() -> None:
    p4 = torch.tensor(
        [[9.0, 3, 4, 1], [9.0, 1, 0, 0], [9.0, -5, 0, 7], [9.0, 5, 0, 0], [9, 6, 0, 0]]
    )
    ptr = torch.tensor([0, 2, 5])
    assert momentum_order(p4, ptr, 5).tolist() == [0, 1, 4, 2, 3]
    assert momentum_order(p4, ptr, 5, hardest_first=False).tolist() == [1, 0, 2, 3, 4]


def test_different_particles_of_equal_momentum_in_any_order() -> None:
    torch.manual_seed(1)
    model = create_model("lstm", features=7).double()
    jet = jets([12])[0]
    jet.p4 = jet.p4[:1].expand(12, 4).contiguous()
    with torch.no_grad():
        scores = [model(collate([shuffled(jet, seed)])) for seed in range(5)]
    assert all(torch.equal(each, scores[0]) for each in scores)


@pytest.mark.parametrize("buckets", [1, 2, 8])
def test_padding_has_no_effect(buckets: int) -> None:
    torch.manual_seed(0)
    layer = SequenceLSTM(7, 12).double()
    sizes = [3, 50, 1, 20, 7, 7]
    plan = SizePlan.from_sizes(sizes, num_buckets=buckets)
    ptr = torch.tensor(plan.ptr.copy())
    x = torch.randn(plan.total, 7, dtype=torch.float64, requires_grad=True)
    state = layer(x, torch.arange(plan.total), ptr, plan)
    expected = torch.stack([recurrence(layer, part) for part in x.split(sizes)])
    torch.testing.assert_close(state, expected, rtol=1e-11, atol=1e-12)
    weight = torch.randn_like(state)
    ours, reference = (torch.autograd.grad((s * weight).sum(), x)[0] for s in (state, expected))
    torch.testing.assert_close(ours, reference, rtol=1e-11, atol=1e-12)


def test_no_graphs_give_no_states() -> None:
    plan = SizePlan.from_sizes([])
    empty = torch.zeros(0, dtype=torch.long)
    assert SequenceLSTM(7, 12)(torch.zeros(0, 7), empty, torch.zeros(1).long(), plan).shape == (
        0,
        12,
    )


def test_bad_options_are_named() -> None:
    with pytest.raises(ConfigError, match="hidden = 0"):
        LSTMTagger(7, hidden=0)
    with pytest.raises(ConfigError, match="activation"):
        LSTMTagger(7, activation="swish")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 features"):
        SequenceLSTM(0, 3)
