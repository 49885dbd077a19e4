"""The parametrised detector, on particles made by hand: no Pythia is needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from jet_makers import PERFECT, make_particles, random_particles

from pcgnn.simulation.jet_detector import PRESETS, detect
from pcgnn.simulation.jet_truth import heavy_flavour


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_perfect_detector_keeps_energy_and_charge_of_every_event() -> None:
    particles = random_particles(1, 4000, events=7)
    # beyond the tracker, muons are lost, and charged pions are not identified: left out here
    particles = particles.take(
        (np.abs(particles.eta) < 2.4) & np.isin(np.abs(particles.pid), (211, 22, 130, 2112, 11, 13))
    )
    seen = detect(particles, PERFECT, rng())
    for event in range(7):
        ours, theirs = seen.event == event, particles.event == event
        energy = seen.energy[ours].sum()
        assert energy == pytest.approx(particles.energy[theirs].sum(), rel=1e-12)
        assert seen.charge[ours].sum() == particles.charge[theirs].sum()
    charged = particles.charge != 0
    assert np.count_nonzero(seen.charge) == np.count_nonzero(charged)
    np.testing.assert_allclose(
        np.sort(seen.px[seen.charge != 0]), np.sort(particles.px[charged]), atol=1e-12
    )


def test_tracks_end_at_the_edge_of_the_tracker() -> None:
    eta = np.linspace(-4.5, 4.5, 901)
    seen = detect(make_particles([211] * 901, 20.0, eta, 0.3), PERFECT, rng())
    tracks = seen.charge != 0
    found = np.arcsinh(seen.pz / np.hypot(seen.px, seen.py))
    assert np.abs(found[tracks]).max() < 2.5
    assert tracks.sum() == np.count_nonzero(np.abs(eta) < 2.5)
    # pions beyond are energy in the hadronic calorimeter
    beyond = ~tracks
    assert np.all(seen.pid[beyond] == 130)
    expected = np.hypot(20.0 * np.cosh(eta[np.abs(eta) >= 2.5]), 0.13957).sum()
    assert seen.energy[beyond].sum() == pytest.approx(expected, rel=1e-12)


def test_identity_and_charge_of_tracks() -> None:
    kinds = [211, -211, 321, 11, -13]
    seen = detect(make_particles(kinds, 10.0, 0.1, np.arange(5.0) - 2), PERFECT, rng())
    order = np.argsort(np.arctan2(seen.py, seen.px))
    assert seen.pid[order].tolist() == [211, -211, 211, 11, -13]
    assert seen.charge[order].tolist() == [1, -1, 1, -1, 1]
    mass = np.sqrt(seen.energy**2 - seen.px**2 - seen.py**2 - seen.pz**2)[order]
    np.testing.assert_allclose(mass, [0.13957, 0.13957, 0.13957, 0.000511, 0.10566], atol=1e-5)


def test_cells_merge_what_is_close() -> None:
    """Photons 0.01 apart share a cell of 0.025 and its energy; 0.06 apart they never do."""
    close = detect(make_particles([22, 22], [30.0, 20.0], [0.101, 0.111], 0.012), PERFECT, rng())
    assert len(close) == 1
    assert close.energy[0] == pytest.approx(30 * np.cosh(0.101) + 20 * np.cosh(0.111))
    assert close.pid[0] == 22
    apart = detect(make_particles([22, 22], [30.0, 20.0], [0.10, 0.16], 0.012), PERFECT, rng())
    assert len(apart) == 2
    # events never merge
    two = detect(make_particles([22, 22], 30.0, 0.101, 0.012, event=[0, 1]), PERFECT, rng())
    assert two.event.tolist() == [0, 1]


@pytest.mark.parametrize(("preset", "width", "cells"), [("pf", 0.025, 252), ("tower", 0.1, 36)])
def test_granularity(preset: str, width: float, cells: int) -> None:
    calorimeter = PRESETS[preset].ecal
    assert (calorimeter.eta_width, calorimeter.phi_cells) == (width, cells)
    exact = replace(PERFECT, ecal=replace(PERFECT.ecal, eta_width=width, phi_cells=cells))
    grid = rng(2).uniform(-1.0, 1.0, (2, 20_000))
    seen = detect(make_particles([22] * 20_000, 5.0, grid[0], grid[1]), exact, rng())
    eta = np.arcsinh(seen.pz / np.hypot(seen.px, seen.py))
    phi = np.arctan2(seen.py, seen.px) + np.pi
    index = np.floor(eta / width), np.floor(phi / (2 * np.pi) * cells)
    assert len(np.unique(np.stack(index), axis=1).T) == len(seen)  # one candidate per cell
    occupied = {
        (np.floor(a / width), np.floor((b + np.pi) / (2 * np.pi) * cells)) for a, b in grid.T
    }
    assert len(seen) == len(occupied)


def test_the_seam_in_phi() -> None:
    """pi and -pi are the same direction, and no cell reaches across it."""
    seen = detect(make_particles([22, 22], 10.0, 0.01, [np.pi, -np.pi]), PERFECT, rng())
    phi = np.arctan2(seen.py, seen.px)
    assert np.all(np.pi - np.abs(phi) < 2 * np.pi / 252 + 1e-12)
    assert seen.energy.sum() == pytest.approx(20 * np.cosh(0.01))


def test_impact_parameters_are_those_of_a_straight_line() -> None:
    """A particle from (x, y, z) = (0.3, 0.4, 5) mm along x at eta 1, worked out by hand."""
    seen = detect(make_particles([211], 10.0, 1.0, 0.0, vertex=(0.3, 0.4, 5.0)), PERFECT, rng())
    assert seen.d0[0] == pytest.approx(0.4)
    assert seen.dz[0] == pytest.approx(5.0 - 0.3 * np.sinh(1.0))
    along = detect(make_particles([211], 10.0, 0.5, 0.9273, vertex=(0.3, 0.4, 0.4)), PERFECT, rng())
    assert along.d0[0] == pytest.approx(0.0, abs=1e-4)
    photon = detect(make_particles([22], 10.0, 0.0, 0.0, vertex=(0.3, 0.4, 5.0)), PERFECT, rng())
    assert photon.d0[0] == photon.d0err[0] == photon.dz[0] == photon.dzerr[0] == 0.0


def test_errors_describe_the_measurements() -> None:
    n = 20_000
    particles = make_particles([211] * n, rng(3).uniform(0.6, 30, n), rng(4).uniform(-2, 2, n), 0.5)
    seen = detect(particles, PRESETS["pf"], rng(5))
    tracks = seen.charge != 0
    for value, error in ((seen.d0, seen.d0err), (seen.dz, seen.dzerr)):
        pull = value[tracks] / error[tracks]
        assert abs(pull.mean()) < 5 / np.sqrt(tracks.sum())
        assert pull.std() == pytest.approx(1.0, abs=5 / np.sqrt(2 * tracks.sum()))
        assert np.all(error[tracks] > 0)


def test_efficiencies_and_thresholds() -> None:
    n = 40_000
    for pt, eta, expected in ((5.0, 0.5, 0.96), (5.0, 2.0, 0.92), (0.8, 0.5, 0.864), (0.4, 0.5, 0)):
        seen = detect(make_particles([211] * n, pt, eta, 0.1), PRESETS["pf"], rng(6))
        assert (seen.charge != 0).sum() / n == pytest.approx(expected, abs=0.006)
    late = detect(make_particles([211] * 100, 5.0, 0.5, 0.1, vertex=(150, 0, 0)), PERFECT, rng())
    assert np.count_nonzero(late.charge) == 100
    late = detect(
        make_particles([211] * 100, 5, 0.5, 0.1, vertex=(150, 0, 0)), PRESETS["pf"], rng()
    )
    assert np.count_nonzero(late.charge) == 0


def test_resolution_of_photons() -> None:
    """sigma / E of lone photons is the formula of the preset."""
    n = 4000
    energy = 50.0
    particles = make_particles([22] * n, energy, 0.0125, 0.012, event=np.arange(n))
    seen = detect(particles, PRESETS["pf"], rng(7))
    expected = np.sqrt(0.10**2 * energy + (0.007 * energy) ** 2 + 0.1**2)
    assert seen.energy.std() == pytest.approx(expected, rel=0.06)
    assert seen.energy.mean() == pytest.approx(energy, rel=0.002)


def test_share_of_pile_up() -> None:
    close = make_particles(
        [22, 22, 211], [30.0, 10.0, 5.0], 0.1, 0.012, pile_up=[False, True, True]
    )
    seen = detect(close, PERFECT, rng())
    of_kind = dict(zip(seen.pid.tolist(), seen.from_pileup.tolist(), strict=True))
    assert of_kind[22] == pytest.approx(0.25)
    assert of_kind[211] == 1.0


def test_flavour_of_hadrons() -> None:
    b = [511, -521, 531, 541, 5122, 5232, 10513, 525, -5332]
    c = [411, -421, 431, 4122, 4232, 10411, 435]
    neither = [
        5,
        4,
        211,
        321,
        310,
        2212,
        553,
        443,
        100553,
        5101,
        4203,
        5503,
        21,
        1000010020,
        9010221,
    ]
    assert heavy_flavour(np.array(b)).tolist() == [5] * len(b)
    assert heavy_flavour(np.array(c)).tolist() == [4] * len(c)
    assert heavy_flavour(np.array(neither)).tolist() == [0] * len(neither)
