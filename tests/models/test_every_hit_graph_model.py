"""What every network on hit graphs must do; a new one is tested by being registered."""

from __future__ import annotations

import io
import json
import math

import pytest
import torch
from torch_geometric.data import Batch, Data

from pcgnn.errors import ConfigError, DataError
from pcgnn.models import HitGraphModel, create_model, list_models, model_from_config
from pcgnn.models.audit import DeviceDiscipline

# arguments of those that have no latent steps, or slow ones
SMALL: dict[str, dict[str, int]] = {
    "edge-attention-network": {"latent": 8, "steps": 2},
    "edge-filter": {"latent": 16},
    "hit-embedding": {"latent": 16, "layers": 2},
    "interaction-network": {},
}


TASKS = ("edges", "hits", "condensation", "embedding")


@pytest.fixture(params=[name for task in TASKS for name in list_models(task)])
def model(request: pytest.FixtureRequest) -> HitGraphModel:
    torch.manual_seed(5)
    small = SMALL.get(request.param, {"latent": 16, "steps": 3})
    made = create_model(request.param, features=3, **small)
    assert isinstance(made, HitGraphModel)
    return made.double().eval()


def graph(hits: int = 40, edges: int = 150, seed: int = 0) -> Data:
    generator = torch.Generator().manual_seed(seed)
    return Data(
        x=torch.randn(hits, 3, generator=generator, dtype=torch.float64),
        edge_index=torch.randint(0, hits, (2, edges), generator=generator),
        edge_attr=torch.randn(edges, 4, generator=generator, dtype=torch.float64),
    )


def test_the_numbering_of_hits_and_the_order_of_edges_do_not_matter(model: HitGraphModel) -> None:
    data = graph()
    reference = model(data)
    order = torch.randperm(40)
    place = torch.empty_like(order)
    place[order] = torch.arange(40)
    swapped = torch.randperm(150)
    again = model(
        Data(
            x=data.x[order],
            edge_index=place[data.edge_index[:, swapped]],
            edge_attr=data.edge_attr[swapped],
        )
    )
    expected = reference[swapped] if model.task == "edges" else reference[order]
    assert torch.allclose(again, expected, rtol=1e-9, atol=1e-12)


def test_companions_do_not_matter(model: HitGraphModel) -> None:
    parts = [graph(seed=1), graph(3, 2, seed=2), graph(1, 0, seed=3), graph(100, 300, seed=4)]
    together = model(Batch.from_data_list(parts))
    alone = torch.cat([model(part) for part in parts])
    assert torch.allclose(together, alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 150, 1000])
