r"""Inputs of networks on hit graphs, by name.

"published" are those of 2103.16701. "helix" adds to the edges what two hits of one particle from
the beam line share with the next two: the slope :math:`\Delta\phi/\Delta r`, the longitudinal
impact parameter :math:`z_0 = z_1 - r_1 \Delta z/\Delta r`, and the direction
:math:`\mathrm{arsinh}(\Delta z/\Delta r)`. A network can only compare them if they are inputs: as
functions of differences in r, phi and z they are quotients, known to a thousandth of their range.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError
from pcgnn.tracking.columns import EventHits

__all__ = [
    "EDGE_SETS",
    "HIT_SETS",
    "FeatureNames",
    "edge_features",
    "feature_names",
    "hit_features",
    "reversed_signs",
]

FeatureNames: TypeAlias = str | Sequence[str]
Array: TypeAlias = NDArray[np.float64]

HIT_SETS: dict[str, tuple[str, ...]] = {
    "published": ("r", "phi", "z"),
    "helix": ("r", "phi", "z", "eta"),
}
EDGE_SETS: dict[str, tuple[str, ...]] = {
    "published": ("dr", "dphi", "dz", "dR"),
    "helix": ("dr", "dphi", "dz", "dR", "phi_slope", "z0", "direction"),
}
_HIT_NAMES = HIT_SETS["helix"]
# what becomes of a feature when its edge is turned round
_SIGNS = {"dr": -1, "dphi": -1, "dz": -1, "dR": 1, "phi_slope": 1, "z0": 1, "direction": 1}
_MM = 1000.0
_Z0 = 100.0
_LARGEST = 100.0
_BLOCK = 1 << 15


def feature_names(given: FeatureNames, sets: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The names behind the name of a set, or the names themselves.

    Args:
        given: "published", "helix", or names out of the latter.
        sets: `HIT_SETS` or `EDGE_SETS`.

    Raises:
        ConfigError: a name is not known, or stands twice.
    """
    if isinstance(given, str):
        if given not in sets:
            raise ConfigError(
                f"no features are called {given!r}", remedy=f"choose one of {sorted(sets)}"
            )
        return sets[given]
    names = tuple(str(name) for name in given)
    known = sets["helix"]
    if not names or set(names) - set(known) or len(set(names)) < len(names):
        raise ConfigError(f"features {list(names)}", remedy=f"choose from {list(known)}, each once")
    return names


def reversed_signs(names: Sequence[str]) -> NDArray[np.float32]:
    """Factors that turn edge features into those of the reversed edge, (len(names),).

    Differences change their sign; dR, slope, z0 and direction do not.
    """
    return np.array([_SIGNS[name] for name in names], dtype=np.float32)


def hit_features(
    hits: EventHits, names: Sequence[str] = HIT_SETS["published"]
) -> NDArray[np.float32]:
    """r/1000 mm, phi/pi, z/1000 mm and eta of each hit; shape (N, len(names))."""
    r = hits.r
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {"r": r / _MM, "phi": hits.phi / np.pi, "z": hits.z / _MM}
        if "eta" in names:
            columns["eta"] = np.arcsinh(hits.z / r)
    return np.stack([columns[name] for name in names], 1).astype(np.float32)


def edge_features(
    hits: EventHits, edges: NDArray[np.int64], names: Sequence[str] = EDGE_SETS["published"]
) -> NDArray[np.float32]:
    r"""Features of each edge.

    dr/1000 mm, dphi/pi (wrapped), dz/1000 mm, :math:`\Delta R = \sqrt{\Delta\eta^2 +
    \Delta\phi^2}` with eta seen from the origin, phi_slope in 1/m, z0/100 mm and direction. Slope
    and z0 are clipped to 100/m and 1 m, far outside of any cut; where both hits have the same
    radius the last three are 0.

    **Shapes:** edges (2, E) -> (E, len(names))
    """
    r, phi, z = hits.r, hits.phi, hits.z
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(z / r)
    out = np.empty((edges.shape[1], len(names)), dtype=np.float32)
    wanted = set(names)
    for begin in range(0, edges.shape[1], _BLOCK):
        block = slice(begin, begin + _BLOCK)
        source, target = edges[0, block], edges[1, block]
        dphi = phi[target] - phi[source]
        dphi -= 2 * np.pi * np.rint(dphi / (2 * np.pi))
        dr, dz = r[target] - r[source], z[target] - z[source]
        values: dict[str, Array] = {"dr": dr / _MM, "dphi": dphi / np.pi, "dz": dz / _MM}
        if "dR" in wanted:
            values["dR"] = np.hypot(eta[target] - eta[source], dphi)
        if wanted & {"phi_slope", "z0", "direction"}:
            inverse = np.divide(1.0, dr, out=np.zeros_like(dr), where=dr != 0)
            slope = dz * inverse
            values["phi_slope"] = np.clip(dphi * inverse * _MM, -_LARGEST, _LARGEST)
            z0 = np.where(dr != 0, z[source] - r[source] * slope, 0.0) / _Z0
            values["z0"] = np.clip(z0, -_LARGEST / 10, _LARGEST / 10)
            values["direction"] = np.arcsinh(slope)
        for column, name in enumerate(names):
            out[block, column] = values[name]
    return out
