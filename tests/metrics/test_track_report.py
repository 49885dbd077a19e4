"""Track rates against public implementations, a plain one, and at their boundaries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain_tracks import plain_counts, sample

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import clopper_pearson, track_report
from pcgnn.metrics.tracks import STATUS

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "data" / "golden" / "track_metrics.json").read_text()
)
CASES = sorted(GOLDEN["expected"])
RULES = ("perfect", "double_majority", "lhc", "acts", "atlas", "one_way", "two_way")


def golden_hits() -> dict[str, Any]:
    columns = GOLDEN["fixture"]
    return {
        "particle_id": columns["pid"],
        "pt": columns["pt"],
        "eta": columns["eta"],
        "reconstructable": columns["rec"],
    }


def simple(*particles: int, **columns: Any) -> dict[str, Any]:
    """Hits of central particles of 2 GeV, given by their ids."""
    n = len(particles)
    return {"particle_id": list(particles), "pt": [2.0] * n, "eta": [0.0] * n, **columns}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", ["perfect", "double_majority", "lhc"])
def test_gnn_tracking_is_reproduced(case: str, rule: str) -> None:
    expected = GOLDEN["expected"][case]["gnn_tracking"]
    report = track_report(golden_hits(), GOLDEN["fixture"]["labels"][case], rule=rule)
    assert report.n_particles == expected["n_particles"]
    assert report.n_counted_tracks == expected["n_cleaned_clusters"]
    assert report.efficiency.value == pytest.approx(expected[rule], abs=1e-6)
    assert report.fake_rate.value == pytest.approx(expected[f"fake_{rule}"], abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_hepattn_counts_particles(case: str) -> None:
    expected = GOLDEN["expected"][case]["hepattn"]
    labels = GOLDEN["fixture"]["labels"][case]
    names = {"perfect": "eff_perfect", "double_majority": "eff_dm", "lhc": "eff_lhc"}
    for rule, name in names.items():
        report = track_report(golden_hits(), labels, rule=rule)
        assert report.particle_efficiency.value == pytest.approx(expected[name], abs=1e-6)
        assert (report.tracks.size >= 3).sum() == expected["n_tracks"]
    everything = {"pt_min": 0.0, "eta_max": np.inf, "min_particle_hits": 3}
    no_column = {k: v for k, v in golden_hits().items() if k != "reconstructable"}
    report = track_report(no_column, labels, rule="double_majority", **everything)
    assert (report.tracks.status == 1).sum() == expected["n_dm_tracks"]


def test_particle_whose_largest_track_fails_counts_here_and_not_in_hepattn() -> None:
    # the track with most hits of particle 1 is too impure; a smaller one of it is pure
    hits = simple(*[1] * 9, *[2] * 4)
    labels = [0] * 6 + [1] * 3 + [0] * 4
    report = track_report(hits, labels, rule="lhc")
    assert report.particle_efficiency.counts == "1 / 2"
    assert report.efficiency.counts == "1 / 2"  # tracks


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shared", [False, True])
def test_plain_implementation(rule: str, seed: int, shared: bool) -> None:
    data = sample(seed, shared=shared, big_ids=seed % 2 == 1)
    tracks = data.lists if shared else data.labels
    for double in (False, True) if rule == "acts" else (False,):
        report = track_report(data.hits, tracks, rule=rule, double_matching=double)
        for name, (passed, total) in plain_counts(data, rule, double=double).items():
            estimate = getattr(report, name)
            assert (estimate.passed, estimate.total) == (passed, total), name
            if total:
                assert estimate.value == passed / total


def test_samples_are_not_trivial() -> None:
    counts = [plain_counts(sample(seed), "double_majority") for seed in range(6)]
    assert sum(each["efficiency"][0] for each in counts) > 10
    assert sum(each["fake_rate"][0] for each in counts) > 10
    assert sum(plain_counts(sample(s, shared=True), "acts")["duplicate_rate"][0] for s in range(6))


@pytest.mark.parametrize("rule", RULES)
def test_permuting_hits_and_renaming_change_nothing(rule: str) -> None:
    data = sample(11)
    before = track_report(data.hits, data.labels, rule=rule).to_dict()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(data.labels))
    mixed = {name: values[order] for name, values in data.hits.items()}
    assert track_report(mixed, data.labels[order], rule=rule).to_dict() == before
    # other names in the same order, so that ties fall alike
    renamed = {**data.hits, "particle_id": data.hits["particle_id"] * 7919}
    renamed["event_id"] = 10**9 - data.hits["event_id"]
    labels = np.where(data.labels >= 0, 10**6 - data.labels, -5)
    assert track_report(renamed, labels, rule=rule).to_dict() == before


@pytest.mark.parametrize("rule", RULES)
def test_events_add_up_and_never_mix(rule: str) -> None:
    data = sample(5, events=4)
    together = track_report(data.hits, data.labels, rule=rule)
    parts = []
    for event in np.unique(data.hits["event_id"]):
        own = data.hits["event_id"] == event
        hits = {name: values[own] for name, values in data.hits.items() if name != "event_id"}
        parts.append(track_report(hits, data.labels[own], rule=rule))
    for name in ("efficiency", "fake_rate", "duplicate_rate"):
        sums = [(getattr(part, name).passed, getattr(part, name).total) for part in parts]
        whole = getattr(together, name)
        assert (whole.passed, whole.total) == tuple(np.sum(sums, axis=0))


def test_three_quarters_fail_lhc_and_half_fails_double_majority_but_not_acts() -> None:
    three = simple(*[1] * 3, *[2] * 4)
    assert track_report(three, [0, 0, 0, 0, 1, 1, 1], rule="lhc").efficiency.counts == "1 / 2"
    five = simple(*[1] * 4, *[2] * 4)
    assert track_report(five, [0] * 5 + [1] * 3, rule="lhc").efficiency.counts == "2 / 2"
    half = simple(*[1] * 4, 0, 0, 0, 0)
    for rule, found in [("double_majority", 0), ("acts", 1), ("atlas", 1), ("two_way", 1)]:
        report = track_report(half, [0] * 8, rule=rule)
        assert (report.efficiency.passed, report.efficiency.total) == (found, 1), rule
    assert track_report(half, [0] * 8, rule="atlas", strict=True).efficiency.passed == 0
    # complete by one half
    assert (
        track_report(simple(*[1] * 6), [0] * 3 + [-1] * 3, rule="double_majority").efficiency.passed
        == 0
    )
    both = {"rule": "acts", "double_matching": True}
    assert track_report(simple(*[1] * 6), [0] * 3 + [-1] * 3, **both).efficiency.passed == 1
    assert track_report(simple(*[1] * 7), [0] * 3 + [-1] * 4, **both).efficiency.passed == 0
    assert track_report(simple(*[1] * 7), [0] * 3 + [-1] * 4, rule="acts").efficiency.passed == 1


def test_perfect_allows_one_foreign_hit_in_more_than_a_hundred() -> None:
    for own, found in [(99, 0), (100, 1)]:
        report = track_report(simple(*[1] * own, 0), [0] * (own + 1), rule="perfect")
        assert report.efficiency.passed == found


def test_matching_fraction_is_exact() -> None:
    hits = simple(*[1] * 7, 0, 0, 0)  # seven tenths
    report = track_report(hits, [0] * 10, rule="atlas", matching_fraction=0.7)
    assert report.efficiency.passed == 1
    assert (
        track_report(hits, [0] * 10, rule="atlas", matching_fraction=0.701).efficiency.passed == 0
    )


def test_majority_ties() -> None:
    # equal numbers: the smaller id decides; here particle 1 is soft, so nothing is counted
    hits = {"particle_id": [1] * 3 + [2] * 3, "pt": [0.1] * 3 + [2.0] * 3, "eta": [0.0] * 6}
    assert track_report(hits, [0] * 6, rule="lhc").n_counted_tracks == 0
    swapped = {**hits, "pt": hits["pt"][::-1]}
    assert track_report(swapped, [0] * 6, rule="lhc").n_counted_tracks == 1
    # noise goes first where it takes part, and never where it is no particle
    noisy = simple(1, 1, 1, 0, 0, 0)
    assert track_report(noisy, [0] * 6, rule="double_majority").n_counted_tracks == 0
    assert track_report(noisy, [0] * 6, rule="acts").efficiency.passed == 1


def test_noise_soft_and_forward_tracks_are_never_fakes_but_count_for_acts() -> None:
    hits = {
        "particle_id": [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3,
        "pt": [0.0] * 3 + [0.5] * 3 + [2.0] * 3 + [2.0] * 3,
        "eta": [0.0] * 6 + [4.0] * 3 + [3.9] * 3,
    }
    labels = np.repeat([0, 1, 2, 3], 3)
    for rule in ("perfect", "double_majority", "lhc"):
        report = track_report(hits, labels, rule=rule)
        assert report.fake_rate.counts == "0 / 1"
        assert report.n_tracks == 4
    assert track_report(hits, labels, rule="acts").fake_rate.counts == "0 / 4"
    # acorn: a track of noise has no particle
    assert track_report(hits, labels, rule="atlas").fake_rate.counts == "1 / 4"


def test_best_match_and_duplicates() -> None:
    hits = simple(*[1] * 10, *[0] * 5)
    lists = [[[0, 1, 2, 10], [3, 4, 5, 6, 7], [8, 9, 1], [0, 1, 2]]]
    report = track_report(hits, lists, rule="acts")
    assert [STATUS[code] for code in report.tracks.status] == [
        "duplicate",
        "matched",
        "duplicate",
        "duplicate",
    ]
    assert report.efficiency.counts == "1 / 1"
    assert report.duplicate_rate.counts == "3 / 4"
    assert report.particles.matches.tolist() == [4]
    pairs = track_report(hits, lists, rule="atlas").duplicate_rate
    assert (pairs.passed, pairs.total, pairs.value) == (3, 1, 3.0)
    lower, upper = clopper_pearson(3, 4)
    np.testing.assert_allclose(pairs.interval, (lower / (1 - lower), upper / (1 - upper)))


def test_one_way_particles_need_no_pure_track() -> None:
    hits = simple(*[1] * 4, *[2] * 12)
    report = track_report(hits, [0] * 16, rule="one_way")
    assert report.efficiency.counts == "2 / 2"  # all hits of both are in the one track
    assert report.fake_rate.counts == "0 / 1"
    assert track_report(hits, [0] * 16, rule="two_way").efficiency.counts == "1 / 2"


def test_intervals_and_level() -> None:
    data = sample(2)
    report = track_report(data.hits, data.labels, rule="acts", level=0.95)
    rate = report.fake_rate
    np.testing.assert_allclose(rate.interval, clopper_pearson(rate.passed, rate.total, 0.95))


def test_reconstructable_column_decides_unless_hits_are_asked_for() -> None:
    hits = simple(*[1] * 2, *[2] * 5, reconstructable=[1] * 2 + [0] * 5)
    labels = [0] * 2 + [1] * 5
    assert track_report(hits, labels, rule="lhc").particles.particle_id.tolist() == [1]
    assert track_report(hits, labels, rule="lhc", min_particle_hits=3).n_particles == 0


def test_nothing_found_and_nothing_to_find() -> None:
    none = track_report(simple(1, 1, 1), [-1] * 3, rule="double_majority")
    assert none.efficiency.counts == "0 / 1"
    assert np.isnan(none.fake_rate.value)
    assert "undefined" in str(none)
    assert track_report(simple(1, 1, 1), [[]], rule="acts").efficiency.counts == "0 / 1"
    soft = track_report(simple(1, 1, 1), [0] * 3, rule="acts", pt_min=10)
    assert np.isnan(soft.efficiency.value)
    assert soft.fake_rate.counts == "0 / 1"


@pytest.mark.parametrize("rule", ["double_majority", "lhc", "acts", "two_way"])
def test_bins_add_up(rule: str) -> None:
    data = sample(3, events=6)
    report = track_report(data.hits, data.labels, rule=rule)
    for name in ("efficiency", "particle_efficiency"):
        binned = report.vs("pt", [0.9, 1.5, 3.0, 10.0], of=name)
        assert binned.unit == "GeV"
        whole = getattr(report, name)
        assert sum(each.passed for each in binned.efficiency) == whole.passed
        assert sum(each.total for each in binned.efficiency) == whole.total
    fakes = report.vs("eta", [-5.0, 0.0, 5.0], of="fake_rate")
    total = sum(each.total for each in fakes.efficiency)
    assert total + fakes.outside == report.fake_rate.total
    assert (fakes.outside == 0) or rule not in ("double_majority", "lhc")


def test_bins_hold_the_right_particles() -> None:
    hits = {
        "particle_id": np.repeat([1, 2, 3], 3),
        "pt": np.repeat([1.0, 4.0, 4.5], 3),
        "eta": np.zeros(9),
        "vx": np.repeat([3.0, 0.0, 30.0], 3),
        "vy": np.repeat([4.0, 0.0, 40.0], 3),
    }
    report = track_report(hits, [0] * 3 + [1] * 3 + [-1] * 3, rule="perfect")
    assert [each.counts for each in report.vs("pt", [0.9, 2, 10]).efficiency] == ["1 / 1", "1 / 2"]
    radius = report.vs("vertex_radius", [0, 10, 100])
    assert [each.counts for each in radius.efficiency] == ["2 / 2", "0 / 1"]
    assert radius.unit == "mm"


@pytest.mark.parametrize("rule", ["atlas", "one_way", "two_way"])
def test_duplicates_per_particle_in_bins_add_up(rule: str) -> None:
    data = sample(5, events=6, shared=True)
    report = track_report(data.hits, data.lists, rule=rule, matching_fraction=0.3)
    edges = [0.9, 1.5, 3.0, 10.0]
    binned = report.vs("pt", edges, of="duplicate_rate")
    assert report.duplicate_rate.passed
    assert sum(each.passed for each in binned.efficiency) == report.duplicate_rate.passed
    assert sum(each.total for each in binned.efficiency) == report.duplicate_rate.total
    inside = (report.particles.pt >= 1.5) & (report.particles.pt < 3.0)
    matches = report.particles.matches[inside]
    extra, found = int((matches - 1)[matches > 0].sum()), int((matches > 0).sum())
    middle = binned.efficiency[1]
    assert (middle.passed, middle.total) == (extra, found)
    low, high = clopper_pearson(extra, extra + found)
    assert middle.interval == pytest.approx((low / (1 - low), high / (1 - high)))


def test_text_states_every_choice() -> None:
    report = track_report(
        golden_hits(),
        GOLDEN["fixture"]["labels"]["split_50_50"],
        rule="lhc",
        min_particle_hits=4,
        truth_selection="noise removed",
    )
    text = str(report)
    for part in (
        "rule lhc (p > 0.75)",
        "pT >= 0.9 GeV, |eta| < 4, marked reconstructable, >= 4 hits",
        "4 given, 4 counted (>= 3 hits, majority particle selected)",
        "noise",
        "selection by truth  noise removed",
        "68.27% Clopper-Pearson",
    ):
        assert part in text
    assert json.loads(json.dumps(report.to_dict()))["truth_selection"] == "noise removed"


def test_bad_options() -> None:
    hits = simple(1, 1, 1)
    for options, message in [
        ({"rule": "best"}, "unknown.*double_majority"),
        ({"rule": "lhc", "double_matching": True}, "belongs to the rule 'acts'"),
        ({"rule": "perfect", "strict": True}, "fixed"),
        ({"rule": "acts", "matching_fraction": 1.5}, "matching_fraction"),
        ({"rule": "acts", "min_track_hits": 0}, "min_track_hits"),
        ({"rule": "acts", "pt_min": float("nan")}, "pt_min"),
        ({"rule": "acts", "eta_max": 0.0}, "eta_max"),
    ]:
        with pytest.raises(ConfigError, match=message):
            track_report(hits, [0, 0, 0], **options)
    report = track_report(hits, [0, 0, 0], rule="acts")
    with pytest.raises(ConfigError, match="choose one of"):
        report.vs("charge", 3)
    with pytest.raises(ConfigError, match="choose one of"):
        report.vs("pt", 3, of="purity")
    with pytest.raises(DataError, match=r"vertex_radius.*not known"):
        report.vs("vertex_radius", [0, 1])
