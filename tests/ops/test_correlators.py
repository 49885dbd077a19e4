"""Energy correlation functions against sums over listed pairs and triples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pcgnn.ops import SizePlan, energy_correlators
from pcgnn.ops.lorentz import boost, from_pt_eta_phi_mass, rotate


def sample(sizes: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    total = sum(sizes)
    values = [
        rng.exponential(20, total) + 0.5,
        rng.normal(0.5, 0.4, total),
        rng.normal(3.0, 0.4, total),  # around the seam of the azimuth
        np.full(total, 0.14),
    ]
    p4 = from_pt_eta_phi_mass(*(torch.from_numpy(v) for v in values))
    return p4, torch.tensor([0, *np.cumsum(sizes)])


def by_hand(p4: np.ndarray, beta: float) -> tuple[float, float]:
    energy, px, py, pz = p4.T
    across = np.hypot(px, py)
    z, y, phi = across / across.sum(), np.arctanh(pz / energy), np.arctan2(py, px)

    def distance(i: int, j: int) -> float:
        turn = abs(phi[i] - phi[j])
        return math.hypot(y[i] - y[j], min(turn, 2 * math.pi - turn)) ** beta

    pairs = itertools.combinations(range(len(p4)), 2)
    e2 = sum(z[i] * z[j] * distance(i, j) for i, j in pairs)
    e3 = sum(
        z[i] * z[j] * z[k] * distance(i, j) * distance(j, k) * distance(i, k)
        for i, j, k in itertools.combinations(range(len(p4)), 3)
    )
    return float(e2), float(e3)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_they_are_the_sums_over_pairs_and_triples(beta: float) -> None:
    sizes = [12, 1, 2, 7, 3, 20]
    p4, ptr = sample(sizes)
    found = energy_correlators(p4, ptr, beta=beta).numpy()
    for graph in range(len(sizes)):
        wanted = by_hand(p4[ptr[graph] : ptr[graph + 1]].numpy(), beta)
        np.testing.assert_allclose(found[graph], wanted, rtol=1e-11, atol=1e-18)
    assert found[1].tolist() == [0.0, 0.0]
    assert found[2, 1] == pytest.approx(0.0, abs=1e-18)


def test_large_buckets_are_cut_into_pieces_without_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    p4, ptr = sample([9] * 40)
    whole = energy_correlators(p4, ptr)
    monkeypatch.setattr("pcgnn.ops.correlators._PAIRS_AT_ONCE", 81 * 7)
    torch.testing.assert_close(energy_correlators(p4, ptr), whole, rtol=1e-13, atol=0)


def test_they_do_not_see_rotations_about_the_beam_boosts_along_it_or_the_scale() -> None:
    p4, ptr = sample([15, 30])
    reference = energy_correlators(p4, ptr)
    moved = boost(
        rotate(p4, torch.tensor([0.0, 0.0, 1.0], dtype=p4.dtype), 1.3),
        torch.tensor([0.0, 0.0, 0.6], dtype=p4.dtype),
    )
    torch.testing.assert_close(energy_correlators(moved, ptr), reference, rtol=1e-9, atol=0)
    torch.testing.assert_close(energy_correlators(7 * p4, ptr), reference, rtol=1e-9, atol=0)


def test_a_collinear_splitting_and_a_soft_particle_change_nothing() -> None:
    p4, ptr = sample([10])
    p4[0] = from_pt_eta_phi_mass(*(torch.tensor(v).double() for v in (50.0, 0.4, 3.0, 0.0)))
    reference = energy_correlators(p4, ptr)
    split = torch.cat([0.3 * p4[:1], 0.7 * p4[:1], p4[1:]])
    soft = from_pt_eta_phi_mass(*(torch.tensor([v]).double() for v in (1e-12, -1.0, 1.0, 0.0)))
    for changed in (split, torch.cat([p4, soft])):
        found = energy_correlators(changed, torch.tensor([0, 11]))
        torch.testing.assert_close(found, reference, rtol=1e-10, atol=0)


def test_the_gradient_is_that_of_the_formula() -> None:
    p4, ptr = sample([4, 3])
    plan = SizePlan.from_ptr(ptr)
    assert torch.autograd.gradcheck(
        lambda v: energy_correlators(v, ptr, plan, beta=2.0), p4.requires_grad_()
    )


def test_it_stays_on_the_device_and_takes_no_jets() -> None:
    ptr = torch.tensor([0, 3, 5])
    plan = SizePlan.from_ptr(ptr)
    found = energy_correlators(torch.empty(5, 4, device="meta"), ptr.to("meta"), plan)
    assert found.device.type == "meta"
    assert found.shape == (2, 2)
    assert energy_correlators(torch.empty(0, 4), torch.tensor([0])).shape == (0, 2)
