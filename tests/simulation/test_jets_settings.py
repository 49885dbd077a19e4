"""Settings of the jet simulation that make no sense are refused before anything is made."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from pcgnn.errors import BackendError, ConfigError, WriteError
from pcgnn.simulation import simulate_jets
from pcgnn.simulation.jet_settings import JetSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"classes": ("top", "higgs")}, "no jets of class 'higgs'.*qcd, top, light, b"),
        ({"classes": ()}, r"classes=\(\) must be a list"),
        ({"classes": "top"}, "classes='top' must be a list"),
        ({"classes": ("b", "b")}, "names one twice"),
        ({"preset": "atlas"}, "preset='atlas'.*pf, tower"),
        ({"pile_up": -1}, "pile_up=-1 must be a number from 0"),
        ({"pile_up": math.nan}, "pile_up=nan"),
        ({"pt_min": "low"}, "pt_min='low'"),
        ({"pt_min": 700.0}, "pt_max=650.0 must be above pt_min=700.0"),
        ({"eta_max": 7.0}, "eta_max=7.0"),
        ({"radius": 0.0}, "radius=0.0"),
        ({"multiple_interactions": 1}, "multiple_interactions must be True or False"),
        ({"max_particles": 0}, "max_particles=0"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"compression": "zip"}, "compression='zip'"),
    ],
)
def test_impossible_settings(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate_jets(tmp_path / "jets.root", 10, **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("jets", [0, -3, 1.5, True])
def test_impossible_number_of_jets(jets: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"jets=.* must be a whole number from 1"):
        simulate_jets(tmp_path / "jets.root", jets)


def test_settings_are_plain_values() -> None:
    settings = JetSettings(classes=["b", "light"], pile_up=20, seed=3)
    assert JetSettings(**json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize("module", ["pythia8mc", "fastjet"])
def test_the_missing_extra_is_named(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendError, match=r"pip install 'pcgnn\[simulation\]'"):
        simulate_jets(tmp_path / "jets.root", 10)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays(tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc", reason="the extra [simulation] is not installed")
    pytest.importorskip("fastjet", reason="the extra [simulation] is not installed")
    path = tmp_path / "jets.root"
    path.write_bytes(b"precious")
    with pytest.raises(WriteError, match="exists already"):
        simulate_jets(path, 10)
    assert path.read_bytes() == b"precious"
