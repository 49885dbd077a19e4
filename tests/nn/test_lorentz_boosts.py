"""Boosts into rest frames of combinations, and weights by rank."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.nn import (
    LorentzBoosts,
    LorentzLayer,
    RankCombinations,
    RankLinear,
    RankPairWeights,
    TablePairWeights,
    VectorFeatures,
)
from pcgnn.nn.lorentz_boost import BoostMode
from pcgnn.ops.lorentz import boost, boost_to_rest_frame, mass, rotate

METRIC = torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64))


def particles(graphs: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    p = 20 * torch.randn(graphs, width, 3, dtype=torch.float64, generator=generator)
    energy = (p.square().sum(-1, keepdim=True) + 0.14**2).sqrt()
    return torch.cat([energy, p], -1)


def test_the_boost_is_a_lorentz_transformation() -> None:
    frames = particles(1, 6)[0].view(3, 2, 4).sum(1)
    for frame in frames:
        # rows are images of the unit vectors: the transpose of the matrix
        matrix = boost_to_rest_frame(torch.eye(4, dtype=torch.float64), frame).t()
        torch.testing.assert_close(matrix.t() @ METRIC @ matrix, METRIC, rtol=0, atol=1e-11)
        torch.testing.assert_close(matrix, matrix.t(), rtol=0, atol=1e-12)
        assert matrix[0, 0] > 1
        torch.testing.assert_close(matrix[0, 0], frame[0] / mass(frame))


def test_a_frame_of_zeros_leaves_vectors_as_they_are() -> None:
    p4 = particles(1, 5)[0].requires_grad_()
    frame = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    boosted = boost_to_rest_frame(p4, frame)
    assert torch.equal(boosted, p4)
    boosted.sum().backward()
    assert p4.grad is not None
    assert frame.grad is not None
    assert p4.grad.isfinite().all()
    assert frame.grad.isfinite().all()


def test_a_combination_in_its_own_rest_frame_is_at_rest() -> None:
    torch.manual_seed(0)
    layer = LorentzBoosts(6, 5)
    assert layer.frames is not None
    layer.frames.load_state_dict(layer.particles.state_dict())
    table = particles(4, 6)
    boosted = layer(table)
    assert torch.equal(boosted[..., 1:], torch.zeros_like(boosted[..., 1:]))
    torch.testing.assert_close(boosted[..., 0], mass(layer.particles(table)))


@pytest.mark.parametrize("mode", ["pairs", "product", "combinations"])
def test_energies_in_rest_frames_and_masses_are_invariant(mode: BoostMode) -> None:
    torch.manual_seed(1)
    layer = LorentzBoosts(8, 4, mode=mode)
    quantities = VectorFeatures(["E", "m", "p", "beta", "gamma"], layer.count, compress=False)
    table = particles(3, 8)
    axis = torch.tensor([1.0, 2.0, -0.5], dtype=torch.float64)
    moved = rotate(boost(table, torch.tensor([0.3, -0.5, 0.4], dtype=torch.float64)), axis, 0.8)
    torch.testing.assert_close(
        quantities(layer(moved)), quantities(layer(table)), rtol=1e-8, atol=1e-8
    )
    # directions in a rest frame do depend on how it was reached
    other = VectorFeatures(["pair_cos"], layer.count)
    assert (other(layer(moved)) - other(layer(table))).abs().max() > 1e-3


def test_modes_are_parts_of_the_product() -> None:
    torch.manual_seed(2)
    product = LorentzBoosts(5, 3, mode="product")
    table = particles(2, 5)
    every = product(table).view(2, 3, 3, 4)
    pairs = LorentzBoosts(5, 3)
    pairs.load_state_dict(product.state_dict())
    assert torch.equal(pairs(table), every.diagonal(dim1=1, dim2=2).transpose(1, 2))
    assert product.frames is not None
    product.frames.load_state_dict(product.particles.state_dict())
    every = product(table).view(2, 9, 4)
    others = LorentzBoosts(5, 3, mode="combinations")
    others.particles.load_state_dict(product.particles.state_dict())
    assert torch.equal(others(table), every[:, [1, 2, 3, 5, 6, 7]])


def test_weights_begin_as_published_and_count_without_sign() -> None:
    torch.manual_seed(0)
    layer = LorentzBoosts(2000, 20).particles
    assert abs(float(layer.weight.detach().std()) * 20 - 1) < 0.02
    assert (layer.weight < 0).any()
    assert (layer.effective() >= 0).all()
    small = RankCombinations(3, 2, spread=1.0, nonnegative=True)
    table = particles(2, 3)
    expected = torch.einsum("rm,grc->gmc", small.weight.detach().double().abs(), table)
    torch.testing.assert_close(small(table), expected)
    assert (small(table)[..., 0] > 0).all()


def test_linear_by_rank_is_a_dense_layer_on_particles_side_by_side() -> None:
    torch.manual_seed(0)
    summed, single = RankLinear(4, 3, 5, summed=True), RankLinear(4, 3, 5, summed=False)
    with torch.no_grad():
        assert single.bias is not None
        single.weight.copy_(summed.weight)
        single.bias.normal_()
    x = torch.randn(6, 7, 3)
    at = torch.arange(7).clamp(max=3)
    each = torch.stack([x[:, r] @ summed.weight[at[r]] for r in range(7)], 1)
    torch.testing.assert_close(summed(x), each.sum(1))
    torch.testing.assert_close(single(x), each + single.bias[at])


@pytest.mark.parametrize("kind", [RankPairWeights, TablePairWeights])
def test_places_beyond_the_last_share_its_weights(
    kind: type[RankPairWeights] | type[TablePairWeights],
) -> None:
    torch.manual_seed(0)
    weights = kind(4, 3)
    at = torch.arange(6).clamp(max=3)
    known = weights(4)
    torch.testing.assert_close(weights(6), known[:, at][:, :, at])
    torch.testing.assert_close(weights(2), known[:, :2, :2])
    assert (known - known.transpose(1, 2)).abs().max() > 0.1


def test_a_pair_weight_is_a_product_of_embeddings() -> None:
    torch.manual_seed(0)
    weights = RankPairWeights(5, 2, rank=3)
    u, v, b = weights.receiver[3, 1], weights.sender[2, 1], weights.offset[1]
    torch.testing.assert_close(weights(5)[1, 3, 2], (u @ v + b).double())


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="5 channels"):
        LorentzLayer(TablePairWeights(4, 3))
    with pytest.raises(ConfigError, match="share"):
        RankCombinations(3, 2, spread=1.0, beyond="forget")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="at least 1"):
        TablePairWeights(0, 3)
    with pytest.raises(ConfigError, match="0 ranks"):
        RankLinear(0, 3, 2, summed=True)
