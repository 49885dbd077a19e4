"""Attributions to particles and features, against what they are by definition."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from training_samples import PerGraph, separable

from pcgnn.data import ParticleClouds, Standardizer
from pcgnn.errors import ConfigError
from pcgnn.models import create_model, list_models
from pcgnn.nn.edge_gate import gated_edges
from pcgnn.training import ClassificationTask, explain

pytest.importorskip("captum", reason="needs the extra explain")


def jets(graphs: int = 12, seed: int = 0, features: int = 5) -> ParticleClouds:
    """Jets in float64, one of them of a single particle."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 20, graphs)
    sizes[1] = 1
    n = int(sizes.sum())
    p = rng.normal(size=(n, 3)) * 20 + np.array([60.0, 0, 0])
    energy = np.sqrt((p**2).sum(1) + 0.14**2)
    return ParticleClouds(
        x=rng.normal(size=(n, features)) * 3 + 1,
        pos=rng.normal(size=(n, 2)) * 0.3,
        p4=np.column_stack([energy, p]),
        ptr=np.concatenate([[0], sizes.cumsum()]),
        y=rng.integers(0, 2, graphs),
    )


def network(name: str, features: int = 5, classes: int = 2, **options):
    torch.manual_seed(3)
    return create_model(name, features=features, classes=classes, **options).double().eval()


def test_integrated_gradients_are_complete() -> None:
    clouds = jets()
    why = explain(network("pfn"), clouds, steps=100)
    assert why.x.shape == (clouds.num_particles, 5)
    change = np.abs(why.output - why.baseline)
    # by hand: the sum per graph, and the two outputs by the plain model
    total = np.add.reduceat(why.x.sum(1), clouds.ptr[:-1].numpy())
    model = network("pfn")
    with torch.no_grad():
        batch = clouds.batch(np.arange(len(clouds)))
        there = model(batch)[:, 1].numpy()
        batch.x = torch.zeros_like(batch.x)
        zero = model(batch)[:, 1].numpy()
    np.testing.assert_allclose(why.output, there)
    np.testing.assert_allclose(why.baseline, zero)
    assert change.min() > 1e-3
    assert (np.abs(total - (there - zero)) < 0.01 * change + 1e-4).all()
    np.testing.assert_allclose(why.particles, why.x.sum(1))


def test_integrated_gradients_of_a_graph_network_are_complete() -> None:
    # the neighbours of the one block are those in pos, which stays: F is continuous along the path
    model = network("particlenet-lite", blocks=[[7, [16, 16]]])
    why = explain(model, jets(), steps=100, output="log-odds")
    assert (np.abs(why.residual) < 0.02 * np.abs(why.output - why.baseline) + 1e-3).all()


