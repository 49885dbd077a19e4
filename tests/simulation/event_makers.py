"""Small simulated samples for the tests of events."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

HAS_EXTRA = all(importlib.util.find_spec(name) for name in ("pythia8mc", "fastjet"))
REASON = "pythia8mc and fastjet, extra [simulation], not installed"


def arrays(path: Path) -> ak.Array:
    with uproot.open(path) as file:
        return file["events"].arrays()


def column(events: ak.Array, name: str) -> np.ndarray:
    return ak.to_numpy(events[name]).astype(np.float64)
