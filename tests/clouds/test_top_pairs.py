"""Masses of top-quark pairs from perfectly measured toys."""

from __future__ import annotations

import numpy as np
import pytest
from decay_toys import TOP, B, Floats, W, decay, invariant_mass, moving

from pcgnn.data.top_pairs import neutrino_pz, top_pair_masses, transverse_mass
from pcgnn.errors import DataError


@pytest.fixture(scope="module")
def toy() -> dict[str, Floats]:
    random = np.random.default_rng(5)
    tops = [moving(TOP, random.normal(0, 150, (500, 3))) for _ in range(2)]
    (w1, b1), (w2, b2) = (decay(top, TOP, W, B, random) for top in tops)
    lepton, neutrino = decay(w1, W, 0, 0, random)
    first, second = decay(w2, W, 0, 0, random)
    return {
        "lepton": lepton, "neutrino": neutrino, "b1": b1, "b2": b2, "q1": first, "q2": second,
        "pair": tops[0] + tops[1],
    }  # fmt: skip


def test_one_of_the_two_neutrinos_is_the_true_one(toy: dict[str, Floats]) -> None:
    true = toy["neutrino"]
    near, far = neutrino_pz(toy["lepton"], true[:, 1], true[:, 2])
    assert (np.abs(near) <= np.abs(far)).all()
    apart = np.minimum(np.abs(near - true[:, 3]), np.abs(far - true[:, 3]))
    assert np.median(apart) < 1e-6
    assert (apart < 1e-2 * (1 + np.abs(true[:, 3]))).mean() > 0.99


def test_transverse_mass_ends_at_the_w_mass(toy: dict[str, Floats]) -> None:
    lepton, neutrino = toy["lepton"], toy["neutrino"]
    mass = transverse_mass(lepton[:, 1], lepton[:, 2], neutrino[:, 1], neutrino[:, 2])
    assert W - 2 < mass.max() < W + 1e-6


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_the_best_assignment_is_the_true_one(
    toy: dict[str, Floats], order: tuple[int, ...]
) -> None:
    jets = np.stack([toy[name] for name in ("b1", "b2", "q1", "q2")], axis=1)[:, order]
    true = toy["neutrino"]
    masses = top_pair_masses(toy["lepton"], jets, true[:, 1], true[:, 2])
    # with the true neutrino all masses are exact, and no other choice comes closer
    np.testing.assert_allclose(masses["m_jj"], W, atol=1e-3)
    np.testing.assert_allclose(masses["m_jjj"], TOP, atol=1e-3)
    for name, mass in (("m_lv", W), ("m_blv", TOP), ("m_wwbb", invariant_mass(toy["pair"]))):
        assert (np.abs(masses[name] / mass - 1) < 1e-3).mean() > 0.99, name


def test_a_missing_jet_is_said(toy: dict[str, Floats]) -> None:
    jets = np.stack([toy["b1"], toy["q1"], toy["q2"]], axis=1)
    with pytest.raises(DataError, match="four leading jets"):
        top_pair_masses(toy["lepton"], jets, toy["neutrino"][:, 1], toy["neutrino"][:, 2])
