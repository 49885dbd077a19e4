"""Columns of events with one lepton, jets and missing momentum, and their list of objects."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.event_objects import Objects

__all__ = [
    "JET_PID",
    "MET_PID",
    "decay_modes",
    "leading_jet_columns",
    "lepton_columns",
    "met_columns",
    "object_columns",
]

MET_PID, JET_PID = 12, 0
"""Codes of the missing momentum and of jets in ``part_pid``; leptons have +-11 and +-13."""

_MASSES = {11: 0.000511, 13: 0.10566}
_OUTGOING = 23

Floats = NDArray[np.float64]


def lepton_columns(objects: Objects) -> dict[str, Floats]:
    """Transverse momentum, direction, charge and flavour (11 or 13) of the lepton."""
    pt, eta, phi, _ = _kinematics(objects.lepton)
    return {
        "lep_pt": pt,
        "lep_eta": eta,
        "lep_phi": phi,
        "lep_charge": objects.lepton_charge,
        "lep_flavour": np.abs(objects.lepton_pid),
    }


def met_columns(objects: Objects) -> dict[str, Floats]:
    """Missing transverse momentum, its azimuth, and the numbers of jets and tags."""
    met_x, met_y = objects.met.T
    tags = np.bincount(objects.jet_event[objects.btag], minlength=len(objects.event))
    return {
        "met": np.hypot(met_x, met_y),
        "met_phi": np.arctan2(met_y, met_x),
        "njet": objects.jet_counts,
        "nbjet": tags,
    }


def leading_jet_columns(jets: Floats, tags: NDArray[np.bool_], *, mass: bool) -> dict[str, Floats]:
    """Columns ``jet1_pt, jet1_eta, jet1_phi, (jet1_mass,) jet1_btag, jet2_pt, ...``.

    Shapes:
        - jets (G, J, 4), tags (G, J), each column (G,)
    """
    columns: dict[str, NDArray[Any]] = {}
    for place in range(jets.shape[1]):
        values: dict[str, NDArray[Any]] = dict(
            zip(("pt", "eta", "phi", "mass"), _kinematics(jets[:, place]), strict=True)
        )
        if not mass:
            del values["mass"]
        values["btag"] = tags[:, place]
        columns |= {f"jet{place + 1}_{name}": column for name, column in values.items()}
    return columns


def object_columns(objects: Objects) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Lists of lepton, missing momentum (massless, eta = 0) and jets, in this order.

    Returns:
        Flat columns pt, eta, phi, mass, charge, btag, pid, and the number of objects per event.
    """
    size = len(objects.event)
    counts = objects.jet_counts + 2
    start = np.cumsum(counts) - counts
    total = int(counts.sum())
    jet_rows = np.ones(total, dtype=bool)
    jet_rows[start] = jet_rows[start + 1] = False
    met_x, met_y = objects.met.T
    nothing = np.zeros(size)
    met = np.stack([np.hypot(met_x, met_y), nothing, np.arctan2(met_y, met_x), nothing])
    lepton = np.stack(_kinematics(objects.lepton))
    flavour = np.abs(objects.lepton_pid)
    lepton[3] = np.select([flavour == code for code in _MASSES], list(_MASSES.values()))
    kinematics = np.zeros((4, total))
    kinematics[:, start], kinematics[:, start + 1] = lepton, met
    kinematics[:, jet_rows] = np.stack(_kinematics(objects.jet))
    charge = np.zeros(total, dtype=np.int8)
    charge[start] = objects.lepton_charge
    btag = np.zeros(total, dtype=np.int8)
    btag[jet_rows] = objects.btag
    pid = np.full(total, JET_PID, dtype=np.int32)
    pid[start], pid[start + 1] = objects.lepton_pid, MET_PID
    columns: dict[str, NDArray[Any]] = {
        name: values.astype(np.float32)
        for name, values in zip(("pt", "eta", "phi", "mass"), kinematics, strict=True)
    }
    return {**columns, "charge": charge, "btag": btag, "pid": pid}, counts


def decay_modes(record: ak.Array) -> NDArray[np.int64]:
    """How the two W bosons decayed.

    1: e or mu and quarks; 2: tau and quarks; 3: two of e and mu; 4: one of them and tau; 5: two
    tau; 0: quarks only.

    Shapes:
        - output (G,)
    """
    outgoing = abs(record.status) == _OUTGOING
    code = abs(record.id)
    light = ak.to_numpy(ak.sum(outgoing & ((code == 11) | (code == 13)), axis=1))
    tau = ak.to_numpy(ak.sum(outgoing & (code == 15), axis=1))
    modes = np.array([[0, 2, 5], [1, 4, -1], [3, -1, -1]])
    return np.asarray(modes[light, tau], dtype=np.int64)


def _kinematics(p4: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Transverse momentum, pseudorapidity, azimuth and mass."""
    pt = np.hypot(p4[:, 1], p4[:, 2])
    eta = np.arcsinh(p4[:, 3] / np.maximum(pt, 1e-9))
    squared = p4[:, 0] ** 2 - (p4[:, 1:] ** 2).sum(axis=1)
    return pt, eta, np.arctan2(p4[:, 2], p4[:, 1]), np.sqrt(np.maximum(squared, 0.0))
