"""The classes of simulated jets: which collisions they come from, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

__all__ = ["PROCESSES", "JetClass", "JetProcess", "hard_settings", "pile_up_settings"]

JetClass: TypeAlias = Literal["qcd", "top", "light", "b", "w"]


@dataclass(frozen=True)
class JetProcess:
    """How jets of a class are made.

    Args:
        label: number of the class in the files.
        settings: lines for Pythia.
        flavour: what ``jet_flavour`` must be: 5 with a b hadron in the jet, 4 with a c hadron
            and no b hadron, else 0; None accepts all.
        matched: what must lie in the jet with its decay products: a top quark, a W boson, or
            nothing.
    """

    label: int
    settings: tuple[str, ...]
    flavour: int | None = None
    matched: Literal["top", "w"] | None = None


_GLUONS_AND_LIGHT = ("gg2gg", "gg2qqbar", "qg2qg", "qq2qq", "qqbar2gg", "qqbar2qqbarNew")

PROCESSES: Mapping[JetClass, JetProcess] = MappingProxyType(
    {
        "qcd": JetProcess(0, ("HardQCD:all = on",)),
        "top": JetProcess(
            1,
            (
                "Top:gg2ttbar = on",
                "Top:qqbar2ttbar = on",
                "24:onMode = off",
                "24:onIfAny = 1 2 3 4 5",  # W bosons decay to quarks
            ),
            matched="top",
        ),
        "light": JetProcess(2, tuple(f"HardQCD:{x} = on" for x in _GLUONS_AND_LIGHT), flavour=0),
        "b": JetProcess(3, ("HardQCD:hardbbbar = on",), flavour=5),
        "w": JetProcess(
            4,
            (
                "WeakBosonAndParton:qqbar2Wg = on",
                "WeakBosonAndParton:qg2Wq = on",
                "24:onMode = off",
                "24:onIfAny = 1 2 3 4 5",
            ),
            matched="w",
        ),
    }
)

# What lives longer than c tau = 10 mm reaches the calorimeter.
_DECAYS = ("ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 10.")
# Collisions far outside of the window of jets are not worth making; see docs/simulation.md.
_BELOW, _ABOVE = 0.75, 1.25


def hard_settings(
    name: JetClass, pt_min: float, pt_max: float, multiple_interactions: bool
) -> tuple[str, ...]:
    """Lines for Pythia that make jets of a class.

    Args:
        name: the class.
        pt_min: lower edge of the window of jet transverse momenta, GeV.
        pt_max: upper edge, GeV.
        multiple_interactions: whether other partons of the two protons collide too.
    """
    return (
        *PROCESSES[name].settings,
        *_DECAYS,
        f"PhaseSpace:pTHatMin = {_BELOW * pt_min}",
        f"PhaseSpace:pTHatMax = {_ABOVE * pt_max}",
        f"PartonLevel:MPI = {'on' if multiple_interactions else 'off'}",
    )


def pile_up_settings() -> tuple[str, ...]:
    """Lines for Pythia that make minimum-bias collisions."""
    return ("SoftQCD:inelastic = on", *_DECAYS)
