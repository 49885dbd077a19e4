"""Settings that make no sense are refused before anything is simulated."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from pcgnn.errors import ConfigError
from pcgnn.simulation import simulate_tracks
from pcgnn.simulation.acts_settings import TrackSettings
from pcgnn.simulation.digitisation import SENSORS, write_digitisation, write_seeding_layers


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pile_up": -1}, "pile_up=-1 must be a number from 0"),
        ({"pile_up": math.nan}, "pile_up=nan"),
        ({"pile_up": "many"}, "pile_up='many'"),
        ({"inefficiency": 1.5}, "inefficiency=1.5"),
        ({"noise": -0.1}, "noise=-0.1"),
        ({"noise": True}, "noise=True"),
        ({"pt_min": -0.1}, "pt_min=-0.1"),
        ({"eta_max": 0.0}, "eta_max=0.0"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"seed": -1}, "seed=-1"),
        ({"digitisation": "cells"}, "'cells' is not known.*smearing, geometric"),
        ({"reconstruction": True, "noise": 0.1}, "found in other hits"),
        ({"reconstruction": True, "inefficiency": 0.1}, "found in other hits"),
    ],
)
def test_impossible_settings(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate_tracks(tmp_path / "tracks.root", 1, **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("events", [0, -3, 1.5, True])
def test_impossible_number_of_events(events: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a whole number from 1"):
        simulate_tracks(tmp_path / "tracks.root", events)


def test_settings_are_plain_values() -> None:
    settings = TrackSettings(pile_up=20, seed=3)
    assert TrackSettings(**json.loads(json.dumps(settings.to_dict()))) == settings


def test_smearing_is_pitch_over_root_twelve(tmp_path: Path) -> None:
    """A channel of width p measures a flat distribution: standard deviation p / sqrt(12)."""
    config = json.loads(write_digitisation(tmp_path / "d.json", "smearing").read_text())
    widths = {
        entry["volume"]: [axis["stddev"] for axis in entry["value"]["smearing"]]
        for entry in config["entries"]
    }
    assert sorted(widths) == [7, 8, 9, 12, 13, 14, 16, 17, 18]
    assert widths[8] == pytest.approx([0.0144338, 0.0144338], rel=1e-5)  # pixels of 50 um
    assert widths[13] == pytest.approx([0.0230940, 0.3464102], rel=1e-5)
    assert widths[18] == pytest.approx([0.0346410, 3.1176915], rel=1e-5)


def test_channels_have_the_pitch(tmp_path: Path) -> None:
    config = json.loads(write_digitisation(tmp_path / "d.json", "geometric").read_text())
    pitch = {volume: sensor.pitch for sensor in SENSORS for volume in sensor.volumes}
    for entry in config["entries"]:
        axes = entry["value"]["geometric"]["segmentation"]["binningdata"]
        found = [(axis["max"] - axis["min"]) / axis["bins"] for axis in axes]
        assert found == pytest.approx(pitch[entry["volume"]])


def test_seeds_start_in_the_pixels(tmp_path: Path) -> None:
    layers = json.loads(write_seeding_layers(tmp_path / "s.json").read_text())
    barrel = [entry["layer"] for entry in layers if entry["volume"] == 8]
    assert barrel == [2, 4, 6, 8]
    assert {entry["volume"] for entry in layers} == {7, 8, 9}
    # disks count away from the far end on the left, from the barrel on the right
    left = [entry["layer"] for entry in layers if entry["volume"] == 7]
    right = [entry["layer"] for entry in layers if entry["volume"] == 9]
    assert [16 - layer for layer in left] == right
