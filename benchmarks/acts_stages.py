"""The classical chain of ACTS on one simulated event, with the cost of each of its algorithms."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.rss import peak_mb, reset_peak

__all__ = ["RECONSTRUCTION", "ActsRun", "Cost", "absent", "reconstruct"]

# Algorithm of ACTS -> stage. The others simulate, write files or compare with the truth.
RECONSTRUCTION = {
    "SpacePointMaker": "ACTS seeding",
    "GridTripletSeedingAlgorithm": "ACTS seeding",
    "TrackParamsEstimationAlgorithm": "ACTS seeding",
    "SeedsToProtoTracks": "ACTS seeding",
    "SeedsToTracks": "ACTS seeding",
    "TrackFindingAlgorithm": "ACTS combinatorial Kalman filter",
    "GreedyAmbiguityResolutionAlgorithm": "ACTS ambiguity resolution",
}


@dataclass
class Cost:
    """CPU seconds and peak MB above what was there before."""

    cpu_s: float = 0.0
    mb: float = 0.0


@dataclass(frozen=True)
class ActsRun:
    """Cost of each stage, and the event that was reconstructed.

    Args:
        costs: by stage, see ``RECONSTRUCTION``.
        hit: columns of the hits.
        tracks: number of tracks before and after the resolution of ambiguities, by name.
    """

    costs: dict[str, Cost]
    hit: dict[str, np.ndarray]
    tracks: dict[str, int]


def absent() -> str | None:
    """Why ACTS cannot run here, or None."""
    from pcgnn.errors import BackendError
    from pcgnn.simulation.acts_backend import require_simulation

    try:
        require_simulation()
    except BackendError as error:
        return f"not installed: {error}"
    return None


def reconstruct(*, seed: int, event: int = 0, pile_up: float = 200.0) -> ActsRun:
    """Simulate an event and find its tracks, with clocks around the algorithms.

    Args:
        seed: of the simulation; 32 and event 0 make the bundled event.
        event: number of the event.
        pile_up: mean number of additional collisions.
    """
    from pcgnn.simulation.acts_chain import simulate_range
    from pcgnn.simulation.acts_settings import TrackSettings

    costs = {stage: Cost() for stage in RECONSTRUCTION.values()}
    settings = TrackSettings(pile_up=pile_up, seed=seed, reconstruction=True)
    with _clocks(costs):
        made = simulate_range(settings, event, event + 1).events[0]
    tracks = {name: len(found.counts) for name, found in made.tracks.items()}
    return ActsRun(costs, dict(made.hit), tracks)


@contextmanager
def _clocks(costs: dict[str, Cost]) -> Iterator[None]:
    """While this lasts, sequences of ACTS get a clock before and after each algorithm.

    A clock is an algorithm that does nothing but look at the time and memory. ACTS' own times are
    wall times, which on a shared machine are those of the neighbours too.
    """
    from pcgnn.simulation.acts_backend import load_acts

    acts = load_acts()
    examples = acts.examples
    kept: list[Any] = []  # ACTS does not keep Python's part of an algorithm alive

    class Clock(examples.IAlgorithm):  # type: ignore[misc, name-defined]
        """Starts or stops the clock of a stage."""

        def __init__(self, number: int, stage: str, starts: bool) -> None:
            examples.IAlgorithm.__init__(self, f"Clock{number}", acts.logging.ERROR)
            self.stage, self.starts = stage, starts

        def execute(self, context: Any) -> Any:
            if self.starts:
                running["mb"], running["cpu"] = reset_peak(), time.process_time()
            else:
                cost = costs[self.stage]
                cost.cpu_s += time.process_time() - running["cpu"]
                cost.mb = max(cost.mb, peak_mb() - running["mb"])
            return examples.ProcessCode.SUCCESS

    running: dict[str, float] = {}
    add = examples.Sequencer.addAlgorithm

    def add_with_clocks(sequence: Any, algorithm: Any) -> None:
        stage = RECONSTRUCTION.get(algorithm.name())
        if stage is None:
            add(sequence, algorithm)
            return
        clocks = [Clock(len(kept) + i, stage, i == 0) for i in (0, 1)]
        kept.extend(clocks)
        add(sequence, clocks[0])
        add(sequence, algorithm)
        add(sequence, clocks[1])

    examples.Sequencer.addAlgorithm = add_with_clocks
    try:
        yield
    finally:
        examples.Sequencer.addAlgorithm = add
