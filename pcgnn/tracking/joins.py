r"""Pairs of hits on two layers by windows in azimuth, without looking at all pairs.

The outer layer is cut into strips of its longer coordinate (z of a cylinder, r of a disk) and
sorted by (strip, azimuth). Each inner hit asks for the strips it can reach under the cut on z0, and
in each for the azimuths it can reach under the cut on the slope: two binary searches. What lies
between is tested with the cuts themselves.

Work: :math:`O(N \log N)` for sorting and searching plus the candidates, about twice the edges kept;
memory: the edges kept plus one block of candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pcgnn.tracking.geometry import Crossing
from pcgnn.tracking.windows import Extent, along_cylinder, along_disk

__all__ = ["LayerHits", "PairCuts", "join_layers"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

# More than the range of an azimuth, so that strip and azimuth make one sorting key.
_TURN = 16.0
_STRIPS = 24
# Candidates tested at a time: about ten float64 temporaries of this length stay in the cache.
_BLOCK = 1 << 15
# Windows are widened by this, far above rounding: what is tested decides, not the window.
_SLACK = 1e-9


class PairCuts(Protocol):
    """Cuts on pairs of hits of two layers.

    ``keep`` may be tighter than the four numbers, which bound where partners are looked for; they
    are as in :class:`pcgnn.tracking.LayerPairCuts`.
    """

    @property
    def phi_slope_max(self) -> float | None:
        """Largest slope of the azimuth, 1/mm; None for no cut."""

    @property
    def z0_max(self) -> float | None:
        """Largest distance along the beam axis, mm; None for no cut."""

    @property
    def eta_max(self) -> float | None:
        """Largest pseudorapidity of either hit; None for no cut."""

    @property
    def dr_max(self) -> float | None:
        """Largest distance in pseudorapidity and azimuth; None for no cut."""

    def keep(self, r1: Array, z1: Array, dr: Array, dphi: Array, dz: Array) -> NDArray[np.bool_]:
        """Whether pairs pass, from radius and z of the inner hits and the differences, (E,)."""


class LayerHits:
    """The hits of one layer, sorted by azimuth.

    Args:
        index: their numbers in the event.
        r: radii, mm.
        phi: azimuths, rad.
        z: mm.

    **Shapes:** all (N,)
    """

    def __init__(self, index: Index, r: Array, phi: Array, z: Array) -> None:
        order = np.argsort(phi, kind="stable")
        self.index, self.r, self.phi, self.z = index[order], r[order], phi[order], z[order]
        self.extent = Extent.of(r, z)
        self._strips: _Strips | None = None

    def strips(self) -> _Strips:
        """The same hits in strips, made at the first use."""
        if self._strips is None:
            self._strips = _Strips(self)
        return self._strips


class _Strips:
    """Hits sorted by (strip, azimuth); those near -pi and pi appear on either side."""

    def __init__(self, hits: LayerHits) -> None:
        extent = hits.extent
        self.is_cylinder = extent.is_cylinder
        along = hits.z if self.is_cylinder else hits.r
        self.low = extent.z_low if self.is_cylinder else extent.r_low
        self.high = extent.z_high if self.is_cylinder else extent.r_high
        count = min(_STRIPS, max(1, along.size // 64))
        self.width = max((self.high - self.low) / count, 1e-6)
        self.last = count - 1
        strip = self.strip_of(along)
        copies = np.concatenate([np.arange(along.size)] * 3)
        phi = np.concatenate([hits.phi, hits.phi - 2 * np.pi, hits.phi + 2 * np.pi])
        near = np.abs(phi) <= 2 * np.pi
        copies, phi = copies[near], phi[near]
        key = strip[copies] * _TURN + phi
        order = np.argsort(key, kind="stable")
        copies = copies[order]
        self.key = key[order]
        self.phi, self.r, self.z = phi[order], hits.r[copies], hits.z[copies]
        self.index = hits.index[copies]

    def strip_of(self, along: Array) -> Index:
        return np.clip((along - self.low) / self.width, 0, self.last).astype(np.int64)


def join_layers(
    inner: LayerHits, outer: LayerHits, cuts: PairCuts, crossing: Crossing | None = None
) -> tuple[Index, Index]:
    """Find the pairs of hits that pass the cuts.

    Args:
        inner: hits of the inner layer.
        outer: hits of the outer layer.
        cuts: the cuts.
        crossing: a barrel layer in between that a straight line must not cross.

    Returns:
        Numbers of the inner and of the outer hits, in no particular order.

    **Shapes:** -> (E,), (E,)
    """
    strips = outer.strips()
    sources: list[Index] = []
    targets: list[Index] = []
    for hit, position in _candidates(inner, outer, strips, cuts):
        r1, z1 = inner.r[hit], inner.z[hit]
        dr = strips.r[position] - r1
        dz = strips.z[position] - z1
        dphi = strips.phi[position] - inner.phi[hit]
        passed = cuts.keep(r1, z1, dr, dphi, dz)
        if crossing is not None:
            passed &= ~_crosses(r1, z1, dr, dz, crossing)
        if cuts.dr_max is not None or cuts.eta_max is not None:
            passed &= _eta_cuts(r1, z1, dr, dphi, dz, cuts)
        sources.append(inner.index[hit[passed]])
        targets.append(strips.index[position[passed]])
    if not sources:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(sources), np.concatenate(targets)


def _candidates(
    inner: LayerHits, outer: LayerHits, strips: _Strips, cuts: PairCuts
) -> Iterator[tuple[Index, Index]]:
    """Blocks of (row in ``inner``, row in ``strips``) that may pass."""
    low, high = _reach(inner, outer, strips, cuts)
    first, last = strips.strip_of(low), strips.strip_of(high)
    number = np.where(low <= high, last - first + 1, 0)
    hit = np.repeat(np.arange(inner.r.size), number)
    strip = _ranges(first, number)
    half = _half_width(hit, strip, low, high, inner, outer, strips, cuts)
    centre = strip * _TURN + inner.phi[hit]
    begin = np.searchsorted(strips.key, centre - half, side="left")
    end = np.searchsorted(strips.key, centre + half, side="right")
    found = end - begin
    some = np.flatnonzero(found)
    hit, begin, found = hit[some], begin[some], found[some]
    total = np.cumsum(found)
    start = 0
    while start < hit.size:
        before = total[start - 1] if start else 0
        stop = max(int(np.searchsorted(total, before + _BLOCK, side="right")), start + 1)
        part = slice(start, stop)
        yield np.repeat(hit[part], found[part]), _ranges(begin[part], found[part])
        start = stop


def _reach(
    inner: LayerHits, outer: LayerHits, strips: _Strips, cuts: PairCuts
) -> tuple[Array, Array]:
    """Range along the outer layer that each inner hit can reach."""
    if cuts.z0_max is None:
        return np.full(inner.r.shape, strips.low), np.full(inner.r.shape, strips.high)
    along = along_cylinder if strips.is_cylinder else along_disk
    low, high = along(inner.r, inner.z, cuts.z0_max, outer.extent)
    slack = _SLACK * (1.0 + np.abs(strips.high) + np.abs(strips.low))
    return np.maximum(low - slack, strips.low), np.minimum(high + slack, strips.high)


def _half_width(
    hit: Index,
    strip: Index,
    low: Array,
    high: Array,
    inner: LayerHits,
    outer: LayerHits,
    strips: _Strips,
    cuts: PairCuts,
) -> Array:
    """Largest difference in azimuth for a hit and a strip."""
    if cuts.phi_slope_max is None:
        return np.full(hit.shape, np.pi)
    r1 = inner.r[hit]
    if strips.is_cylinder:
        near: Array | float = outer.extent.r_low
        far: Array | float = outer.extent.r_high
    else:
        edge = strips.low + strip * strips.width
        near = np.maximum(edge, low[hit])
        far = np.minimum(edge + strips.width, high[hit])
    span = np.maximum(np.abs(near - r1), np.abs(far - r1))
    return np.minimum(cuts.phi_slope_max * span * (1 + 1e-6) + _SLACK, np.pi)


def _ranges(start: Index, length: Index) -> Index:
    """Concatenate start[i], start[i] + 1, ... of the given lengths."""
    total = np.cumsum(length)
    size = int(total[-1]) if total.size else 0
    return np.arange(size) + np.repeat(start - total + length, length)


def _crosses(r1: Array, z1: Array, dr: Array, dz: Array, crossing: Crossing) -> NDArray[np.bool_]:
    """Whether the straight line meets the barrel layer in between inside its length."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = z1 + dz * (crossing.radius - r1) / dr
    between = (crossing.radius - r1) * (r1 + dr - crossing.radius) > 0
    inside: NDArray[np.bool_] = between & (np.abs(z) < crossing.half_length)
    return inside


def _eta_cuts(
    r1: Array, z1: Array, dr: Array, dphi: Array, dz: Array, cuts: PairCuts
) -> NDArray[np.bool_]:
    eta1, eta2 = np.arcsinh(z1 / r1), np.arcsinh((z1 + dz) / (r1 + dr))
    passed = np.ones(r1.shape, dtype=bool)
    if cuts.eta_max is not None:
        passed &= (np.abs(eta1) < cuts.eta_max) & (np.abs(eta2) < cuts.eta_max)
    if cuts.dr_max is not None:
        passed &= np.hypot(eta2 - eta1, dphi) < cuts.dr_max
    return passed
