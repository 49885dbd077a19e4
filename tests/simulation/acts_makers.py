"""A small event as the chain hands it on, and as ACTS writes it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pcgnn.simulation.acts_events import TrackEvent

BARCODE = ("pv", "sv", "part", "gen", "subpart")


def small_event(hits: int = 4000, particles: int = 300, number: int = 5) -> TrackEvent:
    """Hits on two barrel layers and a disk; particle 1 has none."""
    rng = np.random.default_rng(number)
    layer = rng.integers(0, 3, hits)
    phi = rng.uniform(-np.pi, np.pi, hits)
    radius = np.array([32.0, 72.0, 100.0])[layer]
    hit = {
        "x": (radius * np.cos(phi)).astype(np.float32),
        "y": (radius * np.sin(phi)).astype(np.float32),
        "z": np.where(layer == 2, 600.0, rng.uniform(-400, 400, hits)).astype(np.float32),
        "volume": np.array([8, 8, 9])[layer].astype(np.uint8),
        "layer": np.array([2, 4, 2])[layer].astype(np.uint8),
        "module": rng.integers(1, 900, hits).astype(np.int32),
        "particle_id": rng.integers(2, particles + 1, hits).astype(np.int32),
        "order": rng.integers(0, 12, hits).astype(np.int16),
        "nsim": np.ones(hits, np.uint8),
        "tx": np.zeros(hits, np.float32),
    }
    particle = {
        "px": rng.normal(size=particles).astype(np.float32),
        "vz": np.arange(particles).astype(np.float32),
    }
    return TrackEvent(number, hit, particle, {})


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with the columns of the first."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def barcode(numbers: Sequence[int]) -> dict[str, int]:
    """The five columns of a barcode."""
    return {f"particle_id_{part}": n for part, n in zip(BARCODE, numbers, strict=True)}
