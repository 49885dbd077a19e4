"""LoLa: the published dense form in plain numpy, and that message passing is the same."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from model_inputs import collate, jets, logits_and_gradients, relative
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models import Cloud, LoLa, create_model
from pcgnn.models.audit import DeviceDiscipline
from pcgnn.nn import LorentzLayer, TablePairWeights

Array = npt.NDArray[np.float64]
N, M = 12, 4


def cloud_of(data: list[object]) -> Cloud:
    batch = collate(data)  # type: ignore[arg-type]
    return Cloud(batch.ptr, batch.plan, {"p4": batch.p4})


def plain_nodes(p4: Array, combine: Array, weights: Array, sums: int) -> Array:
    """All entries of all nodes of one jet, node by node; weights (channels, nodes, nodes)."""
    order = np.argsort(-np.hypot(p4[:, 1], p4[:, 2]), kind="stable")
    k = p4[order]
    nodes = [k.sum(0)]
    nodes += [sum(combine[r, m] * k[r] for r in range(len(k))) for m in range(combine.shape[1])]
    nodes += list(k)
    metric = np.array([1.0, -1.0, -1.0, -1.0])
    rows = []
    for j, a in enumerate(nodes):
        p = math.sqrt(a[1] ** 2 + a[2] ** 2 + a[3] ** 2)
        row = [(a[0] - p) * (a[0] + p), math.hypot(a[1], a[2])]
        row.append(sum(weights[0, j, m] * b[0] for m, b in enumerate(nodes)))
        for channel, w in enumerate(weights[1:]):
            terms = [w[j, m] * (metric * (a - b) ** 2).sum() for m, b in enumerate(nodes)]
            row.append(sum(terms) if channel < sums else min(terms))
        rows.append([math.copysign(math.log1p(abs(v)), v) for v in row])
    return np.array(rows)


def models() -> tuple[LoLa, LoLa]:
    """Both forms with the same combinations and, through the table, the same pair weights."""
    torch.manual_seed(4)
    messages = LoLa(7, 3, combinations=M, ranks=N).double()
    dense = LoLa(7, 3, combinations=M, ranks=N, form="dense").double()
    table = dense.lorentz.weights
    assert isinstance(table, TablePairWeights)
    with torch.no_grad():
        table.weight.copy_(messages.lorentz.weights(1 + M + N))
    weights = {
        name: value for name, value in messages.state_dict().items() if "lorentz" not in name
    }
    dense.load_state_dict(weights, strict=False)
    return messages, dense


def filled(data: list[object]) -> list[object]:
    """The jets with particles of zero momentum up to N."""
    for jet in data:
        missing = max(N - jet.p4.size(0), 0)  # type: ignore[attr-defined]
        for name in ("p4", "x", "pos"):
            values = getattr(jet, name)
            setattr(jet, name, torch.cat([values, values.new_zeros(missing, values.size(1))]))
    return data


@pytest.mark.parametrize("kind", ["random", "duplicates"])
def test_both_forms_are_the_published_formula(kind: str) -> None:
    messages, dense = models()
    data = filled(list(jets([N, 3, N, 7, 1], kind)))
    cloud = cloud_of(data)
    weights = dense.lorentz.weights(1 + M + N).detach().numpy()
    combine = dense.combine.weight.detach().numpy()
    expected = np.stack(
        [plain_nodes(jet.p4.numpy(), combine, weights, 2) for jet in data]  # type: ignore[attr-defined]
    )
    for model in (messages, dense):
        combined, particles, _ = model.node_features(cloud)
        found = torch.cat([combined, particles.view(len(data), N, -1)], 1).detach().numpy()
        assert np.abs(found - expected).max() < 1e-12 * np.abs(expected).max()


def test_both_forms_give_the_same_logits_and_train_alike() -> None:
    messages, dense = models()
    cloud = cloud_of(filled(list(jets([N, 5, N, 9, 2, N]))))
    for training in (True, False):
        messages.train(training), dense.train(training)
        ours, published = messages.logits(cloud).detach(), dense.logits(cloud).detach()
        assert relative(ours, published) < 1e-11


def test_jets_without_padding_by_the_formula() -> None:
    """Any number of particles; ranks beyond the last share its weights."""
    torch.manual_seed(0)
    model = LoLa(7, combinations=M, ranks=5).double()
    data = list(jets([9, 1, 4, 30]))
    combined, particles, _ = model.node_features(cloud_of(list(data)))
    split = particles.split([jet.p4.size(0) for jet in data])
    for jet, ours, special in zip(data, split, combined, strict=True):
        n = jet.p4.size(0)
        at = np.minimum(np.arange(1 + M + n), M + 5)
        known = model.lorentz.weights(1 + M + 5).detach().numpy()
        combine = model.combine.weight.detach().numpy()[np.minimum(np.arange(n), 4)]
        expected = plain_nodes(jet.p4.numpy(), combine, known[:, at][:, :, at], 2)
        found = torch.cat([special, ours]).detach().numpy()
        assert np.abs(found - expected).max() < 1e-12 * np.abs(expected).max()


def test_gradients_of_the_layer_are_those_of_finite_differences() -> None:
    torch.manual_seed(1)
    layer = LorentzLayer(TablePairWeights(6, 5)).double()
    inside = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    nodes = 3 * torch.randn(2, 6, 4, dtype=torch.float64) * inside[..., None]
    nodes.requires_grad_()

    def entries(given: Tensor, *_: Tensor) -> Tensor:
        return layer(given, inside) * inside[..., None]

    assert torch.autograd.gradcheck(entries, (nodes, *layer.parameters()))


def test_the_dense_form_takes_the_leading_particles_alone() -> None:
    torch.manual_seed(2)
    model = create_model("lola", features=7, form="dense", ranks=6).double().eval()
    (jet,) = jets([20])
    order = (-jet.p4[:, 1:3].norm(dim=1)).argsort()
    cut = jets([6])[0]
    cut.p4 = jet.p4[order[:6]]
    messages = create_model("lola", features=7, ranks=6).double().eval()
    with torch.no_grad():
        assert torch.equal(model(collate([cut])), model(collate([jet])))
        assert relative(messages(collate([cut])), messages(collate([jet]))) > 1e-3


@pytest.mark.parametrize("readout", ["mean", ["sum", "max"], "attention"])
def test_pooled_readouts_train_every_parameter(readout: object) -> None:
    torch.manual_seed(0)
    model = create_model("lola", features=7, readout=readout, ranks=8).double()
    for gradient in logits_and_gradients(model, lambda: model(collate(jets([9, 4, 20, 1, 6])))):
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0


OTHERS = [{"form": "dense", "ranks": 12}, {"readout": ["mean", "max", "std"]}]


@pytest.mark.parametrize("arguments", OTHERS, ids=str)
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e18])
def test_other_forms_stay_finite(arguments: dict[str, object], scale: float) -> None:
    torch.manual_seed(0)
    model = create_model("lola", features=7, **arguments)
    batch = collate(jets([9, 1, 30, 4]), torch.float32)
    batch.p4 = batch.p4 * scale
    out = model(batch)
    assert out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("arguments", OTHERS, ids=str)
def test_other_forms_stay_on_the_device(arguments: dict[str, object]) -> None:
    model = create_model("lola", features=7, **arguments).to("meta")
    batch = collate(jets([9, 1, 30, 4]), torch.float32).to("meta")
    with DeviceDiscipline("meta"):
        out = model(batch)
        out.sum().backward()
    assert out.shape == (4, 2)


def test_its_combinations_as_a_table() -> None:
    table = create_model("lola", features=7, combinations=3, ranks=5).combinations()
    assert table.ranks == ("1", "2", "3", "4", "5+")
    np.testing.assert_allclose(np.abs(table.kinds["combination"]).sum(0), 1)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"form": "sparse"}, "messages"),
        ({"form": "dense", "readout": "mean"}, "side by side"),
        ({"combinations": 0}, "at least 1"),
        ({"hidden": []}, "hidden"),
        ({"embedding": 0}, "length 0"),
        ({"summed": -1}, "weights"),
        ({"readout": "median"}, "choose of"),
        ({"dropout": 1.5}, "probability"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        create_model("lola", features=7, **arguments)
