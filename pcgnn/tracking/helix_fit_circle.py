r"""Circles through the hits of many tracks at once.

A circle is described, as by Karimäki (NIM A 305 (1991) 187), by its signed curvature
$k = d\varphi/ds$, and by the direction $\varphi$ and the signed distance $d$ at the point closest
to a reference point: that point is $d\,(-\sin\varphi, \cos\varphi)$ away from it. These stay
finite for straight tracks. With $t$ and $h$ the coordinates of a hit along the direction and across
it, to the left, counted from the closest point, the distance of the hit from the circle is

$$\delta = \frac{2P}{1 + \sqrt{1 - 2kP}},\quad P = h - \tfrac{1}{2} k (t^2 + h^2).$$
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcgnn.tracking.helix_fit_resolution import HitErrors

__all__ = ["Circles", "TrackHits", "fit_circles"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_STEPS = 3
"""Gauss-Newton steps after the algebraic fit; errors depend on the direction, so one is too few."""

_SINGULAR = 1e-10
"""Determinant of the correlation of the normal equations below which hits fix no circle."""


@dataclass(frozen=True)
class TrackHits:
    """Hits of tracks.

    Args:
        track: number of the track of each hit.
        tracks: number of tracks.
        x, y, z: relative to the beam line, mm.
        radial_x, radial_y: unit vector away from the axis of the detector.
        errors: of the hits.

    **Shapes:** all (M,)
    """

    track: Index
    tracks: int
    x: Array
    y: Array
    z: Array
    radial_x: Array
    radial_y: Array
    errors: HitErrors

    def sum(self, values: Array) -> Array:
        """Sum over the hits of each track, (M,) -> (tracks,)."""
        total: Array = np.bincount(self.track, values, minlength=self.tracks).astype(np.float64)
        return total


@dataclass(frozen=True)
class Circles:
    """Circles near a reference point of their own.

    Args:
        curvature: k, 1/mm; positive anticlockwise.
        phi: direction at the point closest to the reference point, rad.
        distance: d, mm.
        covariance: of the three.

    **Shapes:** (T,), covariance (T, 3, 3)
    """

    curvature: Array
    phi: Array
    distance: Array
    covariance: Array

    def frame(self, x: Array, y: Array, track: Index | None = None) -> tuple[Array, Array]:
        """Coordinates t and h of points, one per circle or of the circles ``track``."""
        take = slice(None) if track is None else track
        cos, sin = np.cos(self.phi)[take], np.sin(self.phi)[take]
        return x * cos + y * sin, y * cos - x * sin - self.distance[take]

    def moved(self, x: Array, y: Array) -> Circles:
        r"""Describe the circles from another reference point, with $G = \sqrt{1 - 2kP}$.

        $$d' = -\delta,\quad \varphi' = \varphi + \operatorname{atan2}(kt, 1 - kh)$$

        Args:
            x: of the new reference points, relative to the old, mm.
            y: likewise.

        **Shapes:** (T,), (T,)
        """
        k, (t, h) = self.curvature, self.frame(x, y)
        residual, root, slopes = _distance(k, self.distance, t, h)
        # at the centre of a circle all directions are as good
        inverse = 1.0 / np.maximum(root, np.finfo(np.float64).eps) ** 2
        forward, left = k * t * inverse, (1.0 - k * h) * inverse
        jacobian = np.zeros((len(k), 3, 3))
        jacobian[:, 0, 0] = 1.0
        jacobian[:, 1, 0] = t * inverse
        jacobian[:, 1, 1] = 1.0 + k * (left * (h + self.distance) - forward * t)
        jacobian[:, 1, 2] = -k * forward
        jacobian[:, 2] = -np.stack(slopes, axis=-1)
        return Circles(
            k,
            self.phi + np.arctan2(k * t, 1.0 - k * h),
            -residual,
            jacobian @ self.covariance @ jacobian.transpose(0, 2, 1),
        )

    def reversed(self, which: NDArray[np.bool_]) -> Circles:
        """Run through some circles the other way round."""
        sign = np.where(which, -1.0, 1.0)
        flip = np.stack([sign, np.ones_like(sign), sign], axis=-1)
        return Circles(
            self.curvature * sign,
            self.phi + np.where(which, np.pi, 0.0),
            self.distance * sign,
            self.covariance * flip[:, :, None] * flip[:, None, :],
        )


def fit_circles(hits: TrackHits) -> tuple[Circles, Array]:
    r"""Fit circles: algebraic after Taubin, then Gauss-Newton steps on the distances.

    Taubin (IEEE PAMI 13 (1991) 1115) minimises the sum of $w (A r^2 + Bx + Cy + D)^2$ over that of
    the squared gradients. About the centroid this is the smallest eigenvector of a 3 x 3 matrix,
    the same wherever the origin lies, and a straight line where $A = 0$. The steps minimise
    $\chi^2 = \sum \delta^2 / \sigma^2$ with the error across the track at each hit; a step that
    makes it larger is not taken.

    Args:
        hits: of tracks with three hits or more.

    Returns:
        Circles about the beam line, and their chi2; NaN where the hits fix no circle.

    **Shapes:** -> (T,)
    """
    weight = 1.0 / hits.errors.across(np.zeros_like(hits.x))
    total = hits.sum(weight)
    centre_x, centre_y = (hits.sum(weight * values) / total for values in (hits.x, hits.y))
    x, y = hits.x - centre_x[hits.track], hits.y - centre_y[hits.track]
    scale = np.sqrt(hits.sum(weight * (x**2 + y**2)) / total)
    scale = np.where(scale > 0.0, scale, 1.0)
    x, y = x / scale[hits.track], y / scale[hits.track]
    parameters = _algebraic(hits, x, y, weight, total)
    for _ in range(_STEPS):
        parameters = _step(hits, x, y, scale, parameters)
    equations = _Equations.make(hits, x, y, scale, parameters)
    normal, good = _regular(equations.normal)
    unit = np.stack([1.0 / scale, np.ones_like(scale), scale], axis=-1)
    covariance = np.linalg.inv(normal) * unit[:, :, None] * unit[:, None, :]
    values = np.where(good[:, None], parameters * unit, np.nan)
    curvature, phi, distance = values.T
    covariance = np.where(good[:, None, None], covariance, np.nan)
    circles = Circles(curvature, phi, distance, covariance)
    return circles.moved(-centre_x, -centre_y), np.where(good, equations.chi2, np.nan)


def _algebraic(hits: TrackHits, x: Array, y: Array, weight: Array, total: Array) -> Array:
    """Curvature, direction and distance about the centroid, for unit mean squared radius."""
    columns = (0.5 * (x**2 + y**2 - 1.0), x, y)
    moments = np.empty((hits.tracks, 3, 3))
    for i, first in enumerate(columns):
        for j, second in enumerate(columns[: i + 1]):
            moments[:, i, j] = moments[:, j, i] = hits.sum(weight * first * second) / total
    vector = np.linalg.eigh(moments)[1][:, :, 0]
    # of unit length, so that P = A r^2 + B x + C y + D has a gradient of length 1 on the circle
    a, b, c = vector[:, 0], vector[:, 1], vector[:, 2]
    distance = a / (1.0 + np.hypot(b, c))
    return np.stack([-a, np.arctan2(-b, c), distance], axis=-1)


@dataclass(frozen=True)
class _Equations:
    """Normal equations of one step, in units of each track's scale."""

    normal: Array
    gradient: Array
    chi2: Array
    weight: Array

    @classmethod
    def make(
        cls, hits: TrackHits, x: Array, y: Array, scale: Array, parameters: Array
    ) -> _Equations:
        residual, slopes, radial = _residuals(hits, x, y, parameters)
        weight = scale[hits.track] ** 2 / hits.errors.across(radial)
        normal = np.empty((hits.tracks, 3, 3))
        gradient = np.empty((hits.tracks, 3))
        for i, first in enumerate(slopes):
            gradient[:, i] = hits.sum(weight * first * residual)
            for j, second in enumerate(slopes[: i + 1]):
                normal[:, i, j] = normal[:, j, i] = hits.sum(weight * first * second)
        return cls(normal, gradient, hits.sum(weight * residual**2), weight)


