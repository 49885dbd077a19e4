"""The Lorentz Boost Network: its formula jet by jet, and the combinations it shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from model_inputs import FEATURES, collate, jets, logits_and_gradients, relative
from torch import Tensor
from torch_geometric.data import Data

from pcgnn.errors import ConfigError
from pcgnn.models import LBN, create_model

SIZES = [9, 1, 30, 4, 9, 17, 2]


def boost_matrix(frame: Tensor) -> Tensor:
    """The matrix of the paper."""
    p = frame[1:].norm()
    n, beta = frame[1:] / p, p / frame[0]
    gamma = 1 / (1 - beta**2).sqrt()
    space = torch.eye(3, dtype=frame.dtype) + (gamma - 1) * n[:, None] * n
    top = torch.cat([gamma[None], -gamma * beta * n])
    return torch.cat([top[None], torch.cat([(-gamma * beta * n)[:, None], space], 1)])


def plain(model: LBN, data: list[Data]) -> Tensor:
    """Features of each jet before the batch norm, one after the other."""
    rows = []
    for jet in data:
        order = (-jet.p4[:, 1:3].norm(dim=1)).argsort(stable=True)[: model.boosts.particles.ranks]
        k = jet.p4[order]
        assert model.boosts.frames is not None
        particles = model.boosts.particles.weight.abs()[: len(k)].t() @ k
        frames = model.boosts.frames.weight.abs()[: len(k)].t() @ k
        b = torch.stack([boost_matrix(f) @ p for p, f in zip(particles, frames, strict=True)])
        p = b[:, 1:].norm(dim=1)
        pt = b[:, 1:3].norm(dim=1)
        mass = (b[:, 0] ** 2 - p**2).clamp(min=0).sqrt()
        row = [
            b[:, 0].log1p(),
            pt.log1p(),
            torch.atanh(b[:, 3] / p),
            torch.atan2(b[:, 2], b[:, 1]),
            mass.log1p(),
        ]
        n = b[:, 1:] / p[:, None]
        cosines = [n[i] @ n[j] for i in range(len(n)) for j in range(i + 1, len(n))]
        rows.append(torch.cat([*row, torch.stack(cosines)]))
    return torch.stack(rows)


def test_logits_and_gradients_of_the_plain_formula() -> None:
    torch.manual_seed(3)
    model = create_model("lbn", features=7, combinations=6, ranks=8, hidden=[10]).double()
    assert isinstance(model, LBN)
    data = jets([9, 12, 30, 4, 9, 17, 2])

    def expected() -> Tensor:
        out: Tensor = model.classifier(model.norm(plain(model, data)))
        return out

    computed = logits_and_gradients(model, lambda: model(collate(data)))
    reference = logits_and_gradients(model, expected)
    for ours, theirs in zip(computed, reference, strict=True):
        assert relative(ours, theirs) < 1e-7


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({}, 50),
        ({"mode": "product", "combinations": 5, "frames": 3}, 15),
        ({"mode": "combinations", "combinations": 6}, 30),
    ],
)
def test_number_of_features(arguments: dict[str, object], count: int) -> None:
    model = create_model("lbn", features=7, **{"combinations": 50, **arguments})
    assert model.vector_features.out_features == 5 * count + count * (count - 1) // 2
    if not arguments:
        assert model.vector_features.out_features == 1475
    out = model(collate(jets(SIZES), torch.float32))
    assert out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_all_quantities_at_once_stay_finite_and_are_used() -> None:
    names = ["E", "px", "py", "pz", "p", "pt", "eta", "phi", "m", "m2", "beta", "gamma"]
    names += ["pair_cos", "pair_dr", "pair_m"]
    torch.manual_seed(0)
    for compress in (True, False):
        model = create_model(
            "lbn", features=7, combinations=4, quantities=names, compress=compress
        ).double()
        for gradient in logits_and_gradients(model, lambda m=model: m(collate(jets(SIZES)))):
            assert gradient.isfinite().all()


def test_further_particles_are_dropped_or_one_more_row() -> None:
    torch.manual_seed(0)
    (jet,) = jets([20])
    hard = (-jet.p4[:, 1:3].norm(dim=1)).argsort()
    cut, rest = jets([6])[0], jets([7])[0]
    cut.p4 = jet.p4[hard[:6]]
    rest.p4 = torch.cat([cut.p4, jet.p4[hard[6:]].sum(0, keepdim=True)])
    drop = create_model("lbn", features=7, ranks=6).double().eval()
    keep = create_model("lbn", features=7, ranks=6, remainder=True).double().eval()
    table = torch.cat([cut.p4, rest.p4[6:]])[None]
    many = torch.cat([cut.p4, jet.p4[hard[6:]]])[None]
    torch.testing.assert_close(keep.boosts(many), keep.boosts(table), rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        assert relative(drop(collate([jet])), drop(collate([cut]))) < 1e-12
        assert relative(keep(collate([jet])), keep(collate([cut]))) > 1e-4


def test_jets_of_massless_collinear_or_resting_particles() -> None:
    """No rest frame, or one particle alone: finite outputs and gradients."""
    torch.manual_seed(0)
    model = create_model("lbn", features=FEATURES)
    data = jets([1, 3, 2, 4])
    data[0].p4 = torch.tensor([[5.0, 3.0, 0.0, 4.0]])
    data[1].p4 = torch.tensor([[5.0, 0.0, 0.0, 5.0]]).repeat(3, 1)
    data[2].p4 = torch.tensor([[0.14, 0.0, 0.0, 0.0]]).repeat(2, 1)
    data[3].p4 = torch.zeros(4, 4)
    out = model(collate(data, torch.float32))
    assert out.isfinite().all()
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_combinations_show_the_weights() -> None:
    torch.manual_seed(0)
    model = create_model("lbn", features=7, combinations=3, ranks=4, remainder=True)
    table = model.combinations()
    assert table.ranks == ("1", "2", "3", "4", "5+")
    for kind, layer in (
        ("combination", model.boosts.particles),
        ("rest frame", model.boosts.frames),
    ):
        weights = np.abs(layer.weight.detach().double().numpy())
        np.testing.assert_allclose(table.kinds[kind], weights / weights.sum(0))
    alone = create_model("lbn", features=7, combinations=3, mode="combinations").combinations()
    assert list(alone.kinds) == ["combination"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"mode": "triples"}, "pairs"),
        ({"ranks": 0}, "at least 1"),
        ({"combinations": 0}, "give more"),
        ({"combinations": 1, "mode": "combinations"}, "give more"),
        ({"frames": 3}, "mode='product'"),
        ({"quantities": ["E", "spin"]}, "pair_cos"),
        ({"quantities": []}, "name some"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        create_model("lbn", features=7, **arguments)
