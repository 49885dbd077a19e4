"""Inputs of networks on hit graphs, scaled as published."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcgnn.tracking.columns import EventHits

__all__ = ["EDGE_FEATURES", "HIT_FEATURES", "edge_features", "hit_features"]

HIT_FEATURES = ("r", "phi", "z")
EDGE_FEATURES = ("dr", "dphi", "dz", "dR")
_MM = 1000.0
_BLOCK = 1 << 15


def hit_features(hits: EventHits) -> NDArray[np.float32]:
    """r/1000 mm, phi/pi, z/1000 mm (2103.16701); shape (N, 3)."""
    return np.stack([hits.r / _MM, hits.phi / np.pi, hits.z / _MM], 1).astype(np.float32)


def edge_features(hits: EventHits, edges: NDArray[np.int64]) -> NDArray[np.float32]:
    r"""dr/1000 mm, d_phi/pi (wrapped), dz/1000 mm and dR of each edge.

    :math:`\Delta R = \sqrt{\Delta\eta^2 + \Delta\phi^2}`, with eta seen from the origin.

    **Shapes:** edges (2, E) -> (E, 4)
    """
    r, phi, z = hits.r, hits.phi, hits.z
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(z / r)
    out = np.empty((edges.shape[1], 4), dtype=np.float32)
    for begin in range(0, edges.shape[1], _BLOCK):
        block = slice(begin, begin + _BLOCK)
        source, target = edges[0, block], edges[1, block]
        dphi = phi[target] - phi[source]
        dphi -= 2 * np.pi * np.rint(dphi / (2 * np.pi))
        out[block, 0] = (r[target] - r[source]) / _MM
        out[block, 1] = dphi / np.pi
        out[block, 2] = (z[target] - z[source]) / _MM
        out[block, 3] = np.hypot(eta[target] - eta[source], dphi)
    return out
