"""The bundled jets among pile-up: counts, checksums and the physics that must be in them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from types import ModuleType

import awkward as ak
import numpy as np
import pytest
import uproot

import pcgnn
from pcgnn import datasets
from pcgnn.metrics import regression_report

PATH = datasets.bundled("softdrop")
CARD = (PATH.parent / "README.md").read_text()
LABELS = {"QCD": 0, "top": 1, "W": 4}


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    with uproot.open(PATH) as file:
        return file["jets"].arrays()


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_softdrop", PATH.parent / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_softdrop"] = module
    spec.loader.exec_module(module)
    return module


def flat(values: ak.Array) -> np.ndarray:
    return ak.to_numpy(ak.flatten(values))


def test_counts_splits_and_checksums(jets: ak.Array, make: ModuleType) -> None:
    assert len(jets) == 2_500
    assert f"{int(ak.sum(jets.npart)):,}" in CARD
    label, split = ak.to_numpy(jets.label), ak.to_numpy(jets.split)
    assert np.bincount(label).tolist() == [834, 833, 0, 0, 833]
    assert np.bincount(label[split == 0]).tolist() == [500, 500, 0, 0, 500]
    assert np.bincount(split).tolist() == [1_500, 500, 500]
    assert len(np.unique(ak.to_numpy(jets.jet_eta))) == 2_500
    assert datasets.verify("softdrop") == PATH
    assert f"`{hashlib.sha256(PATH.read_bytes()).hexdigest()}`" in CARD
    content = make.content_sha256({name: jets[name] for name in jets.fields})
    assert f"content: `{content}`" in CARD
    assert PATH.stat().st_size < 6_000_000


def test_settings_are_those_of_the_script(make: ModuleType) -> None:
    with uproot.open(PATH) as file:
        about = json.loads(str(file["simulation"]))
    assert make.SETTINGS.to_dict().items() <= about.items()
    assert f"seed {about['seed']}" in CARD
    assert all(version in CARD for version in about["versions"].values())


def test_the_target_is_the_mass_without_pile_up(jets: ak.Array) -> None:
    """Its peaks are those of the particles; what is seen is smeared and shifted by pile-up."""
    assert ak.all(jets.softdrop_mass > 0)
    assert ak.all(jets.softdrop_mass <= jets.particle_mass * (1 + 1e-4) + 1e-2)
    for name, mass, width in (("top", 173.0, 20.0), ("W", 80.4, 15.0)):
        some = jets[jets.label == LABELS[name]]
        counts, edges = np.histogram(ak.to_numpy(some.softdrop_mass), np.arange(60, 200, 4))
        assert abs(edges[counts.argmax()] + 2 - mass) < 5
        assert ak.mean(abs(some.softdrop_mass - mass) < width) > 0.65
        assert ak.mean(some.jet_sdmass) > ak.mean(some.softdrop_mass) + 5
    assert np.median(ak.to_numpy(jets.softdrop_mass[jets.label == 0])) < 40
    assert ak.mean(jets.jet_pt) > ak.mean(jets.particle_pt) + 50
    # the window is of the jet seen without pile-up
    assert ak.mean((jets.particle_pt > 530) & (jets.particle_pt < 680)) > 0.98


def test_baselines_are_those_of_the_card(jets: ak.Array) -> None:
    for column in ("jet_sdmass", "jet_sdmass_chs"):
        for label in (*LABELS.values(), None):
            some = jets if label is None else jets[jets.label == label]
            report = regression_report(some.softdrop_mass, some[column])
            assert f"{report.resolution.value:.3f}" in CARD
            assert f"{report.bias.value + 1:.2f}" in CARD


def test_pile_up_of_particles(jets: ak.Array) -> None:
    share, charged = flat(jets.part_from_pileup), flat(jets.part_charge) != 0
    assert set(np.unique(share[charged])) == {0.0, 1.0}
    assert share.min() == 0
    assert share.max() == 1
    pt = np.hypot(flat(jets.part_px), flat(jets.part_py))
    of_pt = (share * pt).sum() / pt.sum()
    assert 0.1 < of_pt < 0.18
    # within the area pi R^2 of a jet, over |eta| < 5 or so: 50 collisions of a few GeV each
    far = np.abs(flat(jets.part_dz)) > 0.1 + 3 * flat(jets.part_dzerr)
    assert far[charged & (share == 1)].mean() == pytest.approx(0.993, abs=0.002)
    assert far[charged & (share == 0)].mean() == pytest.approx(0.043, abs=0.003)


def test_energies_in_the_calorimeters(jets: ak.Array) -> None:
    ecal, hcal, energy = (flat(jets[f"part_{name}"]) for name in ("ecal", "hcal", "energy"))
    code = np.abs(flat(jets.part_pid))
    muon = code == 13
    np.testing.assert_allclose((ecal + hcal)[~muon], energy[~muon], rtol=6e-3)
    assert (ecal + hcal)[muon].max() / energy[muon].max() < 0.92
    assert np.all(hcal[(code == 22) | (code == 11)] == 0)
    assert np.all(ecal[code == 130] == 0)
    assert 0.25 < (ecal / energy)[code == 211].mean() < 0.42


def test_into_clouds() -> None:
    read = pcgnn.read_root(PATH, particles="part_*", event=["softdrop_mass", "split"])
    clouds = pcgnn.ParticleClouds.from_awkward(
        pcgnn.data.calorimeter_energies(read), features="calorimeter", target="softdrop_mass"
    )
    train, validation, test = clouds.split(column="split")
    assert (len(train), len(validation), len(test)) == (1_500, 500, 500)
    assert clouds.regression
    assert bool(clouds.x.isfinite().all())
