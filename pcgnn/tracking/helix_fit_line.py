r"""Path lengths along fitted circles, and the straight line of z over the path.

The direction of a hit seen along its circle is turned by $\operatorname{atan2}(kt, 1 - kh)$
against that at the point closest to the beam line; over $k$ it is the path $s$. Which turn a hit is
on cannot be seen in the plane: the hits are taken to lie on the shortest arc that holds them all,
and to begin at the end that is closer to the beam line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcgnn.tracking.helix_fit_circle import Circles, TrackHits

__all__ = ["Lines", "arc_lengths", "fit_lines"]

Array = NDArray[np.float64]

_STEPS = 3
"""Fits of the line; where the path is uncertain the error of z depends on the slope."""


@dataclass(frozen=True)
class Lines:
    """Straight lines z = z0 + cot s.

    Args:
        cot: slope, the cotangent of the polar angle.
        z0: z at the point closest to the beam line, mm.
        cot_error: error of the slope.
        z0_error: error of z0, mm.
        chi2: of the residuals in z.

    **Shapes:** all (T,)
    """

    cot: Array
    z0: Array
    cot_error: Array
    z0_error: Array
    chi2: Array


def arc_lengths(hits: TrackHits, circles: Circles) -> tuple[Circles, Array, Array]:
    """Order hits along circles.

    Args:
        hits: of the tracks, one track after the other.
        circles: about the beam line.

    Returns:
        The circles in the sense in which the tracks run, the path of each hit from the point
        closest to the beam line in mm, and the angle between the first and last hit in rad.

    **Shapes:** -> (T,), (M,), (T,)
    """
    k = circles.curvature[hits.track]
    t, h = circles.frame(hits.x, hits.y, hits.track)
    with np.errstate(divide="ignore", invalid="ignore"):
        path = np.where(k == 0.0, t, np.arctan2(k * t, 1.0 - k * h) / k)
        turn = 2.0 * np.pi / np.abs(circles.curvature)
    order = np.lexsort((path, hits.track))
    first = np.searchsorted(hits.track, np.arange(hits.tracks))
    last = np.append(first[1:], len(order)) - 1
    ordered = path[order]
    gap = np.diff(ordered, prepend=np.nan)
    gap[first] = turn - (ordered[last] - ordered[first])
    # the arc begins after the largest gap: hits in front of it are a turn later
    widest = np.maximum.reduceat(gap, first)[hits.track]
    begin = np.minimum.reduceat(np.where(gap == widest, np.arange(len(gap)), len(gap)), first)
    begin = np.where(begin < len(gap), begin, first)
    later = np.arange(len(order)) < begin[hits.track]
    ordered = ordered + np.where(later, turn[hits.track], 0.0)
    end = np.where(begin > first, begin - 1, last)
    distance = np.hypot(hits.x, hits.y)[order]
    back = distance[begin] > distance[end]
    angle = np.abs(circles.curvature) * (ordered[end] - ordered[begin])
    start = np.where(back, -ordered[end], ordered[begin])
    with np.errstate(invalid="ignore"):
        start = np.where(np.isfinite(turn), turn * np.round(start / turn), 0.0)
    path[order] = np.where(back[hits.track], -ordered, ordered) - start[hits.track]
    return circles.reversed(back), path, angle


def fit_lines(hits: TrackHits, circles: Circles, path: Array) -> Lines:
    r"""Fit z over the path, with the squared error $\sigma_z^2 + \cot^2\theta\,\sigma_s^2$.

    The path is taken as known but for the error of the hit itself.

    Args:
        hits: of the tracks.
        circles: about the beam line, in the sense in which the tracks run.
        path: of each hit, mm.

    **Shapes:** path (M,) -> (T,)
    """
    heading = circles.phi[hits.track] + circles.curvature[hits.track] * path
    radial = np.cos(heading) * hits.radial_y - np.sin(heading) * hits.radial_x
    cot = np.ones(hits.tracks)
    for _ in range(_STEPS):
        weight = 1.0 / hits.errors.along_z(radial, cot[hits.track])
        total = hits.sum(weight)
        mean_s, mean_z = (hits.sum(weight * values) / total for values in (path, hits.z))
        s, z = path - mean_s[hits.track], hits.z - mean_z[hits.track]
        spread = hits.sum(weight * s**2)
        cot = hits.sum(weight * s * z) / spread
    residual = z - cot[hits.track] * s
    return Lines(
        cot,
        mean_z - cot * mean_s,
        1.0 / np.sqrt(spread),
        np.sqrt(1.0 / total + mean_s**2 / spread),
        hits.sum(weight * residual**2),
    )
