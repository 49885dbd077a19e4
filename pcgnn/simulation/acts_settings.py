"""What a simulation of tracks is asked to do, checked before it starts."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from pcgnn.errors import ConfigError

__all__ = ["Digitisation", "TrackSettings"]

Digitisation: TypeAlias = Literal["smearing", "geometric"]


@dataclass(frozen=True)
class TrackSettings:
    """Settings of :func:`pcgnn.simulation.simulate_tracks`, which documents them.

    Args:
        pile_up: mean number of additional collisions.
        seed: number that fixes everything random.
        reconstruction: run the track finding of ACTS too.
        digitisation: "smearing" or "geometric".
        inefficiency: probability to lose a hit.
        noise: noise hits per hit of a particle.
        pt_min: lowest transverse momentum handed to the detector, GeV.
        eta_max: largest absolute pseudorapidity handed to the detector.
        truth_positions: keep the true position and momentum at every hit.

    Raises:
        ConfigError: a setting is out of range, or two exclude each other.
    """

    pile_up: float = 200.0
    seed: int = 1
    reconstruction: bool = False
    digitisation: Digitisation = "smearing"
    inefficiency: float = 0.0
    noise: float = 0.0
    pt_min: float = 0.1
    eta_max: float = 4.0
    truth_positions: bool = False

    def __post_init__(self) -> None:
        _number("pile_up", self.pile_up, 0.0, 4000.0)
        _number("inefficiency", self.inefficiency, 0.0, 1.0)
        _number("noise", self.noise, 0.0, 100.0)
        _number("pt_min", self.pt_min, 0.0, 100.0)
        _number("eta_max", self.eta_max, 0.1, 10.0)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed={self.seed!r} must be a whole number from 0")
        if self.digitisation not in get_args(Digitisation):
            raise ConfigError(
                f"digitisation={self.digitisation!r} is not known",
                remedy=f"choose one of: {', '.join(get_args(Digitisation))}",
            )
        if self.reconstruction and (self.inefficiency or self.noise):
            raise ConfigError(
                "inefficiency and noise are applied after ACTS, whose reference tracks would have "
                "been found in other hits than those in the file",
                remedy="make two files, one with reconstruction=True and neither of the two",
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for provenance."""
        return asdict(self)


def _number(name: str, value: float, low: float, high: float) -> None:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high:
        raise ConfigError(f"{name}={value!r} must be a number from {low:g} to {high:g}")
