"""What a simulation of jets is asked to do, checked before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from pcgnn.errors import ConfigError
from pcgnn.simulation.jet_detector import PRESETS
from pcgnn.simulation.jet_processes import JetClass

__all__ = ["JetSettings"]


@dataclass(frozen=True)
class JetSettings:
    """Settings of :func:`pcgnn.simulation.simulate_jets`, which documents them.

    Args:
        classes: "qcd", "top", "light", "b" or "w", in equal numbers.
        preset: detector, "pf" or "tower".
        pile_up: mean number of additional collisions.
        pt_min: lowest transverse momentum of the jets, GeV.
        pt_max: highest, GeV.
        eta_max: largest absolute pseudorapidity of the jets.
        radius: of anti-kT.
        multiple_interactions: in the hard collision.
        max_particles: most particles kept per jet, the leading ones.
        seed: number that fixes everything random.
        pile_up_pool: draw the additional collisions from so many; 0 makes fresh ones for each
            jet.
        softdrop_target: for a regression: add what the jet is without detector and pile-up, and
            the energies in the calorimeters.

    Raises:
        ConfigError: a setting is out of range.
    """

    classes: Sequence[JetClass] = ("top", "qcd")
    preset: str = "pf"
    pile_up: float = 0.0
    pt_min: float = 550.0
    pt_max: float = 650.0
    eta_max: float = 2.0
    radius: float = 0.8
    multiple_interactions: bool = False
    max_particles: int = 200
    seed: int = 1
    pile_up_pool: int = 0
    softdrop_target: bool = False

    def __post_init__(self) -> None:
        known = get_args(JetClass)
        if isinstance(self.classes, str) or not self.classes:
            raise ConfigError(
                f"classes={self.classes!r} must be a list", remedy=f"of {', '.join(known)}"
            )
        for name in self.classes:
            if name not in known:
                raise ConfigError(
                    f"there are no jets of class {name!r}",
                    remedy=f"choose among: {', '.join(known)}",
                )
        object.__setattr__(self, "classes", tuple(self.classes))
        if len(set(self.classes)) != len(self.classes):
            raise ConfigError(f"classes={self.classes!r} names one twice")
        if self.preset not in PRESETS:
            raise ConfigError(
                f"preset={self.preset!r} is not known",
                remedy=f"choose one of: {', '.join(PRESETS)}",
            )
        _number("pile_up", self.pile_up, 0.0, 400.0)
        _number("pt_min", self.pt_min, 30.0, 4000.0)
        _number("pt_max", self.pt_max, 30.0, 6000.0)
        if self.pt_max <= self.pt_min:
            raise ConfigError(f"pt_max={self.pt_max!r} must be above pt_min={self.pt_min!r}")
        _number("eta_max", self.eta_max, 0.1, 4.0)
        _number("radius", self.radius, 0.1, 2.0)
        if not isinstance(self.multiple_interactions, bool):
            raise ConfigError("multiple_interactions must be True or False")
        _whole("max_particles", self.max_particles, 1)
        _whole("seed", self.seed, 0)
        _whole("pile_up_pool", self.pile_up_pool, 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for provenance."""
        found = {**asdict(self), "classes": list(self.classes)}
        # files made before there were these options do not name them
        for name in ("pile_up_pool", "softdrop_target"):
            if not found[name]:
                del found[name]
        return found


def _number(name: str, value: float, low: float, high: float) -> None:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high:
        raise ConfigError(f"{name}={value!r} must be a number from {low:g} to {high:g}")


def _whole(name: str, value: int, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigError(f"{name}={value!r} must be a whole number from {low}")
