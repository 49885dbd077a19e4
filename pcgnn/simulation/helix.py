r"""Charged particles in a solenoid: helices, and where they cross cylinders and disks.

A particle of charge $q$ and transverse momentum $p_T$ (GeV) in a field $B$ (T) along z moves on a
circle of radius $R = p_T / (0.3\,|q| B)$ metres. Its azimuth after the transverse path $s$ is
$\varphi_0 + k s$ with $k = -q / R$, hence

$$x = x_0 + \frac{\sin(\varphi_0 + k s) - \sin\varphi_0}{k},\quad
  y = y_0 - \frac{\cos(\varphi_0 + k s) - \cos\varphi_0}{k},\quad
  z = z_0 + s \sinh\eta .$$
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Helix"]

FloatArray = NDArray[np.float64]

_GEV_PER_TESLA_MM = 0.3e-3
"""Transverse momentum of a unit charge on a circle of 1 mm radius in 1 T, GeV."""


@dataclass(frozen=True)
class Helix:
    """Helices of P particles.

    Args:
        x, y, z: where they start, mm.
        phi: azimuth of their direction there, rad.
        cot: cotangent of the polar angle, sinh of the pseudorapidity.
        curvature: change of the azimuth per transverse path, 1/mm.

    Shapes:
        - all (P,)
    """

    x: FloatArray
    y: FloatArray
    z: FloatArray
    phi: FloatArray
    cot: FloatArray
    curvature: FloatArray

    @classmethod
    def make(
        cls,
        vertex: tuple[FloatArray, FloatArray, FloatArray],
        pt: FloatArray,
        eta: FloatArray,
        phi: FloatArray,
        charge: NDArray[np.integer],
        field: float,
    ) -> Helix:
        """Make helices from momenta.

        Args:
            vertex: x, y, z in mm.
            pt: GeV.
            eta: pseudorapidity.
            phi: rad.
            charge: in units of the elementary charge, not 0.
            field: T, positive along z.
        """
        curvature = -charge * (_GEV_PER_TESLA_MM * field) / pt
        return cls(*vertex, phi, np.sinh(eta), curvature)

    def at(self, path: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Give positions.

        Args:
            path: transverse path from the start, mm.

        Shapes:
            - path (P, L) or (P,), output likewise
        """
        shape = (-1,) + (1,) * (path.ndim - 1)
        phi, k = self.phi.reshape(shape), self.curvature.reshape(shape)
        # sin(a + d) - sin(a) = 2 cos(a + d/2) sin(d/2) keeps all digits for stiff tracks
        half = 0.5 * k * path
        chord = 2.0 * np.sin(half) / k
        return (
            self.x.reshape(shape) + chord * np.cos(phi + half),
            self.y.reshape(shape) + chord * np.sin(phi + half),
            self.z.reshape(shape) + path * self.cot.reshape(shape),
        )

    def to_cylinders(self, radius: FloatArray) -> FloatArray:
        r"""Transverse path to the first crossing of each cylinder, infinite where there is none.

        With the centre of the circle at $D (\cos\gamma, \sin\gamma)$ the condition is
        $\sin(\varphi_0 + k s - \gamma) = k (r^2 - D^2 - k^{-2}) / 2D$. Only the first half turn
        counts, and only cylinders around the start.

        Args:
            radius: mm.

        Shapes:
            - radius (L,), output (P, L)
        """
        k = self.curvature[:, None]
        x = self.x - np.sin(self.phi) / self.curvature
        y = self.y + np.cos(self.phi) / self.curvature
        distance = np.hypot(x, y)[:, None]
        begin = (self.phi - np.arctan2(y, x))[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            sine = k * (radius**2 - distance**2 - k**-2) / (2.0 * distance)
            angle = np.arcsin(np.where(np.abs(sine) <= 1.0, sine, np.nan))
        sign = np.sign(k)
        turns = [np.mod(sign * (end - begin), 2.0 * np.pi) for end in (angle, np.pi - angle)]
        turn = np.minimum(*turns)
        good = (turn < np.pi) & (np.hypot(self.x, self.y)[:, None] < radius)
        return np.where(good, turn / np.abs(k), np.inf)

    def to_disks(self, z: FloatArray) -> FloatArray:
        """Transverse path to each plane across the beam, infinite where it is not reached.

        Only the first half turn counts.

        Args:
            z: mm.

        Shapes:
            - z (L,), output (P, L)
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            path = (z - self.z[:, None]) / self.cot[:, None]
        good = (path > 0.0) & (path * np.abs(self.curvature[:, None]) < np.pi)
        return np.where(good, path, np.inf)
