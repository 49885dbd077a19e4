"""Where on another layer the partner of a hit can lie, given a cut on z0.

A straight line through a hit (r1, z1) that meets the beam axis within |z0| < z0_max has a slope
cot(theta) = dz/dr between (z1 - z0_max)/r1 and (z1 + z0_max)/r1. Together with the extent of the
other layer this bounds the coordinate along that layer: z on a cylinder, r on a disk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Extent", "along_cylinder", "along_disk"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Extent:
    """Range of the hits of a layer in r and z, mm."""

    r_low: float
    r_high: float
    z_low: float
    z_high: float

    @classmethod
    def of(cls, r: Array, z: Array) -> Extent:
        """Take the range of some hits."""
        return cls(float(r.min()), float(r.max()), float(z.min()), float(z.max()))

    @property
    def is_cylinder(self) -> bool:
        """Whether the layer is longer along z than along r."""
        return self.z_high - self.z_low >= self.r_high - self.r_low


def along_cylinder(r1: Array, z1: Array, z0_max: float, layer: Extent) -> tuple[Array, Array]:
    """Range of z on another layer, not yet cut at its ends.

    Args:
        r1: radii of the hits, mm.
        z1: z of the hits, mm.
        z0_max: cut, mm.
        layer: the other layer.

    **Shapes:** (N,) -> (N,), (N,)
    """
    corners = [
        (z1 + sign * z0_max) / r1 * (radius - r1)
        for sign in (-1.0, 1.0)
        for radius in (layer.r_low, layer.r_high)
    ]
    return z1 + np.minimum.reduce(corners), z1 + np.maximum.reduce(corners)


def along_disk(r1: Array, z1: Array, z0_max: float, layer: Extent) -> tuple[Array, Array]:
    """Range of r on another layer, not yet cut at its ends; from above to below if it is empty.

    Args:
        r1: radii of the hits, mm.
        z1: z of the hits, mm.
        z0_max: cut, mm.
        layer: the other layer.

    **Shapes:** (N,) -> (N,), (N,)
    """
    low = np.full(r1.shape, layer.r_low)
    high = np.full(r1.shape, layer.r_high)
    # Seen with z reversed a disk on the negative side is one on the positive side.
    for sign, near, far in ((1.0, layer.z_low, layer.z_high), (-1.0, -layer.z_high, -layer.z_low)):
        z = sign * z1
        beyond = z < near
        steepest, flattest = (z + z0_max) / r1, (z - z0_max) / r1
        with np.errstate(divide="ignore", invalid="ignore"):
            outward = np.where(steepest > 0, r1 + (near - z) / steepest, np.inf)
            furthest = np.where(flattest > 0, r1 + (far - z) / flattest, np.inf)
            inward = np.where(flattest < 0, r1 + (near - z) / flattest, -np.inf)
        # A line may also lead back to the axis and meet the disk at a smaller radius.
        both = inward >= layer.r_low
        low = np.where(beyond, np.where(both, layer.r_low, outward), low)
        high = np.where(beyond, np.where(outward <= layer.r_high, furthest, inward), high)
    return low, high
