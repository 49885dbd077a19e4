"""Collisions from Pythia 8: one hard process and a Poisson number of minimum-bias collisions.

C. Bierlich et al., *A comprehensive guide to the physics and usage of PYTHIA 8.3*, SciPost Phys.
Codebases 8 (2022), arXiv:2203.11601.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import BackendError
from pcgnn.simulation.acts_backend import load_pythia
from pcgnn.simulation.seeds import Purpose, event_generator, event_seed

__all__ = [
    "BEAM_SPOT",
    "Generated",
    "charges",
    "generate_event",
    "next_collisions",
    "start_pythia",
]

BEAM_SPOT = (0.0125, 0.0125, 55.5)
"""Widths of the normal distributions of the collisions in x, y and z, mm."""

_COMMON = ("Beams:eCM = 14000.", "Print:quiet = on", "Random:setSeed = on")
_TOP_PAIRS = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on")
_MINIMUM_BIAS = ("SoftQCD:inelastic = on",)
_PHOTON = 22
# What is made outside of the tracker (mm) cannot leave a hit in it.
_RADIUS, _HALF_LENGTH = 1050.0, 3000.0
# Decays of neutral pions (25 nm) are prompt, those of charm (0.1 mm) are not; mm.
_DISPLACED = 1e-3


@dataclass(frozen=True)
class Generated:
    """Particles of one event that reach the detector; all arrays have N rows.

    Args:
        pdg: particle code.
        charge: in units of the elementary charge.
        momentum: (N, 3), GeV.
        mass: GeV.
        position: of production, (N, 4), x, y, z and c t in mm.
        collision: number of the collision from 1; the hard one comes first.
        secondary: 0 for particles made within 1 um of the beam line of their collision, else the
            number of the displaced vertex within its collision, from 1.
        pile_up: number of additional collisions drawn for this event.
    """

    pdg: NDArray[np.int64]
    charge: NDArray[np.int64]
    momentum: NDArray[np.float64]
    mass: NDArray[np.float64]
    position: NDArray[np.float64]
    collision: NDArray[np.int64]
    secondary: NDArray[np.int64]
    pile_up: int


def generate_event(
    event: int, *, seed: int, pile_up: float, pt_min: float, eta_max: float
) -> Generated:
    """Generate one event: top-quark pairs at 14 TeV with pile-up.

    Charged particles and photons (which may convert) of |eta| < ``eta_max`` and transverse
    momentum above ``pt_min``. Neutral hadrons and neutrinos leave nothing in the detector
    simulation and are left out.

    Args:
        event: number of the event, from 0.
        seed: seed of the whole simulation; with ``event`` it fixes the outcome.
        pile_up: mean number of additional collisions.
        pt_min: GeV.
        eta_max: largest absolute pseudorapidity.

    Raises:
        BackendError: Pythia is missing, or cannot make the event.
    """
    beam = event_generator(seed, Purpose.BEAM, event)
    additional = int(beam.poisson(pile_up))
    batches = [_batch(Purpose.HARD, seed, event, 1)]
    if additional:
        batches.append(_batch(Purpose.MINIMUM_BIAS, seed, event, additional))
    columns, collision = _columns(batches)
    px, py, pz = columns["px"], columns["py"], columns["pz"]
    pt = np.hypot(px, py)
    charge = charges(_pythia(Purpose.HARD, seed), columns["id"])
    keep = (pt > pt_min) & (np.abs(pz) < pt * np.sinh(eta_max))
    keep &= (charge != 0) | (columns["id"] == _PHOTON)
    keep &= np.hypot(columns["vx"], columns["vy"]) < _RADIUS
    keep &= np.abs(columns["vz"]) < _HALF_LENGTH
    origin = beam.normal(0.0, BEAM_SPOT, (1 + additional, 3))
    position = np.stack([columns[name] for name in ("vx", "vy", "vz", "vt")], axis=1)[keep]
    collision = collision[keep]
    secondary = _secondary_vertices(collision, position[:, :3])
    position[:, :3] += origin[collision - 1]
    return Generated(
        pdg=columns["id"][keep].astype(np.int64),
        charge=charge[keep],
        momentum=np.stack([px, py, pz], axis=1)[keep],
        mass=columns["m"][keep],
        position=position,
        collision=collision,
        secondary=secondary,
        pile_up=additional,
    )


@functools.lru_cache(maxsize=4)
def _pythia(purpose: Purpose, seed: int) -> Any:
    """A Pythia that is set up once per process; starting one takes a second."""
    process = _TOP_PAIRS if purpose is Purpose.HARD else _MINIMUM_BIAS
    return start_pythia((f"Random:seed = {event_seed(seed, purpose, None)}", *process))


def start_pythia(settings: Sequence[str], hooks: Any = None) -> Any:
    """A Pythia with these settings, at 14 TeV if they say nothing else.

    Args:
        settings: lines for Pythia; later ones overrule earlier ones.
        hooks: a ``UserHooks`` of Pythia that is asked during the generation.

    Raises:
        BackendError: Pythia is missing, or does not accept the settings.
    """
    pythia = load_pythia().Pythia("", False)
    settings = (*_COMMON, *settings)
    accepted = all(pythia.readString(setting) for setting in settings)
    if accepted and hooks is not None:
        accepted = pythia.setUserHooksPtr(hooks)
    if not accepted or not pythia.init():
        raise BackendError(f"Pythia cannot be set up with {', '.join(settings)}")
    return pythia


def next_collisions(pythia: Any, collisions: int) -> ak.Array:
    """Records of so many collisions.

    Raises:
        BackendError: Pythia made fewer.
    """
    record = pythia.nextBatch(collisions).prt
    if len(record) != collisions:
        raise BackendError(f"Pythia made {len(record)} of {collisions} collisions")
    return record


def _batch(purpose: Purpose, seed: int, event: int, collisions: int) -> ak.Array:
    """Final particles of so many collisions, from random numbers of this event alone."""
    pythia = _pythia(purpose, seed)
    pythia.rndm.init(event_seed(seed, purpose, event))
    particles = next_collisions(pythia, collisions)
    return particles[particles.status > 0]


def _columns(batches: list[ak.Array]) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    particles = ak.concatenate(batches)
    counts = ak.to_numpy(ak.num(particles))
    collision = 1 + np.repeat(np.arange(len(counts)), counts)
    flat = ak.flatten(particles)
    momentum, vertex = flat.p, flat.vProd
    fields = {
        "id": flat.id,
        "m": flat.m,
        **{name: momentum[name] for name in ("px", "py", "pz")},
        "vx": vertex.px,
        "vy": vertex.py,
        "vz": vertex.pz,
        "vt": vertex.e,
    }
    # a collision without any displaced vertex may come with missing values
    return {name: ak.to_numpy(ak.fill_none(v, 0)) for name, v in fields.items()}, collision


def charges(pythia: Any, codes: NDArray[Any]) -> NDArray[np.int64]:
    """Electric charge of each particle; Pythia is asked once per kind of particle."""
    kinds, inverse = np.unique(codes, return_inverse=True)
    of_kind = [round(pythia.particleData.charge(int(kind))) for kind in kinds]
    return np.asarray(of_kind, dtype=np.int64)[inverse]


def _secondary_vertices(
    collision: NDArray[np.int64], position: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Number the displaced vertices of each collision from 1; 0 is the collision itself."""
    number = np.zeros(len(collision), dtype=np.int64)
    displaced = np.hypot(position[:, 0], position[:, 1]) > _DISPLACED
    if not displaced.any():
        return number
    keys = np.column_stack([collision[displaced], np.round(position[displaced] * 1e4)])
    vertices, inverse = np.unique(keys, axis=0, return_inverse=True)
    owners = vertices[:, 0]
    rank = np.arange(len(owners)) - np.searchsorted(owners, owners)
    number[displaced] = 1 + rank[inverse.ravel()]
    return number
