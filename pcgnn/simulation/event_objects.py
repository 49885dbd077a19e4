"""Isolated leptons, jets with b tags and missing momentum of simulated events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.event_pairs import pairs_in_events
from pcgnn.simulation.jet_clustering import all_jets, distance
from pcgnn.simulation.jet_detector import Candidates
from pcgnn.simulation.jet_particles import Particles
from pcgnn.simulation.jet_truth import flavours_within

__all__ = ["BTAG_EFFICIENCY", "JET_RADIUS", "Objects", "has_lepton", "one_lepton_events"]

BTAG_EFFICIENCY = {5: 0.70, 4: 0.10, 0: 0.01}
"""Probability of a tag for jets with a b hadron, a c hadron and neither."""

JET_RADIUS = 0.4
ETA_MAX = 2.5
VETO_PT_MIN = 10.0
"""A second isolated lepton above this transverse momentum, GeV, rejects the event."""

_LEPTONS = (11, 13)
_CONE, _ISOLATION = 0.3, 0.15
# The transverse momentum of a track is hardly ever measured this much too high.
_RESOLUTION = 0.8


@dataclass(frozen=True)
class Objects:
    """Events with exactly one isolated lepton, at least so many jets and a b tag.

    Args:
        event: row of each event in the record.
        lepton: E, px, py, pz, GeV.
        lepton_pid: 11 or 13 with sign.
        lepton_charge: in units of the elementary charge.
        met: missing transverse momentum along x and y, GeV.
        jet_event: number of the event of each jet among these, rising.
        jet: E, px, py, pz, GeV, by falling transverse momentum in each event.
        btag: whether the jet is tagged.

    Shapes:
        - event, lepton_pid, lepton_charge (G,), lepton (G, 4), met (G, 2), jet_event and btag
          (J,), jet (J, 4)
    """

    event: NDArray[np.int64]
    lepton: NDArray[np.float64]
    lepton_pid: NDArray[np.int64]
    lepton_charge: NDArray[np.int64]
    met: NDArray[np.float64]
    jet_event: NDArray[np.int64]
    jet: NDArray[np.float64]
    btag: NDArray[np.bool_]

    @property
    def jet_counts(self) -> NDArray[np.int64]:
        """Jets of each event."""
        return np.bincount(self.jet_event, minlength=len(self.event)).astype(np.int64)

    def leading(self, jets: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Momenta (G, jets, 4) and tags (G, jets) of the leading jets; zeros where none is."""
        counts = self.jet_counts
        place = np.arange(len(self.jet)) - np.repeat(np.cumsum(counts) - counts, counts)
        kept = place < jets
        momenta = np.zeros((len(self.event), jets, 4))
        tags = np.zeros((len(self.event), jets), dtype=bool)
        momenta[self.jet_event[kept], place[kept]] = self.jet[kept]
        tags[self.jet_event[kept], place[kept]] = self.btag[kept]
        return momenta, tags


def has_lepton(particles: Particles, events: int, pt_min: float) -> NDArray[np.bool_]:
    """Events worth showing to the detector: a final electron or muon in reach of the cut.

    Shapes:
        - output (events,)
    """
    lepton = np.isin(np.abs(particles.pid), _LEPTONS)
    lepton[lepton] &= particles.take(lepton).pt > _RESOLUTION * pt_min
    return np.bincount(particles.event[lepton], minlength=events) > 0