def _step(hits: TrackHits, x: Array, y: Array, scale: Array, parameters: Array) -> Array:
    equations = _Equations.make(hits, x, y, scale, parameters)
    normal, good = _regular(equations.normal)
    change = np.linalg.solve(normal, equations.gradient[:, :, None])[:, :, 0]
    moved = parameters - np.where(good[:, None], change, 0.0)
    chi2 = hits.sum(equations.weight * _residuals(hits, x, y, moved)[0] ** 2)
    return np.where((chi2 <= equations.chi2)[:, None], moved, parameters)


def _residuals(
    hits: TrackHits, x: Array, y: Array, parameters: Array
) -> tuple[Array, tuple[Array, ...], Array]:
    """Distances, their derivatives, and the radial component of the vector across the track."""
    k, phi, d = parameters.T[:, hits.track]
    cos, sin = np.cos(phi), np.sin(phi)
    t, h = x * cos + y * sin, y * cos - x * sin - d
    residual, root, slopes = _distance(k, d, t, h)
    root = np.maximum(root, np.finfo(np.float64).eps)
    along, left = -k * t / root, (1.0 - k * h) / root
    radial = (along * cos - left * sin) * hits.radial_x + (along * sin + left * cos) * hits.radial_y
    return residual, slopes, radial


def _distance(k: Array, d: Array, t: Array, h: Array) -> tuple[Array, Array, tuple[Array, ...]]:
    """Distance from the circle, G, and the derivatives by curvature, direction and distance."""
    square = t**2 + h**2
    p = h - 0.5 * k * square
    root = np.sqrt(np.maximum(1.0 - 2.0 * k * p, 0.0))
    residual = 2.0 * p / (1.0 + root)
    inverse = 1.0 / np.maximum(root, np.finfo(np.float64).eps)
    slopes = (
        0.5 * (residual**2 - square) * inverse,
        -t * (1.0 + k * d) * inverse,
        -(1.0 - k * h) * inverse,
    )
    return residual, root, slopes


def _regular(normal: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Replace matrices that cannot be inverted by the unit matrix, and tell which were good."""
    diagonal = np.sqrt(np.diagonal(normal, axis1=1, axis2=2))
    diagonal = np.where(diagonal > 0.0, diagonal, 1.0)
    good = np.linalg.det(normal / diagonal[:, :, None] / diagonal[:, None, :]) > _SINGULAR
    return np.where(good[:, None, None], normal, np.eye(3)), good
