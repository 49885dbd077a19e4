"""What a sample of simulated events consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.event_objects import Objects
from pcgnn.simulation.event_slices import LeptonFilter, Slice

__all__ = ["EventSample"]


@dataclass(frozen=True)
class EventSample:
    """Processes, selection and columns.

    Args:
        name: of the command.
        slices: of all processes; process 0 is the background.
        filter: for the leptons of the hard process.
        lepton_pt_min: of the one lepton, GeV.
        jet_pt_min: GeV.
        jets_min: least number of jets.
        features: columns of the event from its objects.
        truth: columns from the number of the process.
    """

    name: str
    slices: tuple[Slice, ...]
    filter: LeptonFilter
    lepton_pt_min: float
    jet_pt_min: float
    jets_min: int
    features: Callable[[Objects], Mapping[str, NDArray[np.float64]]]
    truth: Callable[[NDArray[np.int64]], Mapping[str, NDArray[np.float64]]]
