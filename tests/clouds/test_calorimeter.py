"""Energies of two calorimeters, and the muons that they tell."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import torch
import vector

import pcgnn
from pcgnn.data import calorimeter_energies
from pcgnn.data.calorimeter import MUON_MASS
from pcgnn.errors import DataError


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    return pcgnn.read_root(
        pcgnn.datasets.bundled("softdrop"), particles="part_*", event=["jet_pt"], entry_stop=400
    )


def test_the_formula() -> None:
    """A hadron, a muon, a photon, and a neutral particle that deposits too little."""
    particles = ak.zip(
        {
            "px": [[3.0, 4.0, 5.0, 6.0]],
            "py": [[4.0, 3.0, 0.0, 0.0]],
            "pz": [[0.0, 0.0, 0.0, 0.0]],
            "energy": [[1.0, 1.0, 1.0, 1.0]],
            "charge": [[1, -1, 0, 0]],
            "ecal": [[1.0, 0.3, 5.0, 1.0]],
            "hcal": [[4.1, 2.0, 0.0, 1.0]],
        },
        with_name="Momentum4D",
    )
    behavior = vector.backends.awkward.behavior
    jets = ak.zip({"particles": particles}, depth_limit=1, behavior=behavior)
    made = calorimeter_energies(jets).particles
    assert made.is_muon.to_list() == [[0, 1, 0, 0]]
    expected = [5.1, np.sqrt(25 + MUON_MASS**2), 5.0, 2.0]
    np.testing.assert_allclose(made.energy[0], expected)
    np.testing.assert_array_equal(made.px, particles.px)


def test_muons_of_the_sample_are_found_and_nothing_else(jets: ak.Array) -> None:
    made = calorimeter_energies(jets)
    muon = ak.to_numpy(ak.flatten(made.particles.is_muon)) == 1
    truth = np.abs(ak.to_numpy(ak.flatten(jets.particles.pid))) == 13
    assert truth.sum() > 20
    np.testing.assert_array_equal(muon, truth)
    energy = [ak.to_numpy(ak.flatten(x.particles.E)) for x in (made, jets)]
    np.testing.assert_allclose(energy[0], energy[1], rtol=6e-3)
    assert made.attrs["pcgnn"]["files"] == jets.attrs["pcgnn"]["files"]
    clouds = pcgnn.ParticleClouds.from_awkward(made, features="p4")
    np.testing.assert_allclose(clouds.p4[:, 0], energy[0], rtol=1e-6)


def test_the_feature_definition_tells_the_same(jets: ak.Array) -> None:
    clouds = pcgnn.ParticleClouds.from_awkward(jets, features="calorimeter", dtype=torch.float64)
    names = clouds.features.names
    muon = clouds.x[:, names.index("is_muon")].numpy() == 1
    particles = calorimeter_energies(jets).particles
    np.testing.assert_array_equal(muon, ak.to_numpy(ak.flatten(particles.is_muon)) == 1)
    energy = np.log(ak.to_numpy(ak.flatten(particles.E)).astype(float))
    expected = np.clip((energy - 2.0) * 0.7, -5, 5)
    np.testing.assert_allclose(clouds.x[:, names.index("log_energy")], expected, atol=1e-5)
    assert {"d0", "dz", "ecal_share"} <= set(names)


def test_wrong_input_is_named(jets: ak.Array) -> None:
    with pytest.raises(DataError, match="tolerance"):
        calorimeter_energies(jets, tolerance=1.0)
    other = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=[], entry_stop=2
    )
    with pytest.raises(DataError, match="no field 'ecal'"):
        calorimeter_energies(other)
