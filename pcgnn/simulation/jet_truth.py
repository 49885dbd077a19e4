"""What the collision says about a jet: the flavour of its hadrons, and a top quark inside it."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.event_pairs import pairs_in_events
from pcgnn.simulation.jet_clustering import ChosenJets, distance

__all__ = [
    "contains_top",
    "contains_w",
    "flavours_within",
    "heavy_flavour",
    "jet_flavour",
]

_HADRON_PT_MIN = 5.0
_TOP, _W = 6, 24


def heavy_flavour(codes: NDArray[Any]) -> NDArray[np.int64]:
    """5 for b hadrons, 4 for c hadrons, 0 for all else: other hadrons, partons, quarkonia.

    Example:
        >>> heavy_flavour(np.array([511, 521, 5122, 411, 4132, 211, 5, 443, 2103])).tolist()
        [5, 5, 5, 4, 4, 0, 0, 0, 0]
    """
    code = np.abs(np.asarray(codes))
    baryon, first, second = code // 1000 % 10, code // 100 % 10, code // 10 % 10
    hadron = (code > 100) & (code < 1_000_000) & (second > 0)
    heaviest = np.where(baryon > 0, np.maximum(baryon, first), first)
    hadron &= (baryon > 0) | (first != second)
    return np.where(hadron & np.isin(heaviest, (4, 5)), heaviest, 0).astype(np.int64)


def jet_flavour(record: ak.Array, jets: ChosenJets, radius: float) -> NDArray[np.int64]:
    """5 with a b hadron above 5 GeV within the radius, 4 with a c hadron and no b, else 0.

    Args:
        record: ``nextBatch(...).prt`` of Pythia.
        jets: at most one per event.
        radius: largest distance.

    Shapes:
        - output (J,)
    """
    return flavours_within(record, jets.event, jets.eta, jets.phi, radius)


def flavours_within(
    record: ak.Array,
    event: NDArray[np.int64],
    eta: NDArray[np.float64],
    phi: NDArray[np.float64],
    radius: float,
) -> NDArray[np.int64]:
    """Like :func:`jet_flavour`, of any number of axes per event.

    Args:
        record: ``nextBatch(...).prt`` of Pythia.
        event: of each axis, rising.
        eta: pseudorapidity.
        phi: azimuth.
        radius: largest distance.

    Shapes:
        - output and all of the axes (J,)
    """
    hadron_event, flat = _flat(record)
    flavour = heavy_flavour(ak.to_numpy(flat.id))
    heavy = np.flatnonzero(flavour > 0)
    px, py, pz = (ak.to_numpy(flat.p[name])[heavy] for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    hard = pt > _HADRON_PT_MIN
    heavy, px, py, pz, pt = heavy[hard], px[hard], py[hard], pz[hard], pt[hard]
    hadron, axis = pairs_in_events(hadron_event[heavy], event)
    hadron_eta, hadron_phi = np.arcsinh(pz / pt)[hadron], np.arctan2(py, px)[hadron]
    inside = distance(hadron_eta, hadron_phi, eta[axis], phi[axis]) < radius
    found = np.zeros(len(event), dtype=np.int64)
    np.maximum.at(found, axis[inside], flavour[heavy][hadron[inside]])
    return found


def contains_top(record: ak.Array, jets: ChosenJets, radius: float) -> NDArray[np.bool_]:
    """Whether a top quark and the b, q and q' it decays to lie within the radius.

    Args:
        record: ``nextBatch(...).prt`` of collisions with one t and one tbar each, both of which
            decay to quarks.
        jets: at most one per event.
        radius: largest distance.

    Shapes:
        - output (J,)
    """
    event, flat = _flat(record)
    columns = {name: ak.to_numpy(flat[name]) for name in ("id", "daughter1", "daughter2")}
    p = {name: ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz")}
    eta = np.arcsinh(p["pz"] / np.maximum(np.hypot(p["px"], p["py"]), 1e-9))
    phi = np.arctan2(p["py"], p["px"])
    start = np.searchsorted(event, jets.event)

    def last(code: int) -> NDArray[np.int64]:
        """Row of the last copy, after all radiation, in the event of each jet."""
        rows = np.flatnonzero(columns["id"] == code)
        return np.asarray(rows[np.searchsorted(event[rows], jets.event, side="right") - 1])

    def near(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return distance(eta[rows], phi[rows], jets.eta, jets.phi) < radius

    found = np.zeros(len(jets.event), dtype=bool)
    for sign in (1, -1):
        top, boson = last(sign * _TOP), last(sign * _W)
        daughters = (start + columns[name][top] for name in ("daughter1", "daughter2"))
        first, second = daughters
        bottom = np.where(np.abs(columns["id"][first]) == _W, second, first)
        quarks = (start + columns[name][boson] for name in ("daughter1", "daughter2"))
        found |= near(top) & near(bottom) & np.logical_and.reduce([near(q) for q in quarks])
    return found


def contains_w(record: ak.Array, jets: ChosenJets, radius: float) -> NDArray[np.bool_]:
    """Whether a W boson and the two quarks it decays to lie within the radius.

    Args:
        record: ``nextBatch(...).prt`` of collisions with one W boson each, which decays to quarks.
        jets: at most one per event.
        radius: largest distance.

    Shapes:
        - output (J,)
    """
    event, flat = _flat(record)
    columns = {name: ak.to_numpy(flat[name]) for name in ("id", "daughter1", "daughter2")}
    px, py, pz = (ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz"))
    bosons = np.flatnonzero(np.abs(columns["id"]) == _W)
    boson = bosons[np.searchsorted(event[bosons], jets.event, side="right") - 1]
    start = np.searchsorted(event, jets.event)
    found = np.ones(len(jets.event), dtype=bool)
    for rows in (boson, *(start + columns[name][boson] for name in ("daughter1", "daughter2"))):
        eta = np.arcsinh(pz[rows] / np.maximum(np.hypot(px[rows], py[rows]), 1e-9))
        phi = np.arctan2(py[rows], px[rows])
        found &= distance(eta, phi, jets.eta, jets.phi) < radius
    return found


def _flat(record: ak.Array) -> tuple[NDArray[np.int64], ak.Array]:
    counts = ak.to_numpy(ak.num(record.id))
    return np.repeat(np.arange(len(counts)), counts), ak.flatten(record)
