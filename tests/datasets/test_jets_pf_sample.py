"""The bundled particle-flow jets: counts, checksums and the physics that must be in them."""

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
from sklearn.metrics import roc_auc_score

import pcgnn
from pcgnn import datasets

PATH = datasets.bundled("jets-pf")
CARD = (PATH.parent / "README.md").read_text()
LABELS = {"qcd": 0, "top": 1, "light": 2, "b": 3}


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    with uproot.open(PATH) as file:
        return file["jets"].arrays()


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_jets_pf", PATH.parent / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_jets_pf"] = module
    spec.loader.exec_module(module)
    return module


def of(jets: ak.Array, name: str) -> ak.Array:
    return jets[jets.label == LABELS[name]]


def numbers(values: ak.Array) -> np.ndarray:
    return ak.to_numpy(values)


def test_counts_and_splits(jets: ak.Array) -> None:
    assert len(jets) == 8_000
    for split, size in enumerate((5_000, 1_000, 2_000)):
        labels = numbers(jets.label[jets.split == split])
        assert np.bincount(labels).tolist() == [size // 4] * 4
    assert f"{int(ak.sum(jets.npart)):,}" in CARD
    np.testing.assert_array_equal(jets.is_top, jets.label == LABELS["top"])
    np.testing.assert_array_equal(jets.is_b, jets.label == LABELS["b"])
    # no jet is there twice
    assert len(np.unique(numbers(jets.jet_eta))) == 8_000


def test_checksums(jets: ak.Array, make: ModuleType) -> None:
    assert datasets.verify("jets-pf") == PATH
    digest = hashlib.sha256(PATH.read_bytes()).hexdigest()
    assert f"`{digest}`" in CARD
    content = make.content_sha256({name: jets[name] for name in jets.fields})
    assert f"content: `{content}`" in CARD
    assert PATH.stat().st_size < 6_000_000


def test_settings_are_those_of_the_script(make: ModuleType) -> None:
    with uproot.open(PATH) as file:
        about = json.loads(str(file["simulation"]))
    assert make.SETTINGS.to_dict().items() <= about.items()
    assert f"seed {about['seed']}" in CARD
    assert all(version in CARD for version in about["versions"].values())
    for needed in ("BSD-3-Clause", "python make.py", "Pythia 8.317", "FastJet"):
        assert needed in CARD


def test_rounding(make: ModuleType) -> None:
    values = np.random.default_rng(1).lognormal(0, 5, 1000).astype(np.float32)
    values[::2] *= -1
    found = make.rounded(values, 12)
    assert np.abs(found / values - 1).max() <= 2.0**-13
    np.testing.assert_array_equal(make.rounded(found, 12), found)
    assert make.rounded(np.zeros(1, np.float32), 8)[0] == 0.0


def test_window_and_closure(jets: ak.Array) -> None:
    assert ak.all((jets.jet_pt > 550) & (jets.jet_pt < 650) & (abs(jets.jet_eta) < 2))
    columns = {n: ak.values_astype(jets[f"part_{n}"], "f8") for n in ("px", "py", "pz", "energy")}
    total = {name: numbers(ak.sum(values, axis=1)) for name, values in columns.items()}
    whole = numbers(ak.num(jets.part_px) < 100)
    assert whole.mean() > 0.95
    pt = np.hypot(total["px"], total["py"])[whole]
    np.testing.assert_allclose(pt, numbers(jets.jet_pt)[whole], rtol=2e-4)
    p2 = total["px"] ** 2 + total["py"] ** 2 + total["pz"] ** 2
    mass = np.sqrt(total["energy"] ** 2 - p2)[whole]
    np.testing.assert_allclose(mass, numbers(jets.jet_mass)[whole], atol=0.5)
    # masses of the particles survive the rounding
    squared = columns["energy"] ** 2 - columns["px"] ** 2 - columns["py"] ** 2 - columns["pz"] ** 2
    slow = (columns["energy"] < 5) & (abs(jets.part_pid) == 211)
    np.testing.assert_allclose(ak.flatten(squared[slow]), 0.13957**2, atol=1e-5)


def test_tracks_and_cells(jets: ak.Array) -> None:
    charge, kind = numbers(ak.flatten(jets.part_charge)), numbers(ak.flatten(jets.part_pid))
    assert set(np.unique(np.abs(kind))) == {11, 13, 22, 130, 211}
    np.testing.assert_array_equal(charge != 0, np.isin(np.abs(kind), (11, 13, 211)))
    np.testing.assert_array_equal(
        np.sign(kind[charge != 0]) * np.where(np.abs(kind[charge != 0]) == 211, 1, -1),
        charge[charge != 0],
    )
    for name in ("d0", "d0err", "dz", "dzerr"):
        values = numbers(ak.flatten(jets[f"part_{name}"]))
        assert np.isfinite(values).all()
        assert np.all(values[charge == 0] == 0)
        if name.endswith("err"):
            assert np.all(values[charge != 0] > 0)
    pt = np.hypot(jets.part_px, jets.part_py)
    assert ak.all(pt[:, 1:] <= pt[:, :-1] * (1 + 1e-3))
    eta = numbers(ak.flatten(np.arcsinh(jets.part_pz / pt)))
    assert np.abs(eta[charge != 0]).max() < 2.51
    fraction = pt[jets.part_charge != 0]
    assert 0.5 < ak.sum(fraction) / ak.sum(pt) < 0.68  # two thirds of pions, less inefficiency


def test_top_mass_and_substructure(jets: ak.Array) -> None:
    top, qcd = of(jets, "top"), of(jets, "qcd")
    mass = numbers(top.jet_sdmass)
    counts, edges = np.histogram(mass, bins=np.arange(150, 202, 4))
    peak = edges[counts.argmax()] + 2
    assert 168 <= peak <= 178
    assert 170 < np.median(numbers(top.jet_mass)) < 182
    assert np.median(numbers(qcd.jet_sdmass)) < 50
    tau32 = {n: numbers(j.jet_tau3 / j.jet_tau2) for n, j in (("top", top), ("qcd", qcd))}
    area = roc_auc_score(
        np.repeat([1, 0], [len(tau32["top"]), len(tau32["qcd"])]),
        -np.concatenate([tau32["top"], tau32["qcd"]]),
    )
    assert 0.88 < area < 0.95
    assert f"{area:.3f}" in CARD
    assert ak.mean(ak.num(top.part_px)) > ak.mean(ak.num(qcd.part_px)) + 8


def test_b_jets_have_displaced_tracks(jets: ak.Array) -> None:
    mean = {}
    for name in ("b", "light"):
        some = of(jets, name)
        track = some.part_charge != 0
        significance = abs(some.part_d0[track]) / some.part_d0err[track]
        mean[name] = float(ak.mean(ak.sum(significance > 3, axis=1)))
    assert mean["b"] > 10 * mean["light"]
    assert ak.all(of(jets, "b").jet_flavour == 5)
    assert ak.all(of(jets, "light").jet_flavour == 0)
    assert 0.02 < ak.mean(of(jets, "qcd").jet_flavour == 5) < 0.15
    assert ak.mean(of(jets, "top").jet_flavour == 5) > 0.95


def test_shapes_can_be_recomputed(jets: ak.Array) -> None:
    pytest.importorskip("fastjet", reason="the extra [simulation] is not installed")
    from pcgnn.data.jet_shapes import n_subjettiness, softdrop_mass

    some = jets[:300]
    some = some[ak.num(some.part_px) < 100]
    names = ("energy", "px", "py", "pz")
    p4 = np.stack([numbers(ak.flatten(some[f"part_{n}"])).astype(np.float64) for n in names], 1)
    ptr = np.concatenate([[0], np.cumsum(numbers(ak.num(some.part_px)))])
    off = np.abs(softdrop_mass(p4, ptr) - numbers(some.jet_sdmass))
    assert np.mean(off < 0.5) > 0.98  # rounding may tip a splitting over the cut
    np.testing.assert_allclose(n_subjettiness(p4, ptr)[:, 0], some.jet_tau1, rtol=0.01, atol=1e-4)


def test_into_clouds() -> None:
    read = pcgnn.read_root(PATH, particles="part_*", event=["label", "is_b", "split"])
    clouds = pcgnn.ParticleClouds.from_awkward(read, features="particlenet-full", target="label")
    train, validation, test = clouds.split(column="split")
    assert (len(train), len(validation), len(test)) == (5_000, 1_000, 2_000)
    assert {"charge", "isPhoton", "d0", "dzerr"} <= set(clouds.features.names)
    assert bool(clouds.x.isfinite().all())
