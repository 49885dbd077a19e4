"""The loss ledger against a plain walk over graphs; its rows add up to the denominator."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from plain_tracks import Sample, sample

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import loss_ledger, track_report

RULES = ("perfect", "double_majority", "lhc", "acts", "atlas", "one_way", "two_way")


def random_stages(data: Sample, seed: int) -> dict[str, Any]:
    """A selection, edges along and across particles, and scores."""
    rng = np.random.default_rng(seed)
    event, pid = data.hits["event_id"], data.hits["particle_id"]
    selected = rng.random(len(pid)) < 0.9
    pairs = [
        (a, b)
        for a in range(len(pid))
        for b in range(len(pid))
        if a != b and event[a] == event[b] and selected[a] and selected[b]
        if rng.random() < (0.3 if pid[a] == pid[b] else 0.02)
    ]
    edges = np.array(pairs).T
    score = rng.random(edges.shape[1]).round(1)
    return {"selected": selected, "edge_index": edges, "edge_score": score, "threshold": 0.4}


def largest_piece(hits: list[int], edges: list[tuple[int, int]]) -> int:
    """Walk from hit to hit along edges among these hits."""
    left, best = set(hits), 0
    while left:
        queue, piece = [left.pop()], 1
        while queue:
            here = queue.pop()
            for a, b in edges:
                for new in {a, b} & left if here in (a, b) else ():
                    left.discard(new)
                    queue.append(new)
                    piece += 1
        best = max(best, piece)
    return best


def enough(rule: str, n: int, total: int) -> bool:
    if n < 3:
        return False
    if rule == "perfect":
        return n == total
    if rule == "double_majority":
        return 2 * n > total
    if rule in ("one_way", "two_way"):
        return 2 * n >= total
    return True


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_plain_walk(rule: str, seed: int) -> None:
    data = sample(seed)
    stages = random_stages(data, seed)
    report = track_report(data.hits, data.labels, rule=rule)
    ledger = loss_ledger(data.hits, rule=rule, tracks=data.labels, **stages)
    event, pid = data.hits["event_id"], data.hits["particle_id"]
    edges = [tuple(edge) for edge in stages["edge_index"].T.tolist()]
    strong = [e for e, s in zip(edges, stages["edge_score"], strict=True) if s >= 0.4]
    lost: Counter[str] = Counter()
    rescued = 0
    particles = report.particles
    for number, particle, matched in zip(
        particles.event, particles.particle_id, particles.matched, strict=True
    ):
        hits = np.flatnonzero((event == 100 + number) & (pid == particle)).tolist()
        left = [hit for hit in hits if stages["selected"][hit]]
        reached = [
            enough(rule, len(left), len(hits)),
            enough(rule, largest_piece(left, edges), len(hits)),
            enough(rule, largest_piece(left, strong), len(hits)),
            bool(matched),
        ]
        names = ("hit selection", "graph construction", "edge classification", "track building")
        if matched:
            rescued += not all(reached)
            lost["found"] += 1
        else:
            lost[names[reached.index(False)]] += 1
    assert ledger.particles == len(particles)
    assert {row.stage: row.lost for row in ledger.rows} == {
        row.stage: lost[row.stage] for row in ledger.rows
    }
    assert [row.stage for row in ledger.rows][-1] == "track building"
    assert (ledger.found, ledger.rescued) == (lost["found"], rescued)
    assert ledger.efficiency == report.particle_efficiency


@pytest.mark.parametrize("seed", range(4))
def test_rows_add_up_and_only_fall(seed: int) -> None:
    data = sample(seed, events=5)
    stages = random_stages(data, seed)
    for tracks in (None, data.labels, data.lists):
        ledger = loss_ledger(data.hits, tracks=tracks, **stages)
        assert sum(row.lost for row in ledger.rows) + ledger.found == ledger.particles
        remaining = [ledger.particles, *(row.remaining for row in ledger.rows)]
        assert remaining == sorted(remaining, reverse=True)
        assert remaining[-1] == ledger.found
        assert all(row.share.total == ledger.particles for row in ledger.rows)
        counts = np.bincount(ledger.lost_at + 1, minlength=len(ledger.rows) + 1)
        assert counts.tolist() == [ledger.found, *(row.lost for row in ledger.rows)]
    no_tracks = loss_ledger(data.hits, **stages)
    assert no_tracks.rescued == 0
    assert not no_tracks.has_tracks


def test_denominator_does_not_shrink_with_the_selection() -> None:
    data = sample(0)
    everything = np.ones(len(data.labels), bool)
    for selected in (everything, ~everything):
        ledger = loss_ledger(data.hits, selected=selected)
        assert ledger.particles == track_report(data.hits, data.labels, rule="lhc").n_particles
    assert ledger.rows[0].lost == ledger.particles
    assert loss_ledger(data.hits, selected=everything).rows[0].lost == 0


HITS: dict[str, Any] = {"particle_id": [1] * 4 + [2] * 4, "pt": [2.0] * 8, "eta": [0.0] * 8}


def test_each_stage_by_hand() -> None:
    chain = np.array([[0, 1, 2, 4, 5, 6], [1, 2, 3, 5, 6, 7]])
    whole = [0] * 4 + [1] * 4
    cases: list[tuple[dict[str, Any], str]] = [
        ({"selected": [True] * 4 + [True, True, False, False]}, "hit selection"),
        (
            {"edge_index": chain[:, [0, 1, 2, 3, 5]], "tracks": [0] * 4 + [1, 1, 2, 2]},
            "graph construction",
        ),
        (
            {
                "edge_index": chain,
                "edge_score": [0.9] * 4 + [0.4, 0.9],
                "tracks": [0] * 4 + [-1] * 4,
            },
            "edge classification",
        ),
        (
            {"edge_index": chain, "edge_score": [0.5] * 6, "tracks": [0] * 4 + [-1] * 4},
            "track building",
        ),
    ]
    for stages, stage in cases:
        ledger = loss_ledger(HITS, **stages)
        assert {row.stage: row.lost for row in ledger.rows if row.lost} == {stage: 1}, stage
        assert ledger.found == 1
    assert loss_ledger(HITS, edge_index=chain, tracks=whole).found == 2


def test_joined_through_others_is_found_and_said() -> None:
    hits = {"particle_id": [1, 1, 0, 1, 1], "pt": [2.0] * 5, "eta": [0.0] * 5}
    edges = [[0, 1, 2, 3], [1, 2, 3, 4]]
    alone = loss_ledger(hits, edge_index=edges)
    assert [row.lost for row in alone.rows] == [1]
    ledger = loss_ledger(hits, edge_index=edges, tracks=[0] * 5)
    assert (ledger.found, ledger.rescued) == (1, 1)
    assert "did not hold together by their own hits" in str(ledger)


def test_text_and_json() -> None:
    data = sample(1)
    ledger = loss_ledger(data.hits, tracks=data.labels, **random_stages(data, 1))
    text = str(ledger)
    for row in ledger.rows:
        assert row.stage in text
    for part in ("double_majority", "pT >= 0.9 GeV", ">= 3 hits", "score >= 0.4", "found"):
        assert part in text
    plain = json.loads(json.dumps(ledger.to_dict()))
    assert sum(row["lost"] for row in plain["rows"]) + plain["found"] == plain["particles"]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ({"selected": [True] * 7}, "selected: 7 values for 8 hits"),
        ({"selected": [0, 1, 2, 3, 4, 5, 6, 7]}, "True or False for each hit"),
        ({"edge_index": [[0], [8]]}, "indices 0 to 8 for 8 hits"),
        ({"edge_index": [[0, 1, 2]]}, "integers of \\(2, E\\)"),
        ({"edge_index": [[0.0], [1.0]]}, "integers"),
        ({"edge_index": [[0], [1]], "edge_score": [0.1, 0.2]}, "for 1 edges"),
        ({"edge_index": [[0], [1]], "edge_score": [float("nan")]}, "NaN"),
        ({"edge_index": [[0], [1]], "selected": [False] + [True] * 7}, "removes"),
    ],
)
def test_bad_stages_are_named(stages: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        loss_ledger(HITS, **stages)


def test_edges_between_events_and_missing_stages() -> None:
    two = {**HITS, "event_id": [0] * 4 + [1] * 4}
    with pytest.raises(DataError, match="two events"):
        loss_ledger(two, edge_index=[[0], [4]])
    with pytest.raises(ConfigError, match="no stage"):
        loss_ledger(HITS)
    with pytest.raises(ConfigError, match="edge_score without"):
        loss_ledger(HITS, edge_score=[0.5], tracks=[0] * 8)
    empty = loss_ledger(HITS, edge_index=np.empty((2, 0), int))
    assert empty.rows[0].lost == 2
