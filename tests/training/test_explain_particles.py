"""Relevance propagation and leaving particles out, against what they must give."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_samples import separable

from pcgnn.data import ParticleClouds, Standardizer
from pcgnn.errors import ConfigError
from pcgnn.models import Cloud, CloudModel, create_model
from pcgnn.nn.relevance import relevance
from pcgnn.ops import segment_reduce
from pcgnn.training import ClassificationTask, explain


def particles(graphs: int = 10, seed: int = 0) -> ParticleClouds:
    """Graphs in float64, one of them of a single particle."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 12, graphs)
    sizes[2] = 1
    n = int(sizes.sum())
    p4 = np.abs(rng.normal(size=(n, 4)))
    p4[:, 0] += 20
    return ParticleClouds(
        x=rng.normal(size=(n, 4)),
        pos=rng.normal(size=(n, 2)),
        p4=p4,
        ptr=np.concatenate([[0], sizes.cumsum()]),
    )


def without_biases(name: str, **options) -> CloudModel:
    torch.manual_seed(4)
    model = create_model(name, features=4, **options).double().eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear):
                module.bias.zero_()
    return model


@pytest.mark.parametrize("rule", ["epsilon", "gamma"])
@pytest.mark.parametrize("name", ["pfn", "efn", "dense"])
def test_relevance_is_conserved(name: str, rule: str) -> None:
    clouds = particles()
    if name == "dense":
        clouds = ParticleClouds(x=clouds.x[:10], ptr=np.arange(11))
    inputs = ("pos",) if name == "efn" else None
    why = explain(without_biases(name), clouds, method="lrp", rule=rule, inputs=inputs)
    total = np.add.reduceat(why.particles, clouds.ptr[:-1].numpy())
    assert np.abs(why.output).min() > 1e-6
    np.testing.assert_allclose(total, why.output, rtol=1e-3, atol=1e-5 * np.abs(why.output).max())


def test_relevance_is_that_of_captum_layer_by_layer() -> None:
    captum = pytest.importorskip("captum.attr", reason="needs the extra explain")
    torch.manual_seed(1)
    model = create_model("dense", features=4, widths=[8, 6]).double().eval()
    clouds = ParticleClouds(x=particles().x[:12], ptr=np.arange(13))
    why = explain(model, clouds, method="lrp", target=1)
    plain = nn.Sequential(
        *[
            part
            for layer in model.layers
            for part in (layer.linear, layer.activation)
            if part is not None
        ]
    )
    expected = captum.LRP(plain).attribute(clouds.x.clone().requires_grad_(), target=1)
    np.testing.assert_allclose(why.x, expected.detach().numpy(), rtol=1e-3, atol=1e-7)
    with torch.no_grad():
        biased = model(clouds.batch(np.arange(12)))[:, 1].numpy()
    np.testing.assert_allclose(why.residual, biased - why.x.sum(1))


def test_relevance_counts_the_standardisation_and_leaves_outputs_alone() -> None:
    clouds = separable(30, 2)
    torch.manual_seed(1)
    network = create_model("pfn", features=3, phi=[8], f=[8]).eval()
    standardizer = Standardizer.fit(clouds)
    task = ClassificationTask(network, standardizer=standardizer)
    why = explain(task, clouds, method="lrp")
    inside = ParticleClouds(x=standardizer.transform(clouds.x), ptr=clouds.ptr)
    np.testing.assert_allclose(
        why.x, explain(network, inside, method="lrp").x, rtol=1e-3, atol=1e-6
    )
    batch = inside.batch(np.arange(30))
    before = network(batch)
    with relevance(network, rule="gamma"):
        during = network(batch)
    assert torch.equal(before, during)
    assert not any(module._forward_hooks for module in network.modules())


def test_layers_without_a_rule_are_named() -> None:
    clouds = particles()
    with pytest.raises(ConfigError, match=r"EdgeConv \(blocks.0\) has no rule"):
        explain(create_model("particlenet-lite", features=4).double(), clouds, method="lrp")
    with pytest.raises(ConfigError, match="readout 'std'"):
        explain(
            create_model("pfn", features=4, readout=["mean", "std"]).double(), clouds, method="lrp"
        )
    with pytest.raises(ConfigError, match="no linear function"):
        explain(without_biases("pfn"), clouds, method="lrp", output="probability")
    with pytest.raises(ConfigError, match="momenta weight"):
        explain(without_biases("efn"), clouds, method="lrp")
    rows = ParticleClouds(x=clouds.x[:3], ptr=np.arange(4))
    with pytest.raises(ConfigError, match="the layer Conditions"):
        explain(create_model("pfn", features=4, parameters=1).double(), clouds, method="lrp")
    with pytest.raises(ConfigError, match="the layer Condition"):
        explain(without_biases("affine-pnn"), rows, method="lrp")


class Summed(CloudModel):
    """The sum of the first feature, and if wanted of its square root."""

    needs: ClassVar[frozenset[str]] = frozenset({"x"})

    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        self.config, self.power = {}, power

    def logits(self, cloud: Cloud) -> Tensor:
        total = segment_reduce(cloud.x[:, :1], cloud.ptr, "sum")
        return torch.cat([torch.zeros_like(total), total.sign() * total.abs() ** self.power], 1)


def test_leaving_out_finds_what_a_linear_output_is_made_of() -> None:
    clouds = particles()
    why = explain(Summed(), clouds, method="lime", samples=300)
    expected = clouds.x[:, 0].numpy().copy()
    # what a lone particle adds cannot be seen
    lone = int(clouds.ptr[2])
    expected[lone] = 0
    np.testing.assert_allclose(why.particles, expected, atol=2e-2)
    many = np.arange(len(clouds)) != 2
    np.testing.assert_allclose(why.baseline[many], 0, atol=2e-2)
    assert why.settings["mean_quality"] > 0.999
    np.testing.assert_allclose(why.residual, 0, atol=1e-3)
    # batches do not mix graphs
    split = explain(Summed(), clouds, method="lime", samples=300, batch_size=3)
    np.testing.assert_allclose(split.particles, why.particles, atol=3e-2)


def test_a_planted_particle_ranks_first() -> None:
    rng = np.random.default_rng(5)
    clouds = particles(seed=5)
    x = clouds.x.clone().abs()
    planted = clouds.ptr[:-1] + torch.from_numpy(rng.integers(0, clouds.ptr.diff().numpy()))
    x[planted, 0] += 5.0
    marked = ParticleClouds(x=x, ptr=clouds.ptr)
    why = explain(Summed(power=0.5), marked, method="lime", samples=400)
    for graph in range(len(clouds)):
        if graph != 2:
            rows = slice(int(clouds.ptr[graph]), int(clouds.ptr[graph + 1]))
            assert why.particles[rows].argmax() + rows.start == int(planted[graph])


def test_left_out_particles_are_gone_and_not_zero() -> None:
    # with a mean as readout a particle of zeros would still count in the denominator
    class Mean(Summed):
        def logits(self, cloud: Cloud) -> Tensor:
            mean = segment_reduce(torch.ones_like(cloud.x[:, :1]), cloud.ptr, "mean")
            return torch.cat([torch.zeros_like(mean), mean], 1)

    why = explain(Mean(), particles(), method="lime", samples=100)
    np.testing.assert_allclose(why.particles, 0, atol=1e-12)
    rows = ParticleClouds(x=particles().x[:3], ptr=np.arange(4))
    with pytest.raises(ConfigError, match="no particles to leave out"):
        explain(without_biases("dense"), rows, method="lime")
