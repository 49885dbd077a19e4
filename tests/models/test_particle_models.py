"""What every network that scores particles must do."""

from __future__ import annotations

import pytest
import torch
from model_inputs import FEATURES, collate, jets, relative
from torch_geometric.data import Data

from pcgnn.models import CloudModel, create_model, list_models, model_from_config
from pcgnn.models.audit import DeviceDiscipline

SIZES = [45, 1, 3, 17, 60, 16, 2]


@pytest.fixture(params=list_models("particles"))
def network(request: pytest.FixtureRequest) -> CloudModel:
    torch.manual_seed(5)
    model = create_model(request.param, features=FEATURES).double()
    with torch.no_grad():
        for _ in range(3):
            model(collate(jets([40, 25, 60, 5])))
    return model.eval()


@torch.no_grad()
def test_scores_follow_their_particles(network: CloudModel) -> None:
    data = jets(SIZES)
    reference = network(collate(data))
    assert reference.shape == (sum(SIZES),)
    orders = [torch.randperm(n, generator=torch.Generator().manual_seed(n)) for n in SIZES]
    shuffled = [Data(x=d.x[o], pos=d.pos[o], p4=d.p4[o]) for d, o in zip(data, orders, strict=True)]
    parts = reference.split(SIZES)
    wanted = torch.cat([part[o] for part, o in zip(parts, orders, strict=True)])
    assert torch.equal(network(collate(shuffled)), wanted)


@torch.no_grad()
def test_other_jets_do_not_matter(network: CloudModel) -> None:
    data = jets(SIZES)
    reference = network(collate(data))
    alone = torch.cat([network(collate([d])) for d in data])
    assert relative(alone, reference) < 1e-9
    backwards = torch.cat(network(collate(data[::-1])).split(SIZES[::-1])[::-1])
    assert relative(backwards, reference) < 1e-9


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e18])
def test_extremes_stay_finite(network: CloudModel, scale: float) -> None:
    network.float().train()
    batch = collate(jets([*SIZES, 1], "duplicates"), torch.float32)
    for name in ("x", "pos", "p4"):
        batch[name] = batch[name] * scale
    out = network(batch)
    out.sum().backward()
    assert out.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_forward_and_backward_stay_on_the_device(network: CloudModel) -> None:
    batch = collate(jets(SIZES), torch.float32).to("meta")
    network.float().to("meta").train()
    with DeviceDiscipline("meta"):
        network(batch).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


@torch.no_grad()
def test_a_configuration_makes_it_again(network: CloudModel) -> None:
    again = model_from_config({"name": network.name, "arguments": network.config}).double().eval()
    again.load_state_dict(network.state_dict())
    batch = collate(jets(SIZES))
    assert torch.equal(again(batch), network(batch))
