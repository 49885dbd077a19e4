"""Where particles get lost on the way from hits to tracks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics._inputs import numeric
from pcgnn.metrics.counting import estimate_from_sums
from pcgnn.metrics.intervals import LEVEL
from pcgnn.metrics.tracks.assignment import assign
from pcgnn.metrics.tracks.columns import per_hit
from pcgnn.metrics.tracks.counting import count
from pcgnn.metrics.tracks.hits import TruthHits, truth_hits
from pcgnn.metrics.tracks.ledger import LedgerRow, LossLedger
from pcgnn.metrics.tracks.matching import match
from pcgnn.metrics.tracks.measure import check_min_track_hits, truth_selection_text
from pcgnn.metrics.tracks.rules import match_rule
from pcgnn.metrics.tracks.selection import ParticleSelection

__all__ = ["STAGES", "loss_ledger"]

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

STAGES = ("hit selection", "graph construction", "edge classification", "track building")


def _selected(hits: TruthHits, selected: Any) -> BoolArray:
    if selected is None:
        return np.ones(len(hits), np.bool_)
    mask = per_hit(selected, "selected", len(hits), hits.counts)
    if mask.dtype.kind != "b":
        raise DataError(
            f"selected: type {mask.dtype}", remedy="give True or False for each hit, not indices"
        )
    return np.asarray(mask, np.bool_)


def _edges(hits: TruthHits, edge_index: Any, selected: BoolArray) -> IntArray:
    edges = numeric(edge_index, "edge_index")
    if edges.ndim != 2 or edges.shape[0] != 2 or edges.dtype.kind not in "iu":
        raise DataError(
            f"edge_index: shape {edges.shape} of {edges.dtype}", remedy="give integers of (2, E)"
        )
    edges = edges.astype(np.int64, copy=False)
    if edges.size == 0:
        return edges
    if edges.min() < 0 or edges.max() >= len(hits):
        raise DataError(
            f"edge_index: indices {edges.min()} to {edges.max()} for {len(hits)} hits",
            remedy="give flat hit indices over all events, from 0",
        )
    source, target = edges
    crossing = hits.event[source] != hits.event[target]
    if crossing.any():
        raise DataError(
            f"edge_index: {int(crossing.sum())} edges join hits of two events",
            remedy="indices run over all events: add the number of hits before each event",
        )
    cut = ~(selected[source] & selected[target])
    if cut.any():
        raise DataError(
            f"edge_index: {int(cut.sum())} edges use hits that `selected` removes",
            remedy="indices count all hits, not the selected ones",
        )
    return edges


def _largest_piece(hits: TruthHits, edges: IntArray, selected: BoolArray) -> IntArray:
    """Hits in the largest connected piece of each particle, through its own hits alone."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(hits)
    graph = coo_matrix((np.ones(edges.shape[1], np.bool_), tuple(edges)), shape=(n, n))
    pieces, piece = connected_components(graph, directed=False)
    own = selected & (hits.particle >= 0)
    size = np.bincount(piece[own], minlength=pieces)
    largest = np.zeros(len(hits.particle_id), np.int64)
    np.maximum.at(largest, hits.particle[own], size[piece[own]])
    return largest


