"""A range of events through Pythia, Fatras, digitisation and, if wanted, track finding."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcgnn.errors import BackendError, PcgnnError
from pcgnn.simulation.acts_backend import load_acts
from pcgnn.simulation.acts_csv import read_event
from pcgnn.simulation.acts_effects import add_noise, lose_hits
from pcgnn.simulation.acts_events import TrackEvent, without_hitless_particles
from pcgnn.simulation.acts_reader import make_reader
from pcgnn.simulation.acts_reconstruction import (
    REFERENCE_TRACKS,
    ReferenceCounts,
    add_reconstruction,
)
from pcgnn.simulation.acts_settings import TrackSettings
from pcgnn.simulation.digitisation import write_digitisation
from pcgnn.simulation.seeds import Purpose, event_seed

__all__ = ["SimulatedRange", "simulate_range"]

FIELD = 2.0
"""Solenoid field along z, tesla."""


@dataclass(frozen=True)
class SimulatedRange:
    """Events of a range and ACTS' own counts for its tracks.

    Args:
        events: the events in order.
        counts: by name of the reference tracks.
    """

    events: list[TrackEvent]
    counts: dict[str, ReferenceCounts]


def simulate_range(settings: TrackSettings, start: int, stop: int) -> SimulatedRange:
    """Simulate the events from ``start`` to ``stop`` - 1.

    ACTS writes csv files to a temporary folder that is removed.

    Raises:
        BackendError: a program is missing or fails.
    """
    with tempfile.TemporaryDirectory(prefix="pcgnn-acts-") as name:
        folder = Path(name)
        csv = folder / "csv"
        csv.mkdir()
        writers = _run(settings, start, stop, folder, csv)
        events = [_finished(settings, csv, event) for event in range(start, stop)]
    counts = {track: ReferenceCounts.from_writer(writer) for track, writer in writers.items()}
    return SimulatedRange(events, counts)


def _finished(settings: TrackSettings, csv: Path, number: int) -> TrackEvent:
    tracks = REFERENCE_TRACKS if settings.reconstruction else ()
    event = read_event(csv, number, tracks, settings.truth_positions)
    event = lose_hits(event, settings.inefficiency, settings.seed)
    event = add_noise(event, settings.noise, settings.seed)
    return without_hitless_particles(event)


def _run(settings: TrackSettings, start: int, stop: int, folder: Path, csv: Path) -> dict[str, Any]:
    acts = load_acts()
    examples, units = acts.examples, acts.UnitConstants
    geometry = _detector().trackingGeometry()
    field = acts.ConstantBField(acts.Vector3(0.0, 0.0, FIELD * units.T))
    # ACTS makes a stream per event and algorithm from this one number
    seed = event_seed(settings.seed, Purpose.DETECTOR, None, below=2**31)
    random = examples.RandomNumbers(seed=seed)
    sequence = examples.Sequencer(
        skip=start,
        events=stop - start,
        numThreads=1,
        logLevel=acts.logging.ERROR,
        trackFpes=False,
        outputDir=str(folder),
    )
    reader = make_reader(settings, stop)
    sequence.addReader(reader)
    sequence.addWhiteboardAlias("particles", "particles_generated")
    sequence.addWhiteboardAlias("particles_generated_selected", "particles_generated")
    examples.simulation.addFatras(
        sequence,
        geometry,
        field,
        rnd=random,
        pMin=50 * units.MeV,
        outputDirCsv=str(csv),
        # one electron in some ten thousand curls for ever: ACTS gives up on it and goes on
        logLevel=acts.logging.FATAL,
    )
    examples.simulation.addDigitization(
        sequence,
        geometry,
        field,
        digiConfigFile=write_digitisation(folder / "digitisation.json", settings.digitisation),
        rnd=random,
        outputDirCsv=str(csv),
    )
    writers = (
        add_reconstruction(sequence, geometry, field, folder, csv)
        if settings.reconstruction
        else {}
    )
    try:
        sequence.run()
    except Exception as error:  # ACTS throws what it likes
        cause = reader.failure or error
        if isinstance(cause, PcgnnError):
            raise cause from error
        raise BackendError(
            f"ACTS failed on the events {start} to {stop - 1} ({type(cause).__name__}: {cause})"
        ) from cause
    return writers


@functools.cache
def _detector() -> Any:
    """The Generic detector, built once per process."""
    acts = load_acts()
    quiet = acts.logging.ERROR
    return acts.examples.GenericDetector(
        logLevel=quiet, surfaceLogLevel=quiet, layerLogLevel=quiet, volumeLogLevel=quiet
    )
