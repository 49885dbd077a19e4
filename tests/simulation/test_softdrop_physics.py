"""Jets among pile-up from Pythia: what the file holds and what the masses are."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("pythia8mc", reason="the extra [simulation] is not installed")
pytest.importorskip("fastjet", reason="the extra [simulation] is not installed")

from pcgnn.data import calorimeter_energies
from pcgnn.io import read_root
from pcgnn.simulation import jets as jets_module
from pcgnn.simulation import simulate_jets, simulate_softdrop


def arrays(path: Path) -> ak.Array:
    with uproot.open(path) as file:
        return file["jets"].arrays()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("softdrop") / "a.root"
    simulate_softdrop(path, 90, pile_up=20, pile_up_pool=150, seed=3, progress=False)
    return path


def test_masses(made: Path) -> None:
    jets = arrays(made)
    assert np.bincount(ak.to_numpy(jets.label)).tolist() == [30, 30, 0, 0, 30]
    for label, mass, width in ((1, 173.0, 20.0), (4, 80.4, 15.0)):
        some = jets[jets.label == label]
        assert ak.mean(abs(some.softdrop_mass - mass) < width) > 0.5
    assert ak.all(jets.softdrop_mass <= jets.particle_mass + 0.01)
    assert ak.mean(jets.jet_sdmass - jets.softdrop_mass) > 1
    assert ak.all((jets.part_from_pileup >= 0) & (jets.part_from_pileup <= 1))
    assert 0.3 < ak.mean(ak.flatten(jets.part_from_pileup)) < 0.8
    energy = jets.part_ecal + jets.part_hcal
    others = abs(jets.part_pid) != 13
    np.testing.assert_allclose(
        ak.flatten(energy[others]), ak.flatten(jets.part_energy[others]), rtol=1e-5
    )
    read = calorimeter_energies(read_root(made, particles="part_*", event=[]))
    assert ak.all(read.particles.is_muon == (abs(read.particles.pid) == 13))


def test_without_pile_up_only_the_detector_stands_between(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    simulate_softdrop(path, 40, classes=("top",), pile_up=0, seed=5, progress=False)
    jets = arrays(path)
    assert ak.all(jets.part_from_pileup == 0)
    ratio = ak.to_numpy(jets.jet_sdmass / jets.softdrop_mass)
    assert 0.9 < np.median(ratio) < 1.1
    assert np.quantile(np.abs(ratio - np.median(ratio)), 0.68) < 0.12
    np.testing.assert_allclose(jets.particle_pt, jets.jet_pt, rtol=0.25)
    # a few per cent of the tracks of the collision miss its place along the beam
    assert ak.mean(jets.jet_sdmass_chs) == pytest.approx(ak.mean(jets.jet_sdmass), rel=0.08)


@pytest.mark.slow
def test_processes_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jets_module, "_JETS_PER_RANGE", 4)
    options = {"classes": ("qcd",), "pile_up": 5, "pile_up_pool": 30, "progress": False}
    first, again, other = (
        arrays(simulate_softdrop(tmp_path / f"{i}.root", 8, seed=s, processes=n, **options).path)
        for i, (s, n) in enumerate(((1, 1), (1, 2), (2, 1)))
    )
    for name in first.fields:
        assert ak.all(ak.flatten(first[name] == again[name], axis=None)), name
    assert not set(ak.to_numpy(first.jet_pt)) & set(ak.to_numpy(other.jet_pt))


def test_the_class_w_is_one_of_jets_too(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    simulate_jets(path, 30, classes=("w",), seed=2, progress=False)
    jets = arrays(path)
    assert ak.all(jets.label == 4)
    assert "softdrop_mass" not in jets.fields
    assert "part_ecal" not in jets.fields
    assert 65 < np.median(ak.to_numpy(jets.jet_sdmass)) < 95
