"""The full simulation without its programs, and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pcgnn.errors import BackendError
from pcgnn.simulation import acts_backend, simulate_tracks


@pytest.mark.parametrize(
    ("absent", "package"),
    [("pythia8mc", "pythia8mc"), ("acts", "pyacts"), ("acts.examples.json", "pyacts")],
)
def test_missing_program_is_named(
    absent: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("acts", "acts.examples", "acts.examples.simulation", "acts.examples.json"):
        monkeypatch.setitem(sys.modules, name, type(sys)(name))
    monkeypatch.setitem(sys.modules, "acts.examples.reconstruction", type(sys)("r"))
    monkeypatch.setitem(sys.modules, "pythia8mc", type(sys)("pythia8mc"))
    monkeypatch.setitem(sys.modules, absent, None)  # what import makes of it: not installed
    acts_backend.load_acts.cache_clear()
    try:
        with pytest.raises(BackendError, match=rf"needs {package}.*pip install 'pcgnn\[simul"):
            simulate_tracks(tmp_path / "tracks.root", 1)
    finally:
        acts_backend.load_acts.cache_clear()
    assert list(tmp_path.iterdir()) == []


def test_importing_the_simulation_does_not_import_torch() -> None:
    code = (
        "import sys, pcgnn.simulation as s; s.simulate_tracks; "
        "print({'torch', 'lightning', 'acts', 'pythia8mc', 'pandas'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
