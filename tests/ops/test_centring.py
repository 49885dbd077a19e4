from __future__ import annotations

import torch

from pcgnn.ops.centring import centre
from pcgnn.ops.lorentz import mass, minkowski_dot, phi, pt, rapidity


def test_jets_point_along_x_and_products_stay() -> None:
    torch.manual_seed(0)
    p = 30 * torch.randn(9, 3, dtype=torch.float64) + torch.tensor([-40.0, 20.0, 90.0])
    p4 = torch.cat([(p.square().sum(1, keepdim=True) + 0.02).sqrt(), p], 1)
    ptr = torch.tensor([0, 4, 5, 9])
    moved = centre(p4, ptr, 9)
    for start, stop in ((0, 4), (4, 5), (5, 9)):
        jet, before = moved[start:stop].sum(0), p4[start:stop].sum(0)
        assert float(rapidity(jet).abs()) < 1e-12
        assert float(phi(jet).abs()) < 1e-12
        torch.testing.assert_close(pt(jet), pt(before))
        torch.testing.assert_close(mass(jet), mass(before), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(pt(moved), pt(p4))
    torch.testing.assert_close(minkowski_dot(moved[0], moved[3]), minkowski_dot(p4[0], p4[3]))


def test_nothing_and_a_particle_along_the_beam_stay_finite() -> None:
    p4 = torch.tensor([[0.0, 0, 0, 0], [1e20, 0, 0, 1e20]], dtype=torch.float64)
    moved = centre(p4, torch.tensor([0, 1, 2]), 2)
    assert moved.isfinite().all()
    assert torch.equal(moved[0], p4[0])
