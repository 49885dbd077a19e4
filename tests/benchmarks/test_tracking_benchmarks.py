"""The benchmarks of tracking: plain peers that are right, checks that can fail, sound events."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pandas as pd
import pytest
import torch

import pcgnn
from benchmarks import (
    hit_graphs,
    hit_scaling,
    interaction_network,
    layer_pairs,
    pandas_metrics,
    peers,
    plain_tracks,
    track_building,
    track_metrics,
)
from benchmarks.hit_events import (
    full_event,
    near_truth_labels,
    of_about,
    only_pixels,
    overlay,
    smeared_scores,
)
from benchmarks.pyg_interaction import plain_copy
from benchmarks.results import timing_table
from benchmarks.slopes import log_slope
from benchmarks.timing import Timing
from pcgnn.tracking import LayerPairCuts, build_graphs


@pytest.fixture(scope="module")
def small() -> ak.Array:
    return of_about(4_000)


class TestEvents:
    def test_fewer_collisions_keep_their_particles_whole(self, small: ak.Array) -> None:
        assert int(ak.num(small["hit"])[0]) == pytest.approx(4_000, rel=0.15)
        before, after = (ak.to_numpy(e["hit"][0]["particle_id"]) for e in (pixels(), small))
        names, number = np.unique(after, return_counts=True)
        total = dict(zip(*np.unique(before, return_counts=True), strict=True))
        assert [total[name] for name in names] == number.tolist()
        assert ak.to_numpy(small["particle"][0]["particle_id"]).tolist() == names.tolist()

    def test_overlaid_events_are_turned_and_keep_ids_apart(self, small: ak.Array) -> None:
        double = overlay([small, small], seed=3)
        hit, particle = double["hit"][0], double["particle"][0]
        size, particles = int(ak.num(small["hit"])[0]), int(ak.num(small["particle"])[0])
        assert (len(hit), len(particle)) == (2 * size, 2 * particles)
        r = np.hypot(hit.x, hit.y)
        assert ak.to_numpy(r[:size]) == pytest.approx(ak.to_numpy(r[size:]), rel=1e-5)
        assert ak.all(hit.z[:size] == hit.z[size:])
        first, second = set(hit.particle_id[:size].tolist()), set(hit.particle_id[size:].tolist())
        assert first.isdisjoint(second)
        assert first | second == set(particle.particle_id.tolist())
        phi = np.arctan2(hit.y, hit.x)
        turn = np.mod(ak.to_numpy(phi[size:] - phi[:size]), 2 * np.pi)
        assert turn == pytest.approx(turn[0], abs=1e-4)
        assert 0.01 < turn[0] < 2 * np.pi - 0.01
        # momenta turn with the hits
        of_particles = ak.to_numpy(particle.phi[particles:] - particle.phi[:particles])
        assert np.mod(of_particles, 2 * np.pi) == pytest.approx(turn[0], abs=1e-4)

    def test_smeared_scores_pass_as_often_as_stated(self) -> None:
        y = np.repeat([1.0, 0.0], 100_000)
        passed = smeared_scores(y) > 0.5
        assert passed[:100_000].mean() == pytest.approx(0.98, abs=0.002)
        assert passed[100_000:].mean() == pytest.approx(0.003, abs=0.0007)


def pixels() -> ak.Array:
    return only_pixels(full_event())


class TestGraphs:
    def test_three_ways_find_the_edges_of_a_loop_over_pairs(self) -> None:
        cuts = LayerPairCuts.for_pt(1.0)
        hits = layer_pairs.layered(of_about(1_500), cuts, pt_min=0.3)
        expected = []
        r, phi, z = hits.cylindrical
        for a, b in cuts.geometry.pairs:
            for i in np.flatnonzero(hits.layer == a):
                j = np.flatnonzero(hits.layer == b)
                dr, dphi = r[j] - r[i], np.angle(np.exp(1j * (phi[j] - phi[i])))
                z0 = z[i] - r[i] * (z[j] - z[i]) / dr
                good = (np.abs(dphi / dr) < 1.1e-3) & (np.abs(z0) < 160.0)
                expected += [(i, k) for k in j[good]]
        assert len(expected) > 100
        truth = np.array(expected).T
        for find in (layer_pairs.by_pcgnn, layer_pairs.by_plain_windows, layer_pairs.by_all_pairs):
            check = hit_graphs.check(find.__name__, find(hits, cuts), truth)
            assert check.passed
            assert check.can_fail

    def test_missing_additional_and_doubled_edges_are_counted(self) -> None:
        a = torch.tensor([[0, 1, 2], [3, 4, 5]])
        count = hit_graphs.different_edges
        assert count({"edges": a}, {"edges": a.flip(1)}) == 0
        assert count({"edges": a[:, :2]}, {"edges": a}) == 1
        assert count({"edges": torch.cat([a, a[:, :1]], 1)}, {"edges": a}) == 1

    def test_features_of_the_merge_are_those_of_the_graph(self, small: ak.Array) -> None:
        cuts = LayerPairCuts.for_pt(1.0)
        graph = build_graphs(small, cuts)[0]
        hits = layer_pairs.layered(small, cuts)
        check = hit_graphs.check_features(
            graph, layer_pairs.by_all_pairs(hits, cuts, features=True)
        )
        assert check.passed
        assert check.can_fail

    def test_memory_that_grows_with_candidates_is_not_linear(self) -> None:
        ours = [{"arrays_mb": e * 5e-5, "edges": e} for e in (1e5, 1e6, 4e6)]
        plain = [{"arrays_mb": e * 5e-4, "edges": e} for e in (1e5, 1e6, 4e6)]
        assert hit_graphs.linearity(ours, plain).passed
        assert hit_graphs.linearity(ours, plain).can_fail
        ours[-1]["arrays_mb"] *= 2
        assert not hit_graphs.linearity(ours, plain).passed


class TestNetworks:
    @pytest.mark.parametrize("name", interaction_network.NETWORKS)
    def test_the_plain_form_gives_the_same_logits_and_gradients(self, name: str) -> None:
        for check in interaction_network.checks(name):
            assert check.passed, check
            assert check.can_fail

    def test_a_stack_of_steps_has_no_plain_form(self) -> None:
        model = pcgnn.create_model(
            "recurrent-interaction-network", features=("r", "phi", "z"), latent=4, weights="own"
        )
        with pytest.raises(ValueError, match="shared"):
            plain_copy(model)


class TestTracks:
    def test_walk_on_a_component_that_branches_by_hand(self) -> None:
        # 0-1-2-3 is the best path; 4 hangs on it by two edges, 5-6-7 by one; 8-9 is too short
        edges = np.array([[0, 1, 2, 1, 4, 2, 5, 6, 8], [1, 2, 3, 4, 3, 5, 6, 7, 9]])
        scores = np.array([0.9, 0.9, 0.9, 0.6, 0.6, 0.1, 0.3, 0.3, 0.9])
        # V(7) = 0.9 + 0.9 + 0.1 + 0.3 + 0.3 = 2.5 is below V(3) = 2.7
        labels = plain_tracks.canonical(plain_tracks.walk_by_networkx(edges, scores, 10, 3))
        assert labels.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, -1, -1]

    def test_components_by_hand(self) -> None:
        edges = np.array([[0, 1, 3, 5], [1, 2, 4, 6]])
        for find in (plain_tracks.by_networkx, plain_tracks.by_scipy_loop):
            labels = plain_tracks.canonical(find(edges, 8, 3))
            assert labels.tolist() == [0, 0, 0, -1, -1, -1, -1, -1]

    def test_labels_do_not_matter_and_a_lost_hit_does(self) -> None:
        labels = np.array([7, 7, 7, -1, 2, 2, 2])
        check = track_building.check("tracks", labels, np.array([0, 0, 0, -1, 5, 5, 5]))
        assert check.passed
        assert check.can_fail
        assert not track_building.check("tracks", labels, np.array([0, 0, 0, 0, 5, 5, 5])).passed


class TestMetrics:
    def test_pandas_by_hand(self) -> None:
        hits = pd.DataFrame(
            {
                "particle_id": [1, 1, 1, 1, 2, 2, 2, 0],
                "track": [0, 0, 0, 1, 1, 1, -1, 1],
                "pt": [2.0] * 4 + [0.5] * 3 + [0.0],
                "eta": [0.1] * 8,
                "reconstructable": [True] * 7 + [False],
                "weight": [0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1, 0.0],
            }
        )
        # track 0: 3 of 3 hits, 3 of 4 of particle 1; track 1: particle 2 has 2 of 4 hits only
        counts = pandas_metrics.double_majority(hits, pt_min=0.4, eta_max=4.0)
        assert counts == {"particles": 2, "tracks": 2, "matched": 1}
        assert pandas_metrics.trackml_score(hits) == pytest.approx(0.6)

    def test_tracks_with_two_majorities_are_dropped(self) -> None:
        labels = np.array([0, 0, 0, 0, 1, 1, 1, 2, -1])
        particle = np.array([5, 5, 6, 6, 5, 5, 6, 7, 7])
        kept = track_metrics.without_ties(labels, particle)
        assert kept.tolist() == [-1, -1, -1, -1, 1, 1, 1, 2, -1]

    def test_faults_of_the_labels(self) -> None:
        particle = np.repeat(np.arange(1, 2_001), 10)
        labels = near_truth_labels(particle, seed=1)
        assert (labels == -1).mean() == pytest.approx(0.1, abs=0.01)
        assert (labels == particle).mean() == pytest.approx(0.9 * 0.95 * 0.95, abs=0.01)

    def test_rates_of_gnn_tracking_become_counts(self) -> None:
        ours = {"particles": 100, "tracks": 90, "matched": 60}
        theirs = {"n_particles": 100, "n_cleaned_clusters": 90, "fake_lhc": 1 - 60 / 90}
        check = track_metrics._against_gnn(ours, theirs, "lhc")
        assert check.passed
        assert check.can_fail


class TestHarness:
    def test_slope_of_a_power(self) -> None:
        assert log_slope([1, 10, 100], [5, 5e2, 5e4]) == pytest.approx(2.0)
        points = [{"hits": n, "edges": n**2} for n in (10, 100, 1000)]
        rows = hit_scaling.slope_rows(points, {"graph": [1e2, 1e4, 1e6]})
        assert [row["graph"] for row in rows] == ["2.00", "1.00", "2.00", "1.00"]
        assert rows[0]["edges"] == "2.00"

    def test_a_limit_on_seconds_is_judged_by_the_median(self) -> None:
        timings = {"ours": Timing([0.1, 0.2, 0.9])}
        table = timing_table("t", timings, ours="ours", items=1, limits={"ours": 0.3})
        assert table.targets == [{"row": "ours", "at_most_s": 0.3, "found": 0.2, "met": True}]
        table = timing_table("t", timings, ours="ours", items=1, limits={"ours": 0.15})
        assert table.targets[0]["met"] is False

    def test_a_peer_comes_from_its_folder_or_says_what_is_wrong(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.path", list(__import__("sys").path))
        monkeypatch.setenv("SOME_PEER", str(tmp_path))
        arguments = ("some-peer", "SOME_PEER", "some_peer_of_a_test.part", "get it")
        missing = peers._from_folder(*arguments)
        assert isinstance(missing, peers.Missing)
        assert "holds no folder some_peer_of_a_test" in str(missing)
        package = tmp_path / "some_peer_of_a_test"
        package.mkdir()
        (package / "__init__.py").write_text("__version__ = '7.1'\n")
        (package / "part.py").write_text("answer = 42\n")
        found = peers._from_folder(*arguments)
        assert found.answer == 42
        assert peers._version("some-peer", "SOME_PEER", found) == "7.1"
        monkeypatch.delenv("SOME_PEER")
        absent = peers._from_folder("x", "SOME_PEER", "no_such_peer_at_all.part", "get it")
        assert str(absent) == "not installed (no module no_such_peer_at_all): get it"
