"""What Fatras leaves out and every detector has: lost hits and noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.acts_events import TrackEvent, keep_hits
from pcgnn.simulation.seeds import Purpose, event_generator

__all__ = ["add_noise", "lose_hits"]


def lose_hits(event: TrackEvent, inefficiency: float, seed: int) -> TrackEvent:
    """Lose each hit with the same probability, whatever the others do.

    Args:
        event: the event.
        inefficiency: the probability.
        seed: seed of the whole simulation.
    """
    if inefficiency == 0.0:
        return event
    random = event_generator(seed, Purpose.INEFFICIENCY, event.number)
    return keep_hits(event, random.random(len(event.hit["x"])) >= inefficiency)


def add_noise(event: TrackEvent, noise: float, seed: int) -> TrackEvent:
    """Add a Poisson number of noise hits, distributed over the layers as the hits are.

    A noise hit takes radius, z, volume and layer from a random hit and any azimuth, so that it
    lies where the detector is and where it is busy, but along no particle. It belongs to
    particle 0, has ``order`` -1, no module (-1), and no true position (NaN).

    Args:
        event: the event.
        noise: expected number of noise hits per hit of a particle.
        seed: seed of the whole simulation.
    """
    size = len(event.hit["x"])
    if noise == 0.0 or size == 0:
        return event
    random = event_generator(seed, Purpose.NOISE, event.number)
    picked = random.integers(0, size, random.poisson(noise * size))
    angle = random.uniform(-np.pi, np.pi, len(picked))
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = event.hit["x"][picked], event.hit["y"][picked]
    fresh: dict[str, Any] = {
        "x": cos * x - sin * y,
        "y": sin * x + cos * y,
        "particle_id": 0,
        "order": -1,
        "module": -1,
        "nsim": 0,
        **dict.fromkeys(("tx", "ty", "tz", "tpx", "tpy", "tpz"), np.nan),
    }
    hit = {name: _extended(values, picked, fresh.get(name)) for name, values in event.hit.items()}
    return replace(event, hit=hit)


def _extended(values: NDArray[Any], picked: NDArray[np.int64], fresh: Any) -> NDArray[Any]:
    """Append ``fresh``, or the values of the picked hits where there is nothing fresh."""
    more = values[picked] if fresh is None else np.broadcast_to(fresh, picked.shape)
    return np.concatenate([values, more.astype(values.dtype)])
