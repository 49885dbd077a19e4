"""Hits in ROOT files against plain loops, round trips, and the options of the reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hit_files import add_tracks, expected_kinematics, make_branches, make_event, write_hit_tree

import pcgnn
from pcgnn.errors import ReadError, WriteError
from pcgnn.io import provenance_of, read_hits, write_hits, write_tracks

EVENTS = [make_event(1), make_event(2, particles=2, noise=0)]
TRACKS = [[[0, 2, 4], [1, 2]], [[5, 0, 1]]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    branches = add_tracks(make_branches(EVENTS), TRACKS)
    branches["event"] = np.array([17, 5], dtype=np.int32)
    return write_hit_tree(tmp_path / "tracks.root", branches)


def test_records_equal_plain_loops(tree: Path) -> None:
    hits = pcgnn.read_hits(tree)
    assert hits.fields == ["hit", "particle", "ckf", "event_id", "file", "entry"]
    assert hits.event_id.tolist() == [17, 5]
    assert hits.entry.tolist() == [0, 1]
    for record, event in zip(hits, EVENTS, strict=True):
        for row, wanted in zip(record.hit.tolist(), event["hits"], strict=True):
            assert [row[k] for k in ("x", "y", "z")] == [wanted[k] for k in ("x", "y", "z")]
            assert (row["layer"], row["volume"]) == (wanted["layer"], wanted["volume"])
            assert row["particle_id"] == wanted["link"] + 1
        for number, particle in enumerate(event["particles"]):
            row = record.particle[number].tolist()
            assert row["particle_id"] == number + 1
            assert row["charge"] == particle["q"]
            assert row["nhits"] == sum(hit["link"] == number for hit in event["hits"])
            for name, value in expected_kinematics(particle).items():
                assert row[name] == pytest.approx(value, rel=2e-7)
    assert hits.ckf.hit_index.tolist() == TRACKS
    assert hits.ckf.pt.tolist() == [[1.5, 1.0], [1.5]]
    assert "nhits" not in hits.ckf.fields
    assert str(hits.type).startswith("2 * {hit: var * {x: float32")


def test_provenance_repeats_the_reading(tree: Path) -> None:
    hits = read_hits(tree, entry_start=1, truth=False)
    found = provenance_of(hits)
    assert found["format"] == "root"
    assert found["tree"] == "events"
    assert found["files"] == [str(tree)]
    assert (found["events_read"], found["events_kept"]) == (1, 1)
    assert found["has_truth"] is False
    assert found["tracks"] == ["ckf"]
    again = read_hits(found["files"], tree=found["tree"], **found["read"])
    assert ak.array_equal(hits, again)


@pytest.mark.parametrize("link", ["index", "id"])
def test_links_by_index_and_by_id_agree(tmp_path: Path, link: str) -> None:
    file = write_hit_tree(tmp_path / "a.root", make_branches(EVENTS, link))
    hits = read_hits(file)
    factor = 1 if link == "index" else 10
    for record, event in zip(hits, EVENTS, strict=True):
        assert record.hit.particle_id.tolist() == [(h["link"] + 1) * factor for h in event["hits"]]
        assert set(record.hit.particle_id.tolist()) - {0} <= set(record.particle.particle_id)


def test_ids_from_zero_are_raised_by_one(tmp_path: Path) -> None:
    branches = make_branches(EVENTS)
    branches["hit_particle_id"] = branches.pop("hit_particle")
    branches["particle_particle_id"] = ak.local_index(branches["particle_px"])
    hits = read_hits(write_hit_tree(tmp_path / "a.root", branches))
    expected = [[h["link"] + 1 for h in event["hits"]] for event in EVENTS]
    assert hits.hit.particle_id.tolist() == expected
    assert provenance_of(hits)["particle_id_shift"] == 1


def test_the_largest_unsigned_id_is_noise(tmp_path: Path) -> None:
    branches = make_branches(EVENTS, "id")
    ids = ak.values_astype(branches["hit_particle_id"], np.uint64)
    branches["hit_particle_id"] = ak.where(ids == 0, np.uint64(2**64 - 1), ids)
    hits = read_hits(write_hit_tree(tmp_path / "a.root", branches))
    expected = [[(h["link"] + 1) * 10 for h in event["hits"]] for event in EVENTS]
    assert hits.hit.particle_id.tolist() == expected


def test_mapping_names_branches_of_any_name(tmp_path: Path, tree: Path) -> None:
    plain = add_tracks(make_branches(EVENTS), TRACKS)
    renamed = {
        "spx": plain["hit_x"], "spy": plain["hit_y"], "spz": plain["hit_z"],
        "lay": plain["hit_layer"], "truth": plain["hit_particle"], "p1": plain["particle_px"],
        "p2": plain["particle_py"], "p3": plain["particle_pz"], "trk": plain["ckfhit_index"],
        "trk_n": plain["ckf_nhits"], "number": np.array([17, 5]),
    }  # fmt: skip
    file = write_hit_tree(tmp_path / "other.root", renamed)
    mapping = {
        "hit": {"x": "spx", "y": "spy", "z": "spz", "layer": "lay", "particle": "truth"},
        "particle": {"px": "p1", "py": "p2", "pz": "p3"},
        "tracks": {"mine": {"hit_index": "trk", "nhits": "trk_n"}},
        "event_id": "number",
    }
    hits, usual = read_hits(file, mapping=mapping), read_hits(tree)
    assert hits.mine.hit_index.tolist() == TRACKS
    assert hits.event_id.tolist() == [17, 5]
    for name in ("x", "layer", "particle_id"):
        assert ak.array_equal(hits.hit[name], usual.hit[name])
    for name in ("pt", "eta", "nhits"):
        assert ak.array_equal(hits.particle[name], usual.particle[name])
    assert provenance_of(hits)["mapping"] == mapping


def test_mapping_adds_to_what_is_recognised(tmp_path: Path) -> None:
    branches = make_branches(EVENTS)
    branches["hit_lay"] = branches.pop("hit_layer")
    file = write_hit_tree(tmp_path / "a.root", branches)
    hits = read_hits(file, mapping={"hit": {"layer": "hit_lay"}})
    assert {"x", "layer", "particle_id"} <= set(hits.hit.fields)
    assert "lay" not in hits.hit.fields


def test_ranges_and_chains_count_events_over_all_files(tmp_path: Path, tree: Path) -> None:
    second = tmp_path / "z.root"
    second.write_bytes(tree.read_bytes())
    hits = read_hits([tree, second], entry_start=1, entry_stop=3)
    assert hits.event_id.tolist() == [5, 17]
    assert hits.file.tolist() == [0, 1]
    assert hits.entry.tolist() == [1, 0]
    assert hits.ckf.hit_index.tolist() == TRACKS[::-1]
    assert ak.array_equal(read_hits(f"{tree}:events"), read_hits(tree))


def test_events_with_one_hit_or_none_are_legal(tmp_path: Path) -> None:
    empty: dict[str, list[Any]] = {"hits": [], "particles": []}
    one = make_event(3, particles=1)
    one["hits"] = [hit for hit in one["hits"] if hit["link"] == 0][:1]
    file = write_hit_tree(tmp_path / "a.root", make_branches([empty, one, empty]))
    hits = read_hits(file)
    assert ak.num(hits.hit).tolist() == [0, 1, 0]
    assert hits.hit.particle_id.tolist() == [[], [1], []]
    assert hits.particle.nhits.tolist() == [[], [1], []]


def test_without_truth(tmp_path: Path, tree: Path) -> None:
    branches = {k: v for k, v in make_branches(EVENTS).items() if "particle" not in k}
    bare = write_hit_tree(tmp_path / "bare.root", branches)
    for hits in (read_hits(bare), read_hits(tree, truth=False)):
        assert "particle" not in hits.fields
        assert "particle_id" not in hits.hit.fields
    with pytest.raises(ReadError, match="not linked to particles"):
        read_hits(bare, truth=True)


def test_loose_truth_takes_unknown_particles_for_noise(tmp_path: Path) -> None:
    branches = make_branches(EVENTS, "id")
    ids = branches["hit_particle_id"]
    branches["hit_particle_id"] = ak.where(ids == 20, 777, ids)
    file = write_hit_tree(tmp_path / "a.root", branches)
    lost = sum(hit["link"] == 1 for event in EVENTS for hit in event["hits"])
    with pytest.raises(ReadError, match=rf"{lost} hits belong to particles.* to 777.*entry 0"):
        read_hits(file)
    hits = read_hits(file, truth="loose")
    assert provenance_of(hits)["hits_without_particle"] == lost
    assert 777 not in ak.flatten(hits.hit.particle_id)
    assert hits.particle.nhits[0, 1] == 0


def test_round_trip_is_exact(tmp_path: Path, tree: Path) -> None:
    hits = read_hits(tree)
    hits["hit", "quality"] = hits.hit.x > 0
    file = write_hits(tmp_path / "out.root", hits)
    again = read_hits(file)
    assert again.type == hits.type
    assert ak.array_equal(again, hits, check_parameters=True)
    with uproot.open(file) as opened:
        assert opened.file.compression == uproot.ZSTD(5)
    with pytest.raises(WriteError, match="exists already"):
        write_hits(file, hits)
    assert ak.array_equal(read_hits(write_hits(file, hits[:1], overwrite=True)), hits[:1])
    without = read_hits(tree, truth=False)
    assert ak.array_equal(read_hits(write_hits(tmp_path / "no.root", without)), without)


def test_round_trip_of_odd_events(tmp_path: Path) -> None:
    events = [make_event(1, 1, 0), {"hits": [], "particles": []}, make_event(4)]
    branches = add_tracks(make_branches(events), [[[0, 1]], [], [[2], [1, 0, 2]]])
    hits = read_hits(write_hit_tree(tmp_path / "a.root", branches))
    again = read_hits(write_hits(tmp_path / "b.root", hits))
    assert ak.array_equal(again, hits)
    # a selection of hits in another layout than the reader's
    bare = hits[["hit", "particle", "event_id"]]
    few = ak.with_field(bare, bare.hit[bare.hit.x > 0], "hit")
    written = read_hits(write_hits(tmp_path / "c.root", few))
    assert ak.array_equal(written.hit, few.hit)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda hits: [1, 2], "only what read_hits returns"),
        (lambda hits: hits[["particle"]], "only what read_hits returns"),
        (lambda hits: ak.with_field(hits, [[["a"]], [[]]], ("hit", "name")), "branch 'hit_name'"),
        (
            lambda hits: ak.with_field(hits, ak.mask(hits.hit.x, hits.hit.x > 0), ("hit", "m")),
            "hit_m",
        ),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, tree: Path, spoil: Any, message: str) -> None:
    hits = read_hits(tree)
    if message == "branch 'hit_name'":
        names = ak.unflatten(["a"] * int(ak.sum(ak.num(hits.hit))), ak.num(hits.hit))
        bad = ak.with_field(hits, names, ("hit", "name"))
    else:
        bad = spoil(hits)
    with pytest.raises(WriteError, match=message):
        write_hits(tmp_path / "bad.root", bad)
    assert not (tmp_path / "bad.root").exists()


def test_write_tracks_aligns_labels_to_events(tmp_path: Path, tree: Path) -> None:
    hits = read_hits(tree)
    counts = ak.num(hits.hit).tolist()
    labels = np.full(sum(counts), -1)
    labels[[1, 4, 5]] = 7
    labels[[0, 2]] = 3
    labels[counts[0] : counts[0] + 2] = 12
    file = write_tracks(tmp_path / "found.root", labels, hits)
    with uproot.open(file) as opened:
        found = opened["tracks"].arrays()
    assert found.event_id.tolist() == [17, 5]
    assert ak.num(found.hit_track).tolist() == counts
    assert ak.flatten(found.hit_track).tolist() == labels.tolist()
    assert found.track_label.tolist() == [[3, 7], [12]]
    assert found.track_nhits.tolist() == [[2, 3], [2]]
    assert found.trackhit_index.tolist() == [[0, 2, 1, 4, 5], [0, 1]]
    jagged = ak.unflatten(labels, counts)
    for same in (jagged, jagged.tolist()):
        with uproot.open(write_tracks(file, same, hits, overwrite=True)) as opened:
            assert ak.array_equal(opened["tracks"].arrays(), found)


def test_write_tracks_refuses_what_does_not_fit(tmp_path: Path, tree: Path) -> None:
    hits = read_hits(tree)
    size = int(ak.sum(ak.num(hits.hit)))
    file = tmp_path / "found.root"
    for labels, message in (
        (np.zeros(size - 1, dtype=int), "for .* hits"),
        (np.zeros(size), "must be integers"),
        ([[0], [1]], "entry 0"),
        (np.zeros((size, 2), dtype=int), "shape"),
    ):
        with pytest.raises(WriteError, match=message):
            write_tracks(file, labels, hits)
    assert not file.exists()
    write_tracks(file, np.full(size, -1), hits)
    with pytest.raises(WriteError, match="exists already"):
        write_tracks(file, np.full(size, -1), hits)


def test_rntuple(tmp_path: Path) -> None:
    branches = add_tracks(make_branches(EVENTS), TRACKS)
    array = ak.zip({name: ak.Array(v) for name, v in branches.items()}, depth_limit=1)
    with uproot.recreate(tmp_path / "n.root") as file:
        file.mkrntuple("events", array)
    tree = write_hit_tree(tmp_path / "t.root", branches)
    hits, usual = read_hits(tmp_path / "n.root"), read_hits(tree)
    assert ak.array_equal(hits.hit, usual.hit)
    assert ak.array_equal(hits.particle, usual.particle)
    assert ak.array_equal(hits.ckf, usual.ckf)


def test_that_hits_were_selected_by_truth_is_kept_in_the_file(tmp_path: Path) -> None:
    hits = pcgnn.simulation.simulate_toy(2, seed=5)
    plain = pcgnn.read_hits(pcgnn.write_hits(tmp_path / "plain.root", hits))
    assert "truth_selection" not in plain.attrs["pcgnn"]
    hits.attrs["pcgnn"] = {**hits.attrs["pcgnn"], "truth_selection": "pT > 0.5 GeV"}
    chosen = pcgnn.read_hits(pcgnn.write_hits(tmp_path / "chosen.root", hits))
    assert "hits of all events read" in chosen.attrs["pcgnn"]["truth_selection"]
    assert "truth_selected" not in chosen.fields
    labels = np.zeros(int(ak.sum(ak.num(chosen.hit))), np.int64)
    report = pcgnn.metrics.track_report(chosen, labels, rule="lhc", pt_min=0.5)
    assert "hits of all events read were selected by truth" in str(report)
