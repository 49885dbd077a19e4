"""A parametrised detector for jets: tracks with impact parameters, and calorimeter cells.

No shower or magnetic field is followed: efficiencies, resolutions and the granularity of the
calorimeter are formulas, in the way of J. de Favereau et al. (Delphes 3), arXiv:1307.6346.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.jet_particles import Particles

__all__ = ["PRESETS", "Calorimeter", "Candidates", "Detector", "Tracker", "detect"]

_ELECTRON, _MUON, _PHOTON, _PION, _NEUTRAL = 11, 13, 22, 211, 130
_MASSES = {_ELECTRON: 0.000511, _MUON: 0.10566, _PION: 0.13957}
_BARREL = 1.5
_CENTRAL = 2.5
# beyond, cells are no finer than this in eta, and this many in phi
_COARSE_ETA, _COARSE_PHI = 0.1, 63


@dataclass(frozen=True)
class Tracker:
    """Charged particles of |eta| < ``eta_max``.

    Args:
        eta_max: acceptance.
        pt_min: GeV.
        efficiency: of hadrons and electrons of |eta| < 1.5, and beyond.
        slow_efficiency: factor to it below 1 GeV.
        muon_efficiency: of muons.
        radius_max: particles made further out leave too few hits, mm.
        resolution: factor to all errors; 0 measures exactly.
    """

    eta_max: float = _CENTRAL
    pt_min: float = 0.5
    efficiency: tuple[float, float] = (0.96, 0.92)
    slow_efficiency: float = 0.9
    muon_efficiency: float = 0.98
    radius_max: float = 100.0
    resolution: float = 1.0


@dataclass(frozen=True)
class Calorimeter:
    """Cells that sum the energies of the showers in them.

    The error of the energy E that does not belong to tracks is ::

        sigma^2 = stochastic^2 (E + leak^2 T) + constant^2 (E^2 + (leak T)^2) + noise^2

    with the energy T of the tracks in the cell.

    Args:
        eta_width: of a cell of |eta| < 2.5.
        phi_cells: number of cells around, |eta| < 2.5.
        stochastic: sqrt(GeV).
        constant: relative error.
        noise: GeV.
        leak: share of the fluctuations of tracked showers that their subtraction leaves.
        energy_min: least energy of a cell, GeV.
        significance: least energy of a cell, in units of sigma.
    """

    eta_width: float
    phi_cells: int
    stochastic: float
    constant: float
    noise: float
    leak: float
    energy_min: float
    significance: float


@dataclass(frozen=True)
class Detector:
    """A tracker, and calorimeters for photons and electrons and for hadrons."""

    tracker: Tracker
    ecal: Calorimeter
    hcal: Calorimeter


PRESETS: Mapping[str, Detector] = MappingProxyType(
    {
        "pf": Detector(
            Tracker(),
            ecal=Calorimeter(0.025, 252, 0.10, 0.007, 0.10, 0.25, 0.4, 2.0),
            hcal=Calorimeter(0.1, 63, 0.60, 0.05, 0.25, 0.25, 1.0, 1.5),
        ),
        "tower": Detector(
            Tracker(),
            ecal=Calorimeter(0.1, 36, 0.101, 0.0017, 0.15, 1.0, 0.5, 2.0),
            hcal=Calorimeter(0.1, 36, 0.5205, 0.0302, 1.59, 1.0, 1.0, 2.0),
        ),
    }
)
"""Fine cells and good separation of overlapping showers ("pf"), or towers of 0.1 x 10 degrees."""


@dataclass(frozen=True)
class Candidates:
    """What the detector saw, one row each, sorted by event.

    Args:
        event: number of the event.
        px: GeV.
        py: GeV.
        pz: GeV.
        energy: GeV; tracks of hadrons have the pion mass, cells none.
        charge: in units of the elementary charge.
        pid: 211, 11 or 13 with sign for tracks, 22 and 130 for cells of the two calorimeters.
        d0: transverse impact parameter, mm, 0 for cells like the next three.
        d0err: its error, mm.
        dz: longitudinal impact parameter, mm.
        dzerr: its error, mm.
        from_pileup: share of the energy from other collisions than the hard one, by truth.

    Shapes:
        - all (N,)
    """

    event: NDArray[np.int64]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    pz: NDArray[np.float64]
    energy: NDArray[np.float64]
    charge: NDArray[np.int64]
    pid: NDArray[np.int64]
    d0: NDArray[np.float64]
    d0err: NDArray[np.float64]
    dz: NDArray[np.float64]
    dzerr: NDArray[np.float64]
    from_pileup: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: NDArray[Any]) -> Candidates:
        """Some rows: a mask or a list of numbers."""
        return Candidates(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def detect(particles: Particles, detector: Detector, random: np.random.Generator) -> Candidates:
    """Tracks and calorimeter cells of events.

    Every shower is summed in its cell, and the part of the tracked particles is taken out
    again, so that a cell is what no track accounts for. Muons leave nothing in the cells.

    Args:
        particles: stable particles.
        detector: one of :data:`PRESETS`, or another.
        random: generator for everything random.
    """
    tracked = _is_tracked(particles, detector.tracker, random)
    code = np.abs(particles.pid)
    electromagnetic = np.isin(code, (_PHOTON, _ELECTRON))
    hadronic = ~electromagnetic & (code != _MUON)
    parts = [
        _tracks(particles.take(tracked), detector.tracker, random),
        _cells(particles, tracked, electromagnetic, detector.ecal, _PHOTON, random),
        _cells(particles, tracked, hadronic, detector.hcal, _NEUTRAL, random),
    ]
    order = np.argsort(np.concatenate([part.event for part in parts]), kind="stable")
    names = [f.name for f in fields(Candidates)]
    return Candidates(
        **{n: np.concatenate([getattr(part, n) for part in parts])[order] for n in names}
    )


def _is_tracked(
    particles: Particles, tracker: Tracker, random: np.random.Generator
) -> NDArray[np.bool_]:
    pt, eta = particles.pt, np.abs(particles.eta)
    inner, outer = tracker.efficiency
    efficiency = np.where(eta < _BARREL, inner, outer)
    efficiency *= np.where(pt < 1.0, tracker.slow_efficiency, 1.0)
    efficiency = np.where(np.abs(particles.pid) == _MUON, tracker.muon_efficiency, efficiency)
    efficiency[np.hypot(particles.vx, particles.vy) > tracker.radius_max] = 0.0
    seen = random.random(len(particles)) < efficiency
    accepted = (particles.charge != 0) & (pt > tracker.pt_min) & (eta < tracker.eta_max)
    return np.asarray(seen & accepted)


def _tracks(charged: Particles, tracker: Tracker, random: np.random.Generator) -> Candidates:
    pt, eta, code = charged.pt, charged.eta, np.abs(charged.pid)
    scale = tracker.resolution

    def normal() -> NDArray[np.float64]:
        return scale * random.standard_normal(len(charged))

    relative = np.hypot(0.01, 2e-4 * pt) * np.where(np.abs(eta) < _BARREL, 1.0, 1.8)
    seen_pt = pt * np.clip(1.0 + relative * normal(), 0.2, 3.0)
    seen_eta = eta + 5e-4 * normal()
    seen_phi = charged.phi + 3e-4 * normal()
    # point of closest approach to the beam line, on the straight line of the particle
    d0err = np.hypot(0.010, 0.08 / (pt * np.sqrt(np.cosh(eta))))
    dzerr = np.hypot(0.030, 0.12 * np.sqrt(np.cosh(eta)) / pt)
    d0 = (charged.vy * charged.px - charged.vx * charged.py) / pt
    along = (charged.vx * charged.px + charged.vy * charged.py) / pt
    dz = charged.vz - along * np.sinh(eta)
    lepton = np.isin(code, (_ELECTRON, _MUON))
    kind = np.where(lepton, code, _PION)
    mass = np.select([kind == k for k in _MASSES], list(_MASSES.values()))
    return Candidates(
        event=charged.event,
        px=seen_pt * np.cos(seen_phi),
        py=seen_pt * np.sin(seen_phi),
        pz=seen_pt * np.sinh(seen_eta),
        energy=np.hypot(seen_pt * np.cosh(seen_eta), mass),
        charge=charged.charge,
        pid=kind * np.where(lepton, -1, 1) * charged.charge,  # the electron has code +11
        d0=d0 + d0err * normal(),
        d0err=d0err,
        dz=dz + dzerr * normal(),
        dzerr=dzerr,
        from_pileup=charged.pile_up.astype(np.float64),
    )


def _cells(
    particles: Particles,
    tracked: NDArray[np.bool_],
    showering: NDArray[np.bool_],
    calorimeter: Calorimeter,
    pid: int,
    random: np.random.Generator,
) -> Candidates:
    """Cells above threshold after the subtraction of tracks."""
    showers, is_track = particles.take(showering), tracked[showering]
    eta = showers.eta
    forward = np.abs(eta) >= _CENTRAL
    width = np.where(forward, max(_COARSE_ETA, calorimeter.eta_width), calorimeter.eta_width)
    around = np.where(forward, min(_COARSE_PHI, calorimeter.phi_cells), calorimeter.phi_cells)
    row = np.floor(eta / width).astype(np.int64)
    column = np.floor((showers.phi + np.pi) / (2 * np.pi) * around).astype(np.int64) % around
    key = ((showers.event * 2 + forward) * 2048 + row + 1024) * 2048 + column
    _, first, cell = np.unique(key, return_index=True, return_inverse=True)
    cell = cell.ravel()

    def summed(of: NDArray[np.bool_]) -> NDArray[np.float64]:
        energies = np.where(of, showers.energy, 0.0)
        return np.asarray(np.bincount(cell, energies, len(first)), dtype=np.float64)

    neutral, tracks = summed(~is_track), summed(is_track)
    pile_up = summed(~is_track & showers.pile_up)
    leak = calorimeter.leak
    sigma = np.sqrt(
        calorimeter.stochastic**2 * (neutral + leak**2 * tracks)
        + calorimeter.constant**2 * (neutral**2 + (leak * tracks) ** 2)
        + calorimeter.noise**2
    )
    energy = neutral + sigma * random.standard_normal(len(first))
    # Somewhere in its cell: the centres would make a lattice that no detector shows.
    place = random.random((2, len(first)))
    seen = energy > np.maximum(calorimeter.energy_min, calorimeter.significance * sigma)
    first, energy, place = first[seen], energy[seen], place[:, seen]
    cell_eta = (row[first] + place[0]) * width[first]
    cell_phi = (column[first] + place[1]) / around[first] * 2 * np.pi - np.pi
    pt = energy / np.cosh(cell_eta)
    nothing = np.zeros(len(first))
    share = np.divide(
        pile_up[seen], neutral[seen], out=np.zeros(len(first)), where=neutral[seen] > 0
    )
    return Candidates(
        event=showers.event[first],
        px=pt * np.cos(cell_phi),
        py=pt * np.sin(cell_phi),
        pz=pt * np.sinh(cell_eta),
        energy=energy,
        charge=np.zeros(len(first), dtype=np.int64),
        pid=np.full(len(first), pid, dtype=np.int64),
        d0=nothing,
        d0err=nothing,
        dz=nothing,
        dzerr=nothing,
        from_pileup=share,
    )
