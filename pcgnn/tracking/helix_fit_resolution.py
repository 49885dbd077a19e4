"""What errors a helix fit gives the hits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError, DataError

__all__ = ["GENERIC_RESOLUTION", "HitErrors", "Resolution", "hit_errors"]

Array = NDArray[np.float64]
Resolution: TypeAlias = (
    float
    | tuple[ArrayLike, ArrayLike, ArrayLike]
    | Mapping[int, tuple[float, float, float]]
    | Literal["generic"]
)

_PIXEL, _SHORT, _LONG = (
    (first / 12**0.5, second / 12**0.5)
    for first, second in ((0.05, 0.05), (0.08, 1.2), (0.12, 10.8))
)

GENERIC_RESOLUTION: Mapping[int, tuple[float, float, float]] = {
    **{barrel: (first, 0.0, second) for barrel, (first, second) in
       ((8, _PIXEL), (13, _SHORT), (17, _LONG))},
    **{disk: (first, second, 0.0) for disks, (first, second) in
       (((7, 9), _PIXEL), ((12, 14), _SHORT), ((16, 18), _LONG)) for disk in disks},
}  # fmt: skip
"""The Generic (TrackML) detector by volume: errors along the azimuth, radius and beam in mm."""

_LEAST = 1e-3
"""Smallest error of a hit along or across its track, mm: no hit weighs infinitely much."""


@dataclass(frozen=True)
class HitErrors:
    """Errors of hits.

    Args:
        rphi: along the azimuth, mm.
        r: along the radius, mm; 0 on a cylinder.
        z: along the beam, mm; 0 on a disk.

    **Shapes:** all (N,)
    """

    rphi: Array
    r: Array
    z: Array

    def select(self, hit: NDArray[np.integer]) -> HitErrors:
        """Take some hits, any number of times."""
        return HitErrors(self.rphi[hit], self.r[hit], self.z[hit])

    def across(self, radial: Array) -> Array:
        r"""Squared error across the track, $\sigma_{r\varphi}^2 (1 - c^2) + \sigma_r^2 c^2$.

        Args:
            radial: component $c$ along the radius of the unit vector across the track.
        """
        return _least(self.rphi**2 * (1.0 - radial**2) + (self.r * radial) ** 2)

    def along_z(self, radial: Array, cot: Array) -> Array:
        r"""Squared error of z at a given path, $\sigma_z^2 + \cot^2\theta\,\sigma_s^2$.

        Args:
            radial: component along the radius of the unit vector across the track.
            cot: slope of z over the transverse path.
        """
        path = self.rphi**2 * radial**2 + self.r**2 * (1.0 - radial**2)
        return _least(self.z**2 + cot**2 * path)


def _least(squared: Array) -> Array:
    return np.maximum(squared, _LEAST**2)


def hit_errors(resolution: Resolution, volume: Any, size: int) -> HitErrors:
    """Errors of all hits.

    Args:
        resolution: see :func:`pcgnn.tracking.fit_tracks`.
        volume: volume of each hit, None where the hits have none.
        size: number of hits.

    Raises:
        ConfigError: an unknown name, or errors that cannot be.
        DataError: a resolution by volume, but hits without or in another one.

    **Shapes:** volume (N,) -> (N,)
    """
    if isinstance(resolution, str):
        if resolution != "generic":
            raise ConfigError(f"no resolution {resolution!r}", remedy=_REMEDY)
        resolution = GENERIC_RESOLUTION
    if isinstance(resolution, Mapping):
        return _by_volume(resolution, volume)
    parts = resolution if isinstance(resolution, tuple) else (resolution,) * 3
    if len(parts) != 3:
        raise ConfigError(f"{len(parts)} errors of a hit", remedy=_REMEDY)
    return HitErrors(*(_column(part, size) for part in parts))


_REMEDY = (
    "give resolution='generic', one error in mm, three errors (along the azimuth, the radius and "
    "z) as numbers or one per hit, or {volume: three errors}"
)


def _column(values: ArrayLike, size: int) -> Array:
    try:
        column = np.broadcast_to(np.asarray(values, dtype=np.float64), (size,))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"errors of the shape {np.shape(values)} for {size} hits", remedy=_REMEDY
        ) from error
    if not (np.isfinite(column) & (column >= 0.0)).all():
        raise ConfigError("an error of a hit is negative or not finite", remedy=_REMEDY)
    return column


def _by_volume(table: Mapping[int, tuple[float, float, float]], volume: Any) -> HitErrors:
    if volume is None:
        raise DataError(
            "the hits have no volume to look their resolution up by",
            branch="hit.volume",
            remedy="give resolution= in mm, one number or (along the azimuth, the radius, z)",
        )
    names, rows = np.unique(np.asarray(volume), return_inverse=True)
    unknown = [int(name) for name in names if int(name) not in table]
    if unknown:
        raise DataError(
            f"no resolution for hits in volume {unknown[0]}", branch="hit.volume", remedy=_REMEDY
        )
    errors = [table[int(name)] for name in names]
    if any(len(row) != 3 for row in errors):
        raise ConfigError("a volume without three errors", remedy=_REMEDY)
    columns = np.array(errors, dtype=np.float64).reshape(-1, 3)[rows.reshape(-1)]
    return HitErrors(*(_column(column, len(columns)) for column in columns.T))
