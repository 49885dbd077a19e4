"""Helices through the hits of found tracks: ``fit_tracks``."""

from __future__ import annotations

import math
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.io.hits.track_groups import TrackGroups, group_labels
from pcgnn.tracking.helix_fit_circle import TrackHits, fit_circles
from pcgnn.tracking.helix_fit_line import arc_lengths, fit_lines
from pcgnn.tracking.helix_fit_resolution import HitErrors, Resolution, hit_errors

__all__ = ["fit_tracks"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_GEV_PER_TESLA_MM = 0.3e-3
"""Transverse momentum of a unit charge on a circle of 1 mm radius in 1 T, GeV."""


def fit_tracks(
    hits: ak.Array,
    tracks: Any,
    *,
    field: float = 2.0,
    resolution: Resolution = "generic",
    min_hits: int = 3,
    beam: tuple[float, float] = (0.0, 0.0),
) -> ak.Array:
    r"""Estimate the helix of every track: a circle across the beam, a straight line along it.

    In a solenoid field $B$ (T) along z a track of unit charge with the transverse momentum $p_T$
    turns by $k = -q\,0.3\cdot10^{-3} B / p_T$ per mm of its transverse path $s$:

    $$p_T = 0.3\cdot 10^{-3}\, |B| R,\quad R = 1/|k|,\quad q = -\operatorname{sign}(kB),\quad
      z = z_0 + s \sinh\eta .$$

    The circle is fitted in the parametrisation of Karimäki (NIM A 305 (1991) 187), from the
    algebraic fit of Taubin (IEEE PAMI 13 (1991) 1115) by Gauss-Newton steps on distances over
    errors; z is fitted over the path. **A quick estimate**: a homogeneous field, no multiple
    scattering or energy loss, and the two fits know nothing of each other. ``chi2`` and errors
    speak of the measurement alone; below some GeV scattering makes them too large and too small.
    The rounded 0.3 (0.299792458 to all digits) is that of :mod:`pcgnn.simulation`; it makes
    momenta .07% too large elsewhere.

    Args:
        hits: what :func:`pcgnn.read_hits` returns.
        tracks: what :func:`find_tracks` returns: one label per hit, flat or one list per event,
            negative for none. Or tracks as ``read_hits`` gives them, such as ``hits.ckf``: per
            event records with ``hit_index``.
        field: along z in T; negative against it.
        resolution: errors of the hits in mm. ``"generic"`` looks the volumes of the Generic
            (TrackML) detector up in ``GENERIC_RESOLUTION``; ``{volume: (azimuth, radius, z)}``
            does so for another detector (0 along the radius on a cylinder, along z on a disk);
            else three errors along the azimuth, the radius and z, as numbers or one per hit, or
            one number for all three.
        min_hits: tracks with fewer hits are not fitted; at least 3.
        beam: x and y of the beam line, mm.

    Returns:
        Per event one record per track, by rising label. ``hit_index`` (numbers of the hits in
        their event), ``label``, ``nhits``, and

        - ``pt`` (GeV; infinite if perfectly straight), ``eta``, ``phi`` (rad, in (-pi, pi]):
          momentum at the point closest to the beam line; ``charge`` (+1, -1; 0 if perfectly
          straight);
        - ``d0`` (mm): that point is $(x, y) = d_0\,(-\sin\varphi, \cos\varphi)$ from the beam line,
          positive if to the left of it as seen by the particle (perigee of ATLAS and ACTS, dxy of
          CMS, minus its d0); ``z0`` (mm): its z;
        - ``chi2`` = ``chi2_xy + chi2_z`` with ``ndf = 2 nhits - 5``: nhits - 3 and nhits - 2;
        - ``qpt_error`` (of charge / pt, 1/GeV), ``eta_error``, ``phi_error``, ``d0_error``,
          ``z0_error``: from the resolution alone;
        - ``turn`` (rad): how far the track turns from its first to its last hit. A track with
          more than pi curls back; its direction and charge are a guess.

        Tracks too short or whose hits fix no circle (fewer than three places in the plane) have
        NaN, ``charge`` 0 and ``ndf`` 0. A particle of another charge has pT times that charge.

    Raises:
        ConfigError: options that cannot be.
        DataError: tracks, hits or resolutions that do not fit.

    **Shapes:** -> (events, tracks)

    Example:
        >>> fitted = fit_tracks(hits, tracks)  # doctest: +SKIP
        >>> fitted[fitted.pt > 1.0].eta  # doctest: +SKIP
        >>> hits["found"] = fitted  # written by write_hits, read back  # doctest: +SKIP
    """
    if not math.isfinite(field) or field == 0.0:
        raise ConfigError(f"field = {field} T bends no track", remedy="give the field in T, as 2.0")
    if min_hits < 3:
        raise ConfigError(f"min_hits = {min_hits}: fewer than 3 hits fix no helix")
    counts = ak.to_numpy(ak.num(_column(hits, "hit"), axis=1)).astype(np.int64)
    groups = _groups(tracks, counts)
    position = [np.asarray(_column(hits, "hit", name), np.float64) for name in ("x", "y", "z")]
    volume = _column(hits, "hit", "volume") if "volume" in hits["hit"].fields else None
    errors = hit_errors(resolution, volume, len(position[0]))
    fitted = groups.lengths >= min_hits
    used = groups.hit[np.repeat(fitted, groups.lengths)]
    columns = _fit(position, errors, used, groups.lengths[fitted], field, beam)
    start = np.repeat((np.cumsum(counts) - counts)[groups.event], groups.lengths)
    records = {
        "hit_index": ak.unflatten(groups.hit - start, groups.lengths),
        "label": groups.label,
        "nhits": groups.lengths.astype(np.int32),
        **{name: _spread(values, fitted) for name, values in columns.items()},
    }
    return ak.unflatten(ak.zip(records, depth_limit=1), groups.tracks)


def _fit(
    position: list[Array],
    errors: HitErrors,
    used: Index,
    lengths: Index,
    field: float,
    beam: tuple[float, float],
) -> dict[str, NDArray[Any]]:
    x, y, z = (values[used] for values in position)
    bad = ~np.isfinite(x + y + z)
    if bad.any():
        raise DataError(
            f"hit {used[np.argmax(bad)]} of a track has a position that is not finite",
            branch="hit.x",
        )
    radius = np.hypot(x, y)
    radius = np.where(radius > 0.0, radius, 1.0)
    track_hits = TrackHits(
        np.repeat(np.arange(len(lengths)), lengths),
        len(lengths),
        x - beam[0],
        y - beam[1],
        z,
        x / radius,
        y / radius,
        errors.select(used),
    )
    if not len(lengths):  # reductions over no segments are not defined
        return {name: np.empty(0, dtype) for name, dtype in _FIELDS.items()}
    circles, chi2_xy = fit_circles(track_hits)
    circles, path, turn = arc_lengths(track_hits, circles)
    lines = fit_lines(track_hits, circles, path)
    good = np.isfinite(chi2_xy)
    k = circles.curvature
    with np.errstate(divide="ignore"):
        pt = _GEV_PER_TESLA_MM * abs(field) / np.abs(k)
    error = np.sqrt(np.diagonal(circles.covariance, axis1=1, axis2=2))
    values = {
        "pt": pt,
        "eta": np.arcsinh(lines.cot),
        "phi": np.pi - np.mod(np.pi - circles.phi, 2.0 * np.pi),
        "charge": np.where(good, -np.sign(k) * np.sign(field), 0.0),
        "d0": circles.distance,
        "z0": lines.z0,
        "chi2": chi2_xy + lines.chi2,
        "ndf": np.where(good, 2 * lengths - 5, 0),
        "chi2_xy": chi2_xy,
        "chi2_z": lines.chi2,
        "qpt_error": error[:, 0] / (_GEV_PER_TESLA_MM * abs(field)),
        "eta_error": lines.cot_error / np.hypot(1.0, lines.cot),
        "phi_error": error[:, 1],
        "d0_error": error[:, 2],
        "z0_error": lines.z0_error,
        "turn": turn,
    }
    return {name: values[name].astype(dtype) for name, dtype in _FIELDS.items()}


_FIELDS = {
    **dict.fromkeys(("pt", "eta", "phi"), np.float64),
    "charge": np.int8,
    **dict.fromkeys(("d0", "z0", "chi2"), np.float64),
    "ndf": np.int32,
    **dict.fromkeys(("chi2_xy", "chi2_z", "qpt_error", "eta_error", "phi_error"), np.float64),
    **dict.fromkeys(("d0_error", "z0_error", "turn"), np.float64),
}


def _spread(values: NDArray[Any], fitted: NDArray[np.bool_]) -> NDArray[Any]:
    """Values of all tracks: NaN, or 0 of integers, for those that were not fitted."""
    out = np.full(len(fitted), np.nan if values.dtype.kind == "f" else 0, values.dtype)
    out[fitted] = values
    return out


def _column(hits: Any, *names: str) -> Any:
    """Flat column of a collection, or the collection."""
    value = hits
    for number, name in enumerate(names):
        if name not in ak.fields(value):
            raise DataError(
                f"there is no field {name!r}",
                branch=".".join(names[: number + 1]),
                remedy="use what pcgnn.read_hits returns",
            )
        value = value[name]
    return value if len(names) == 1 else ak.flatten(value)


def _groups(tracks: Any, counts: Index) -> TrackGroups:
    """Tracks from labels, or from records with ``hit_index``."""
    if not isinstance(tracks, ak.Array) or "hit_index" not in tracks.fields:
        return group_labels(tracks, counts)
    lists = tracks["hit_index"]
    number = ak.to_numpy(ak.num(lists, axis=1)).astype(np.int64)
    if len(number) != len(counts):
        raise DataError(f"tracks of {len(number)} events, the hits are of {len(counts)}")
    lengths = ak.to_numpy(ak.flatten(ak.num(lists, axis=2))).astype(np.int64)
    event = np.repeat(np.arange(len(counts)), number)
    local = ak.to_numpy(ak.flatten(lists, axis=None)).astype(np.int64)
    owner = np.repeat(event, lengths)
    wrong = (local < 0) | (local >= counts[owner])
    if wrong.any():
        first = int(np.argmax(wrong))
        raise DataError(
            f"a track points to hit {local[first]} of {counts[owner[first]]}",
            branch="hit_index",
            entry=int(owner[first]),
        )
    place = np.arange(len(event)) - np.repeat(np.cumsum(number) - number, number)
    return TrackGroups(
        labels=np.empty(0, np.int64),
        hit=local + (np.cumsum(counts) - counts)[owner],
        lengths=lengths,
        label=ak.to_numpy(ak.flatten(tracks["label"])) if "label" in tracks.fields else place,
        event=event,
        tracks=number,
    )
