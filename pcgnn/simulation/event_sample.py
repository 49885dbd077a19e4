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
        signal_share: of the collisions of all processes but 0, unless asked otherwise.
    """

    name: str
    slices: tuple[Slice, ...]
    filter: LeptonFilter
    lepton_pt_min: float
    jet_pt_min: float
    jets_min: int
    features: Callable[[Objects], Mapping[str, NDArray[np.float64]]]
    truth: Callable[[NDArray[np.int64]], Mapping[str, NDArray[np.float64]]]
    signal_share: float

    def shares(self, signal_share: float) -> tuple[float, ...]:
        """Share of the collisions of each slice; they add to 1."""
        totals = [
            sum(part.share for part in self.slices if (part.process > 0) == signal)
            for signal in (False, True)
        ]
        wanted = (1.0 - signal_share, signal_share)
        return tuple(
            part.share * wanted[part.process > 0] / totals[part.process > 0] for part in self.slices
        )
