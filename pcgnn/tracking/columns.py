"""The hits of one event as flat NumPy columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError

__all__ = ["EventHits", "event_hits", "hit_offsets"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class EventHits:
    """Hits of one event.

    Attributes:
        index: numbers of the hits in the event.
        x, y, z: mm, float64.
        volume: or None.
        layer: as the detector numbers it.
        module: sensor within its layer, or None.
        particle: particle of each hit, 0 for noise; None without truth.
        pt: pT of the particle in GeV, 0 for noise; None without truth.
        along: order, time or distance that grows along a particle; None without truth.

    **Shapes:** all (N,)
    """

    index: Index
    x: Array
    y: Array
    z: Array
    volume: NDArray[np.integer] | None
    layer: NDArray[np.integer]
    module: NDArray[np.integer] | None
    particle: Index | None
    pt: Array | None
    along: Array | None

    @property
    def r(self) -> Array:
        """Distance from the beam axis, mm."""
        return np.hypot(self.x, self.y)

    @property
    def phi(self) -> Array:
        """Azimuth, rad."""
        return np.arctan2(self.y, self.x)

    def select(self, chosen: NDArray[np.bool_]) -> EventHits:
        """Keep some hits."""
        columns = {
            name: value[chosen] for name, value in self.__dict__.items() if value is not None
        }
        return replace(self, **columns)


def hit_offsets(hits: ak.Array) -> Index:
    """First hit of each event among all hits, (events + 1,)."""
    _need(hits, "hit", None)
    return np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(hits["hit"])))]).astype(np.int64)


def event_hits(hits: ak.Array, event: int) -> EventHits:
    """Take the columns of one event out of what :func:`pcgnn.read_hits` returns.

    Args:
        hits: the hits of all events.
        event: number of the event in the array.

    Raises:
        DataError: a column is missing, a position is not finite, or a particle is not there.
    """
    record = hits[event]
    _need(record, "hit", event)
    table = record["hit"]
    fields = ak.fields(table)
    for name in ("x", "y", "z", "layer"):
        if name not in fields:
            raise DataError(
                f"the hits have no {name}",
                branch=f"hit.{name}",
                entry=event,
                remedy="name it in the mapping of read_hits",
            )
    x, y, z = (np.asarray(table[name], dtype=np.float64) for name in ("x", "y", "z"))
    for name, value in (("x", x), ("y", y), ("z", z)):
        if not np.isfinite(value).all():
            raise DataError(
                f"hit {int(np.argmin(np.isfinite(value)))} has no finite {name}",
                branch=f"hit.{name}",
                entry=event,
            )
    on_axis = (x == 0.0) & (y == 0.0)
    if on_axis.any():
        raise DataError(
            f"hit {int(np.argmax(on_axis))} lies on the beam axis, where it has no azimuth",
            branch="hit.x",
            entry=event,
            remedy="check that x, y, z are positions in mm",
        )
    particle = pt = along = None
    if "particle_id" in fields:
        particle = np.asarray(table["particle_id"], dtype=np.int64)
        pt = _pt_of(particle, record, event)
        along = _along(table, fields, x, y, z)
    return EventHits(
        index=np.arange(x.size),
        x=x,
        y=y,
        z=z,
        volume=np.asarray(table["volume"]) if "volume" in fields else None,
        layer=np.asarray(table["layer"]),
        module=np.asarray(table["module"]) if "module" in fields else None,
        particle=particle,
        pt=pt,
        along=along,
    )


def _need(record: Any, name: str, event: int | None) -> None:
    if name not in ak.fields(record):
        raise DataError(
            f"there is no field {name!r}", entry=event, remedy="use what pcgnn.read_hits returns"
        )


def _pt_of(particle: Index, record: Any, event: int) -> Array:
    """Transverse momentum of the particle of each hit."""
    pt = np.zeros(particle.size)
    real = particle > 0
    if not real.any():
        return pt
    _need(record, "particle", event)
    names = np.asarray(record["particle"]["particle_id"], dtype=np.int64)
    values = np.asarray(record["particle"]["pt"], dtype=np.float64)
    order = np.argsort(names, kind="stable")
    place = np.searchsorted(names[order], particle[real])
    place = np.minimum(place, max(names.size - 1, 0))
    if names.size == 0 or not np.array_equal(names[order][place], particle[real]):
        raise DataError(
            "hits point to particles that the event does not have",
            branch="hit.particle_id",
            entry=event,
            remedy="check that hits and particles are of the same event",
        )
    pt[real] = values[order][place]
    return pt


def _along(table: Any, fields: list[str], x: Array, y: Array, z: Array) -> Array:
    """What grows along a particle: its order or time, else the distance from the origin."""
    for name in ("order", "time"):
        if name in fields:
            return np.asarray(table[name], dtype=np.float64)
    distance: Array = np.sqrt(x**2 + y**2 + z**2)
    return distance
