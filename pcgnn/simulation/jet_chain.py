"""A range of jets through Pythia, the detector, clustering and truth matching."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pcgnn.data.jet_shapes import n_subjettiness, softdrop_mass
from pcgnn.errors import ConfigError
from pcgnn.simulation.jet_clustering import ChosenJets, choose_jets
from pcgnn.simulation.jet_deposits import deposited_energies
from pcgnn.simulation.jet_detector import PRESETS, Candidates, detect
from pcgnn.simulation.jet_particles import Particles, visible_particles
from pcgnn.simulation.jet_pile_up import Source, fresh, overlay
from pcgnn.simulation.jet_pile_up_pool import PileUpPool, make_pool
from pcgnn.simulation.jet_processes import (
    PROCESSES,
    JetClass,
    hard_settings,
    pile_up_settings,
)
from pcgnn.simulation.jet_settings import JetSettings
from pcgnn.simulation.jet_truth import contains_top, contains_w, jet_flavour
from pcgnn.simulation.pythia import next_collisions, start_pythia
from pcgnn.simulation.seeds import Purpose, event_generator, event_seed
from pcgnn.simulation.tables import JaggedTable, concatenated

__all__ = ["SimulatedJets", "simulate_range"]

_COLLISIONS = 200
# Give up when fewer than this share of the collisions has a jet in the window.
_LEAST_YIELD, _PATIENCE = 1e-3, 5_000

# Four, as there were classes once: numbers given then stay valid, and ranges are of more jets.
_STREAMS = 4

# Tracks further away along the beam are those of pile-up: 0.1 mm and three errors.
_DZ, _DZ_ERRORS = 0.1, 3.0

Facts: TypeAlias = dict[str, NDArray[Any]]
"""What is known of jets before the detector, by name, one value each."""

_PARTICLE_TYPES = {"charge": np.int8, "pid": np.int32}


@dataclass(frozen=True)
class SimulatedJets:
    """Jets of a range, in the order of the file.

    Args:
        table: columns of the jets and of their particles, by falling transverse momentum.
        collisions: number of hard collisions made for them.
    """

    table: JaggedTable
    collisions: int


def simulate_range(settings: JetSettings, start: int, stop: int) -> SimulatedJets:
    """Simulate the jets from ``start`` to ``stop`` - 1; jets of all classes, shuffled.

    Raises:
        BackendError: a program is missing or fails.
        ConfigError: hardly any collision has a jet in the window.
    """
    classes = settings.classes
    parts = []
    for place, name in enumerate(classes):
        wanted = len(range(start + (place - start) % len(classes), stop, len(classes)))
        if wanted:
            parts.append(_jets_of_class(settings, name, start, wanted))
    table = concatenated([part.table for part in parts])
    order = event_generator(settings.seed, Purpose.ORDER, start).permutation(len(table))
    return SimulatedJets(table.take(order), sum(part.collisions for part in parts))


def _jets_of_class(settings: JetSettings, name: JetClass, start: int, wanted: int) -> SimulatedJets:
    # a stream of random numbers for each range and class
    stream = start * _STREAMS + PROCESSES[name].label
    window = (settings.pt_min, settings.pt_max, settings.multiple_interactions)
    pythia = _pythia(hard_settings(name, *window))
    pythia.rndm.init(event_seed(settings.seed, Purpose.HARD, stream))
    detector = event_generator(settings.seed, Purpose.DETECTOR, stream)
    beam = event_generator(settings.seed, Purpose.BEAM, stream)
    deposits = event_generator(settings.seed, Purpose.DEPOSITS, stream)
    if settings.pile_up:
        minimum_bias = _minimum_bias(settings, stream)
    parts: list[JaggedTable] = []
    kept = collisions = 0
    while kept < wanted:
        record = next_collisions(pythia, _COLLISIONS)
        particles = visible_particles(pythia, record)
        candidates = detect(particles, PRESETS[settings.preset], detector)
        jets = choose_jets(candidates, settings.radius, settings.pt_min)
        jets, facts = _selected(settings, name, record, jets)
        if settings.softdrop_target:
            jets, facts = _with_target(settings, particles, jets, facts)
        collisions += _COLLISIONS
        if settings.pile_up and len(jets.event):
            candidates, jets, facts = _with_pile_up(
                settings, particles, jets, facts, minimum_bias, beam, detector
            )
        if len(jets.event):
            parts.append(_columns(settings, name, candidates, jets, facts, deposits))
            kept += len(jets.event)
        if collisions >= _PATIENCE and kept < _LEAST_YIELD * collisions:
            raise ConfigError(
                f"{kept} of {collisions} collisions have a jet of class {name!r} in the window",
                remedy="widen pt_min, pt_max, eta_max or the radius",
            )
    return SimulatedJets(concatenated(parts).take(np.arange(wanted)), collisions)


@functools.lru_cache(maxsize=8)
def _pythia(settings: tuple[str, ...]) -> Any:
    """A Pythia that is set up once per process; its random numbers are set for each range."""
    return start_pythia(("Random:seed = 1", *settings))


def _minimum_bias(settings: JetSettings, stream: int) -> Source:
    """Where the other collisions of a range and class come from."""
    if not settings.pile_up_pool:
        pythia = _pythia(pile_up_settings())
        pythia.rndm.init(event_seed(settings.seed, Purpose.MINIMUM_BIAS, stream))
        return fresh(pythia)
    random = event_generator(settings.seed, Purpose.MINIMUM_BIAS, stream)
    pool = _pool(settings.seed, settings.pile_up_pool)
    return lambda collisions: pool.draw(collisions, random)


@functools.lru_cache(maxsize=1)
def _pool(seed: int, collisions: int) -> PileUpPool:
    """The pool of a sample, the same in all its processes."""
    pythia = _pythia(pile_up_settings())
    pythia.rndm.init(event_seed(seed, Purpose.MINIMUM_BIAS, None))
    return make_pool(pythia, collisions)


def _selected(
    settings: JetSettings, name: JetClass, record: Any, jets: ChosenJets
) -> tuple[ChosenJets, Facts]:
    """Jets in the window that are what their class says, and what is known of them."""
    process = PROCESSES[name]
    jets = jets.take((jets.pt < settings.pt_max) & (np.abs(jets.eta) < settings.eta_max))
    flavour = jet_flavour(record, jets, settings.radius)
    wanted = np.ones(len(flavour), dtype=bool)
    if process.flavour is not None:
        wanted &= flavour == process.flavour
    if process.matched is not None:
        contains = contains_top if process.matched == "top" else contains_w
        wanted &= contains(record, jets, settings.radius)
    return jets.take(wanted), {"jet_flavour": flavour[wanted]}


def _with_target(
    settings: JetSettings, particles: Particles, jets: ChosenJets, facts: Facts
) -> tuple[ChosenJets, Facts]:
    """The jets that have a jet of particles within half the radius, and what that one is.

    It is clustered from the stable particles of the hard collision but for neutrinos, before the
    detector and without pile-up.
    """
    has_jet = np.zeros(_COLLISIONS, dtype=bool)
    has_jet[jets.event] = True
    of_jets = particles.of_events(has_jet)
    true = choose_jets(of_jets, settings.radius, settings.pt_min / 2, (jets.eta, jets.phi))
    names = ("energy", "px", "py", "pz")
    p4 = np.stack([getattr(of_jets, name)[true.rows] for name in names], axis=1)
    ptr = np.concatenate([[0], np.cumsum(true.sizes)])
    found = np.zeros(len(jets.event), dtype=bool)
    found[true.event] = True
    kept = {name: values[found] for name, values in facts.items()}
    return jets.take(found), {
        **kept,
        "softdrop_mass": softdrop_mass(p4, ptr, radius=settings.radius),
        "particle_pt": true.pt,
        "particle_mass": true.mass,
    }


def _with_pile_up(
    settings: JetSettings,
    particles: Particles,
    jets: ChosenJets,
    facts: Facts,
    minimum_bias: Source,
    beam: np.random.Generator,
    detector: np.random.Generator,
) -> tuple[Candidates, ChosenJets, Facts]:
    """The same jets, seen again among the other collisions."""
    has_jet = np.zeros(_COLLISIONS, dtype=bool)
    has_jet[jets.event] = True
    axes = (jets.eta, jets.phi)
    crowded = overlay(
        particles.of_events(has_jet), settings.pile_up, axes, settings.radius, minimum_bias, beam
    )
    candidates = detect(crowded, PRESETS[settings.preset], detector)
    again = choose_jets(candidates, settings.radius, settings.pt_min / 2, axes)
    return candidates, again, {name: values[again.event] for name, values in facts.items()}


def _columns(
    settings: JetSettings,
    name: JetClass,
    candidates: Candidates,
    jets: ChosenJets,
    facts: Facts,
    deposits: np.random.Generator,
) -> JaggedTable:
    owner = np.repeat(np.arange(len(jets.sizes)), jets.sizes)
    pt = np.hypot(candidates.px, candidates.py)[jets.rows]
    rows = jets.rows[np.lexsort((-pt, owner))]
    names = ("energy", "px", "py", "pz")
    p4 = np.stack([getattr(candidates, name)[rows] for name in names], axis=1)
    ptr = np.concatenate([[0], np.cumsum(jets.sizes)])
    groomed = softdrop_mass(p4, ptr, radius=settings.radius)
    taus = n_subjettiness(p4, ptr, radius=settings.radius)
    leading = np.arange(len(rows)) - ptr[owner] < settings.max_particles
    flagged = settings.pile_up or settings.softdrop_target
    left_out = {"event"} if flagged else {"event", "from_pileup"}
    particle = {
        f.name: getattr(candidates, f.name)[rows[leading]].astype(
            _PARTICLE_TYPES.get(f.name, np.float32)
        )
        for f in fields(candidates)
        if f.name not in left_out
    }
    flavour = facts["jet_flavour"]
    values: dict[str, NDArray[Any]] = {
        "jet_pt": jets.pt,
        "jet_eta": jets.eta,
        "jet_phi": jets.phi,
        "jet_mass": jets.mass,
        "jet_energy": jets.p4[:, 0],
        "jet_sdmass": groomed,
        **{f"jet_tau{n}": taus[:, n - 1] for n in (1, 2, 3, 4)},
    }
    if settings.softdrop_target:
        pid, energy = candidates.pid[rows[leading]], candidates.energy[rows[leading]]
        energies = deposited_energies(pid, energy, deposits)
        for calorimeter, found in zip(("ecal", "hcal"), energies, strict=True):
            particle[calorimeter] = found.astype(np.float32)
        own = _from_the_vertex(candidates, rows)
        inner = np.concatenate([[0], np.cumsum(own)])[ptr]
        values["jet_sdmass_chs"] = softdrop_mass(p4[own], inner, radius=settings.radius)
        values |= {n: found for n, found in facts.items() if n != "jet_flavour"}
    whole = {
        "jet_flavour": flavour,
        "label": np.full(len(flavour), PROCESSES[name].label),
        "is_top": np.full(len(flavour), name == "top"),
        "is_b": np.full(len(flavour), name == "b"),
    }
    jet: dict[str, NDArray[Any]] = {k: v.astype(np.float32) for k, v in values.items()}
    jet |= {k: v.astype(np.int32) for k, v in whole.items()}
    return JaggedTable(jet, particle, np.minimum(jets.sizes, settings.max_particles))


def _from_the_vertex(candidates: Candidates, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Cells, and tracks that point to the hard collision along the beam."""
    far = np.abs(candidates.dz[rows]) > _DZ + _DZ_ERRORS * candidates.dzerr[rows]
    return np.asarray((candidates.charge[rows] == 0) | ~far)
