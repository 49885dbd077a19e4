"""Top-quark pairs with pile-up in a full tracker, from Pythia through ACTS to one ROOT file."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pcgnn.io.atomic import atomic_path
from pcgnn.io.writing import Compression
from pcgnn.simulation.acts_backend import require_simulation
from pcgnn.simulation.acts_chain import SimulatedRange, simulate_range
from pcgnn.simulation.acts_events import TrackEvent
from pcgnn.simulation.acts_output import write_track_events
from pcgnn.simulation.acts_reconstruction import ReferenceCounts
from pcgnn.simulation.acts_settings import Digitisation, TrackSettings
from pcgnn.simulation.workers import run_ranges, split_events

__all__ = ["TrackSimulation", "simulate_tracks"]


@dataclass(frozen=True)
class TrackSimulation:
    """What :func:`simulate_tracks` made.

    Args:
        path: the file.
        events: number of events.
        hits: number of hits in all events.
        particles: number of particles with hits in all events.
        seconds: time it took.
        reference: ACTS' own counts for its tracks, by name; empty without reconstruction.
    """

    path: Path
    events: int
    hits: int
    particles: int
    seconds: float
    reference: dict[str, ReferenceCounts]

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.events} events, {self.hits / self.events:.0f} hits and "
            f"{self.particles / self.events:.0f} particles per event, "
            f"{self.seconds / self.events:.2f} s per event"
        ]
        lines += [
            f"{name}: efficiency {counts.efficiency:.4f} ({counts.matched} of {counts.particles} "
            f"particles: pT > 1 GeV, |eta| < 3, 9 or more measurements), "
            f"fakes {counts.fake_rate:.4f}, duplicates {counts.duplicate_rate:.4f} "
            f"of {counts.tracks} tracks (ACTS, double matching)"
            for name, counts in self.reference.items()
        ]
        return "\n".join(lines)


def simulate_tracks(
    output: str | os.PathLike[str],
    events: int,
    *,
    pile_up: float = 200.0,
    seed: int = 1,
    reconstruction: bool = False,
    digitisation: Digitisation = "smearing",
    inefficiency: float = 0.0,
    noise: float = 0.0,
    processes: int = 1,
    pt_min: float = 0.1,
    eta_max: float = 4.0,
    truth_positions: bool = False,
    first_event: int = 0,
    compression: Compression = "zstd",
    overwrite: bool = False,
    progress: bool = True,
) -> TrackSimulation:
    """Simulate the hits of proton collisions in a tracker and write them to a ROOT file.

    Pythia 8 makes top-quark pairs at 14 TeV and a Poisson number of minimum-bias collisions
    around them, spread along the beam by 55.5 mm. Fatras, the fast simulation of ACTS, takes the
    particles through the Generic detector (the geometry of TrackML: pixels, short and long
    strips) in a solenoid field of 2 T, with scattering, energy loss, bremsstrahlung and photon
    conversion. It knows no hadronic interactions. Read the file with ``pcgnn.read_hits``.

    Event ``i`` of a seed is the same whatever the number of events and processes.

    Args:
        output: the ROOT file; it appears when it is complete.
        events: number of events.
        pile_up: mean number of minimum-bias collisions per event.
        seed: fixes everything random.
        reconstruction: find tracks with ACTS too: ``ckf`` from seeds and a combinatorial Kalman
            filter, and ``ambi``, those left after the resolution of ambiguities.
        digitisation: "smearing" (normal, pitch / sqrt(12)) or "geometric" (channels, clusters;
            close particles may share a hit).
        inefficiency: probability to lose a hit. Not together with ``reconstruction``.
        noise: noise hits per hit of a particle. Not together with ``reconstruction``.
        processes: number of processes.
        pt_min: lowest transverse momentum of the particles handed to the detector, GeV.
        eta_max: their largest absolute pseudorapidity.
        truth_positions: keep the true position ``tx, ty, tz`` (mm) and momentum ``tpx, tpy,
            tpz`` (GeV) at each hit; makes the file 2.5 times as large.
        first_event: number of the first event; two files with the same seed and disjoint
            numbers hold different events of one sample.
        compression: "zstd", "lz4", "zlib", "lzma" or "none".
        overwrite: replace an existing file.
        progress: show a progress bar.

    Returns:
        Counts, and ACTS' own figures for its tracks.

    Raises:
        BackendError: pythia8mc or pyacts is not installed (extra ``simulation``), or fails.
        ConfigError: an argument makes no sense.
        WriteError: the file exists already, or cannot be written.

    Example:
        >>> print(simulate_tracks("tracks.root", 10, pile_up=40))  # doctest: +SKIP
        tracks.root: 10 events, 30512 hits and 2702 particles per event, 0.49 s per event
    """
    begin = time.monotonic()
    settings = TrackSettings(
        pile_up=pile_up,
        seed=seed,
        reconstruction=reconstruction,
        digitisation=digitisation,
        inefficiency=inefficiency,
        noise=noise,
        pt_min=pt_min,
        eta_max=eta_max,
        truth_positions=truth_positions,
    )
    # few events at a time where each fills tens of MB of csv files
    ranges = split_events(events, max(1, min(50, round(1000 / (1 + pile_up)))), first_event)
    require_simulation()
    tally = _Tally()
    simulated = run_ranges(
        functools.partial(simulate_range, settings),
        ranges,
        processes=processes,
        progress=progress,
        label="simulating events",
    )
    about = {**settings.to_dict(), "first_event": first_event, "events": events}
    with atomic_path(output, overwrite) as temporary:
        write_track_events(temporary, tally.watch(simulated), about, compression)
    return TrackSimulation(
        path=Path(output),
        events=events,
        hits=tally.hits,
        particles=tally.particles,
        seconds=time.monotonic() - begin,
        reference=tally.reference,
    )


class _Tally:
    """Counts what passes on its way to the file."""

    def __init__(self) -> None:
        self.hits = 0
        self.particles = 0
        self.reference: dict[str, ReferenceCounts] = {}

    def watch(self, ranges: Iterator[SimulatedRange]) -> Iterator[Sequence[TrackEvent]]:
        """Pass on the events."""
        for simulated in ranges:
            self.hits += sum(len(event.hit["x"]) for event in simulated.events)
            self.particles += sum(len(event.particle["px"]) for event in simulated.events)
            for name, counts in simulated.counts.items():
                self.reference[name] = self.reference.get(name, ReferenceCounts()) + counts
            yield simulated.events
