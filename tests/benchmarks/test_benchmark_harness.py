"""The benchmarks: checks that can fail, figures that are right, files that are sound."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import SUBJECTS, children, results, timing
from benchmarks.__main__ import README, RESULTS, readme_with_results
from benchmarks.dense import dense_knn, edges_to_table, neighbour_distances, tree_knn
from benchmarks.equality import Check, compare, relative_difference
from benchmarks.jets import fixed_size, resampled, sample, tensors, typical_batch
from benchmarks.memory import flatness
from benchmarks.neighbours import wrong_rows
from benchmarks.pyg_network import PlainParticleNet
from benchmarks.results import Table, timing_table
from benchmarks.timing import Quartiles, Timing, measure, paired_ratio


class TestEquality:
    def test_equal_results_pass_and_the_planted_error_is_caught(self) -> None:
        x = {"x": torch.randn(50, 3, generator=torch.Generator().manual_seed(0))}
        check = compare("x", x, x, tolerance=1e-6)
        assert check.difference == 0.0
        assert check.passed
        assert check.can_fail
        assert 1e-6 < check.planted < 1e-3

    @pytest.mark.parametrize(
        "other",
        [torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0, float("nan")]), torch.tensor(3.0)],
    )
    def test_other_shapes_and_nan_differ_infinitely(self, other: torch.Tensor) -> None:
        assert relative_difference({"x": torch.tensor([1.0, 2.0, 3.0])}, {"x": other}) == np.inf

    def test_other_names_differ_infinitely(self) -> None:
        assert relative_difference({"x": torch.ones(2)}, {"y": torch.ones(2)}) == np.inf

    def test_relative_difference_by_hand(self) -> None:
        ours, theirs = {"x": torch.tensor([1.0, 3.0])}, {"x": torch.tensor([1.0, 2.0])}
        assert relative_difference(ours, theirs) == pytest.approx(1.0 / (2.0 + 1.5))

    def test_whole_numbers_are_planted_too(self) -> None:
        index = {"i": torch.arange(5)}
        assert compare("i", index, index, tolerance=0.0).can_fail

    def test_a_check_whose_measure_sees_nothing_is_reported(self) -> None:
        x = {"x": torch.ones(3)}
        blind = compare("x", x, x, tolerance=0.0, difference=lambda _a, _b: 0.0)
        assert blind.passed
        assert not blind.can_fail
        table = timing_table(
            "t", {"a": Timing([1.0], [1.0])}, ours="a", items=1, checks=[blind]
        ).as_json()
        assert results.failures({"runs": [{"allocator": "default", "tables": [table]}]}) == [
            "default allocator, t: x does not catch a planted error"
        ]

    def test_streaming_that_grows_with_the_file_fails(self) -> None:
        flat = {(5, False): 100.0, (20, False): 104.0, (5, True): 100.0, (20, True): 390.0}
        assert flatness(flat).passed
        assert flatness(flat).can_fail
        assert not flatness({**flat, (20, False): 200.0}).passed


class TestTiming:
    @pytest.fixture(autouse=True)
    def quick_collection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Walking all objects of torch once per call would be most of the time here."""
        monkeypatch.setattr(timing.gc, "collect", lambda: 0)

    def test_rounds_are_interleaved_and_rotate(self) -> None:
        calls: list[str] = []
        variants = {name: lambda name=name: calls.append(name) for name in "abc"}
        found = measure(variants, repeats=3, wall_repeats=1, warmup=1)
        assert "".join(calls) == "abc" + "abc" + "bca" + "cab" + "abc"
        assert {name: (len(t.cpu), len(t.wall)) for name, t in found.items()} == dict.fromkeys(
            "abc", (3, 1)
        )

    def test_cpu_time_leaves_out_waiting(self) -> None:
        found = measure({"wait": lambda: time.sleep(0.05)}, repeats=1, warmup=0)["wait"]
        assert found.wall[0] >= 0.05
        assert found.cpu[0] < 0.04

    def test_threads_are_as_before_afterwards(self) -> None:
        before = torch.get_num_threads()
        measure({"a": lambda: None}, repeats=1)
        assert torch.get_num_threads() == before

    def test_quartiles_are_numpys(self) -> None:
        samples = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6]
        expected = np.quantile(samples, [0.5, 0.25, 0.75])
        found = Quartiles.of(samples)
        assert (found.median, found.q25, found.q75) == pytest.approx(tuple(expected))

    def test_paired_ratio_cancels_a_drift(self) -> None:
        drift = np.array([1.0, 2.0, 5.0])
        assert paired_ratio(list(6 * drift), list(2 * drift)) == Quartiles(3.0, 3.0, 3.0)


