"""Simulated events in ROOT files; names are imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcgnn.simulation.acts_tracks import TrackSimulation, simulate_tracks
    from pcgnn.simulation.events import EventSimulation, simulate_resonance, simulate_stop
    from pcgnn.simulation.jets import JetSimulation, simulate_jets
    from pcgnn.simulation.softdrop import simulate_softdrop
    from pcgnn.simulation.toy import simulate_toy

_HOME = {
    "EventSimulation": "events",
    "JetSimulation": "jets",
    "TrackSimulation": "acts_tracks",
    "simulate_jets": "jets",
    "simulate_softdrop": "softdrop",
    "simulate_resonance": "events",
    "simulate_stop": "events",
    "simulate_toy": "toy",
    "simulate_tracks": "acts_tracks",
}

__all__ = [
    "EventSimulation",
    "JetSimulation",
    "TrackSimulation",
    "simulate_jets",
    "simulate_resonance",
    "simulate_softdrop",
    "simulate_stop",
    "simulate_toy",
    "simulate_tracks",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        value = getattr(import_module(f"pcgnn.simulation.{_HOME[name]}"), name)
        globals()[name] = value  # the next use finds it without coming here
        return value
    raise AttributeError(f"module 'pcgnn.simulation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
