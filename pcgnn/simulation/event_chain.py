"""A range of collisions through Pythia, the detector, the selection and the columns."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.event_columns import decay_modes, object_columns
from pcgnn.simulation.event_objects import has_lepton, one_lepton_events
from pcgnn.simulation.event_sample import EventSample
from pcgnn.simulation.event_slices import collisions_of, start_slice
from pcgnn.simulation.jet_detector import PRESETS, detect
from pcgnn.simulation.jet_particles import visible_particles
from pcgnn.simulation.pythia import next_collisions
from pcgnn.simulation.resonance_sample import RESONANCE
from pcgnn.simulation.seeds import Purpose, event_generator, event_seed
from pcgnn.simulation.stop_sample import STOP
from pcgnn.simulation.tables import JaggedTable, concatenated

__all__ = ["EVENT_SAMPLES", "simulate_events"]

EVENT_SAMPLES: Mapping[str, EventSample] = MappingProxyType(
    {sample.name: sample for sample in (STOP, RESONANCE)}
)

_AT_ONCE = 400
_WHOLE = ("process", "is_signal", "decay", "njet", "nbjet", "lep_charge", "lep_flavour")


def simulate_events(
    name: str,
    shares: Sequence[float],
    weights: Sequence[float],
    seed: int,
    start: int,
    stop: int,
) -> JaggedTable:
    """Simulate the collisions from ``start`` to ``stop`` - 1; selected events, shuffled.

    Args:
        name: of the sample.
        shares: of the collisions of each slice.
        weights: of an event of each slice.
        seed: of the whole sample.
        start: first collision.
        stop: one past the last.

    Raises:
        BackendError: a program is missing or fails.
    """
    sample = EVENT_SAMPLES[name]
    wanted = collisions_of(shares, start, stop)
    parts = []
    for place, collisions in enumerate(wanted):
        # a stream of random numbers for each range and slice
        stream = start * len(wanted) + place
        parts += _events_of_slice(sample, place, weights[place], seed, stream, collisions)
    table = concatenated(parts)
    return table.take(event_generator(seed, Purpose.ORDER, start).permutation(len(table)))


@functools.lru_cache(maxsize=32)
def _pythia(name: str, place: int) -> Any:
    """A Pythia that is set up once per process; its random numbers are set for each range."""
    sample = EVENT_SAMPLES[name]
    return start_slice(sample.slices[place], sample.filter)


def _events_of_slice(
    sample: EventSample, place: int, weight: float, seed: int, stream: int, collisions: int
) -> list[JaggedTable]:
    pythia = _pythia(sample.name, place)
    pythia.rndm.init(event_seed(seed, Purpose.HARD, stream))
    random = event_generator(seed, Purpose.DETECTOR, stream)
    parts = []
    for first in range(0, collisions, _AT_ONCE):
        record = next_collisions(pythia, min(_AT_ONCE, collisions - first))
        parts.append(_selected(sample, place, weight, pythia, record, random))
    return parts


def _selected(
    sample: EventSample,
    place: int,
    weight: float,
    pythia: Any,
    record: Any,
    random: np.random.Generator,
) -> JaggedTable:
    particles = visible_particles(pythia, record)
    hopeful = has_lepton(particles, len(record), sample.lepton_pt_min)
    record = record[hopeful]
    candidates = detect(particles.of_events(hopeful), PRESETS["pf"], random)
    objects = one_lepton_events(
        candidates,
        record,
        random,
        lepton_pt_min=sample.lepton_pt_min,
        jet_pt_min=sample.jet_pt_min,
        jets_min=sample.jets_min,
    )
    process = np.full(len(objects.event), sample.slices[place].process)
    columns: dict[str, NDArray[Any]] = {
        **sample.features(objects),
        **sample.truth(process),
        "process": process,
        "is_signal": process > 0,
        "decay": decay_modes(record[objects.event]),
        "weight": np.full(len(process), weight),
    }
    lists, counts = object_columns(objects)
    return JaggedTable(
        {n: v.astype(np.int32 if _is_whole(n) else np.float32) for n, v in columns.items()},
        lists,
        counts,
    )


def _is_whole(name: str) -> bool:
    return name in _WHOLE or name.endswith("_btag")
