"""The hidden representation of every classifier of graphs."""

from __future__ import annotations

import pytest
import torch
from model_inputs import collate, jets_for, relative, shuffled
from torch.nn import functional

from pcgnn.errors import ConfigError
from pcgnn.models import CloudModel, capture, create_model, hidden_and_logits, hidden_layer
from pcgnn.training import ClassificationTask

SIZES = [45, 1, 3, 17, 60, 16, 33, 2, 120, 8]
# their logits are averages over the particles, no linear layer stands behind
WITHOUT = {"lgatr"}


@pytest.fixture
def layered(model: CloudModel) -> CloudModel:
    if model.name in WITHOUT:
        with pytest.raises(ConfigError, match="no linear layer"):
            hidden_layer(model)
        pytest.skip(f"{model.name} has no hidden representation of a graph")
    return model


def test_logits_are_linear_in_the_hidden_representation_row_by_row(layered: CloudModel) -> None:
    batch = collate(jets_for(layered, SIZES))
    hidden, logits = hidden_and_logits(layered, batch)
    layer = hidden_layer(layered)
    assert hidden.shape == (len(SIZES), layer.in_features)
    # row g of one belongs to row g of the other: an order by size inside would show
    by_hand = functional.linear(hidden, layer.weight, layer.bias)
    assert relative(by_hand.detach(), logits.detach()) < 1e-12
    assert torch.equal(logits, layered(batch))


def test_the_order_of_particles_and_the_companions_do_not_matter(layered: CloudModel) -> None:
    data = jets_for(layered, SIZES)
    hidden, _ = hidden_and_logits(layered, collate(data))
    again, _ = hidden_and_logits(layered, collate([shuffled(jet, 3) for jet in data]))
    assert relative(again.detach(), hidden.detach()) < 1e-9
    alone, _ = hidden_and_logits(layered, collate(data[3:4]))
    assert relative(alone.detach(), hidden[3:4].detach()) < 1e-9


def test_gradients_go_through_it(layered: CloudModel) -> None:
    with capture(layered) as hidden:
        layered(collate(jets_for(layered, SIZES)))
        hidden.value.square().mean().backward()
    layer = hidden_layer(layered)
    own = {id(layer.weight), id(layer.bias)}
    grown = [p.grad is not None for p in layered.parameters() if id(p) not in own]
    assert all(grown)
    assert layer.weight.grad is None


def test_the_model_is_left_as_it_was(layered: CloudModel) -> None:
    batch = collate(jets_for(layered, [5, 6]))
    with capture(layered) as hidden:
        pass
    with pytest.raises(ConfigError, match="no hidden representation yet"):
        _ = hidden.value
    layered(batch)
    with pytest.raises(ConfigError, match="no hidden representation yet"):
        _ = hidden.value
    assert not hidden_layer(layered)._forward_pre_hooks


def test_of_a_task_the_network_is_looked_at() -> None:
    network = create_model("pfn", features=7)
    task = ClassificationTask(network)
    assert hidden_layer(task) is hidden_layer(network)


def test_models_of_hits_are_refused() -> None:
    with pytest.raises(ConfigError, match="scores are of edges"):
        hidden_layer(create_model("interaction-network", features=3))
