"""What the particles of a jet leave in the two calorimeters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["deposited_energies"]

_ELECTRON, _MUON, _PHOTON, _PION = 11, 13, 22, 211
# Share of the energy of a hadron that its shower leaves in the first calorimeter: a third on
# average, widely spread.
_SHARE = (1.0, 2.0)
# Ionisation of a muon in the two calorimeters, GeV: mean and shape of a gamma distribution.
_IONISATION, _SHAPE = (0.35, 2.0), 4.0
_MOST = 0.9


def deposited_energies(
    pid: NDArray[np.int64], energy: NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energies in the electromagnetic and the hadronic calorimeter, GeV.

    As in particle flow the energy of a track is calibrated to its momentum, so that the two add
    up to the energy of the candidate, except for muons: they leave 0.35 and 2 GeV on average
    (and at most 90% of what they have). Hadrons share their energy between the two at random,
    electrons and photons leave all of it in the first, neutral hadrons in the second.

    Args:
        pid: 211, 11, 13 with sign for tracks, 22 and 130 for cells.
        energy: GeV.
        random: for the shares.

    Shapes:
        - all (N,)
    """
    code = np.abs(pid)
    share = np.select(
        [np.isin(code, (_ELECTRON, _PHOTON)), code == _PION],
        [1.0, random.beta(*_SHARE, len(pid))],
        0.0,
    )
    ecal, hcal = share * energy, (1.0 - share) * energy
    lost = random.gamma(_SHAPE, np.array(_IONISATION) / _SHAPE, (len(pid), 2))
    lost *= np.minimum(1.0, _MOST * energy / lost.sum(axis=1))[:, None]
    muon = code == _MUON
    return np.where(muon, lost[:, 0], ecal), np.where(muon, lost[:, 1], hcal)
