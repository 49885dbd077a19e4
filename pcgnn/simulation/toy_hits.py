"""From particles to hits in the toy tracker: crossings, scattering, measurement, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.simulation.helix import Helix
from pcgnn.simulation.toy_detector import BARREL, DISKS, resolutions

__all__ = ["Crossings", "add_noise_hits", "find_crossings", "measure", "scatter"]

FloatArray = NDArray[np.float64]
Index = NDArray[np.int64]
Columns = dict[str, NDArray[Any]]

_RADIATION_LENGTHS = 0.025
"""Thickness of a layer crossed at a right angle, in radiation lengths."""

_STEEPEST = 8.0
"""Largest factor by which an inclined path lengthens the way through a layer."""

_HIGHLAND, _HIGHLAND_LOG = 13.6e-3, 0.038
"""Highland's formula: GeV, and the factor of the logarithm (PDG, Passage of Particles)."""


@dataclass(frozen=True)
class Crossings:
    """Where helices cross layers, in the order along each particle.

    Args:
        path: transverse path, mm; infinite where there is no further crossing.
        layer: number of the layer.

    Shapes:
        - both (P, M), M the largest number of crossings of a particle
    """

    path: FloatArray
    layer: Index

    @property
    def real(self) -> NDArray[np.bool_]:
        """(P, M) where there is a crossing."""
        return np.isfinite(self.path)


def find_crossings(helix: Helix) -> Crossings:
    """Cross all helices with all layers."""
    barrel = helix.to_cylinders(np.array([layer.radius for layer in BARREL]))
    half_length = np.array([layer.half_length for layer in BARREL])
    barrel[np.abs(_z(helix, barrel)) > half_length] = np.inf
    disks = helix.to_disks(np.array([disk.z for disk in DISKS]))
    finite = np.where(np.isfinite(disks), disks, 0.0)
    radius = np.hypot(*helix.at(finite)[:2])
    inner = np.array([disk.inner for disk in DISKS])
    outer = np.array([disk.outer for disk in DISKS])
    disks[(radius < inner) | (radius > outer)] = np.inf
    path = np.concatenate([barrel, disks], axis=1)
    layer = np.argsort(path, axis=1, kind="stable")
    path = np.take_along_axis(path, layer, axis=1)
    most = int(np.isfinite(path).sum(axis=1).max(initial=0))
    return Crossings(path[:, :most], layer[:, :most])


def _z(helix: Helix, path: FloatArray) -> FloatArray:
    finite = np.where(np.isfinite(path), path, 0.0)
    return helix.z[:, None] + finite * helix.cot[:, None]


