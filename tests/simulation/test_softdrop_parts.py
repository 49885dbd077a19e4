"""Parts of the simulation of jets among pile-up that need no generator."""

from __future__ import annotations

import numpy as np
import pytest
from jet_makers import random_particles

from pcgnn.errors import ConfigError
from pcgnn.simulation.jet_deposits import deposited_energies
from pcgnn.simulation.jet_pile_up import overlay
from pcgnn.simulation.jet_pile_up_pool import PileUpPool
from pcgnn.simulation.jet_settings import JetSettings


def pool(events: int = 40) -> PileUpPool:
    particles = random_particles(3, 600, events)
    counts = np.bincount(particles.event, minlength=events)
    return PileUpPool(particles, np.concatenate([[0], np.cumsum(counts)]))


def test_energies_add_up_but_for_muons() -> None:
    random = np.random.default_rng(1)
    pid = random.choice([211, -211, 11, -13, 22, 130], 4000)
    energy = random.exponential(20.0, 4000) + 0.5
    ecal, hcal = deposited_energies(pid, energy, random)
    muon = np.abs(pid) == 13
    np.testing.assert_allclose((ecal + hcal)[~muon], energy[~muon])
    assert np.all(hcal[np.isin(pid, (11, 22))] == 0)
    assert np.all(ecal[pid == 130] == 0)
    share = (ecal / energy)[np.abs(pid) == 211]
    assert share.mean() == pytest.approx(1 / 3, abs=0.02)  # of a beta(1, 2) distribution
    fast = muon & (energy > 10)
    assert (ecal + hcal)[fast].mean() == pytest.approx(2.35, abs=0.15)
    assert np.all((ecal + hcal)[muon] <= 0.9 * energy[muon] * (1 + 1e-12))


def test_drawn_collisions_are_turned_and_mirrored_and_nothing_else() -> None:
    source = pool()
    drawn = source.draw(500, np.random.default_rng(5))
    assert np.all(np.diff(drawn.event) >= 0)
    assert drawn.event.max() == 499
    of_source = np.bincount(source.particles.event, source.particles.energy, 40)
    of_drawn = np.bincount(drawn.event, drawn.energy, 500)
    # each drawn collision is one of the pool
    nearest = np.abs(of_drawn[:, None] - of_source).argmin(1)
    np.testing.assert_allclose(of_drawn, of_source[nearest])
    for event in (0, 7, 123):
        there = source.particles.take(source.particles.event == nearest[event])
        here = drawn.take(drawn.event == event)
        np.testing.assert_allclose(here.pt, there.pt)
        np.testing.assert_array_equal(here.pid, there.pid)
        np.testing.assert_allclose(np.abs(here.pz), np.abs(there.pz))
        turned = np.angle(np.exp(1j * (here.phi - there.phi)))
        np.testing.assert_allclose(turned, turned[0], atol=1e-9)
        product = here.px[:, None] * here.px + here.py[:, None] * here.py
        expected = there.px[:, None] * there.px + there.py[:, None] * there.py
        np.testing.assert_allclose(product, expected, atol=1e-9)
    # no direction around the beam or along it is preferred
    angle = np.exp(1j * drawn.phi).mean()
    assert abs(angle) < 0.06
    assert abs(np.sign(drawn.pz).mean()) < 0.1


def test_the_overlay_adds_what_is_near_the_jet_and_flags_it() -> None:
    hard = random_particles(1, 200, 20)
    axes = (np.zeros(20), np.zeros(20))
    random = np.random.default_rng(2)
    source = pool()
    drawn = np.random.default_rng(9)
    crowded = overlay(hard, 30.0, axes, 0.8, lambda n: source.draw(n, drawn), random)
    added = crowded.take(crowded.pile_up)
    assert len(crowded) - len(added) == 200
    assert np.hypot(added.eta, added.phi).max() < 2.0
    # 15 particles a collision, over 9 units of pseudorapidity
    expected = 20 * 30 * 15 * np.pi * 2.0**2 / (9 * 2 * np.pi)
    assert len(added) == pytest.approx(expected, rel=0.2)


def test_settings_of_older_files_stay_as_they_were() -> None:
    assert not {"pile_up_pool", "softdrop_target"} & set(JetSettings().to_dict())
    made = JetSettings(classes=("w",), pile_up_pool=10, softdrop_target=True)
    assert JetSettings(**made.to_dict()) == made
    with pytest.raises(ConfigError, match="pile_up_pool"):
        JetSettings(pile_up_pool=-1)
