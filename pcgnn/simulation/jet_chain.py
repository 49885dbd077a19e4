"""A range of jets through Pythia, the detector, clustering and truth matching."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.data.jet_shapes import n_subjettiness, softdrop_mass
from pcgnn.errors import ConfigError
from pcgnn.simulation.jet_clustering import ChosenJets, choose_jets
from pcgnn.simulation.jet_detector import PRESETS, Candidates, detect
from pcgnn.simulation.jet_particles import Particles, visible_particles
from pcgnn.simulation.jet_pile_up import overlay
from pcgnn.simulation.jet_processes import (
    PROCESSES,
    JetClass,
    hard_settings,
    pile_up_settings,
)
from pcgnn.simulation.jet_settings import JetSettings
from pcgnn.simulation.jet_truth import contains_top, jet_flavour
from pcgnn.simulation.pythia import next_collisions, start_pythia
from pcgnn.simulation.seeds import Purpose, event_generator, event_seed
from pcgnn.simulation.tables import JaggedTable, concatenated

__all__ = ["SimulatedJets", "simulate_range"]

_COLLISIONS = 200
# Give up when fewer than this share of the collisions has a jet in the window.
_LEAST_YIELD, _PATIENCE = 1e-3, 5_000

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
    stream = start * len(PROCESSES) + PROCESSES[name].label
    window = (settings.pt_min, settings.pt_max, settings.multiple_interactions)
    pythia = _pythia(hard_settings(name, *window))
    pythia.rndm.init(event_seed(settings.seed, Purpose.HARD, stream))
    detector = event_generator(settings.seed, Purpose.DETECTOR, stream)
    beam = event_generator(settings.seed, Purpose.BEAM, stream)
    if settings.pile_up:
        minimum_bias = _pythia(pile_up_settings())
        minimum_bias.rndm.init(event_seed(settings.seed, Purpose.MINIMUM_BIAS, stream))
    parts: list[JaggedTable] = []
    kept = collisions = 0
    while kept < wanted:
        record = next_collisions(pythia, _COLLISIONS)
        particles = visible_particles(pythia, record)
        candidates = detect(particles, PRESETS[settings.preset], detector)
        jets = choose_jets(candidates, settings.radius, settings.pt_min)
        jets, flavour = _selected(settings, name, record, jets)
        collisions += _COLLISIONS
        if settings.pile_up and len(jets.event):
            candidates, jets, flavour = _with_pile_up(
                settings, particles, jets, flavour, minimum_bias, beam, detector
            )
        if len(jets.event):
            parts.append(_columns(settings, name, candidates, jets, flavour))
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


def _selected(
    settings: JetSettings, name: JetClass, record: Any, jets: ChosenJets
) -> tuple[ChosenJets, NDArray[np.int64]]:
    """Jets in the window that are what their class says, and their flavours."""
    process = PROCESSES[name]
    jets = jets.take((jets.pt < settings.pt_max) & (np.abs(jets.eta) < settings.eta_max))
    flavour = jet_flavour(record, jets, settings.radius)
    wanted = np.ones(len(flavour), dtype=bool)
    if process.flavour is not None:
        wanted &= flavour == process.flavour
    if process.matched:
        wanted &= contains_top(record, jets, settings.radius)
    return jets.take(wanted), flavour[wanted]


def _with_pile_up(
    settings: JetSettings,
    particles: Particles,
    jets: ChosenJets,
    flavour: NDArray[np.int64],
    minimum_bias: Any,
    beam: np.random.Generator,
    detector: np.random.Generator,
) -> tuple[Candidates, ChosenJets, NDArray[np.int64]]:
    """The same jets, seen again among the other collisions."""
    has_jet = np.zeros(_COLLISIONS, dtype=bool)
    has_jet[jets.event] = True
    axes = (jets.eta, jets.phi)
    crowded = overlay(
        particles.of_events(has_jet), settings.pile_up, axes, settings.radius, minimum_bias, beam
    )
    candidates = detect(crowded, PRESETS[settings.preset], detector)
    again = choose_jets(candidates, settings.radius, settings.pt_min / 2, axes)
    return candidates, again, flavour[again.event]


def _columns(
    settings: JetSettings,
    name: JetClass,
    candidates: Candidates,
    jets: ChosenJets,
    flavour: NDArray[np.int64],
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
    left_out = {"event"} if settings.pile_up else {"event", "from_pileup"}
    particle = {
        f.name: getattr(candidates, f.name)[rows[leading]].astype(
            _PARTICLE_TYPES.get(f.name, np.float32)
        )
        for f in fields(candidates)
        if f.name not in left_out
    }
    values: dict[str, NDArray[np.float64]] = {
        "jet_pt": jets.pt,
        "jet_eta": jets.eta,
        "jet_phi": jets.phi,
        "jet_mass": jets.mass,
        "jet_energy": jets.p4[:, 0],
        "jet_sdmass": groomed,
        **{f"jet_tau{n}": taus[:, n - 1] for n in (1, 2, 3, 4)},
    }
    whole = {
        "jet_flavour": flavour,
        "label": np.full(len(flavour), PROCESSES[name].label),
        "is_top": np.full(len(flavour), name == "top"),
        "is_b": np.full(len(flavour), name == "b"),
    }
    jet: dict[str, NDArray[Any]] = {k: v.astype(np.float32) for k, v in values.items()}
    jet |= {k: v.astype(np.int32) for k, v in whole.items()}
    return JaggedTable(jet, particle, np.minimum(jets.sizes, settings.max_particles))