def scatter(
    random: np.random.Generator, crossings: Crossings, pt: FloatArray, cot: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Displace crossings by the multiple scattering in the layers before.

    Each layer $i$ at the path $S_i$ turns the particle by two independent angles $\theta_i$ of
    the width of Highland's formula,

    $$\theta_0 = \frac{13.6\,\mathrm{MeV}}{p} \sqrt{x/X_0}\,(1 + 0.038 \ln(x/X_0)),$$

    so that at $S_k$ it is off by $\sum_{i<k} \theta_i (S_k - S_i)$ across its direction. Small
    angles; energy loss is left out.

    Args:
        random: generator.
        crossings: of P particles.
        pt: GeV.
        cot: cotangent of the polar angle.

    Returns:
        Displacements along the azimuth, and along z on the barrel or r on disks, mm.

    Shapes:
        - output (P, M), (P, M)
    """
    real = crossings.real
    cosecant = np.sqrt(1.0 + cot**2)[:, None]
    with np.errstate(divide="ignore"):
        secant = np.sqrt(1.0 + cot[:, None] ** -2)
    # how much longer than at a right angle a layer is, and a displacement across, on its surface
    slant = np.where(crossings.layer < len(BARREL), cosecant, secant)
    thickness = _RADIATION_LENGTHS * np.minimum(slant, _STEEPEST)
    width = _HIGHLAND / (pt[:, None] * cosecant) * np.sqrt(thickness)
    width = width * (1.0 + _HIGHLAND_LOG * np.log(thickness))
    path = np.where(real, crossings.path, 0.0) * cosecant
    offsets = []
    for _ in range(2):
        angle = np.where(real, random.standard_normal(real.shape) * width, 0.0)
        before = np.cumsum(angle, axis=1) - angle
        lever = np.cumsum(angle * path, axis=1) - angle * path
        offsets.append(path * before - lever)
    return offsets[0], np.where(real, offsets[1] * slant, 0.0)


def measure(
    random: np.random.Generator,
    helix: Helix,
    crossings: Crossings,
    displaced: tuple[FloatArray, FloatArray],
    kept: NDArray[np.bool_],
    resolution: float,
) -> Columns:
    """Make hits: the true positions after scattering, and the measured ones.

    On the barrel azimuth and z are measured, the radius is that of the layer; on disks azimuth
    and radius, z is that of the disk.

    Args:
        random: generator.
        helix: of P particles.
        crossings: of P particles.
        displaced: by :func:`scatter`.
        kept: which crossings are seen.
        resolution: factor to the measurement errors of the layers.

    Returns:
        ``x, y, z, layer, particle_id, tx, ty, tz, order``.

    Shapes:
        - kept (P, M), output (N,)
    """
    particle, number = np.nonzero(kept)
    layer = crossings.layer[kept]
    positions = helix.at(np.where(crossings.real, crossings.path, 0.0))
    x, y, z = (values[kept] for values in positions)
    barrel = layer < len(BARREL)
    true = _move((x, y, z), barrel, displaced[0][kept], displaced[1][kept])
    first, second = resolutions()
    across = random.standard_normal(len(layer)) * first[layer] * resolution
    along = random.standard_normal(len(layer)) * second[layer] * resolution
    measured = _move(true, barrel, across, along)
    columns: Columns = dict(zip("xyz", measured, strict=True))
    columns["layer"] = layer.astype(np.int16)
    columns["particle_id"] = particle.astype(np.int64) + 1
    columns |= {f"t{name}": values for name, values in zip("xyz", true, strict=True)}
    columns["order"] = number.astype(np.int16)
    return columns


def _move(
    position: tuple[FloatArray, FloatArray, FloatArray],
    barrel: NDArray[np.bool_],
    across: FloatArray,
    along: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Move points on their layers: across along the azimuth, along in z or in r; mm."""
    x, y, z = position
    radius = np.hypot(x, y)
    turn = across / radius
    stretch = np.where(barrel, 1.0, 1.0 + along / radius)
    cos, sin = np.cos(turn) * stretch, np.sin(turn) * stretch
    return x * cos - y * sin, x * sin + y * cos, np.where(barrel, z + along, z)


def add_noise_hits(random: np.random.Generator, hits: Columns, noise: float) -> Columns:
    """Append noise: hits turned around the beam by any angle, so that noise is where hits are.

    Noise has ``particle_id`` 0, ``order`` -1, and NaN for its true position.

    Args:
        random: generator.
        hits: columns of :func:`measure`.
        noise: mean number of noise hits per hit.
    """
    size = len(hits["x"])
    picked = random.integers(0, max(size, 1), random.poisson(noise * size))
    angle = random.uniform(-np.pi, np.pi, len(picked))
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = hits["x"][picked], hits["y"][picked]
    fresh: Columns = {
        "x": cos * x - sin * y,
        "y": sin * x + cos * y,
        "z": hits["z"][picked],
        "layer": hits["layer"][picked],
        "particle_id": np.zeros(len(picked), dtype=np.int64),
        **{name: np.full(len(picked), np.nan) for name in ("tx", "ty", "tz")},
        "order": np.full(len(picked), -1, dtype=np.int16),
    }
    return {name: np.concatenate([values, fresh[name]]) for name, values in hits.items()}
