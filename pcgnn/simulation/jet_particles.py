"""Particles of many collisions in one table, from the records of Pythia."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.pythia import charges

__all__ = ["Particles", "concatenate", "visible_particles"]

_INVISIBLE = (12, 14, 16, 1000022)  # neutrinos and the lightest neutralino
_ETA_MAX = 4.9
_PT_MIN = 0.05


@dataclass(frozen=True)
class Particles:
    """Final particles of events, one row each, sorted by event.

    Args:
        event: number of the event, from 0.
        pid: PDG code.
        charge: in units of the elementary charge.
        px: GeV.
        py: GeV.
        pz: GeV.
        energy: GeV.
        vx: place of production, mm, from the hard collision.
        vy: mm.
        vz: mm.
        pile_up: whether the particle comes from another collision than the hard one.

    Shapes:
        - all (N,)
    """

    event: NDArray[np.int64]
    pid: NDArray[np.int64]
    charge: NDArray[np.int64]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    pz: NDArray[np.float64]
    energy: NDArray[np.float64]
    vx: NDArray[np.float64]
    vy: NDArray[np.float64]
    vz: NDArray[np.float64]
    pile_up: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.event)

    @property
    def pt(self) -> NDArray[np.float64]:
        """Transverse momentum, GeV."""
        return np.asarray(np.hypot(self.px, self.py))

    @property
    def eta(self) -> NDArray[np.float64]:
        """Pseudorapidity."""
        return np.asarray(np.arcsinh(self.pz / self.pt))

    @property
    def phi(self) -> NDArray[np.float64]:
        """Azimuth, from -pi to pi."""
        return np.asarray(np.arctan2(self.py, self.px))

    def take(self, rows: NDArray[Any]) -> Particles:
        """Some rows: a mask or a list of numbers."""
        return Particles(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def of_events(self, wanted: NDArray[np.bool_]) -> Particles:
        """Particles of the wanted events, which are numbered anew from 0."""
        number = np.cumsum(wanted) - 1
        kept = self.take(wanted[self.event])
        return replace(kept, event=number[kept.event])


def concatenate(parts: Sequence[Particles]) -> Particles:
    """One table, sorted by event."""
    names = [f.name for f in fields(Particles)]
    whole = Particles(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})
    return whole.take(np.argsort(whole.event, kind="stable"))


def visible_particles(pythia: Any, record: ak.Array) -> Particles:
    """Particles that can leave something in a detector: |eta| < 4.9, pT > 50 MeV.

    Neutrinos and neutralinos cannot.

    Args:
        pythia: the generator that made the record.
        record: ``nextBatch(...).prt``.
    """
    counts = ak.to_numpy(ak.num(record.id))
    event = np.repeat(np.arange(len(counts)), counts)
    flat = ak.flatten(record)
    keep = ak.to_numpy(flat.status) > 0
    keep &= ~np.isin(np.abs(ak.to_numpy(flat.id)), _INVISIBLE)
    px, py, pz = (ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    keep &= (pt > _PT_MIN) & (np.abs(pz) < pt * np.sinh(_ETA_MAX))
    flat = flat[keep]
    pid = ak.to_numpy(flat.id).astype(np.int64)
    # what is made at the collision itself may come with missing values
    place = {v: ak.to_numpy(ak.fill_none(flat.vProd[p], 0.0)) for v, p in _PLACES.items()}
    return Particles(
        event=event[keep],
        pid=pid,
        charge=charges(pythia, pid),
        px=px[keep],
        py=py[keep],
        pz=pz[keep],
        energy=ak.to_numpy(flat.p.e),
        pile_up=np.zeros(len(pid), dtype=bool),
        **place,
    )


_PLACES = {"vx": "px", "vy": "py", "vz": "pz"}
