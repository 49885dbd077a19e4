"""The bundled events with one lepton: counts, checksums, weights and the physics in them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import pcgnn
from pcgnn import datasets
from pcgnn.data.mt2w import mt2w
from pcgnn.data.top_pairs import top_pair_masses, transverse_mass
from pcgnn.io import HEPMASS_FEATURES
from pcgnn.simulation.bundle import content_sha256

NAMES = ("stop", "resonance")


class Sample:
    def __init__(self, name: str) -> None:
        self.path = datasets.bundled(name)
        self.card = (self.path.parent / "README.md").read_text()
        with uproot.open(self.path) as file:
            self.events = file["events"].arrays()
            self.about: dict[str, Any] = json.loads(str(file["simulation"]))

    def column(self, name: str) -> np.ndarray:
        return ak.to_numpy(self.events[name]).astype(np.float64)


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return {name: Sample(name) for name in NAMES}


@pytest.fixture(params=NAMES)
def sample(request: pytest.FixtureRequest, samples: dict[str, Sample]) -> Sample:
    return samples[request.param]


def script(path: Path) -> ModuleType:
    name = f"make_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, path.parent / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_checksums_and_provenance(sample: Sample) -> None:
    name = sample.path.stem
    assert datasets.verify(name) == sample.path
    digest = hashlib.sha256(sample.path.read_bytes()).hexdigest()
    assert f"`{digest}`" in sample.card
    events = sample.events
    content = content_sha256({field: events[field] for field in events.fields})
    assert f"content: `{content}`" in sample.card
    assert sample.path.stat().st_size < 6_300_000
    make = script(sample.path)
    assert (sample.about["seed"], sample.about["collisions"]) == (make.SEED, make.COLLISIONS)
    assert sample.about["digits"] == make.DIGITS
    assert f"--seed {make.SEED}" in sample.card
    assert all(version in sample.card for version in sample.about["versions"].values())
    assert "BSD-3-Clause" in sample.card


def test_counts_splits_and_finite_numbers(sample: Sample) -> None:
    events, process = sample.events, sample.column("process").astype(int)
    counts = np.bincount(process)
    assert counts.min() > 2_000
    assert counts[0] > 2 * counts[1]
    assert all(f"{count:,}" in sample.card for count in counts)
    split = sample.column("split")
    assert np.all(np.diff(split) >= 0)
    shares = np.bincount(split.astype(int)) / len(split)
    np.testing.assert_allclose(shares, (0.5, 0.15, 0.35), atol=1e-3)
    for part in range(3):  # every process in every part
        there = np.bincount(process[split == part], minlength=len(counts)) / counts
        np.testing.assert_allclose(there, shares[part], atol=0.05)
    flat = [name for name in events.fields if not name.startswith("part_")]
    assert all(np.isfinite(sample.column(name)).all() for name in flat)
    lists = [name for name in events.fields if name.startswith("part_")]
    assert all(np.isfinite(ak.to_numpy(ak.flatten(events[name]))).all() for name in lists)
    np.testing.assert_array_equal(sample.column("is_signal"), process > 0)


def test_weights(sample: Sample) -> None:
    """Cross-section x luminosity / collisions of the slice, which the file itself tells."""
    weight, process = sample.column("weight"), sample.column("process").astype(int)
    parts = sample.about["slices"]
    assert sum(part["collisions"] for part in parts) == sample.about["collisions"]
    assert sample.about["luminosity"] == 30.0
    for part in parts:
        expected = part["cross_section_pb"] * 30_000 / part["collisions"]
        assert part["weight"] == pytest.approx(expected)
        assert part["cross_section_error_pb"] < 0.02 * part["cross_section_pb"]
        selected = np.isclose(weight, part["weight"], rtol=1e-6) & (process == part["process"])
        assert 0.01 < selected.sum() / part["collisions"] < 0.6
    known = np.array([part["weight"] for part in parts])
    assert np.isclose(weight[:, None], known, rtol=1e-6).any(axis=1).all()


def test_objects_make_the_features(sample: Sample) -> None:
    """What the branches say can be computed again from the list of objects, but for rounding."""
    events = sample.events[:3000]
    pt, eta, phi, mass = (events[f"part_{n}"] for n in ("pt", "eta", "phi", "mass"))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    p4 = np.stack(
        [ak.to_numpy(ak.fill_none(ak.pad_none(c, 10, clip=True), 0)) for c in (energy, px, py, pz)],
        axis=-1,
    ).astype(np.float64)
    lepton, jets = p4[:, 0], p4[:, 2:]
    met = p4[:, 1, 1:3]
    assert ak.all(ak.num(pt) == events.njet + 2)
    assert ak.all(ak.sum(events.part_btag, axis=1) == events.nbjet)
    if sample.path.stem == "stop":
        btag = ak.to_numpy(ak.fill_none(ak.pad_none(events.part_btag[:, 2:], 8, clip=True), 0)) > 0
        mt = transverse_mass(lepton[:, 1], lepton[:, 2], *met.T)
        assert np.mean(np.abs(mt - ak.to_numpy(events.mt)) < 1) > 0.97
        stransverse = mt2w(lepton, jets, btag, *met.T)
        assert np.mean(np.abs(stransverse - ak.to_numpy(events.mt2w)) < 2) > 0.95
    else:
        again = top_pair_masses(lepton, jets[:, :4], *met.T)
        for name, values in again.items():
            near = np.abs(values / ak.to_numpy(events[name]) - 1) < 0.02
            assert near.mean() > 0.9, name


def test_tails_of_the_top_pairs_hold_events(samples: dict[str, Sample]) -> None:
    stop = samples["stop"]
    process, weight = stop.column("process"), stop.column("weight")
    tail = (stop.column("met") > 200) & (stop.column("mt") > 140)
    top = process == 0
    assert (tail & top).sum() > 300
    total = weight[tail & top].sum()
    # no single event decides: as good as some hundred events of equal weight
    assert total**2 / (weight[tail & top] ** 2).sum() > 100
    lost = stop.column("decay")[tail & top] >= 3
    assert weight[tail & top][lost].sum() > 0.8 * total
    # a stop of 900 GeV has most of its events there, top-quark pairs a thousandth
    assert weight[tail & (process == 1)].sum() > 0.6 * weight[process == 1].sum()
    assert total < 0.004 * weight[top].sum()


def test_resonances_peak_at_their_mass(samples: dict[str, Sample]) -> None:
    resonance = samples["resonance"]
    process, mass = resonance.column("process").astype(int), resonance.column("m_wwbb")
    truth = np.array([0, 500, 750, 1000, 1250, 1500])
    np.testing.assert_array_equal(resonance.column("mass"), truth[process])
    for number in range(1, 6):
        counts, edges = np.histogram(mass[process == number], bins=np.arange(300, 2000, 50))
        peak = edges[counts.argmax()] + 25
        assert abs(peak / truth[number] - 1) < 0.12, truth[number]
    hadronic = resonance.column("m_jjj")[process <= 1]
    counts, edges = np.histogram(hadronic, bins=np.arange(130, 230, 10))
    assert 155 <= edges[counts.argmax()] + 5 <= 185
    assert set(HEPMASS_FEATURES) <= set(resonance.events.fields)


def test_into_clouds(sample: Sample) -> None:
    read = pcgnn.read_root(
        sample.path, particles="part_*", event=["is_signal", "weight", "split"], cut="njet >= 5"
    )
    clouds = pcgnn.ParticleClouds.from_awkward(
        read, features="particlenet", target="is_signal", weight="weight"
    )
    train, _, test = clouds.split(column="split")
    assert 0.45 < len(train) / len(clouds) < 0.55
    assert len(test) > 500
    assert bool(clouds.x.isfinite().all())
