"""Simulated events with one lepton: selection, masses, weights and reproducibility."""

from __future__ import annotations

import json
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from event_makers import HAS_EXTRA, REASON, arrays, column

import pcgnn
from pcgnn.data.top_pairs import transverse_mass
from pcgnn.errors import ConfigError
from pcgnn.simulation import EventSimulation, events, simulate_resonance, simulate_stop

pytestmark = pytest.mark.skipif(not HAS_EXTRA, reason=REASON)


@pytest.fixture(scope="module", autouse=True)
def few_trials() -> None:
    """A cross-section to 3% will do here, and takes a tenth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "_TRIALS", (1_000, 1_000))
        yield


@pytest.fixture(scope="module")
def stop(tmp_path_factory: pytest.TempPathFactory) -> EventSimulation:
    path = tmp_path_factory.mktemp("events") / "stop.root"
    return simulate_stop(path, 3_000, seed=5, progress=False)


@pytest.fixture(scope="module")
def resonance(tmp_path_factory: pytest.TempPathFactory) -> EventSimulation:
    path = tmp_path_factory.mktemp("events") / "resonance.root"
    return simulate_resonance(path, 3_000, signal_share=0.7, seed=6, progress=False)


def slices(simulation: EventSimulation) -> list[dict[str, float]]:
    with uproot.open(simulation.path) as file:
        return json.loads(str(file["simulation"]))["slices"]


@pytest.mark.parametrize(("which", "lepton_pt_min"), [("stop", 40), ("resonance", 30)])
def test_selection_and_objects(
    which: str, lepton_pt_min: float, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)
    sample = arrays(made.path)
    assert len(sample) == sum(made.events) > 300
    assert f"{len(sample)} events of 3000 collisions" in str(made)
    assert ak.all(sample.lep_pt > lepton_pt_min)
    assert ak.all(abs(sample.lep_eta) < 2.5)
    assert ak.all(sample.njet >= 4)
    assert ak.all(sample.nbjet >= 1)
    pid = sample.part_pid
    assert ak.all(abs(pid[:, 0]) == sample.lep_flavour)
    assert ak.all(np.sign(pid[:, 0]) == -sample.lep_charge)
    assert ak.all(pid[:, 1] == 12)
    assert ak.all(pid[:, 2:] == 0)
    assert ak.all(sample.part_pt[:, 1] == sample.met)
    jets = sample[["part_pt", "part_eta", "part_btag"]][:, 2:]
    pt = sample.part_pt[:, 2:]
    assert ak.all(ak.num(pt) == sample.njet)
    assert ak.all(pt > 30)
    assert ak.all(abs(sample.part_eta[:, 2:]) < 2.5)
    assert ak.all(pt[:, 1:] <= pt[:, :-1])
    assert ak.all(ak.sum(sample.part_btag, axis=1) == sample.nbjet)
    for place in range(4):
        assert ak.all(sample[f"jet{place + 1}_pt"] == pt[:, place])
        assert ak.all(sample[f"jet{place + 1}_btag"] == sample.part_btag[:, 2 + place])
    assert len(jets) == len(sample)
    names = [name for name in sample.fields if not name.startswith("part_")]
    assert all(np.isfinite(column(sample, name)).all() for name in names)
    # shuffled: no process stands in one block
    assert np.count_nonzero(np.diff(column(sample, "process"))) > 0.3 * len(sample)


@pytest.mark.parametrize("which", ["stop", "resonance"])
def test_weights_are_cross_section_times_luminosity_times_efficiency(
    which: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)
    sample = arrays(made.path)
    weight, process = column(sample, "weight"), column(sample, "process")
    parts = slices(made)
    assert sum(part["collisions"] for part in parts) == 3_000
    for number, expected in enumerate(made.expected):
        total = 0.0
        for part in parts:
            if part["process"] != number:
                continue
            selected = np.isclose(weight, part["weight"], rtol=1e-6) & (process == number)
            efficiency = np.count_nonzero(selected) / part["collisions"]
            total += part["cross_section_pb"] * 30_000 * efficiency  # 30/fb
        np.testing.assert_allclose(total, expected, rtol=1e-5)
        np.testing.assert_allclose(weight[process == number].sum(), expected, rtol=1e-5)
    assert made.expected[0] > 50 * made.expected[1]


def test_cross_sections_at_leading_order(stop: EventSimulation) -> None:
    """Of top-quark pairs 520 pb, all decays; of the stops 10 and 130 fb."""
    total = np.bincount(
        [part["process"] for part in slices(stop)],
        [part["cross_section_pb"] for part in slices(stop)],
    )
    # 54.5% of the pairs have a lepton, and most of these pass the filter
    assert 0.3 * 520 < total[0] < 0.545 * 520
    ratio = total[2] / total[1]
    assert 9 < ratio < 20


def test_stops_have_more_missing_momentum(stop: EventSimulation) -> None:
    sample = arrays(stop.path)
    process, met = column(sample, "process"), column(sample, "met")
    np.testing.assert_array_equal(column(sample, "is_signal"), process > 0)
    masses = np.stack([column(sample, "m_stop"), column(sample, "m_lsp")], axis=1)
    np.testing.assert_array_equal(
        masses, np.array([(0, 0), (900, 100), (600, 400)])[process.astype(int)]
    )

    def mean(name: str, number: int) -> float:
        mine = process == number
        return float(np.average(column(sample, name)[mine], weights=column(sample, "weight")[mine]))

    assert mean("met", 1) > 350 > 200 > mean("met", 2) > 1.7 * mean("met", 0)
    assert mean("mt", 1) > 250 > mean("mt", 2) > 90 > mean("mt", 0)
    assert mean("mt2w", 1) > mean("mt2w", 2)
    # missing momentum and lepton make mT
    met_x, met_y = met * np.cos(column(sample, "met_phi")), met * np.sin(column(sample, "met_phi"))
    pt, phi = column(sample, "lep_pt"), column(sample, "lep_phi")
    again = transverse_mass(pt * np.cos(phi), pt * np.sin(phi), met_x, met_y)
    np.testing.assert_allclose(again, column(sample, "mt"), atol=0.05)
    ht = ak.sum(sample.part_pt[:, 2:], axis=1)
    assert np.all(column(sample, "ht") <= ak.to_numpy(ht) * (1 + 1e-5))


def test_lost_leptons_make_the_tail_of_mt(stop: EventSimulation) -> None:
    sample = arrays(stop.path)
    top = column(sample, "process") == 0
    decay, mt, weight = (column(sample, name)[top] for name in ("decay", "mt", "weight"))
    assert set(decay) <= {1, 2, 3, 4, 5}
    two = decay >= 3

    def share(chosen: np.ndarray) -> float:
        return float(weight[chosen & two].sum() / weight[chosen].sum())

    assert share(mt > 0) < 0.15
    assert share(mt > 130) > 0.4
    # the W boson ends the transverse mass of the others; mT2W ends near the top mass
    assert np.average(mt[~two] < 110, weights=weight[~two]) > 0.9
    both = two & (column(sample, "nbjet")[top] >= 2)
    assert np.average(column(sample, "mt2w")[top][both] < 190, weights=weight[both]) > 0.8


def test_masses_of_the_resonance(resonance: EventSimulation) -> None:
    sample = arrays(resonance.path)
    process, mass = column(sample, "process").astype(int), column(sample, "m_wwbb")
    hypothesis = np.array([0, 500, 750, 1000, 1250, 1500])
    np.testing.assert_array_equal(column(sample, "mass"), hypothesis[process])
    medians = np.array([np.median(mass[process == number]) for number in range(6)])
    np.testing.assert_allclose(medians[1:], hypothesis[1:], rtol=0.08)
    # background and the lightest resonance: the hadronic top and its W stand where they should
    slow = process <= 1
    for name, low, high in (("m_jjj", 155, 205), ("m_jj", 72, 92), ("m_blv", 160, 195)):
        assert low < np.median(column(sample, name)[slow]) < high, name
    narrow = np.histogram(column(sample, "m_jjj")[slow], bins=np.arange(100, 300, 20))[0]
    assert 150 <= 100 + 20 * narrow.argmax() <= 180
    assert set(column(sample, "decay")) == {1}


def test_missing_momentum_balances_the_objects(resonance: EventSimulation) -> None:
    sample = arrays(resonance.path)
    for turn in (np.cos, np.sin):
        p = sample.part_pt * turn(sample.part_phi)
        # what is missing is opposite to all that is seen, but for soft particles
        seen = ak.to_numpy(ak.sum(p[:, 2:], axis=1) + p[:, 0])
        assert abs(np.median(seen + ak.to_numpy(p[:, 1]))) < 10
        assert np.corrcoef(seen, ak.to_numpy(p[:, 1]))[0, 1] < -0.8


def test_reads_into_clouds(resonance: EventSimulation) -> None:
    read = pcgnn.read_root(
        resonance.path, particles="part_*", event=["m_wwbb", "mass", "is_signal", "weight"]
    )
    clouds = pcgnn.ParticleClouds.from_awkward(
        read, features="particlenet", target="is_signal", weight="weight"
    )
    assert len(clouds) == sum(resonance.events)


@pytest.mark.slow
def test_processes_change_nothing_and_the_seed_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_COLLISIONS_PER_RANGE", 150)
    monkeypatch.setattr(events, "_TRIALS", (200, 200))
    made = [
        simulate_resonance(tmp_path / f"{i}.root", 300, seed=seed, processes=n, progress=False)
        for i, (seed, n) in enumerate(((1, 1), (1, 2), (2, 1)))
    ]
    first, shared, other = (arrays(one.path) for one in made)
    assert first.fields == shared.fields
    assert all(ak.array_equal(first[name], shared[name]) for name in first.fields)
    assert not set(column(first, "lep_pt")) & set(column(other, "lep_pt"))
    assert len(set(column(first, "lep_pt"))) == len(first)  # no range repeats another


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"collisions": 3}, "collisions=3 must be a whole number from 100"),
        ({"collisions": 1000, "luminosity": 0}, "luminosity=0"),
        ({"collisions": 1000, "signal_share": 1.0}, "signal_share=1.0"),
        ({"collisions": 1000, "seed": -1}, "seed=-1"),
        ({"collisions": 1000, "compression": "zip"}, "zstd"),
        ({"collisions": 100, "signal_share": 0.001}, "no collision is left for stop"),
    ],
)
def test_mistakes(tmp_path: Path, options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate_stop(tmp_path / "a.root", **options)
    assert list(tmp_path.iterdir()) == []
