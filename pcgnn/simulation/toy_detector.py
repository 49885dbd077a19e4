"""The toy tracker: cylinders and disks with the dimensions of the TrackML detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BARREL", "DISKS", "LAYERS", "Barrel", "Disk", "resolutions"]


@dataclass(frozen=True)
class Barrel:
    """A cylinder around the beam.

    Args:
        radius: mm.
        half_length: mm.
        sigma_rphi: measurement error along the azimuth, mm.
        sigma_z: along the beam, mm.
    """

    radius: float
    half_length: float
    sigma_rphi: float
    sigma_z: float


@dataclass(frozen=True)
class Disk:
    """A ring across the beam.

    Args:
        z: mm; negative on the other side.
        inner: smallest radius, mm.
        outer: largest radius, mm.
        sigma_rphi: measurement error along the azimuth, mm.
        sigma_r: along the radius, mm.
    """

    z: float
    inner: float
    outer: float
    sigma_rphi: float
    sigma_r: float


_PIXEL = (0.05 / np.sqrt(12), 0.05 / np.sqrt(12))
_SHORT_STRIP = (0.08 / np.sqrt(12), 1.2 / np.sqrt(12))
_LONG_STRIP = (0.12 / np.sqrt(12), 10.8 / np.sqrt(12))
"""Errors of a channel of uniform response: its pitch along both coordinates over sqrt(12), mm."""

BARREL = (
    *(Barrel(radius, 500.0, *_PIXEL) for radius in (32.0, 72.0, 116.0, 172.0)),
    *(Barrel(radius, 1080.0, *_SHORT_STRIP) for radius in (260.0, 360.0, 500.0, 660.0)),
    *(Barrel(radius, 1080.0, *_LONG_STRIP) for radius in (820.0, 1020.0)),
)
"""Layers 0 to 9."""

_STRIP_DISKS = (1220.0, 1500.0, 1800.0, 2150.0, 2550.0, 2950.0)

_RIGHT = (
    *(Disk(z, 30.0, 176.0, *_PIXEL) for z in (600.0, 700.0, 820.0, 960.0, 1120.0, 1300.0, 1500.0)),
    *(Disk(z, 240.0, 702.0, *_SHORT_STRIP) for z in _STRIP_DISKS),
    *(Disk(z, 755.0, 1018.0, *_LONG_STRIP) for z in _STRIP_DISKS),
)

DISKS = (
    *_RIGHT,
    *(Disk(-disk.z, disk.inner, disk.outer, disk.sigma_rphi, disk.sigma_r) for disk in _RIGHT),
)
"""Layers 10 to 28 at positive z (pixels 10-16, short strips 17-22, long strips 23-28), and 29 to
47 at negative z in the same order."""

LAYERS = len(BARREL) + len(DISKS)
"""Number of layers."""


def resolutions() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measurement errors of all layers: along the azimuth, and along z (barrel) or r (disks).

    Shapes:
        - output (L,), (L,) in mm
    """
    first = [layer.sigma_rphi for layer in BARREL] + [disk.sigma_rphi for disk in DISKS]
    second = [layer.sigma_z for layer in BARREL] + [disk.sigma_r for disk in DISKS]
    return np.array(first), np.array(second)