def one_lepton_events(
    candidates: Candidates,
    record: Any,
    random: np.random.Generator,
    *,
    lepton_pt_min: float,
    jet_pt_min: float,
    jets_min: int,
) -> Objects:
    """Find the objects of events and keep those with one lepton, enough jets and a b tag.

    - leptons: tracks of electrons and muons of |eta| < 2.5 with less than 15% of their pT in
      other candidates within 0.3; exactly one above 10 GeV, and that above the cut;
    - jets: anti-kT 0.4 of all candidates, |eta| < 2.5, not within 0.4 of the lepton;
    - b tags: random with :data:`BTAG_EFFICIENCY`, by the hadrons within 0.4 of the jet;
    - missing momentum: minus the sum of all candidates.

    Args:
        candidates: what the detector saw.
        record: of the generator, with as many events.
        random: generator for the tags.
        lepton_pt_min: GeV.
        jet_pt_min: GeV.
        jets_min: least number of jets.
    """
    size = len(record)
    met = -np.stack(
        [np.bincount(candidates.event, p, size) for p in (candidates.px, candidates.py)], axis=1
    )
    leptons = _isolated_leptons(candidates)
    pt = np.hypot(candidates.px[leptons], candidates.py[leptons])
    single = np.bincount(candidates.event[leptons], minlength=size) == 1
    leptons = leptons[single[candidates.event[leptons]] & (pt > lepton_pt_min)]
    event = candidates.event[leptons]
    number = np.full(size, -1)
    number[event] = np.arange(len(event))
    jet_event, jet = _jets(candidates, leptons, number, jet_pt_min)
    enough = np.bincount(jet_event, minlength=len(event)) >= jets_min
    jet_kept = enough[jet_event]
    jet, jet_event = jet[jet_kept], event[jet_event[jet_kept]]
    tag = _tags(record, jet_event, jet, random)
    chosen = enough & (np.bincount(number[jet_event[tag]], minlength=len(event)) > 0)
    new = np.cumsum(chosen) - 1
    jet_kept = chosen[number[jet_event]]
    rows = leptons[chosen]
    lepton = np.stack([getattr(candidates, n)[rows] for n in ("energy", "px", "py", "pz")], axis=1)
    return Objects(
        event=event[chosen],
        lepton=lepton,
        lepton_pid=candidates.pid[rows],
        lepton_charge=candidates.charge[rows],
        met=met[event[chosen]],
        jet_event=new[number[jet_event[jet_kept]]],
        jet=jet[jet_kept],
        btag=tag[jet_kept],
    )


def _isolated_leptons(candidates: Candidates) -> NDArray[np.int64]:
    """Rows of the isolated leptons above the veto, sorted by event."""
    pt = np.hypot(candidates.px, candidates.py)
    eta = np.arcsinh(candidates.pz / pt)
    phi = np.arctan2(candidates.py, candidates.px)
    found = np.isin(np.abs(candidates.pid), _LEPTONS)
    rows = np.flatnonzero(found & (pt > VETO_PT_MIN) & (np.abs(eta) < ETA_MAX))
    lepton, other = pairs_in_events(candidates.event[rows], candidates.event)
    here = rows[lepton]
    near = distance(eta[other], phi[other], eta[here], phi[here]) < _CONE
    near &= other != here
    around = np.bincount(lepton[near], pt[other[near]], len(rows))
    return rows[around < _ISOLATION * pt[rows]]


def _jets(
    candidates: Candidates,
    leptons: NDArray[np.int64],
    number: NDArray[np.int64],
    pt_min: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number of the event and momentum of the jets of the events with a lepton, in order."""
    event, jet = all_jets(candidates.take(number[candidates.event] >= 0), JET_RADIUS, pt_min)
    event = number[event]
    pt = np.hypot(jet[:, 1], jet[:, 2])
    eta, phi = np.arcsinh(jet[:, 3] / pt), np.arctan2(jet[:, 2], jet[:, 1])
    px, py, pz = (getattr(candidates, name)[leptons[event]] for name in ("px", "py", "pz"))
    lepton_eta, lepton_phi = np.arcsinh(pz / np.hypot(px, py)), np.arctan2(py, px)
    kept = distance(eta, phi, lepton_eta, lepton_phi) > JET_RADIUS
    kept &= np.abs(eta) < ETA_MAX
    event, jet, pt = event[kept], jet[kept], pt[kept]
    order = np.lexsort((-pt, event))
    return event[order], jet[order]


def _tags(
    record: Any, event: NDArray[np.int64], jet: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.bool_]:
    pt = np.hypot(jet[:, 1], jet[:, 2])
    eta, phi = np.arcsinh(jet[:, 3] / pt), np.arctan2(jet[:, 2], jet[:, 1])
    wanted, place = np.unique(event, return_inverse=True)
    flavour = flavours_within(record[wanted], place.ravel(), eta, phi, JET_RADIUS)
    efficiency = np.select([flavour == f for f in BTAG_EFFICIENCY], list(BTAG_EFFICIENCY.values()))
    return np.asarray(random.random(len(jet)) < efficiency)