class TestResults:
    def result(self) -> dict[str, object]:
        table = timing_table(
            "a table",
            {"ours": Timing([0.1, 0.2], [0.3]), "theirs": Timing([0.4, 0.8], [0.5])},
            ours="ours",
            items=100,
            checks=[Check("numbers", 0.0, 1e-9, 1e-3)],
            targets={"theirs": 3.0, "absent": 2.0},
            absent={"absent": "not installed (no module): get it"},
            notes=["a note"],
        )
        runs = [{"allocator": a, "tables": [table.as_json()]} for a in children.ALLOCATORS]
        return {
            "schema": results.SCHEMA,
            "benchmark": "data_root",
            "subject": "a subject",
            "quick": False,
            "machine": {},
            "runs": runs,
        }

    def test_round_trip_and_refusal_of_another_schema(self, tmp_path: Path) -> None:
        path = results.write(self.result(), tmp_path)
        assert results.read(path) == self.result()
        assert [p.name for p in tmp_path.iterdir()] == ["data_root.json"]
        path.write_text(json.dumps({"schema": -1}))
        with pytest.raises(ValueError, match="schema"):
            results.read(path)

    def test_ratios_targets_and_absent_rows(self) -> None:
        table = self.result()["runs"][0]["tables"][0]  # type: ignore[index]
        ours, theirs, absent = table["rows"]
        assert ours["time / ours"]["median"] == 1.0
        assert theirs["time / ours"]["median"] == pytest.approx(4.0)
        assert theirs["jets/s"] == pytest.approx(100 / 0.6)
        assert "get it" in absent["CPU ms (1 thread)"]
        assert [t["met"] for t in table["targets"]] == [True, None]

    def test_markdown_names_both_allocators_and_the_verdict(self) -> None:
        text = results.render(self.result())
        for words in ("Default allocator", "Tuned allocator", "met, 4.00", "numbers agrees", "150"):
            assert words in text
        failed = self.result()
        failed["runs"][0]["tables"][0]["checks"][0]["passed"] = False  # type: ignore[index]
        assert "**DIFFERS**" in results.render(failed)
        assert results.failures(failed) == ["default allocator, a table: numbers differs"]

    def test_infinite_numbers_never_reach_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="JSON compliant"):
            results.write({"benchmark": "x", "value": float("inf")}, tmp_path)
        assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda p: p.stem)
def test_kept_results_are_sound(path: Path) -> None:
    result = results.read(path)
    assert result["benchmark"] == path.stem
    assert path.stem in SUBJECTS
    assert not result["quick"]
    assert results.failures(result) == []
    assert [run["allocator"] for run in result["runs"]] == list(children.ALLOCATORS)
    names = {f.name for f in Table.__dataclass_fields__.values()}
    for run in result["runs"]:
        for table in run["tables"]:
            assert set(table) == names
            assert table["rows"]
            for samples in table["samples"].values():
                assert all(value > 0 for kind in samples.values() for value in kind)
    # no folder and no name of the machine
    assert not re.search(r'"(/|~)|/home/|/work/|/tmp/|hostname', path.read_text())


def test_readme_shows_the_kept_results() -> None:
    text = README.read_text()
    assert readme_with_results(text) == text


def test_a_child_process_gives_back_its_result_and_its_failure() -> None:
    assert children.call("benchmarks.rss:resident_mb") > 1.0
    with pytest.raises(RuntimeError, match="status"):
        children.call("benchmarks.rss:no_such_function")


