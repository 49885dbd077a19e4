"""Pairs of supersymmetric top quarks against top-quark pairs, with one lepton.

pp -> t1 t1bar -> t chi t chi with the masses of A. Elwood, D. Kruecker, arXiv:1806.00322.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcgnn.data.mt2w import mt2w
from pcgnn.data.top_pairs import transverse_mass
from pcgnn.simulation.event_columns import leading_jet_columns, lepton_columns, met_columns
from pcgnn.simulation.event_objects import Objects
from pcgnn.simulation.event_sample import EventSample
from pcgnn.simulation.event_slices import LeptonFilter, Slice

__all__ = ["STOP", "STOP_MASSES"]

STOP_MASSES = ((900.0, 100.0), (600.0, 400.0))
"""Masses of the stop and of the lightest supersymmetric particle, GeV, of processes 1 and 2."""

_PLUS = ("24:onMode = off", "24:onPosIfAny = 11 13 15", "24:onNegIfAny = 1 2 3 4 5")
_MINUS = ("24:onMode = off", "24:onNegIfAny = 11 13 15", "24:onPosIfAny = 1 2 3 4 5")
_BOTH = ("24:onMode = off", "24:onIfAny = 11 13 15")
_DECAYS = {"l+": _PLUS, "l-": _MINUS, "ll": _BOTH}
_EDGES = (0.0, 120.0, 220.0, 350.0, None)
"""Edges of pTHat, GeV: the transverse momentum of the top quarks before the showers."""

# Relative numbers of collisions, found such that many of the selected events have large mT and
# missing momentum: those of two leptons. Columns are the ranges of pTHat.
_TOP_SHARES = {
    "l+": (0.055, 0.055, 0.030, 0.030),
    "l-": (0.055, 0.055, 0.030, 0.030),
    "ll": (0.050, 0.170, 0.150, 0.090),
}
# Of the two points; the second has fewer jets above the cut and needs more.
_STOP_SHARES = {"l+": (0.060, 0.080), "l-": (0.060, 0.080), "ll": (0.035, 0.035)}
_JETS = 4

_SLHA = """BLOCK MODSEL
   1   0
BLOCK MASS
   6        172.5
   1000006  {stop}
   1000022  {lsp}
{heavy}
DECAY 1000006  1.0
   1.0  2  1000022  6
DECAY 1000022  0.0
"""
_HEAVY = (1000021, *range(1000001, 1000006), *range(2000001, 2000007))


def _slices() -> tuple[Slice, ...]:
    slices = []
    for decay, lines in _DECAYS.items():
        for place, share in enumerate(_TOP_SHARES[decay]):
            low, high = _EDGES[place], _EDGES[place + 1]
            window = [f"PhaseSpace:pTHatMin = {low}"]
            window += [] if high is None else [f"PhaseSpace:pTHatMax = {high}"]
            settings = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *lines, *window)
            name = f"ttbar {decay} pTHat {low:g}-{'' if high is None else f'{high:g}'} GeV"
            slices.append(Slice(name, 0, settings, share))
    for process, (stop, lsp) in enumerate(STOP_MASSES, start=1):
        heavy = "\n".join(f"   {code}  5000." for code in _HEAVY)
        slha = _SLHA.format(stop=stop, lsp=lsp, heavy=heavy)
        for decay, lines in _DECAYS.items():
            settings = (
                "SUSY:gg2squarkantisquark = on",
                "SUSY:qqbar2squarkantisquark = on",
                "SUSY:idVecA = 1000006",
                "SUSY:idVecB = 1000006",
                *lines,
            )
            name = f"stop({stop:g}, {lsp:g}) {decay}"
            slices.append(Slice(name, process, settings, _STOP_SHARES[decay][process - 1], slha))
    return tuple(slices)


def _features(objects: Objects) -> dict[str, NDArray[np.float64]]:
    jets, tags = objects.leading(8)
    met_x, met_y = objects.met.T
    lepton = objects.lepton
    return {
        **lepton_columns(objects),
        **leading_jet_columns(jets[:, :_JETS], tags[:, :_JETS], mass=True),
        **met_columns(objects),
        "ht": np.hypot(jets[..., 1], jets[..., 2]).sum(axis=1),
        "mt": transverse_mass(lepton[:, 1], lepton[:, 2], met_x, met_y),
        "mt2w": mt2w(lepton, jets, tags, met_x, met_y),
    }


def _truth(process: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    masses = np.array([(0.0, 0.0), *STOP_MASSES])[process]
    return {"m_stop": masses[:, 0], "m_lsp": masses[:, 1]}


STOP = EventSample(
    name="stop",
    slices=_slices(),
    filter=LeptonFilter(pt_min=25.0, tau_pt_min=35.0),
    lepton_pt_min=40.0,
    jet_pt_min=30.0,
    jets_min=_JETS,
    features=_features,
    truth=_truth,
    signal_share=0.35,
)
"""Process 0 is the top-quark pair, 1 and 2 are the stop pairs of :data:`STOP_MASSES`."""