def test_taylor_is_exact_for_a_linear_network_and_counts_the_standardisation() -> None:
    clouds = separable(20, 3)
    standardizer = Standardizer.fit(clouds)
    task = ClassificationTask(PerGraph(), standardizer=standardizer)
    why = explain(task, clouds, method="taylor", target=0)
    # z = w (x - mean) / width averaged over the particles: the attribution in closed form
    sizes = clouds.ptr.diff().repeat_interleave(clouds.ptr.diff())[:, None]
    weight = task.network.linear.weight[0].detach()
    expected = weight * (clouds.x - standardizer.mean) / standardizer.width / sizes
    np.testing.assert_allclose(why.x, expected.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(why.residual, 0, atol=1e-5)
    # the baseline is the mean particle: nothing but the bias is left
    np.testing.assert_allclose(why.baseline, task.network.linear.bias[0].item(), atol=1e-6)
    gradient = explain(task, clouds, method="gradient", target=0)
    np.testing.assert_allclose(
        gradient.x, (weight / standardizer.width / sizes).numpy(), rtol=1e-4, atol=1e-7
    )
    raw = explain(task, clouds, method="gradient-x-input", target=0)
    np.testing.assert_allclose(raw.x, gradient.x * clouds.x.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["gradient", "taylor", "integrated-gradients"])
@pytest.mark.parametrize("name", ["pfn", "particlenet-lite", "particle-transformer"])
def test_attributions_follow_the_particles(name: str, method: str) -> None:
    clouds = jets(5, seed=4)
    rng = np.random.default_rng(1)
    order = np.concatenate(
        [rng.permutation(np.arange(*ends)) for ends in pairwise(clouds.ptr.tolist())]
    )
    moved = ParticleClouds(
        x=clouds.x[order], pos=clouds.pos[order], p4=clouds.p4[order], ptr=clouds.ptr
    )
    model = network(name)
    first = explain(model, clouds, method=method, steps=5)
    second = explain(model, moved, method=method, steps=5, batch_size=2)
    assert np.abs(first.x).max() > 1e-6
    np.testing.assert_allclose(second.x, first.x[order], rtol=1e-6, atol=1e-10)


def test_gradients_are_those_of_finite_differences() -> None:
    clouds = jets(3, seed=2)
    model = network("particle-transformer", classes=3)
    why = explain(
        model, clouds, method="gradient", inputs=("x", "p4"), target=[0, 2, 1], output="log-odds"
    )

    def outputs(name: str, row: int, column: int, step: float) -> np.ndarray:
        batch = clouds.batch(np.arange(3))
        batch[name][row, column] += step
        with torch.no_grad():
            z = model(batch)
        return np.array(
            [
                float(z[g, c] - torch.cat([z[g, :c], z[g, c + 1 :]]).logsumexp(0))
                for g, c in enumerate([0, 2, 1])
            ]
        )

    graph = np.repeat(np.arange(3), np.diff(clouds.ptr))
    for name, row, column in [("x", 0, 1), ("x", 7, 4), ("p4", 3, 2)]:
        h = 1e-6
        slope = (outputs(name, row, column, h) - outputs(name, row, column, -h)) / (2 * h)
        assert why.values[name][row, column] == pytest.approx(slope[graph[row]], rel=1e-4, abs=1e-9)
    both = np.concatenate([why.values["x"], why.values["p4"]], 1)
    np.testing.assert_allclose(why.particles, np.linalg.norm(both, axis=1))


@pytest.mark.parametrize(
    "name", [name for name in list_models("classification") if name != "lgatr"]
)
def test_every_model_can_be_explained(name: str) -> None:
    model = network(name)
    clouds = jets(4)
    if model.one_row:
        clouds = ParticleClouds(x=clouds.x[:4], ptr=torch.arange(5))
    why = explain(model, clouds, method="integrated-gradients", steps=4)
    assert len(why.particles) == clouds.num_particles
    assert np.isfinite(why.particles).all()
    assert np.abs(why.particles).max() > 0
    assert not model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_probability_class_names_and_the_predicted_class() -> None:
    clouds = separable(30, 1, classes=("QCD", "top"))
    task = ClassificationTask(PerGraph(), classes=("QCD", "top"))
    named = explain(task, clouds, target="QCD", output="probability", method="taylor")
    with torch.no_grad():
        p = task(clouds.batch(np.arange(30))).softmax(1).numpy()
    np.testing.assert_allclose(named.output, p[:, 0], rtol=1e-5)
    predicted = explain(task, clouds, target="predicted", method="taylor")
    assert (predicted.target == p.argmax(1)).all()
    assert "QCD" in str(named)


def test_a_planted_feature_ranks_first_and_ranks_are_those_of_pt() -> None:
    clouds = separable(200, 1)
    model = PerGraph()
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor([[0.0, 0, 0], [2.0, 0.1, 0]]))
    why = explain(ClassificationTask(model), clouds, method="gradient")
    assert list(why.ranking()) == ["x[0]", "x[1]", "x[2]"]
    sizes = np.diff(clouds.ptr)
    pt = np.concatenate([np.arange(n, 0, -1.0) for n in sizes])
    table = why.by_rank(pt, 4)
    # hardest first: every graph has a first particle; a gradient is 1/n of the weight
    assert table.jets[0] == 200
    assert table.mean[0] == pytest.approx((np.hypot(2, 0.1) / sizes).mean(), rel=1e-5)
    assert table.jets[3] == (sizes >= 4).sum()