class TestJets:
    def test_turned_and_boosted_jets_keep_their_mass_and_pt(self) -> None:
        jets = resampled(50, seed=5)
        starts = jets.ptr[:-1]
        px, py, pz, energy = (
            np.add.reduceat(column, starts) for column in (jets.px, jets.py, jets.pz, jets.energy)
        )
        mass = np.sqrt(energy**2 - px**2 - py**2 - pz**2)
        assert np.hypot(px, py) == pytest.approx(jets.jet_pt, rel=1e-6)
        assert np.arcsinh(pz / np.hypot(px, py)) == pytest.approx(jets.jet_eta, abs=1e-6)
        assert mass == pytest.approx(jets.jet_mass, rel=1e-3)
        assert len(set(jets.px.tolist())) == len(jets.px)  # no copy equals another

    def test_features_of_one_jet_by_hand(self) -> None:
        jets = sample().take(np.array([3]))
        x, pos = jets.features()
        pt = np.hypot(jets.px, jets.py)
        own = slice(None)
        assert x[own, 0] == pytest.approx(0.7 * (np.log(pt) - 1.7))
        assert x[own, 2] == pytest.approx(np.clip(0.7 * (np.log(pt / jets.jet_pt) + 4.7), -5, 5))
        side = 1 if jets.jet_eta[0] >= 0 else -1
        assert pos[own, 0] == pytest.approx(side * (np.arcsinh(jets.pz / pt) - jets.jet_eta))
        assert abs(pos[own, 1]).max() < 1.5  # all constituents are near the axis

    def test_padding_holds_the_same_numbers(self) -> None:
        jets = tensors(sample().take(np.arange(6)))
        _, features, mask = jets.padded()
        assert torch.equal(features.transpose(1, 2)[mask[:, 0]], jets.x)
        assert features.transpose(1, 2)[~mask[:, 0]].abs().sum() == 0
        assert [len(item.x) for item in jets.data_list()] == jets.sizes.tolist()

    def test_typical_batch_is_neither_the_smallest_nor_the_largest(self) -> None:
        largest = int(typical_batch(32).sizes.max())
        drawn = [int(resampled(32, seed=seed).sizes.max()) for seed in range(15)]
        assert largest == np.median(drawn)

    def test_fixed_size(self) -> None:
        jets = fixed_size(4, 200)
        assert jets.sizes.tolist() == [200] * 4
        assert jets.x.shape == (800, 7)


class TestReferences:
    def test_neighbours_agree_with_a_loop(self) -> None:
        jets = tensors(sample().take(np.arange(5)), torch.float64).blurred()
        k = 60  # more than most of these jets have
        truth = torch.full((jets.x.shape[0], k), -1)
        for start, stop in zip(jets.ptr[:-1].tolist(), jets.ptr[1:].tolist(), strict=True):
            for i in range(start, stop):
                gaps = ((jets.pos[start:stop] - jets.pos[i]) ** 2).sum(1)
                gaps[i - start] = torch.inf
                nearest = gaps.argsort()[: min(k, stop - start - 1)] + start
                truth[i, : len(nearest)] = nearest
        assert torch.equal(dense_knn(jets.pos, jets.ptr, k), truth)
        assert torch.equal(tree_knn(jets.pos, jets.ptr, k), truth)
        target = torch.arange(len(truth)).repeat_interleave(k)
        edges = torch.stack([truth.reshape(-1), target])[:, truth.reshape(-1) >= 0]
        assert torch.equal(edges_to_table(edges, len(truth), k), truth)
        right = {"distances": neighbour_distances(jets.pos, truth)}
        assert wrong_rows(right, right) == 0
        swapped = truth.clone()
        swapped[0, 0] = truth[0, 5]
        assert wrong_rows({"distances": neighbour_distances(jets.pos, swapped)}, right) == 1

    def test_published_names_of_the_plain_network(self) -> None:
        state = PlainParticleNet("particlenet").published_state()
        assert state["edge_convs.0.convs.0.weight"].shape == (64, 14, 1, 1)
        assert state["edge_convs.2.sc.weight"].shape == (256, 128, 1)
        assert state["fc.1.weight"].shape == (2, 256)
        learned = [v for n, v in state.items() if not re.search("running|num_batches", n)]
        assert sum(v.numel() for v in learned) == pytest.approx(366_000, rel=0.01)


def test_wall_threads_are_at_most_two() -> None:
    assert 1 <= timing.WALL_THREADS <= 2
