"""Particles for the tests of the jet simulation."""

from __future__ import annotations

import numpy as np

from pcgnn.simulation.jet_detector import Calorimeter, Detector, Tracker
from pcgnn.simulation.jet_particles import Particles

PERFECT = Detector(
    Tracker(pt_min=0.0, efficiency=(1.0, 1.0), slow_efficiency=1.0, muon_efficiency=1.0,
            radius_max=np.inf, resolution=0.0),
    ecal=Calorimeter(0.025, 252, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    hcal=Calorimeter(0.1, 63, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)  # fmt: skip
"""Sees everything exactly, except where in its cell a neutral particle went."""

_CHARGES = {211: 1, -211: -1, 11: -1, -13: 1, 22: 0, 130: 0, 2112: 0, 321: 1}
_MASSES = {211: 0.13957, 11: 0.000511, 13: 0.10566, 22: 0.0, 130: 0.4976, 2112: 0.9396, 321: 0.4937}


def make_particles(
    pid: list[int],
    pt: object,
    eta: object,
    phi: object,
    *,
    event: object = 0,
    vertex: object = (0.0, 0.0, 0.0),
    pile_up: object = False,
) -> Particles:
    """Particles by kind, GeV, directions and place of production in mm."""
    n = len(pid)
    pt, eta, phi = (np.broadcast_to(np.asarray(x, dtype=float), n) for x in (pt, eta, phi))
    place = np.broadcast_to(np.asarray(vertex, dtype=float), (n, 3))
    mass = np.array([_MASSES[abs(code)] for code in pid])
    return Particles(
        event=np.broadcast_to(np.asarray(event), n),
        pid=np.asarray(pid),
        charge=np.array([_CHARGES[code] for code in pid]),
        px=pt * np.cos(phi),
        py=pt * np.sin(phi),
        pz=pt * np.sinh(eta),
        energy=np.hypot(pt * np.cosh(eta), mass),
        vx=place[:, 0],
        vy=place[:, 1],
        vz=place[:, 2],
        pile_up=np.broadcast_to(np.asarray(pile_up), n),
    )


def random_particles(seed: int, n: int, events: int = 1) -> Particles:
    """Pions, kaons, photons, neutral hadrons and muons all over the detector."""
    rng = np.random.default_rng(seed)
    kinds = [211, -211, 321, 22, 22, 130, 2112, -13, 11]
    return make_particles(
        [int(kind) for kind in rng.choice(kinds, n)],
        rng.exponential(3.0, n) + 0.1,
        rng.uniform(-4.5, 4.5, n),
        rng.uniform(-np.pi, np.pi, n),
        event=np.sort(rng.integers(0, events, n)),
    )