def test_wrong_requests_are_refused() -> None:
    clouds, model = jets(3), network("pfn")
    with pytest.raises(ConfigError, match="no such method"):
        explain(model, clouds, method="magic")
    with pytest.raises(ConfigError, match="no such output"):
        explain(model, clouds, output="score")
    with pytest.raises(ConfigError, match="no class 'top'"):
        explain(model, clouds, target="top")
    with pytest.raises(ConfigError, match="no class 7 of 2"):
        explain(model, clouds, target=7)
    with pytest.raises(ConfigError, match="does not read 'p4'"):
        explain(model, clouds, inputs=("p4",))
    with pytest.raises(ConfigError, match="baseline 'empty'"):
        explain(model, clouds, baseline="empty")


@pytest.mark.parametrize("sizes", [[12, 15, 9], [3, 1, 9, 20]], ids=str)
def test_edges_add_up_to_what_all_messages_of_a_block_do(sizes: list[int]) -> None:
    rng = np.random.default_rng(3)
    n = sum(sizes)
    clouds = ParticleClouds(
        x=rng.normal(size=(n, 5)) * 2 + 1, pos=rng.normal(size=(n, 2)), ptr=np.cumsum([0, *sizes])
    )
    model = network("particlenet-lite", blocks=[[4, [16, 16]]])
    with torch.no_grad():
        for _ in range(3):
            model.train()(clouds.batch(np.arange(len(sizes))))
    model.eval()
    standardizer = Standardizer.fit(clouds)
    task = ClassificationTask(model, standardizer=standardizer).double()
    why = explain(task, clouds, edges=0, steps=200, batch_size=3)
    assert why.edges is not None
    assert why.edge_index is not None
    assert why.edge_index.shape == (2, sum(m * min(4, m - 1) for m in sizes))
    with gated_edges(model.blocks[0]) as gate, torch.no_grad():
        full = task(clouds.batch(np.arange(len(sizes))))[:, 1].numpy()
        gate.strength = torch.zeros(gate.edges.num_edges)
        none = task(clouds.batch(np.arange(len(sizes))))[:, 1].numpy()
    graph = np.repeat(np.arange(len(sizes)), sizes)[why.edge_index]
    assert (graph[0] == graph[1]).all()
    total = np.bincount(graph[0], why.edges, minlength=len(sizes))
    assert np.abs(full - none).max() > 1e-3
    np.testing.assert_allclose(total, full - none, rtol=0.02, atol=1e-4)
    # edges come from the nearest neighbours of the input order
    pos = clouds.pos.numpy()
    for g, m in enumerate(sizes):
        begin = sum(sizes[:g])
        for i in range(begin, begin + m):
            others = [j for j in range(begin, begin + m) if j != i]
            near = sorted(others, key=lambda j: ((pos[j] - pos[i]) ** 2).sum())[:4]
            assert set(why.edge_index[0][why.edge_index[1] == i]) == set(near)
    # one edge alone, by finite differences of its strength
    slope = explain(task, clouds, edges=0, method="gradient")
    with gated_edges(model.blocks[0]) as gate, torch.no_grad():
        task(clouds.batch(np.arange(len(sizes))))
        size = gate.edges.num_edges
        found = []
        for edge in (0, size // 2, size - 1):
            values = []
            for h in (1e-4, -1e-4):
                gate.strength = torch.ones(size, dtype=torch.float64)
                gate.strength[edge] += h
                values.append(task(clouds.batch(np.arange(len(sizes))))[:, 1].sum())
            found.append(float(values[0] - values[1]) / 2e-4)
    np.testing.assert_allclose(slope.edges[[0, size // 2, size - 1]], found, rtol=1e-3, atol=1e-7)


def test_edges_of_models_without_edges_are_refused() -> None:
    with pytest.raises(ConfigError, match="pfn has 0 EdgeConv blocks"):
        explain(network("pfn"), jets(3), edges=0)
    with pytest.raises(ConfigError, match="none of the number 5"):
        explain(network("particlenet-lite"), jets(3), edges=5)
    with pytest.raises(ConfigError, match="not explained by 'lime'"):
        explain(network("particlenet-lite"), jets(3), edges=0, method="lime")
