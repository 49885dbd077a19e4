"""Freshly simulated jets; only where the extra ``simulation`` is installed."""

from __future__ import annotations

import json
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import pcgnn
from pcgnn.errors import ConfigError
from pcgnn.simulation import JetSimulation, jets, simulate_jets

REASON = "the extra [simulation] is not installed"
pytest.importorskip("pythia8mc", reason=REASON)
pytest.importorskip("fastjet", reason=REASON)

LABELS = {"qcd": 0, "top": 1, "light": 2, "b": 3}


def arrays(path: Path) -> ak.Array:
    with uproot.open(path) as file:
        return file["jets"].arrays()


def same(first: ak.Array, second: ak.Array) -> bool:
    assert first.fields == second.fields
    return all(ak.array_equal(first[name], second[name]) for name in first.fields)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> JetSimulation:
    path = tmp_path_factory.mktemp("jets") / "jets.root"
    return simulate_jets(path, 240, classes=tuple(LABELS), seed=5, progress=False)


@pytest.fixture(scope="module")
def sample(made: JetSimulation) -> ak.Array:
    return arrays(made.path)


def test_counts_window_and_order(made: JetSimulation, sample: ak.Array) -> None:
    assert len(sample) == made.jets == 240
    assert made.particles == ak.sum(ak.num(sample.part_px))
    assert made.collisions > 240
    assert f"{made.path}: 240 jets" in str(made)
    labels = ak.to_numpy(sample.label)
    assert np.bincount(labels).tolist() == [60] * 4
    assert 40 < np.count_nonzero(np.diff(labels)) < 239  # shuffled
    np.testing.assert_array_equal(sample.is_top, labels == LABELS["top"])
    np.testing.assert_array_equal(sample.is_b, labels == LABELS["b"])
    assert ak.all((sample.jet_pt > 550) & (sample.jet_pt < 650))
    assert ak.all(abs(sample.jet_eta) < 2)
    pt = np.hypot(sample.part_px, sample.part_py)
    assert ak.all(pt[:, 1:] <= pt[:, :-1])
    assert not any(ak.any(np.isnan(sample[name])) for name in sample.fields)


def test_the_particles_make_the_jet(sample: ak.Array) -> None:
    total = {n: ak.sum(ak.values_astype(sample[f"part_{n}"], "f8"), axis=1) for n in
             ("px", "py", "pz", "energy")}  # fmt: skip
    np.testing.assert_allclose(np.hypot(total["px"], total["py"]), sample.jet_pt, rtol=1e-5)
    np.testing.assert_allclose(total["energy"], sample.jet_energy, rtol=1e-5)
    p2 = total["px"] ** 2 + total["py"] ** 2 + total["pz"] ** 2
    np.testing.assert_allclose(np.sqrt(total["energy"] ** 2 - p2), sample.jet_mass, atol=0.2)
    assert ak.all(sample.jet_sdmass < sample.jet_mass + 0.1)
    assert ak.all(sample.jet_tau1 >= sample.jet_tau2)
    assert ak.all(sample.jet_tau3 >= sample.jet_tau4)


def test_tops_have_their_mass_and_three_prongs(sample: ak.Array) -> None:
    label = ak.to_numpy(sample.label)
    tops, qcd = sample[label == LABELS["top"]], sample[label == LABELS["qcd"]]
    assert 165 < np.median(ak.to_numpy(tops.jet_mass)) < 190
    assert np.median(ak.to_numpy(qcd.jet_mass)) < 110
    near = abs(ak.to_numpy(tops.jet_sdmass) - 173) < 20
    assert near.mean() > 0.5
    tau32 = [np.median(ak.to_numpy(x.jet_tau3 / x.jet_tau2)) for x in (tops, qcd)]
    assert tau32[0] < tau32[1] - 0.1
    assert ak.mean(ak.num(tops.part_px)) > ak.mean(ak.num(qcd.part_px))
    assert ak.mean(tops.jet_flavour == 5) > 0.9  # the b quark of the top


