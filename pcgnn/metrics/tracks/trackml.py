"""The score of the TrackML challenge and its official hit weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.metrics.tracks.assignment import assign
from pcgnn.metrics.tracks.hits import TruthHits, truth_hits
from pcgnn.metrics.tracks.matching import match
from pcgnn.metrics.tracks.rules import RULES

__all__ = ["trackml_score", "trackml_scores", "trackml_weights"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ALONG = np.array([10.0, 8, 6, 5, 3, 3, 3, 5, 6])
_FEWEST, _MOST = 4, 20


def _order_weights() -> FloatArray:
    """Weight by number of hits (row) and place along the track (column); rows sum to 1."""
    result = np.zeros((_MOST + 1, _MOST + 1))
    for hits in range(_FEWEST, _MOST + 1):
        stretched = np.linspace(0, hits - 1, len(_ALONG))
        row = np.interp(np.arange(hits), stretched, _ALONG)
        result[hits, :hits] = row / row.sum()
    return result


def _places(truth: TruthHits) -> IntArray:
    """Place of each hit along its particle, from 0; equal distances share the mean place."""
    hits = np.flatnonzero(truth.particle >= 0)
    owner = truth.particle[hits]
    z, vertex = truth.column("tz"), truth.of_particles("vz")
    if z is not None and vertex is not None:
        z = z[hits]
        # the vertex in the type of the hits: rounding then makes ties as in the published files
        distance = np.abs(z - vertex[owner].astype(z.dtype if z.dtype.kind == "f" else np.float64))
        what = "tz or vz"
    elif (order := truth.column("order")) is not None:
        distance, what = order[hits].astype(np.float64), "order"
    else:
        raise DataError(
            "hits: no columns to order the hits of a particle",
            remedy="give tz of the hits and vz of their particles (or order), or a column weight",
        )
    if np.isnan(distance).any():
        lost = int(owner[np.flatnonzero(np.isnan(distance))[0]])
        raise DataError(f"{what} of {truth.name(lost)} is NaN")
    by = np.lexsort((distance, owner))
    owner, distance = owner[by], distance[by]
    new = np.diff(owner, prepend=-1) != 0
    start = np.flatnonzero(new)
    first = np.flatnonzero(new | (np.diff(distance, prepend=-1.0) != 0))
    count = np.diff(first, append=owner.size)
    begin = start[np.searchsorted(start, first, side="right") - 1]
    places = np.zeros(len(truth), np.int64)
    places[hits[by]] = np.repeat((2 * (first - begin) + count - 1) // 2, count)
    return places


def trackml_weights(hits: Any) -> FloatArray:
    r"""The weights of the TrackML accuracy phase, normalised to 1 in each event.

    $$w \propto w_{p_T} \cdot w_\mathrm{order}$$

    $w_{p_T}$ rises linearly from 0.2 at 0.5 GeV to 1 at 3 GeV, stays 0.2 down to 0.05 GeV, and is
    0 below. $w_\mathrm{order}$ is (10, 8, 6, 5, 3, 3, 3, 5, 6) stretched over the hits of the
    particle in order of $|t_z - v_z|$, divided by its sum; a particle with fewer than 4 hits
    weighs 0, with more than 20 it is treated as one of 20 and the hits beyond weigh 0. Hits at
    equal distance share their mean place, rounded down. Noise weighs 0. (Amrouche et al.,
    arXiv:1904.06778.) The number of hits of a particle is counted in the input.

    Args:
        hits: what `read_hits` returns with `tz` of the hits, vertex and momentum of the particles;
            or flat columns `particle_id`, `pt`, `tz`, `vz`, optionally `event_id`. Without `tz`
            or `vz` a column `order` (rising along the particle) is taken.

    Shapes:
        - **output**: $(N,)$

    Raises:
        DataError: a column is missing or NaN for a hit that has a particle.
    """
    truth = truth_hits(hits)
    pt = truth.of_particles("pt")
    if pt is None:
        raise DataError("hits: no column 'pt'", remedy="give the pt of the particle of each hit")
    real = truth.particle >= 0
    owner = truth.particle[real]
    if np.isnan(pt[owner]).any():
        lost = int(owner[np.flatnonzero(np.isnan(pt[owner]))[0]])
        raise DataError(
            f"pt: {truth.name(lost)} has hits but its pt is NaN or not listed",
            remedy="complete the particles, or mark their hits as noise (particle_id 0)",
        )
    number = np.minimum(truth.particle_hits[owner], _MOST)
    place = np.minimum(_places(truth)[real], _MOST)  # the last column holds zeros
    by_pt = np.interp(pt[owner], [0.05, 0.5, 3.0], [0.2, 0.2, 1.0], left=0.0)
    weight = np.zeros(len(truth))
    weight[real] = by_pt * _order_weights()[number, place]
    total = np.bincount(truth.event, weight, minlength=truth.events)
    return weight / np.where(total > 0, total, 1.0)[truth.event]


def trackml_scores(hits: Any, tracks: Any) -> FloatArray:
    r"""The TrackML score of each event, NaN where an event carries no weight.

    A track counts if more than half of its hits come from one particle and more than half of the
    hits of this particle are in it. The score is the weight of these hits over the weight of all
    hits. Every label from 0 on is a track, one-hit tracks included; hits with a negative label
    are in none.

    Args:
        hits: as for [`trackml_weights`][pcgnn.metrics.tracks.trackml.trackml_weights]; a column
            `weight` per hit is used in place of the official weights, noise then must weigh 0
            or is not rewarded.
        tracks: one label per hit, flat or one list per event; lists of hit indices must not
            share hits.

    Shapes:
        - **output**: $(E,)$

    Raises:
        DataError: a hit in two tracks, or columns that do not fit.
    """
    truth = truth_hits(hits)
    found = assign(truth, tracks)
    if not found.exclusive and np.unique(found.hit).size != found.hit.size:
        raise DataError(
            "tracks: a hit is in several tracks",
            remedy="the TrackML score gives each hit to one track: resolve shared hits first",
        )
    column = truth.column("weight")
    weight = trackml_weights(truth) if column is None else column.astype(np.float64)
    if not np.isfinite(weight).all():
        raise DataError(f"weight: {int((~np.isfinite(weight)).sum())} values are not finite")
    table = match(truth, found)
    # more than half of the hits can only be those of the majority, noise in the race or not
    good = RULES["double_majority"].passes(
        table.shared, table.size, np.append(truth.particle_hits, 1)[table.majority]
    )
    good &= table.majority >= 0
    particle = truth.particle[found.hit]
    rewarded = good[found.track] & (particle == table.majority[found.track])
    hit = found.hit[rewarded]
    won = np.bincount(truth.event[hit], weight[hit], minlength=truth.events)
    total = np.bincount(truth.event, weight, minlength=truth.events)
    scores = np.full(truth.events, np.nan)
    np.divide(won, total, out=scores, where=total > 0)
    return scores


def trackml_score(hits: Any, tracks: Any) -> float:
    """The TrackML score, the mean over events as in the challenge.

    Args:
        hits: see [`trackml_scores`][pcgnn.metrics.tracks.trackml.trackml_scores].
        tracks: see there.

    Returns:
        A number in [0, 1]; events without any weight are left out.

    Raises:
        DataError: no event carries weight, a hit in two tracks, or columns that do not fit.

    Example:
        >>> hits = {"particle_id": [1, 1, 1, 2, 2], "weight": [0.2] * 5}
        >>> round(trackml_score(hits, [0, 0, -1, 1, 0]), 3)
        0.4
    """
    scores = trackml_scores(hits, tracks)
    if np.isnan(scores).all():
        raise DataError(
            "the hits carry no weight", remedy="particles need at least 4 hits and 0.05 GeV"
        )
    return float(np.nanmean(scores))
