"""Ranges of events over processes, and the random numbers of an event."""

from __future__ import annotations

import functools
import os

import numpy as np
import pytest

from pcgnn.errors import BackendError, ConfigError
from pcgnn.simulation.seeds import Purpose, event_generator, event_seed
from pcgnn.simulation.workers import run_ranges, split_events


def draw(seed: int, start: int, stop: int) -> list[float]:
    """One random number per event, and the process that drew them."""
    return [event_generator(seed, Purpose.NOISE, event).random() for event in range(start, stop)]


def die(start: int, stop: int) -> None:
    os._exit(3)


def fail(start: int, stop: int) -> None:
    raise ConfigError(f"event {start} is impossible")


@pytest.mark.parametrize(("events", "per_range", "first"), [(7, 3, 0), (6, 3, 10), (1, 50, 4)])
def test_ranges_cover_the_events_once(events: int, per_range: int, first: int) -> None:
    ranges = split_events(events, per_range, first)
    covered = [event for start, stop in ranges for event in range(start, stop)]
    assert covered == list(range(first, first + events))
    assert max(stop - start for start, stop in ranges) <= per_range


def test_events_do_not_depend_on_the_processes() -> None:
    function = functools.partial(draw, 3)
    alone = [x for part in run_ranges(function, [(0, 7)], progress=False) for x in part]
    ranges = split_events(7, 2)
    shared = run_ranges(function, ranges, processes=2, progress=False)
    assert [x for part in shared for x in part] == alone
    assert len(set(alone)) == 7


def test_dead_process() -> None:
    with pytest.raises(BackendError, match=r"process of the simulation died.*__main__"):
        list(run_ranges(die, [(0, 1), (1, 2)], processes=2, progress=False))


def test_errors_come_through() -> None:
    for processes in (1, 2):
        with pytest.raises(ConfigError, match="event 0 is impossible"):
            list(run_ranges(fail, [(0, 1), (1, 2)], processes=processes, progress=False))


@pytest.mark.parametrize("processes", [0, 1.5, True])
def test_impossible_number_of_processes(processes: int) -> None:
    with pytest.raises(ConfigError, match="processes="):
        run_ranges(die, [(0, 1)], processes=processes)


def test_progress_counts_events(capsys: pytest.CaptureFixture[str]) -> None:
    function = functools.partial(draw, 3)
    list(run_ranges(function, split_events(5, 2), label="simulating"))
    shown = capsys.readouterr().out
    assert "simulating" in shown
    assert "5/5" in shown


def test_streams_are_independent() -> None:
    seeds = [
        event_seed(seed, purpose, event)
        for seed in range(3)
        for purpose in Purpose
        for event in (*range(50), None)
    ]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 1
    assert max(seeds) < 900_000_000  # Pythia's limit
    samples = [event_generator(seed, Purpose.BEAM, 0).random(1000) for seed in (1, 2)]
    assert abs(np.corrcoef(samples)[0, 1]) < 5 / np.sqrt(1000)