def test_b_jets_have_displaced_tracks(sample: ak.Array) -> None:
    charged = sample.part_charge != 0
    significance = abs(sample.part_d0[charged]) / sample.part_d0err[charged]
    displaced = ak.to_numpy(ak.sum(significance > 3, axis=1))
    label = ak.to_numpy(sample.label)
    assert displaced[label == LABELS["b"]].mean() > 5 * displaced[label == LABELS["light"]].mean()
    assert np.all(ak.to_numpy(sample.jet_flavour)[label == LABELS["b"]] == 5)
    assert np.all(ak.to_numpy(sample.jet_flavour)[label == LABELS["light"]] == 0)


def test_reads_into_clouds(made: JetSimulation) -> None:
    read = pcgnn.read_root(made.path, particles="part_*", event=["jet_pt", "label"])
    clouds = pcgnn.ParticleClouds.from_awkward(read, features="particlenet-full", target="label")
    assert len(clouds) == 240
    names = set(clouds.features.names)
    assert {"charge", "isPhoton", "isMuon", "d0", "d0err", "dz", "dzerr"} <= names
    with uproot.open(made.path) as file:
        about = json.loads(str(file["simulation"]))
    assert about["seed"] == 5
    assert about["classes"] == list(LABELS)
    assert set(about["versions"]) == {"pythia8mc", "fastjet"}


def test_processes_change_nothing_and_the_seed_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jets, "_JETS_PER_RANGE", 7)
    options = {"classes": ("b",), "progress": False}
    made = [
        simulate_jets(tmp_path / f"{i}.root", 14, seed=seed, processes=n, **options)
        for i, (seed, n) in enumerate(((1, 1), (1, 2), (2, 1)))
    ]
    first, shared, other = (arrays(one.path) for one in made)
    assert same(first, shared)
    assert made[0].collisions == made[1].collisions
    assert not set(ak.to_numpy(first.jet_pt)) & set(ak.to_numpy(other.jet_pt))
    assert len(set(ak.to_numpy(first.jet_pt))) == 14  # no range repeats another


@pytest.mark.slow
def test_pile_up_is_seen_and_flagged(tmp_path: Path) -> None:
    options = {"classes": ("qcd",), "seed": 4, "progress": False}
    clean = arrays(simulate_jets(tmp_path / "a.root", 30, **options).path)
    crowded = arrays(simulate_jets(tmp_path / "b.root", 30, pile_up=20, **options).path)
    assert "part_from_pileup" not in clean.fields
    share = crowded.part_from_pileup
    assert ak.all((share >= 0) & (share <= 1))
    more = float(ak.mean(ak.num(crowded.part_px)) - ak.mean(ak.num(clean.part_px)))
    assert more > 10
    # tracks of the hard collision point to it, the others are spread along the beam
    track = crowded.part_charge != 0
    from_it = crowded.part_dz[track & (share == 0)]
    others = crowded.part_dz[track & (share == 1)]
    assert ak.count(others) > 100
    assert float(ak.mean(abs(from_it) < 1.0)) > 0.95
    spread = float(np.std(ak.to_numpy(ak.flatten(others))))
    assert 55 < spread < 105  # sqrt(2) x 55.5 mm, few collisions
    # what is not pile-up is the jet that was chosen
    pt = np.hypot(crowded.part_px, crowded.part_py)
    own = ak.to_numpy(ak.sum(pt * (1 - share), axis=1))
    assert 520 < np.median(own) < 680


def test_a_window_without_jets_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcgnn.simulation.jet_chain._PATIENCE", 200)
    with pytest.raises(ConfigError, match=r"0 of 200 collisions .* class 'top'.*widen"):
        simulate_jets(
            tmp_path / "a.root", 5, classes=("top",), pt_min=100, pt_max=101, radius=0.1,
            progress=False,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_multiple_interactions_add_particles(tmp_path: Path) -> None:
    means = []
    for on in (False, True):
        path = tmp_path / f"{on}.root"
        simulate_jets(
            path, 40, classes=("qcd",), preset="tower", multiple_interactions=on, progress=False
        )
        means.append(float(ak.mean(ak.num(arrays(path).part_px))))
    assert means[1] > means[0] + 2
