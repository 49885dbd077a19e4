"""Edges by cuts on pairs of layers, three ways: all pairs by pandas, plain windows, pcgnn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

__all__ = ["LayeredHits", "by_all_pairs", "by_pcgnn", "by_plain_windows", "layered"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class LayeredHits:
    """Hits of one event on numbered layers.

    Args:
        columns: of the hits, as pcgnn has them.
        layer: number of the layer, (N,).
    """

    columns: Any
    layer: Index

    def __len__(self) -> int:
        return self.layer.size

    @property
    def cylindrical(self) -> tuple[Array, Array, Array]:
        """Radius in mm, phi in rad, z in mm, all (N,)."""
        x, y = self.columns.x, self.columns.y
        return np.hypot(x, y), np.arctan2(y, x), self.columns.z


def layered(hits: ak.Array, cuts: Any, *, pt_min: float | None = None) -> LayeredHits:
    """The hits of one event on the layers of the cuts.

    Args:
        hits: one event.
        cuts: whose geometry numbers the layers.
        pt_min: remove noise and particles below this pT in GeV by their truth; None for nothing.
    """
    from pcgnn.tracking.columns import event_hits

    columns = event_hits(hits, 0)
    layer = cuts.geometry.number(columns.volume, columns.layer)
    chosen = layer >= 0
    if pt_min is not None:
        chosen &= (columns.particle > 0) & (columns.pt >= pt_min)
    return LayeredHits(columns.select(chosen), layer[chosen])


def by_pcgnn(hits: LayeredHits, cuts: Any) -> Index:
    """Edges as ``build_graphs`` makes them, (2, E), sorted."""
    edges: Index = cuts.join(hits.columns, hits.layer, 0)
    return edges


def by_all_pairs(
    hits: LayeredHits, cuts: Any, *, features: bool = False
) -> NDArray[np.int64] | Array:
    """Edges as published code finds them: each pair of layers merged on the event, then cut.

    Args:
        hits: the hits.
        cuts: the cuts.
        features: compute d_z and dR of all pairs as well, as published code does before it cuts.

    Returns:
        Pairs of hits, (2, E); with their features d_r, d_phi, d_z in mm and rad and dR, (6, E).
    """
    import pandas as pd

    r, phi, z = hits.cylindrical
    table = pd.DataFrame(
        {
            "hit": np.arange(len(hits)),
            "r": r,
            "phi": phi,
            "z": z,
            "layer": hits.layer,
            "event": 0,
        }
    )
    groups = table.groupby("layer")
    found = []
    for inner, outer in cuts.geometry.pairs:
        if inner not in groups.groups or outer not in groups.groups:
            continue
        pairs = groups.get_group(inner).merge(
            groups.get_group(outer), on="event", suffixes=("_1", "_2")
        )
        dphi = pairs.phi_2 - pairs.phi_1
        dphi = dphi.where(dphi <= np.pi, dphi - 2 * np.pi)
        dphi = dphi.where(dphi >= -np.pi, dphi + 2 * np.pi)
        dr = pairs.r_2 - pairs.r_1
        z0 = pairs.z_1 - pairs.r_1 * (pairs.z_2 - pairs.z_1) / dr
        passed = ((dphi / dr).abs() < cuts.phi_slope_max) & (z0.abs() < cuts.z0_max)
        wanted = ["hit_1", "hit_2"]
        if features:
            deta = np.arcsinh(pairs.z_2 / pairs.r_2) - np.arcsinh(pairs.z_1 / pairs.r_1)
            pairs = pairs.assign(
                dr=dr, dphi=dphi, dz=pairs.z_2 - pairs.z_1, dR=np.sqrt(deta**2 + dphi**2)
            )
            wanted += ["dr", "dphi", "dz", "dR"]
        found.append(pairs.loc[passed, wanted].to_numpy().T)
    return _concatenated(found)


def by_plain_windows(hits: LayeredHits, cuts: Any) -> Index:
    """Edges by one window in azimuth per hit: two binary searches, all candidates cut at once.

    What one writes first to be rid of the all-pairs merge.
    """
    r, phi, z = hits.cylindrical
    found = []
    for inner, outer in cuts.geometry.pairs:
        a, b = np.flatnonzero(hits.layer == inner), np.flatnonzero(hits.layer == outer)
        if a.size == 0 or b.size == 0:
            continue
        b = b[np.argsort(phi[b])]
        turns = np.concatenate([phi[b] - 2 * np.pi, phi[b], phi[b] + 2 * np.pi])
        again = np.concatenate([b, b, b])
        span = max(r[b].max() - r[a].min(), r[a].max() - r[b].min())
        begin = np.searchsorted(turns, phi[a] - cuts.phi_slope_max * span)
        count = np.searchsorted(turns, phi[a] + cuts.phi_slope_max * span) - begin
        source = np.repeat(a, count)
        place = np.repeat(begin - np.cumsum(count) + count, count) + np.arange(count.sum())
        target = again[place]
        dphi = (phi[target] - phi[source] + np.pi) % (2 * np.pi) - np.pi
        dr = r[target] - r[source]
        with np.errstate(divide="ignore", invalid="ignore"):
            z0 = z[source] - r[source] * (z[target] - z[source]) / dr
            passed = (np.abs(dphi / dr) < cuts.phi_slope_max) & (np.abs(z0) < cuts.z0_max)
        found.append(np.stack([source[passed], target[passed]]))
    return _concatenated(found)


def _concatenated(found: list[Any]) -> Any:
    return np.concatenate(found, 1) if found else np.empty((2, 0), dtype=np.int64)
