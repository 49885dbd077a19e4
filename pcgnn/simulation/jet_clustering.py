"""Anti-kT jets of many events at once, all of them or one chosen per event.

M. Cacciari, G. P. Salam, G. Soyez, J. High Energy Phys. 04 (2008) 063, arXiv:0802.1189.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.data.jet_shapes import load_fastjet

__all__ = ["ChosenJets", "all_jets", "choose_jets", "distance"]


class Momenta(Protocol):
    """Particles or candidates of events: columns of N rows, sorted by event."""

    @property
    def event(self) -> NDArray[np.int64]:
        """Number of the event."""

    @property
    def px(self) -> NDArray[np.float64]:
        """GeV, like the next three."""

    @property
    def py(self) -> NDArray[np.float64]:
        """See above."""

    @property
    def pz(self) -> NDArray[np.float64]:
        """See above."""

    @property
    def energy(self) -> NDArray[np.float64]:
        """See above."""


@dataclass(frozen=True)
class ChosenJets:
    """One jet of each event that has one.

    Args:
        event: number of the event.
        p4: E, px, py, pz, GeV.
        rows: rows of the constituents among the candidates, jet after jet.
        sizes: number of constituents of each jet.

    Shapes:
        - event, sizes (J,), p4 (J, 4)
    """

    event: NDArray[np.int64]
    p4: NDArray[np.float64]
    rows: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def pt(self) -> NDArray[np.float64]:
        """Transverse momentum, GeV."""
        return np.asarray(np.hypot(self.p4[:, 1], self.p4[:, 2]))

    @property
    def eta(self) -> NDArray[np.float64]:
        """Pseudorapidity."""
        return np.asarray(np.arcsinh(self.p4[:, 3] / self.pt))

    @property
    def phi(self) -> NDArray[np.float64]:
        """Azimuth, from -pi to pi."""
        return np.asarray(np.arctan2(self.p4[:, 2], self.p4[:, 1]))

    @property
    def mass(self) -> NDArray[np.float64]:
        """GeV, 0 where rounding makes its square negative."""
        squared = self.p4[:, 0] ** 2 - (self.p4[:, 1:] ** 2).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(squared, 0.0)))

    def take(self, mask: NDArray[np.bool_]) -> ChosenJets:
        """Some of the jets."""
        return ChosenJets(
            self.event[mask],
            self.p4[mask],
            self.rows[np.repeat(mask, self.sizes)],
            self.sizes[mask],
        )


def choose_jets(
    candidates: Momenta,
    radius: float,
    pt_min: float,
    axes: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> ChosenJets:
    """Cluster each event and choose the jet of largest transverse momentum, or near an axis.

    Args:
        candidates: of all events.
        radius: of anti-kT.
        pt_min: of the jets, GeV.
        axes: pseudorapidity and azimuth per event; the nearest jet is chosen where it lies
            within half the radius.

    Raises:
        BackendError: fastjet is not installed.
    """
    events, starts, sequence = _cluster(candidates, radius)
    if not len(events):
        none = np.zeros(0, dtype=np.int64)
        return ChosenJets(none, np.zeros((0, 4)), none, none)
    found = sequence.inclusive_jets(min_pt=pt_min)
    constituents = ak.flatten(sequence.constituent_index(min_pt=pt_min), axis=1)
    owner, p4 = _momenta(found)
    pt = np.hypot(p4[:, 1], p4[:, 2])
    if axes is None:
        rank, eligible = -pt, np.ones(len(pt), dtype=bool)
    else:
        eta, phi = np.arcsinh(p4[:, 3] / pt), np.arctan2(p4[:, 2], p4[:, 1])
        here = events[owner]
        rank = distance(eta, phi, axes[0][here], axes[1][here])
        eligible = rank < radius / 2
    order = np.lexsort((rank, owner))
    order = order[eligible[order]]
    best = order[np.unique(owner[order], return_index=True)[1]]
    chosen = constituents[best]
    sizes = ak.to_numpy(ak.num(chosen)).astype(np.int64)
    rows = ak.to_numpy(ak.flatten(chosen)) + np.repeat(starts[owner[best]], sizes)
    return ChosenJets(events[owner[best]], p4[best], rows.astype(np.int64), sizes)


def all_jets(
    candidates: Momenta, radius: float, pt_min: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cluster each event and give all jets, in the order of the events.

    Args:
        candidates: of all events.
        radius: of anti-kT.
        pt_min: of the jets, GeV.

    Returns:
        The event of each jet, and E, px, py, pz, GeV.

    Shapes:
        - outputs (J,) and (J, 4)

    Raises:
        BackendError: fastjet is not installed.
    """
    events, _, sequence = _cluster(candidates, radius)
    if not len(events):
        return np.zeros(0, dtype=np.int64), np.zeros((0, 4))
    owner, p4 = _momenta(sequence.inclusive_jets(min_pt=pt_min))
    return events[owner], p4


def _cluster(
    candidates: Momenta, radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], Any]:
    """Events with candidates, the first row of each, and FastJet's clustering of them."""
    fastjet = load_fastjet()
    events, starts, counts = np.unique(candidates.event, return_index=True, return_counts=True)
    if not len(events):
        return events, starts, None
    columns = {
        "px": candidates.px,
        "py": candidates.py,
        "pz": candidates.pz,
        "E": candidates.energy,
    }
    jagged = ak.unflatten(ak.zip(columns, with_name="Momentum4D"), counts)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    return events, starts, fastjet.ClusterSequence(jagged, definition)


def _momenta(jets: ak.Array) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Place of the event of each jet, and its E, px, py, pz."""
    owner = np.repeat(np.arange(len(jets)), ak.to_numpy(ak.num(jets)))
    flat = ak.flatten(jets)
    return owner, np.stack([ak.to_numpy(flat[name]) for name in ("E", "px", "py", "pz")], axis=1)


def distance(
    eta: NDArray[np.float64],
    phi: NDArray[np.float64],
    axis_eta: NDArray[np.float64],
    axis_phi: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Distance in pseudorapidity and azimuth."""
    dphi = np.remainder(phi - axis_phi + np.pi, 2 * np.pi) - np.pi
    return np.asarray(np.hypot(eta - axis_eta, dphi))
