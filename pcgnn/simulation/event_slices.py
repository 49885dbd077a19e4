"""Parts of a process that are simulated in chosen numbers, so that its rare tails hold events.

Each slice is a process with its decays and a range of the scale pTHat; together they are disjoint
and complete. An event of a slice counts for cross-section x luminosity / collisions of the slice.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from pcgnn.errors import BackendError
from pcgnn.simulation.acts_backend import load_pythia
from pcgnn.simulation.pythia import start_pythia

__all__ = ["BEAM_ENERGY", "LeptonFilter", "Slice", "collisions_of", "cross_section", "start_slice"]

BEAM_ENERGY = 13_000.0
"""Energy of the collisions, GeV."""

_COMMON = (
    f"Beams:eCM = {BEAM_ENERGY}",
    # What lives longer than c tau = 10 mm reaches the calorimeter.
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10.",
    "PartonLevel:MPI = off",
)


@dataclass(frozen=True)
class LeptonFilter:
    """Events with a lepton of the hard process that may pass the selection.

    Args:
        pt_min: of electrons and muons, GeV.
        tau_pt_min: of tau leptons, GeV.
        eta_max: largest absolute pseudorapidity.
    """

    pt_min: float
    tau_pt_min: float
    eta_max: float = 3.0


@dataclass(frozen=True)
class Slice:
    """One part of a process.

    Args:
        name: for messages and provenance.
        process: number of the process in the file.
        settings: lines for Pythia: process, decays, range of pTHat.
        share: of the collisions, relative to the other slices.
        slha: masses and decays of new particles, in the format of arXiv:hep-ph/0311123.
    """

    name: str
    process: int
    settings: tuple[str, ...]
    share: float
    slha: str | None = None


def collisions_of(shares: Sequence[float], start: int, stop: int) -> list[int]:
    """How many of the collisions ``start`` to ``stop`` - 1 fall to each slice.

    The numbers of adjacent ranges add up to those of the whole. A range must be long enough for
    every slice: of a few collisions, rounding could leave one with a negative number.

    Args:
        shares: of the slices, which add to 1.
        start: first collision.
        stop: one past the last.

    Example:
        >>> parts = (0.75, 0.25)
        >>> collisions_of(parts, 0, 10), collisions_of(parts, 10, 16), collisions_of(parts, 0, 16)
        ([8, 2], [4, 2], [12, 4])
    """
    edges = [0.0, *accumulate(shares)]
    edges[-1] = 1.0
    # the edges are rounded, not the shares: the sum is then exact
    return [
        (round(stop * high) - round(stop * low)) - (round(start * high) - round(start * low))
        for low, high in pairwise(edges)
    ]


def start_slice(part: Slice, leptons: LeptonFilter, *settings: str) -> Any:
    """A Pythia that makes the collisions of a slice that pass the filter.

    Raises:
        BackendError: Pythia is missing, or does not accept the settings.
    """
    lines = ("Random:seed = 1", *_COMMON, *part.settings, *settings)
    hook = _lepton_hook(leptons)
    if part.slha is None:
        return start_pythia(lines, hook)
    handle, path = tempfile.mkstemp(suffix=".slha")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(part.slha)
        return start_pythia((*lines, "SLHA:verbose = 0", f"SLHA:file = {path}"), hook)
    finally:
        os.unlink(path)


def cross_section(
    part: Slice, leptons: LeptonFilter, trials: int, seed: int
) -> tuple[float, float]:
    """Leading-order cross-section of a slice after the filter, and its error, pb.

    Args:
        part: the slice.
        leptons: the filter.
        trials: collisions without showers to measure it from.
        seed: of Pythia.

    Raises:
        BackendError: Pythia fails, or hardly any collision passes.
    """
    pythia = start_slice(part, leptons, "PartonLevel:all = off")
    pythia.rndm.init(seed)
    made = len(pythia.nextBatch(trials).prt)
    info = pythia.infoPython()
    if made != trials or not info.sigmaGen() > 0:
        raise BackendError(f"Pythia made {made} of {trials} collisions of {part.name}")
    return info.sigmaGen() * 1e9, info.sigmaErr() * 1e9


@functools.cache  # Pythia does not keep a hook alive
def _lepton_hook(leptons: LeptonFilter) -> Any:
    """Lets Pythia drop events before the showers, which take most of the time."""

    def passes(particle: Any) -> bool:
        code = particle.idAbs()
        if code not in (11, 13, 15):
            return False
        pt_min = leptons.tau_pt_min if code == 15 else leptons.pt_min
        return bool(particle.pT() > pt_min and abs(particle.eta()) < leptons.eta_max)

    methods = {
        "canVetoProcessLevel": lambda self: True,
        "doVetoProcessLevel": lambda self, process: not any(map(passes, _particles(process))),
    }
    return type("Hook", (load_pythia().UserHooks,), methods)()


def _particles(process: Any) -> Iterator[Any]:
    """The particles of the hard process after the beams, the last ones first."""
    return (process[place] for place in range(process.size() - 1, 2, -1))
