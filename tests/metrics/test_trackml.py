"""The TrackML score and weights against the published values and a plain implementation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from plain_tracks import plain_score, plain_weights, sample

from pcgnn.errors import DataError
from pcgnn.metrics import trackml_score, trackml_scores, trackml_weights

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "data" / "golden" / "track_metrics.json").read_text()
)


@pytest.mark.parametrize("case", sorted(GOLDEN["expected"]))
def test_trackml_library_is_reproduced(case: str) -> None:
    columns, expected = GOLDEN["fixture"], GOLDEN["expected"][case]["trackml"]
    hits = {"particle_id": np.array(columns["pid"]), "weight": np.array(columns["weight"])}
    labels = np.array(columns["labels"][case])
    assert trackml_score(hits, labels) == pytest.approx(expected["unassigned_m1"], abs=1e-9)
    # all unassigned hits in one track of label 0, the others moved up
    assert trackml_score(hits, labels + 1) == pytest.approx(expected["unassigned_0"], abs=1e-9)
    # not in any list
    lists = [[np.flatnonzero(labels == each) for each in np.unique(labels) if each >= 0]]
    assert trackml_score(hits, lists) == pytest.approx(expected["omitted"], abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_weights_of_a_plain_implementation(seed: int) -> None:
    data = sample(seed, big_ids=seed % 2 == 1)
    weights = trackml_weights(data.hits)
    np.testing.assert_allclose(weights, plain_weights(data), atol=1e-12)
    sums = np.bincount(data.hits["event_id"] - 100, weights)
    np.testing.assert_allclose(sums[sums > 0], 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_score_of_a_plain_implementation(seed: int) -> None:
    data = sample(seed, events=4, big_ids=seed % 2 == 1)
    expected = plain_score(data, plain_weights(data))
    np.testing.assert_allclose(trackml_scores(data.hits, data.labels), expected, atol=1e-12)
    assert trackml_score(data.hits, data.labels) == pytest.approx(np.nanmean(expected))
    weight = np.random.default_rng(seed).random(len(data.labels))
    weighted = trackml_scores({**data.hits, "weight": weight}, data.labels)
    np.testing.assert_allclose(weighted, plain_score(data, weight), atol=1e-12)


def test_order_weights_by_hand() -> None:
    # nine hits take the nine published numbers; five every second of them
    tz = np.array([9.0, -1, 2, 3, 4, 5, 6, 7, 8])
    nine = {"particle_id": [4] * 9, "pt": [3.0] * 9, "vz": [0.0] * 9, "tz": tz}
    expected = np.array([6.0, 10, 8, 6, 5, 3, 3, 3, 5])
    np.testing.assert_allclose(trackml_weights(nine), expected / expected.sum())
    five = {"particle_id": [4] * 5, "pt": [3.0] * 5, "order": [3, 10, 20, 21, 30]}
    expected = np.array([10.0, 6, 3, 3, 6])
    np.testing.assert_allclose(trackml_weights(five), expected / expected.sum())


def test_weights_of_momentum_short_and_long_particles() -> None:
    sizes = {1: 4, 2: 4, 3: 4, 4: 3, 5: 25, 6: 4, 0: 6}
    pt = {1: 0.5, 2: 3.0, 3: 1.75, 4: 9.0, 5: 9.0, 6: 0.04, 0: 0.0}
    pid = np.repeat(list(sizes), list(sizes.values()))
    hits = {
        "particle_id": pid,
        "pt": np.array([pt[each] for each in pid]),
        "order": np.arange(len(pid)),
    }
    weights = trackml_weights(hits)
    sums = {each: weights[pid == each].sum() for each in sizes}
    assert sums[2] / sums[1] == pytest.approx(5)
    assert sums[3] / sums[1] == pytest.approx(3)
    assert sums[5] / sums[1] == pytest.approx(5)
    assert (weights[pid == 5] > 0).sum() == 20
    assert sums[4] == sums[6] == sums[0] == 0


def test_exactly_half_scores_nothing() -> None:
    hits = {"particle_id": [1] * 4 + [0] * 4, "weight": [0.25] * 4 + [0.0] * 4}
    assert trackml_score(hits, [0] * 8) == 0
    assert trackml_score(hits, [0] * 7 + [-1]) == 1
    assert trackml_score(hits, [0, 0, 1, 1, -1, -1, -1, -1]) == 0
    assert trackml_score(hits, [0, 0, 0, 1, -1, -1, -1, -1]) == 0.75


def test_noise_earns_nothing_whatever_its_weight() -> None:
    hits = {"particle_id": [0, 0, 0, 1], "weight": [0.3, 0.3, 0.3, 0.1]}
    assert trackml_score(hits, [0, 0, 0, 1]) == pytest.approx(0.1)


def test_events_without_weight_are_left_out() -> None:
    hits = {
        "particle_id": [1] * 4 + [1] * 3,
        "event_id": [7] * 4 + [8] * 3,
        "pt": [1.0] * 7,
        "order": list(range(7)),
    }
    scores = trackml_scores(hits, [0] * 7)
    assert scores[0] == 1
    assert np.isnan(scores[1])
    assert trackml_score(hits, [0] * 7) == 1


def test_errors() -> None:
    hits = {"particle_id": [1] * 4, "pt": [1.0] * 4}
    with pytest.raises(DataError, match="tz of the hits and vz of their particles"):
        trackml_weights(hits)
    with pytest.raises(DataError, match="no column 'pt'"):
        trackml_weights({"particle_id": [1] * 4, "order": [0, 1, 2, 3]})
    with pytest.raises(DataError, match="pt: particle 1 has hits"):
        trackml_weights({"particle_id": [1], "pt": [float("nan")], "order": [0]})
    tz = {"tz": [0.0, 1.0, 2.0, float("nan")], "vz": [0.0] * 4}
    with pytest.raises(DataError, match="tz or vz of particle 1 is NaN"):
        trackml_weights({**hits, **tz})
    weighted = {**hits, "weight": [0.25] * 4}
    with pytest.raises(DataError, match="several tracks"):
        trackml_score(weighted, [[[0, 1, 2], [2, 3]]])
    with pytest.raises(DataError, match="not finite"):
        trackml_score({**hits, "weight": [float("inf")] * 4}, [0] * 4)
    with pytest.raises(DataError, match="carry no weight"):
        trackml_score({**hits, "weight": [0.0] * 4}, [0] * 4)
