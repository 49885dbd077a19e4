"""Hits with truth and tracks -> efficiency, fakes and duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics.intervals import LEVEL
from pcgnn.metrics.tracks.assignment import assign
from pcgnn.metrics.tracks.counting import count
from pcgnn.metrics.tracks.hits import TruthHits, truth_hits
from pcgnn.metrics.tracks.matching import match
from pcgnn.metrics.tracks.report import FoundTracks, SelectedParticles, TrackReport
from pcgnn.metrics.tracks.rules import RULES, MatchRule, match_rule
from pcgnn.metrics.tracks.selection import ParticleSelection

__all__ = ["track_report", "track_reports"]

_NOISE = {
    "clusters": "one id in the majority; tracks of mostly noise are neither matched nor fake",
    "acts": "no particle, but counts in the size; tracks of noise alone are not fake, but counted",
    "pairs": "no particle; tracks of noise are fake",
}
_TRUTH = "particle with most hits in the track; q over all its hits in the input"


def truth_selection_text(hits: TruthHits, given: str | None) -> str:
    """How the hits were selected by truth: as given, or as noted by the reader.

    Args:
        hits: the hits with their provenance.
        given: the words of the caller.
    """
    noted = given if given is not None else hits.provenance.get("truth_selection")
    return "none declared" if noted in (None, "") else str(noted)


def _quantity(hits: TruthHits, name: str) -> NDArray[np.float64]:
    values = hits.of_particles(name)
    return np.full(len(hits.particle_id), np.nan) if values is None else values


def check_min_track_hits(value: int) -> None:
    """Raise unless this is a sensible smallest number of hits.

    Args:
        value: the number.
    """
    if value < 1:
        raise ConfigError(f"min_track_hits is {value}", remedy="give at least 1")


def track_report(
    hits: Any,
    tracks: Any,
    *,
    rule: str,
    pt_min: float = 0.9,
    eta_max: float = 4.0,
    min_particle_hits: int | None = None,
    min_track_hits: int = 3,
    double_matching: bool = False,
    matching_fraction: float | None = None,
    strict: bool = False,
    truth_selection: str | None = None,
    level: float = LEVEL,
) -> TrackReport:
    r"""Judge found tracks by the truth.

    For a track of $|c|$ hits, $n_m$ of them from its majority particle $m$, which has $N_m$ hits
    in the input, purity and completeness are $p = n_m / |c|$ and $q = n_m / N_m$. Limits are
    compared in whole numbers: exactly three quarters never pass $p > 0.75$.

    **Majority.** The particle with most hits; with equal numbers the smallest particle id. In
    the first three rules noise takes part as one id before all particles (a tie of noise with a
    particle goes to noise), as in gnn_tracking; elsewhere noise is no particle, but its hits
    count in $|c|$.

    **perfect** ($q = 1$, $p > 0.99$), **double_majority** ($p > 0.5$, $q > 0.5$), **lhc**
    ($p > 0.75$), as in gnn_tracking (DeZoort et al., arXiv:2103.16701; Lieret et al.,
    arXiv:2309.16754). A track is counted if it has enough hits and its majority is a selected
    particle. Efficiency: matched particles / selected particles; for `lhc` matched tracks /
    counted tracks, with the particles in `particle_efficiency`. Fake rate: counted tracks that do
    not match / counted tracks; tracks of noise or of particles that are not selected are never
    fakes. Two matched tracks of one particle (possible for `lhc`, or with shared hits) are one
    match and one duplicate.

    **acts** ($p \geq 0.5$, with `double_matching` also $q \geq 0.5$), as in the ACTS examples.
    Of several tracks that match a particle the best is the match, the others are duplicates.
    Fake and duplicate rate are over all tracks with enough hits; a track whose majority is not
    selected is neither but stays in the denominator.

    **atlas** ($p \geq 0.5$), **two_way** ($p \geq 0.5$ and $q \geq 0.5$), **one_way** (tracks by
    $p \geq 0.5$, particles by $q \geq 0.5$), as in acorn: all pairs of a track and a particle
    that share hits are judged. Efficiency: particles found / selected particles. Fake rate:
    tracks without any matched particle, selected or not / all tracks with enough hits. Duplicate
    rate: (pairs - particles found) / particles found, which may exceed 1. Acorn's own code raises
    a limit of exactly one half by a millionth: `strict=True` does the same.

    hepattn counts per particle too, yet allows each particle only the track that shares most
    hits with it: this is `particle_efficiency`, except that a particle whose largest track fails
    while a smaller one passes counts here, and not there.

    Args:
        hits: what `read_hits` returns, or a mapping of flat columns per hit: `particle_id`
            (0 or negative = noise), `pt` and `eta` of the particle, optionally `event_id`,
            `reconstructable` and `vertex_radius`.
        tracks: one label per hit (flat, or one list per event; negative = in no track), or lists
            of hit indices (events, tracks, hits) that may share hits, or records with a field
            `hit_index`. Labels count inside their event.
        rule: `perfect`, `double_majority`, `lhc`, `acts`, `atlas`, `one_way` or `two_way`.
        pt_min: lowest $p_T$ of a particle in GeV, itself included.
        eta_max: largest $|\eta|$ of a particle, itself excluded.
        min_particle_hits: fewest hits of a particle; None means 3 or, where there is a column
            `reconstructable`, whatever that says.
        min_track_hits: fewest hits of a track; shorter ones are no tracks.
        double_matching: for `acts`.
        matching_fraction: limit of `acts`, `atlas`, `one_way`, `two_way` in place of 0.5.
        strict: for the same: the limit must be exceeded.
        truth_selection: how the hits were selected by truth, for the record; None takes what
            the reader noted.
        level: confidence level of the intervals.

    Returns:
        The report; `print(report)` shows the rates and every choice.

    Raises:
        DataError: lengths or columns that do not fit, NaN of a particle in question.
        ConfigError: an unknown rule or a bad option.

    Example:
        >>> hits = {"particle_id": [1, 1, 1, 1, 2, 2, 2], "pt": [2.0] * 7, "eta": [0.1] * 7}
        >>> report = track_report(hits, [0, 0, 0, -1, 1, 1, 1], rule="double_majority")
        >>> report.efficiency.counts, report.fake_rate.counts
        ('2 / 2', '0 / 2')
    """
    chosen = match_rule(
        rule, double_matching=double_matching, matching_fraction=matching_fraction, strict=strict
    )
    selection = ParticleSelection(pt_min, eta_max, min_particle_hits)
    judged = _judge(hits, tracks, [chosen], selection, min_track_hits, truth_selection, level)
    return next(judged)


def track_reports(
    hits: Any,
    tracks: Any,
    *,
    rules: Iterable[str] = tuple(RULES),
    pt_min: float = 0.9,
    eta_max: float = 4.0,
    min_particle_hits: int | None = None,
    min_track_hits: int = 3,
    truth_selection: str | None = None,
    level: float = LEVEL,
) -> dict[str, TrackReport]:
    r"""Judge found tracks by several rules at once.

    The reports are those of :func:`track_report`, rule by rule with its own limits; hits, tracks
    and what they share are counted once for all of them.

    Args:
        hits: as in `track_report`, like all that follow.
        tracks: the found tracks.
        rules: names of rules; all of them if not given.
        pt_min: lowest $p_T$ of a particle in GeV, itself included.
        eta_max: largest $|\eta|$ of a particle, itself excluded.
        min_particle_hits: fewest hits of a particle.
        min_track_hits: fewest hits of a track.
        truth_selection: how the hits were selected by truth, for the record.
        level: confidence level of the intervals.

    Returns:
        The report of each rule by its name, in the order given.

    Raises:
        DataError: lengths or columns that do not fit, NaN of a particle in question.
        ConfigError: no rule, an unknown one, one named twice, or a bad option.

    Example:
        >>> hits = {"particle_id": [1, 1, 1, 1, 2, 2, 2], "pt": [2.0] * 7, "eta": [0.1] * 7}
        >>> reports = track_reports(hits, [0, 0, 0, -1, 1, 1, 1], rules=["perfect", "lhc"])
        >>> {rule: report.efficiency.counts for rule, report in reports.items()}
        {'perfect': '1 / 2', 'lhc': '2 / 2'}
    """
    names = [rules] if isinstance(rules, str) else list(rules)
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"rules = {names}", remedy="name at least one rule, and each once")
    chosen = [match_rule(name) for name in names]
    selection = ParticleSelection(pt_min, eta_max, min_particle_hits)
    judged = _judge(hits, tracks, chosen, selection, min_track_hits, truth_selection, level)
    return dict(zip(names, judged, strict=True))


def _judge(
    hits: Any,
    tracks: Any,
    rules: Sequence[MatchRule],
    selection: ParticleSelection,
    min_track_hits: int,
    truth_selection: str | None,
    level: float,
) -> Iterator[TrackReport]:
    """The reports of several rules, with all that they share made once."""
    check_min_track_hits(min_track_hits)
    truth = truth_hits(hits)
    found = assign(truth, tracks)
    selected = selection.mask(truth)
    quantities = {name: _quantity(truth, name) for name in ("pt", "eta", "vertex_radius")}
    of_selected = {name: values[selected] for name, values in quantities.items()}
    noise_hits = int((truth.particle < 0).sum())
    assigned_hits = found.hit.size if found.exclusive else np.unique(found.hit).size
    with_noise = rules[0].family == "clusters"
    matching = match(truth, found, with_noise=with_noise)
    for rule in rules:
        if (rule.family == "clusters") != with_noise:
            with_noise = not with_noise
            matching = matching.elect(with_noise=with_noise)
        counted = count(rule, matching, truth.particle_hits, selected, min_track_hits, level)
        yield TrackReport(
            rule=rule,
            selection=selection.describe(truth),
            noise=_NOISE[rule.family],
            truth=_TRUTH,
            truth_selection=truth_selection_text(truth, truth_selection),
            min_track_hits=min_track_hits,
            events=truth.events,
            hits=len(truth),
            noise_hits=noise_hits,
            assigned_hits=assigned_hits,
            efficiency=counted.efficiency,
            fake_rate=counted.fake_rate,
            duplicate_rate=counted.duplicate_rate,
            particles=SelectedParticles(
                truth.particle_event[selected],
                truth.particle_id[selected],
                truth.particle_hits[selected],
                **of_selected,
                matches=counted.matches[selected],
            ),
            tracks=FoundTracks(
                found.track_event,
                found.label,
                matching.size,
                np.append(truth.particle_id, 0)[counted.majority],
                counted.shared,
                counted.status,
                counted.denominator,
                **{name: np.append(v, np.nan)[counted.majority] for name, v in quantities.items()},
            ),
        )
