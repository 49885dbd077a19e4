from __future__ import annotations

import math

import torch

from pcgnn.ops import lorentz
from pcgnn.ops.pair_kinematics import PAIR_FEATURES, pair_kinematics

FIRST, SECOND = torch.tensor([0, 1, 2, 3, 3]), torch.tensor([0, 0, 1, 2, 3])


def vectors(n: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    p = torch.randn(n, 3, dtype=torch.float64, generator=generator) * 20
    return torch.cat([(p.square().sum(1, keepdim=True) + 0.14**2).sqrt(), p], 1)


def test_they_are_what_the_names_say() -> None:
    p4 = vectors()
    found = dict(zip(PAIR_FEATURES, pair_kinematics(p4, FIRST, SECOND).exp().t(), strict=True))
    for place, (a, b) in enumerate(zip(p4[FIRST], p4[SECOND], strict=True)):
        turn = float(lorentz.delta_phi(lorentz.phi(a), lorentz.phi(b)))
        delta = math.hypot(float(lorentz.rapidity(a) - lorentz.rapidity(b)), turn)
        softer = min(float(lorentz.pt(a)), float(lorentz.pt(b)))
        expected = {
            "ln_kt": softer * delta,
            "ln_z": softer / float(lorentz.pt(a) + lorentz.pt(b)),
            "ln_delta_r": delta,
            "ln_mass_squared": float(lorentz.mass_squared(a + b)),
        }
        for name, value in expected.items():
            assert math.isclose(float(found[name][place]), max(value, 1e-8), rel_tol=1e-9), name


def test_the_two_particles_may_be_swapped() -> None:
    p4 = vectors()
    one, other = pair_kinematics(p4, FIRST, SECOND), pair_kinematics(p4, SECOND, FIRST)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_rotations_about_the_beam_and_boosts_along_it_change_nothing() -> None:
    p4 = vectors()
    axis = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    reference = pair_kinematics(p4, FIRST, SECOND)
    for moved in (lorentz.rotate(p4, axis, 2.5), lorentz.boost(p4, 0.9 * axis)):
        found = pair_kinematics(moved, FIRST, SECOND)
        torch.testing.assert_close(found, reference, rtol=1e-9, atol=1e-9)


def test_values_and_gradients_stay_finite() -> None:
    beam = torch.tensor([[45.0, 0, 0, 45], [45, 0, 0, -45], [0, 0, 0, 0], [5, 0, 0, -5.1]])
    for p4 in (beam, vectors() * 0, vectors().float() * 1e18, vectors() * 1e-20):
        given = p4.clone().requires_grad_()
        out = pair_kinematics(given, FIRST, SECOND)
        assert out.dtype == torch.float64
        assert out.isfinite().all()
        out.sum().backward()
        assert given.grad is not None
        assert given.grad.isfinite().all()