def test_pieces_give_what_the_whole_gives(model: HitGraphModel, chunk: int) -> None:
    if "chunk" not in model.config:
        pytest.skip(f"{model.name} looks at hits alone, and at no edges that could be in pieces")
    pieces = model_from_config({"name": model.name, "arguments": {**model.config, "chunk": chunk}})
    pieces.double().load_state_dict(model.state_dict())
    data = graph()
    weights = torch.randn(model(data).shape, dtype=torch.float64)
    for network in (model, pieces):
        network.train()
        (network(data) * weights).sum().backward()
    assert torch.allclose(pieces(data), model(data), rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(pieces.parameters(), model.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(pieces(data), model(data), rtol=1e-12, atol=1e-12)


def test_every_parameter_gets_a_finite_gradient(model: HitGraphModel) -> None:
    model.train()
    torch.nn.functional.softplus(model(graph())).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_checkpoint_round_trip(model: HitGraphModel) -> None:
    stored = io.BytesIO()
    torch.save(model.state_dict(), stored)
    stored.seek(0)
    config = json.loads(json.dumps({"name": model.name, "arguments": model.config}))
    again = model_from_config(config).double().eval()
    again.load_state_dict(torch.load(stored, weights_only=True))
    assert torch.equal(again(graph()), model(graph()))


@pytest.mark.parametrize("training", [True, False])
def test_forward_and_backward_stay_on_the_device(model: HitGraphModel, training: bool) -> None:
    data = graph().to("meta")
    model.to("meta").train(training)
    with DeviceDiscipline("meta"):
        model(data).sum().backward()
    assert all(p.grad is not None and p.grad.device.type == "meta" for p in model.parameters())


def test_bfloat16_autocast(model: HitGraphModel) -> None:
    model.float()
    data = graph()
    data.x, data.edge_attr = data.x.float(), data.edge_attr.float()
    with torch.autocast("cpu", torch.bfloat16):
        low = model(data)
    assert (low.float() - model(data)).abs().max() < 0.1
    low.sum().backward()


def test_wrong_input_is_named(model: HitGraphModel) -> None:
    data = graph()
    with pytest.raises(DataError, match=r"x has the shape \(40, 2\), not \(40, 3\)"):
        model.forward_tensors(data.x[:, :2], data.edge_index, data.edge_attr)
    with pytest.raises(DataError, match="no x"):
        model(Data(edge_index=data.edge_index, edge_attr=data.edge_attr))
    if "edge_features" not in model.config:
        assert torch.equal(model(Data(x=data.x)), model(data))
        return
    with pytest.raises(DataError, match="no edge_attr"):
        model(Data(x=data.x, edge_index=data.edge_index))
    with pytest.raises(DataError, match="edge_attr has the shape"):
        model.forward_tensors(data.x, data.edge_index, data.edge_attr[:-1])


def test_it_says_what_it_is(model: HitGraphModel) -> None:
    assert f"{model.num_parameters:,} parameters" in repr(model)


def test_a_condensation_network_gives_a_strength_and_coordinates() -> None:
    torch.manual_seed(1)
    made = create_model("condensation-network", features=3, latent=8, steps=2, dimensions=5)
    model = made.double().eval()
    data = graph()
    output = model(data)
    assert output.shape == (40, 6)
    x, _ = model.trunk(data.x, data.edge_index, data.edge_attr)
    assert torch.equal(output[:, 0], model.strength(x)[:, 0])
    assert torch.equal(output[:, 1:], model.coordinates(x))
    with pytest.raises(ConfigError, match="dimensions"):
        create_model("condensation-network", features=3, dimensions=0)


def test_an_embedding_is_continuous_where_the_azimuth_jumps() -> None:
    torch.manual_seed(1)
    model = create_model("hit-embedding", features=3, dimensions=4).double().eval()
    hits = torch.tensor([[0.1, 1.0 - 1e-9, 0.3], [0.1, -1.0 + 1e-9, 0.3], [0.1, 0.0, 0.3]])
    left, right, opposite = model(Data(x=hits.double()))
    assert torch.allclose(left, right, atol=1e-6)
    assert (left - opposite).abs().max() > 1e-2
    plain = create_model("hit-embedding", features=3, azimuth=None).double().eval()
    left, right, _ = plain(Data(x=hits.double()))
    assert (left - right).abs().max() > 1e-2
    with pytest.raises(ConfigError, match="azimuth = 3"):
        create_model("hit-embedding", features=3, azimuth=3)


def test_an_embedding_on_the_unit_sphere() -> None:
    torch.manual_seed(1)
    model = create_model("hit-embedding", features=3, dimensions=4, normalize=True).double()
    lengths = model(graph()).norm(dim=1)
    assert torch.allclose(lengths, torch.ones_like(lengths), rtol=1e-12)


def test_the_interaction_network_is_the_published_formula() -> None:
    """2103.16701: edge block, sum at the receiving hit, object block, edge block; unsplit here."""
    torch.manual_seed(3)
    network = create_model("interaction-network", features=3).double()
    assert network.num_parameters == 6448
    data = graph()
    source, target = data.edge_index

    def chain(first: torch.nn.Linear, rest: torch.nn.Sequential, value: torch.Tensor):  # type: ignore[no-untyped-def]
        return rest(torch.nn.functional.linear(value, first.weight, first.bias))

    relational, classifier = network.relational, network.classifier
    inputs = torch.cat([data.x[source], data.x[target], data.edge_attr], 1)
    message = chain(relational.first, relational.rest, inputs)
    assert message.shape == (150, 4)
    arriving = torch.stack([message[target == hit].sum(0) for hit in range(40)])
    x = network.objects(torch.cat([data.x, arriving], 1))
    assert x.shape == (40, 3)
    inputs = torch.cat([x[source], x[target], message], 1)
    plain = chain(classifier.first, classifier.rest, inputs).squeeze(1)
    assert torch.allclose(network(data), plain, rtol=1e-12, atol=1e-12)


def test_the_large_recurrent_network_has_its_size() -> None:
    large = create_model("recurrent-interaction-network", features=3, norm=False)
    assert large.num_parameters == pytest.approx(265_000, rel=0.005)
    stacked = create_model(
        "recurrent-interaction-network", features=3, latent=8, steps=4, weights="own"
    )
    shared = create_model("recurrent-interaction-network", features=3, latent=8, steps=4)
    step = sum(
        p.numel()
        for part in (shared.trunk.edge_updates, shared.trunk.hit_updates)
        for p in part.parameters()
    )
    assert stacked.num_parameters == shared.num_parameters + 3 * step
    with pytest.raises(ConfigError, match="weights"):
        create_model("recurrent-interaction-network", features=3, weights="tied")


def test_binary_losses_are_their_formulas() -> None:
    from pcgnn.losses import create_loss

    torch.manual_seed(0)
    logits = torch.randn(50, dtype=torch.float64) * 4
    target = (torch.rand(50) < 0.2).double()
    weight = torch.rand(50, dtype=torch.float64) * (torch.rand(50) < 0.8)

    def plain(gamma: float, positive: float) -> float:
        total = norm = 0.0
        for z, y, w in zip(logits.tolist(), target.tolist(), weight.tolist(), strict=True):
            p = 1 / (1 + math.exp(-z))
            p = p if y else 1 - p
            scale = w * (positive if y else 1.0)
            total += scale * (1 - p) ** gamma * -math.log(p)
            norm += scale
        return total / norm

    ratio = float((weight * (1 - target)).sum() / (weight * target).sum())
    for name, arguments, gamma, positive in (
        ("binary-cross-entropy", {}, 0.0, 1.0),
        ("binary-cross-entropy", {"positive_weight": 3.0}, 0.0, 3.0),
        ("binary-cross-entropy", {"positive_weight": "balanced"}, 0.0, ratio),
        ("focal", {}, 2.0, 1.0),
        ("focal", {"gamma": 0.5, "positive_weight": "balanced"}, 0.5, ratio),
    ):
        found = create_loss(name, **arguments)(logits, target, weight)
        assert float(found) == pytest.approx(plain(gamma, positive), rel=1e-9)
    extreme = torch.tensor([-200.0, 200.0], requires_grad=True)
    loss = create_loss("focal")(extreme, torch.tensor([1.0, 0.0]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(200.0)
    assert torch.isfinite(extreme.grad).all()
    nothing = create_loss("binary-cross-entropy")(logits, target, torch.zeros(50))
    assert float(nothing) == 0.0
    for bad in ({"positive_weight": -1}, {"positive_weight": "fair"}):
        with pytest.raises(ConfigError):
            create_loss("binary-cross-entropy", **bad)
    with pytest.raises(ConfigError):
        create_loss("focal", gamma=-1)
