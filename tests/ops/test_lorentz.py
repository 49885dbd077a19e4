from __future__ import annotations

import math

import pytest
import torch
import vector
from torch import Tensor

from pcgnn.errors import DataError
from pcgnn.ops import lorentz


def some_vectors(n: int = 200) -> Tensor:
    g = torch.Generator().manual_seed(3)
    p = torch.randn(n, 3, generator=g, dtype=torch.float64) * 50
    m = torch.rand(n, 1, generator=g, dtype=torch.float64) * 5 + 0.1
    return torch.cat([((p * p).sum(1, keepdim=True) + m * m).sqrt(), p], 1)


@pytest.mark.parametrize("name", ["pt", "eta", "phi", "mass", "rapidity"])
def test_coordinates_agree_with_vector(name: str) -> None:
    p4 = some_vectors()
    e, px, py, pz = p4.numpy().T
    reference = getattr(vector.array({"E": e, "px": px, "py": py, "pz": pz}), name)
    ours = getattr(lorentz, name)(p4)
    torch.testing.assert_close(ours, torch.from_numpy(reference), rtol=1e-9, atol=1e-10)


def test_coordinates_round_trip() -> None:
    p4 = some_vectors()
    back = lorentz.from_pt_eta_phi_mass(
        lorentz.pt(p4), lorentz.eta(p4), lorentz.phi(p4), lorentz.mass(p4)
    )
    torch.testing.assert_close(back, p4, rtol=1e-10, atol=1e-9)


def test_products_are_invariant_under_boosts_and_rotations() -> None:
    p4 = some_vectors()
    other = p4.flip(0)
    before = lorentz.minkowski_dot(p4, other)
    beta = torch.tensor([0.3, -0.5, 0.6], dtype=torch.float64)
    axis = torch.tensor([1.0, 2.0, -0.5], dtype=torch.float64)
    for move in (lambda v: lorentz.boost(v, beta), lambda v: lorentz.rotate(v, axis, 0.7)):
        torch.testing.assert_close(
            lorentz.minkowski_dot(move(p4), move(other)), before, rtol=1e-9, atol=1e-8
        )


def test_a_boost_gives_a_particle_at_rest_the_velocity() -> None:
    beta = torch.tensor([0.2, -0.1, 0.7], dtype=torch.float64)
    moved = lorentz.boost(torch.tensor([2.0, 0, 0, 0], dtype=torch.float64), beta)
    torch.testing.assert_close(moved[1:] / moved[0], beta)
    torch.testing.assert_close(lorentz.mass(moved), torch.tensor(2.0, dtype=torch.float64))


def test_rest_frame_is_the_opposite_boost_and_leaves_the_mass() -> None:
    p4 = some_vectors()
    at_rest = lorentz.boost_to_rest_frame(p4, p4)
    torch.testing.assert_close(at_rest[:, 0], lorentz.mass(p4), rtol=1e-9, atol=1e-9)
    assert at_rest[:, 1:].abs().max() < 1e-8
    frame = p4.roll(1, 0)
    there = lorentz.boost_to_rest_frame(p4, frame)
    back = lorentz.boost(there, frame[:, 1:] / frame[:, :1])
    torch.testing.assert_close(back, p4, rtol=1e-8, atol=1e-7)


def test_quarter_turn_about_the_beam_follows_the_right_hand() -> None:
    p4 = torch.tensor([5.0, 1.0, 0.0, 2.0], dtype=torch.float64)
    axis = torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64)
    turned = lorentz.rotate(p4, axis, math.pi / 2)
    torch.testing.assert_close(turned, torch.tensor([5.0, 0.0, 1.0, 2.0], dtype=torch.float64))


def test_mass_of_a_light_fast_particle_keeps_its_digits_in_double() -> None:
    m, p = 0.000511, 1000.0
    energy = math.sqrt(p * p + m * m)
    p4 = torch.tensor([energy, 0.0, 0.0, p], dtype=torch.float64)
    # E itself is rounded to 1e-16 of 1000 GeV, which is 2e-7 GeV^2 of m^2: 1 digit of the mass
    exact = (energy - p) * (energy + p)
    assert lorentz.mass_squared(p4).item() == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "row", [[0.0, 0, 0, 0], [7.0, 0, 0, 7.0], [1e18, 1e18, 0, 0], [1, 2, 0, 0]]
)
def test_values_and_gradients_are_finite_at_the_edges(row: list[float], dtype: torch.dtype) -> None:
    p4 = torch.tensor([row], dtype=dtype, requires_grad=True)
    for function in (lorentz.pt, lorentz.eta, lorentz.phi, lorentz.mass, lorentz.momentum):
        out = function(p4)
        (grad,) = torch.autograd.grad(out.sum(), p4)
        assert out.isfinite().all(), function.__name__
        assert grad.isfinite().all(), function.__name__
    boosted = lorentz.boost_to_rest_frame(p4, p4)
    assert boosted.isfinite().all()


def test_delta_phi_is_the_short_way_round() -> None:
    a = torch.linspace(-9, 9, 181, dtype=torch.float64)
    d = lorentz.delta_phi(a[:, None], a[None, :])
    assert d.min() >= -math.pi
    assert d.max() < math.pi
    torch.testing.assert_close(torch.sin(d), torch.sin(a[:, None] - a[None, :]))
    torch.testing.assert_close(torch.cos(d), torch.cos(a[:, None] - a[None, :]))


def test_derivatives_are_right() -> None:
    p4 = some_vectors(5).requires_grad_(True)
    beta = torch.tensor([0.1, 0.2, -0.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lorentz.boost, (p4, beta))
    assert torch.autograd.gradcheck(lorentz.mass, (p4,))
    assert torch.autograd.gradcheck(lorentz.eta, (p4,))


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(DataError, match=r"\(2, 3\)"):
        lorentz.pt(torch.zeros(2, 3))
    with pytest.raises(DataError, match="3 components"):
        lorentz.boost(torch.zeros(2, 4), torch.zeros(4))
