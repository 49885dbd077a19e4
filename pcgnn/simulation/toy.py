"""Tracking events of a toy detector, with numpy alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.errors import ConfigError
from pcgnn.simulation.helix import Helix
from pcgnn.simulation.seeds import Purpose, event_generator
from pcgnn.simulation.toy_hits import (
    Columns,
    add_noise_hits,
    find_crossings,
    measure,
    scatter,
)
from pcgnn.simulation.toy_particles import draw_particles

__all__ = ["simulate_toy"]


def simulate_toy(
    events: int,
    *,
    pile_up: float = 0.0,
    seed: int = 1,
    first_event: int = 0,
    pt_min: float = 0.15,
    eta_max: float = 3.5,
    field: float = 2.0,
    efficiency: float = 0.98,
    noise: float = 0.1,
    scattering: bool = True,
    resolution: float = 1.0,
) -> ak.Array:
    """Simulate hits of charged particles in a tracker with the dimensions of the TrackML detector.

    Charged particles with a spectrum as at the LHC fly on helices, cross up to ten barrel layers
    and 19 disks per side (see :mod:`pcgnn.simulation.toy_detector` for their numbers), scatter in
    each, are seen with the same probability everywhere and measured with normal errors; noise
    comes on top. Left out: energy loss, interactions, overlapping modules, merged hits, particles
    that curl more than half a turn. Good for tests and first steps, not for results.

    Event ``i`` of a seed is the same however many events are made.

    Args:
        events: number of events.
        pile_up: mean number of collisions besides the hard one.
        seed: fixes everything random.
        first_event: number of the first event.
        pt_min: lowest transverse momentum of particles, GeV.
        eta_max: their largest absolute pseudorapidity.
        field: magnetic field along the beam, T.
        efficiency: probability that a crossing gives a hit.
        noise: mean number of noise hits per hit of a particle.
        scattering: whether layers scatter particles.
        resolution: factor to the measurement errors of the layers; 0 measures exactly.

    Returns:
        Records like those of :func:`pcgnn.read_hits`. ``hit``: ``x, y, z, layer, particle_id``
        (0 for noise), true position ``tx, ty, tz`` (NaN for noise), ``order`` (place among the
        crossings of the particle, from 0; -1 for noise). ``particle``: all particles, those
        without hits too, with ``vertex`` (0: hard collision) and ``secondary``. Lengths in mm,
        momenta in GeV.

    Shapes:
        - output (events,) records; ``hit`` and ``particle`` (events, var)

    Raises:
        ConfigError: if an argument makes no sense.

    Example:
        >>> hits = simulate_toy(2, seed=7)
        >>> hits.hit.layer.ndim, bool(ak.all(hits.hit.layer >= 0))
        (2, True)
    """
    settings: dict[str, Any] = {
        "pile_up": pile_up,
        "seed": seed,
        "first_event": first_event,
        "pt_min": pt_min,
        "eta_max": eta_max,
        "field": field,
        "efficiency": efficiency,
        "noise": noise,
        "scattering": scattering,
        "resolution": resolution,
    }
    _check(events, settings)
    made = [_event(number, settings) for number in range(first_event, first_event + events)]
    number = np.arange(first_event, first_event + events, dtype=np.int64)
    records = ak.zip(
        {
            "hit": _jagged([hit for hit, _ in made]),
            "particle": _jagged([particle for _, particle in made]),
            "event_id": number,
            "file": np.zeros(events, dtype=np.int32),
            "entry": np.arange(events, dtype=np.int64),
        },
        depth_limit=1,
    )
    provenance: dict[str, Any] = {
        "format": "toy",
        "files": [],
        "tree": None,
        "events_read": events,
        "events_kept": events,
        "has_truth": True,
        "tracks": [],
        "mapping": None,
        "simulation": settings,
    }
    return ak.Array(records.layout, attrs={"pcgnn": provenance})


def _event(number: int, settings: Mapping[str, Any]) -> tuple[Columns, Columns]:
    """Hits and particles of one event."""

    def random(purpose: Purpose) -> np.random.Generator:
        return event_generator(settings["seed"], purpose, number)

    drawn: Columns = dict(
        draw_particles(
            random(Purpose.HARD), settings["pile_up"], settings["pt_min"], settings["eta_max"]
        )
    )
    helix = Helix.make(
        (drawn["vx"], drawn["vy"], drawn["vz"]),
        drawn["pt"],
        drawn["eta"],
        drawn["phi"],
        drawn["charge"],
        settings["field"],
    )
    crossings = find_crossings(helix)
    detector = random(Purpose.DETECTOR)
    if settings["scattering"]:
        displaced = scatter(detector, crossings, drawn["pt"], helix.cot)
    else:
        displaced = (np.zeros_like(crossings.path), np.zeros_like(crossings.path))
    seen = random(Purpose.INEFFICIENCY).random(crossings.path.shape) < settings["efficiency"]
    hits = measure(
        detector, helix, crossings, displaced, seen & crossings.real, settings["resolution"]
    )
    hits = add_noise_hits(random(Purpose.NOISE), hits, settings["noise"])
    return hits, _particle_columns(drawn, hits["particle_id"])


def _particle_columns(drawn: Columns, particle_id: Any) -> Columns:
    size = len(drawn["pt"])
    return {
        "particle_id": np.arange(1, size + 1, dtype=np.int64),
        "px": drawn["pt"] * np.cos(drawn["phi"]),
        "py": drawn["pt"] * np.sin(drawn["phi"]),
        "pz": drawn["pt"] * np.sinh(drawn["eta"]),
        **drawn,
        "nhits": np.bincount(particle_id, minlength=size + 1)[1:].astype(np.int32),
    }


def _jagged(events: list[Columns]) -> ak.Array:
    counts = [len(next(iter(columns.values()))) for columns in events]
    offsets = ak.index.Index64(np.concatenate(([0], np.cumsum(counts, dtype=np.int64))))
    names = list(events[0])
    contents = [
        ak.contents.NumpyArray(np.concatenate([columns[name] for columns in events]))
        for name in names
    ]
    return ak.Array(ak.contents.ListOffsetArray(offsets, ak.contents.RecordArray(contents, names)))


def _check(events: int, settings: Mapping[str, Any]) -> None:
    for name, value in (("events", events), *settings.items()):
        if name == "scattering":
            continue
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise ConfigError(f"{name}={value!r} must be a number")
    for name, value, least in (
        ("events", events, 1),
        ("seed", settings["seed"], 0),
        ("first_event", settings["first_event"], 0),
    ):
        if not isinstance(value, int | np.integer) or value < least:
            raise ConfigError(f"{name}={value!r} must be a whole number from {least}")
    for name in ("pt_min", "eta_max", "field"):
        if settings[name] <= 0:
            raise ConfigError(f"{name}={settings[name]!r} must be positive")
    for name in ("pile_up", "noise", "resolution"):
        if settings[name] < 0:
            raise ConfigError(f"{name}={settings[name]!r} must not be negative")
    if not 0 <= settings["efficiency"] <= 1:
        raise ConfigError(f"efficiency={settings['efficiency']!r} must lie between 0 and 1")
