"""A heavy resonance that decays to top quarks, against top-quark pairs, with one lepton.

pp -> X -> t tbar -> (b l nu) (b q q), the problem of P. Baldi et al., *Parameterized neural
networks for high-energy physics*, Eur. Phys. J. C 76 (2016) 235, arXiv:1601.07913.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcgnn.data.top_pairs import top_pair_masses
from pcgnn.simulation.event_columns import leading_jet_columns, lepton_columns, met_columns
from pcgnn.simulation.event_objects import Objects
from pcgnn.simulation.event_sample import EventSample
from pcgnn.simulation.event_slices import LeptonFilter, Slice

__all__ = ["RESONANCE", "RESONANCE_MASSES"]

RESONANCE_MASSES = (500.0, 750.0, 1000.0, 1250.0, 1500.0)
"""Masses of the resonance, GeV, of processes 1 to 5."""

_DECAYS = {
    "l+": ("24:onMode = off", "24:onPosIfAny = 11 13", "24:onNegIfAny = 1 2 3 4 5"),
    "l-": ("24:onMode = off", "24:onNegIfAny = 11 13", "24:onPosIfAny = 1 2 3 4 5"),
}
_JETS = 4


def _slices() -> tuple[Slice, ...]:
    slices = []
    for decay, lines in _DECAYS.items():
        settings = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *lines)
        slices.append(Slice(f"ttbar {decay}", 0, settings, 1.0))
    for process, mass in enumerate(RESONANCE_MASSES, start=1):
        for decay, lines in _DECAYS.items():
            lines_of_mass = (
                "NewGaugeBoson:ffbar2gmZZprime = on",
                "Zprime:gmZmode = 3",  # neither photon nor Z
                f"32:m0 = {mass}",
                f"32:mMin = {mass / 2}",
                "32:onMode = off",
                "32:onIfAny = 6",
                *lines,
            )
            slices.append(Slice(f"resonance {mass:g} GeV {decay}", process, lines_of_mass, 1.0))
    return tuple(slices)


def _features(objects: Objects) -> dict[str, NDArray[np.float64]]:
    jets, tags = objects.leading(_JETS)
    return {
        **lepton_columns(objects),
        **leading_jet_columns(jets, tags, mass=False),
        **met_columns(objects),
        **top_pair_masses(objects.lepton, jets, *objects.met.T),
    }


def _truth(process: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    return {"mass": np.array([0.0, *RESONANCE_MASSES])[process]}


RESONANCE = EventSample(
    name="resonance",
    slices=_slices(),
    filter=LeptonFilter(pt_min=20.0, tau_pt_min=np.inf),
    lepton_pt_min=30.0,
    jet_pt_min=30.0,
    jets_min=_JETS,
    features=_features,
    truth=_truth,
    signal_share=0.55,
)
"""Process 0 is the top-quark pair, 1 to 5 the resonance of :data:`RESONANCE_MASSES`."""
