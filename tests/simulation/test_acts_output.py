"""Simulated events in the file, from a simulation that only pretends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from acts_makers import small_event

from pcgnn.errors import BackendError, WriteError
from pcgnn.simulation import TrackSimulation, acts_tracks, simulate_tracks
from pcgnn.simulation.acts_chain import SimulatedRange
from pcgnn.simulation.acts_events import TrackColumns, TrackEvent, without_hitless_particles
from pcgnn.simulation.acts_reconstruction import ReferenceCounts
from pcgnn.simulation.acts_settings import TrackSettings

TRACKS = [[3, 1, 2], [9], [4, 5, 6, 7]]


def pretended(number: int) -> TrackEvent:
    """An event of its own size with as many tracks as its number (at most three)."""
    lists = TRACKS[:number]
    tracks = TrackColumns(
        {
            "pt": np.arange(len(lists), dtype=np.float32),
            "particle_id": np.array([0, 2, 3][:number], np.int32),
        },
        np.array([hit for hits in lists for hit in hits], dtype=np.int64),
        np.array([len(hits) for hits in lists], dtype=np.int64),
    )
    event = small_event(hits=100 + number, particles=20, number=number)
    return without_hitless_particles(replace(event, tracks={"ckf": tracks}))


def pretend(settings: TrackSettings, start: int, stop: int) -> SimulatedRange:
    if stop > 10:
        raise BackendError("no more events")
    counts = {"ckf": ReferenceCounts(particles=4, matched=3, tracks=5, fakes=1, duplicates=1)}
    return SimulatedRange([pretended(event) for event in range(start, stop)], counts)


@pytest.fixture(autouse=True)
def _no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts_tracks, "require_simulation", lambda: None)
    monkeypatch.setattr(acts_tracks, "simulate_range", pretend)


@pytest.fixture
def made(tmp_path: Path) -> TrackSimulation:
    # 500 collisions per event: two events per chunk
    return simulate_tracks(tmp_path / "t.root", 4, pile_up=499, seed=9, progress=False)


def test_file_holds_the_events(made: TrackSimulation) -> None:
    with uproot.open(made.path) as file:
        arrays = file["events"].arrays()
        settings = json.loads(str(file["simulation"]))
        assert file["events/hit_x"].num_baskets == 2
    assert settings["seed"] == 9
    assert settings["events"] == 4
    assert arrays.event.tolist() == [0, 1, 2, 3]
    for number, event in enumerate(arrays):
        wanted = pretended(number)
        for name, values in wanted.hit.items():
            if name != "particle_id":
                assert event[f"hit_{name}"].tolist() == values.tolist(), name
        assert event.hit_particle.tolist() == [i - 1 for i in wanted.hit["particle_id"].tolist()]
        for name, values in wanted.particle.items():
            assert event[f"particle_{name}"].tolist() == values.tolist(), name
        tracks = wanted.tracks["ckf"]
        assert event.ckfhit_index.tolist() == [hit for hits in TRACKS[:number] for hit in hits]
        assert event.ckf_nhits.tolist() == [len(hits) for hits in TRACKS[:number]]
        assert event.ckf_particle.tolist() == [
            i - 1 for i in tracks.columns["particle_id"].tolist()
        ]


def test_summary(made: TrackSimulation) -> None:
    events = [pretended(number) for number in range(4)]
    assert made.hits == sum(len(event.hit["x"]) for event in events)
    assert made.particles == sum(len(event.particle["px"]) for event in events)
    ckf = made.reference["ckf"]  # of two chunks
    assert (ckf.particles, ckf.matched, ckf.tracks) == (8, 6, 10)
    assert (ckf.efficiency, ckf.fake_rate, ckf.duplicate_rate) == (0.75, 0.2, 0.2)
    assert "efficiency 0.7500 (6 of 8 particles" in str(made)


def test_rates_of_nothing_are_unknown() -> None:
    nothing = ReferenceCounts()
    assert np.isnan([nothing.efficiency, nothing.fake_rate, nothing.duplicate_rate]).all()


def test_first_event(tmp_path: Path) -> None:
    made = simulate_tracks(tmp_path / "t.root", 2, first_event=2, progress=False)
    with uproot.open(made.path) as file:
        assert ak.num(file["events/ckf_pt"].array()).tolist() == [2, 3]


def test_existing_file_is_not_touched(made: TrackSimulation) -> None:
    before = made.path.read_bytes()
    with pytest.raises(WriteError, match="exists already"):
        simulate_tracks(made.path, 1, progress=False)
    assert made.path.read_bytes() == before
    simulate_tracks(made.path, 1, progress=False, overwrite=True)
    assert made.path.read_bytes() != before


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no more events"):
        simulate_tracks(tmp_path / "t.root", 11, pile_up=200, progress=False)
    assert list(tmp_path.iterdir()) == []