def loss_ledger(
    hits: Any,
    *,
    rule: str = "double_majority",
    pt_min: float = 0.9,
    eta_max: float = 4.0,
    min_particle_hits: int | None = None,
    min_track_hits: int = 3,
    selected: Any = None,
    edge_index: Any = None,
    edge_score: Any = None,
    threshold: float = 0.5,
    tracks: Any = None,
    double_matching: bool = False,
    matching_fraction: float | None = None,
    strict: bool = False,
    truth_selection: str | None = None,
    level: float = LEVEL,
) -> LossLedger:
    r"""Of the particles in one fixed denominator, count those lost at each stage.

    At each stage a particle is judged by its best reachable piece: the hits of its own that are
    still connected with each other.

    - **hit selection**: its selected hits.
    - **graph construction**: the largest piece connected by edges between its own hits.
    - **edge classification**: the same with the edges of `score >= threshold`.
    - **track building**: no track matches it by the rule.

    A piece of $n$ of the $N$ hits is enough where a track of exactly these hits would match:
    $n$ is at least `min_track_hits`, and $2n > N$ for `double_majority`, $n = N$ for `perfect`,
    $2n \geq N$ for `two_way`, `one_way` and `acts` with double matching, while `lhc`, `acts` and
    `atlas` ask nothing more. A particle counts in the first stage where its piece is not enough.
    One that is matched all the same, because its hits were joined through those of others, counts
    as found and in `rescued`. So the losses and `found` add up to the denominator.

    Stages whose input is None are left out; without tracks, `found` are the particles that
    are still findable.

    Args:
        hits: as for [`track_report`][pcgnn.metrics.tracks.measure.track_report], all hits before
            any selection.
        rule: the matching rule.
        pt_min: lowest $p_T$ of a particle in GeV.
        eta_max: largest $|\eta|$ of a particle.
        min_particle_hits: fewest hits of a particle among all hits, before the selection.
        min_track_hits: fewest hits of a track.
        selected: True for each hit that goes into the graph.
        edge_index: edges as pairs of flat hit indices over all events.
        edge_score: score of each edge.
        threshold: edges of at least this score are kept.
        tracks: found tracks, as for `track_report`.
        double_matching: as for `track_report`.
        matching_fraction: as for `track_report`.
        strict: as for `track_report`.
        truth_selection: as for `track_report`.
        level: confidence level of the intervals.

    Shapes:
        - **selected**: $(N,)$
        - **edge_index**: $(2, E)$
        - **edge_score**: $(E,)$

    Raises:
        DataError: shapes, indices or columns that do not fit.
        ConfigError: an unknown rule, no stage at all, or scores without edges.

    Example:
        >>> hits = {"particle_id": [1] * 4 + [2] * 4, "pt": [2.0] * 8, "eta": [0.0] * 8}
        >>> edges = [[0, 1, 2, 4, 6], [1, 2, 3, 5, 7]]
        >>> loss_ledger(hits, edge_index=edges, tracks=[0, 0, 0, 0, 1, 1, 2, 2])
        LossLedger(2 particles: graph construction 1, track building 0, found 1)
    """
    chosen = match_rule(
        rule, double_matching=double_matching, matching_fraction=matching_fraction, strict=strict
    )
    check_min_track_hits(min_track_hits)
    if edge_score is not None and edge_index is None:
        raise ConfigError("edge_score without edge_index", remedy="give the edges too")
    if selected is None and edge_index is None and tracks is None:
        raise ConfigError(
            "there is no stage to judge", remedy="give selected, edge_index or tracks"
        )
    cuts = ParticleSelection(pt_min, eta_max, min_particle_hits)
    truth = truth_hits(hits)
    fixed = cuts.mask(truth)
    totals = truth.particle_hits
    kept = _selected(truth, selected)

    def enough(piece: IntArray) -> BoolArray:
        return (piece >= min_track_hits) & chosen.passes(piece, piece, totals)

    reached: dict[str, BoolArray] = {}
    if selected is not None:
        own = truth.particle[kept & (truth.particle >= 0)]
        reached[STAGES[0]] = enough(np.bincount(own, minlength=totals.size))
    if edge_index is not None:
        edges = _edges(truth, edge_index, kept)
        same = (truth.particle[edges[0]] == truth.particle[edges[1]]) & (
            truth.particle[edges[0]] >= 0
        )
        reached[STAGES[1]] = enough(_largest_piece(truth, edges[:, same], kept))
        if edge_score is not None:
            same &= _passing(edge_score, edges.shape[1], threshold)
            reached[STAGES[2]] = enough(_largest_piece(truth, edges[:, same], kept))
    found: BoolArray | None = None
    if tracks is not None:
        table = match(truth, assign(truth, tracks), with_noise=chosen.family == "clusters")
        found = count(chosen, table, totals, fixed, min_track_hits, level).matches > 0
        reached[STAGES[3]] = found
    return _add_up(
        {name: values[fixed] for name, values in reached.items()},
        None if found is None else found[fixed],
        rule=chosen,
        selection=cuts.describe(truth),
        truth_selection=truth_selection_text(truth, truth_selection),
        min_track_hits=min_track_hits,
        threshold=None if edge_score is None else float(threshold),
        event=truth.particle_event[fixed],
        particle_id=truth.particle_id[fixed],
        level=level,
    )


def _passing(edge_score: ArrayLike, size: int, threshold: float) -> BoolArray:
    score = numeric(edge_score, "edge_score")
    if score.shape != (size,):
        raise DataError(
            f"edge_score: shape {score.shape} for {size} edges", remedy="give one score per edge"
        )
    if np.isnan(score).any():
        raise DataError(f"edge_score: {int(np.isnan(score).sum())} values are NaN")
    passing: BoolArray = score >= threshold
    return passing


def _add_up(
    reached: dict[str, BoolArray], found: BoolArray | None, *, level: float, **facts: Any
) -> LossLedger:
    names, columns = list(reached), np.stack(list(reached.values()))
    total = columns.shape[1]
    through = columns.all(axis=0)
    end = through if found is None else found
    # the first stage that fails; those found in the end are lost nowhere
    lost_at = np.where(end, -1, np.argmin(columns, axis=0))
    rows = []
    remaining = total
    for place, name in enumerate(names):
        lost = int((lost_at == place).sum())
        remaining -= lost
        share = estimate_from_sums(lost, total, level=level)
        cumulative = estimate_from_sums(remaining, total, level=level)
        rows.append(LedgerRow(name, lost, remaining, share, cumulative))
    return LossLedger(
        particles=total,
        found=int(end.sum()),
        rescued=int((end & ~through).sum()),
        rows=tuple(rows),
        has_tracks=found is not None,
        lost_at=lost_at,
        **facts,
    )
