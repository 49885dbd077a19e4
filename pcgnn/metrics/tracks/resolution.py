"""Fitted tracks and the truth -> resolutions of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.counting import estimate_from_sums
from pcgnn.metrics.tracks.assignment import assign
from pcgnn.metrics.tracks.columns import flatten
from pcgnn.metrics.tracks.hits import TruthHits, truth_hits
from pcgnn.metrics.tracks.matching import match
from pcgnn.metrics.tracks.resolution_report import TrackResolution

__all__ = ["track_resolution"]

FloatArray = NDArray[np.float64]


def track_resolution(
    fitted: Any,
    truth: Any,
    *,
    purity_min: float = 0.75,
    min_hits: int = 5,
    vertex_radius_max: float = 1.0,
) -> TrackResolution:
    r"""Compare fitted tracks with the particles that most of their hits stem from.

    Residuals are $p_T / p_T^\mathrm{true} - 1$ and fitted minus true for phi, eta and z0. The
    particle's momentum and vertex are those of its production, the fitted ones hold where the
    track is closest to the beam line: hence the limit on the radius of production. Tracks without
    a finite pT are left out.

    Args:
        fitted: what `pcgnn.tracking.fit_tracks` returns, or tracks as `read_hits` gives them:
            per event records with `hit_index`, `pt`, `eta`, `phi`, and where known `z0`, `charge`.
        truth: hits with their particles, as `read_hits` returns them.
        purity_min: least share of a track's hits that stem from its majority particle.
        min_hits: fewest hits of a track.
        vertex_radius_max: largest transverse distance of the production from the beam line in mm;
            not applied where it is not known.

    Raises:
        ConfigError: a limit that makes no sense.
        DataError: tracks without parameters, or that do not fit the hits; no truth.

    Example:
        >>> fitted = pcgnn.tracking.fit_tracks(hits, tracks)  # doctest: +SKIP
        >>> print(track_resolution(fitted, hits).vs("pt", [1, 2, 5]))  # doctest: +SKIP
    """
    if not 0.0 < purity_min <= 1.0:
        raise ConfigError(f"purity_min is {purity_min}", remedy="give a share in (0, 1]")
    if min_hits < 1:
        raise ConfigError(f"min_hits is {min_hits}", remedy="give at least 1")
    hits = truth_hits(truth)
    names = list(getattr(fitted, "fields", None) or [])
    missing = [name for name in ("hit_index", "pt", "eta", "phi") if name not in names]
    if missing:
        raise DataError(
            f"fitted: no field {missing[0]!r}", remedy="give what pcgnn.tracking.fit_tracks returns"
        )
    tracks = assign(hits, fitted)
    found = match(hits, tracks)
    value = {
        name: np.asarray(flatten(fitted[name], name)[0], np.float64)
        for name in ("pt", "eta", "phi", "z0", "charge")
        if name in names
    }
    true = {name: _known(hits, name, found.majority) for name in ("pt", "eta", "phi")}
    used = (found.majority >= 0) & (found.shared >= purity_min * found.size)
    used &= (found.size >= min_hits) & np.isfinite(value["pt"])
    radius = _true(hits, "vertex_radius", found.majority)
    words = f"{purity_min:g} of at least {min_hits} hits from one particle"
    if radius is not None:
        used &= radius <= vertex_radius_max
        words += f", made within {vertex_radius_max:g} mm of the beam line"
    true = {name: each[used] for name, each in true.items()}
    value = {name: each[used] for name, each in value.items()}
    residuals = {
        "pt": value["pt"] / true["pt"] - 1.0,
        "phi": np.angle(np.exp(1j * (value["phi"] - true["phi"]))),
        "eta": value["eta"] - true["eta"],
    }
    z = _true(hits, "vz", found.majority)
    if z is not None and "z0" in value:
        residuals["z0"] = value["z0"] - z[used]
    charge = _true(hits, "charge", found.majority)
    right = None
    if charge is not None and "charge" in value:
        right = int((np.sign(charge[used]) == value["charge"]).sum())
    return TrackResolution(
        residuals,
        true["pt"],
        true["eta"],
        None if right is None else estimate_from_sums(right, int(used.sum())),
        words,
        len(tracks),
    )


def _true(hits: TruthHits, name: str, particle: NDArray[np.int64]) -> FloatArray | None:
    """A quantity of the majority particle of each track, NaN without one."""
    values = hits.of_particles(name)
    return None if values is None else np.append(values, np.nan)[particle]


def _known(hits: TruthHits, name: str, particle: NDArray[np.int64]) -> FloatArray:
    values = _true(hits, name, particle)
    if values is None:
        raise DataError(
            f"{name} of the particles is not known", remedy="read the hits with their particles"
        )
    return values
