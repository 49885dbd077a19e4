"""TrackML and ACTS csv files against the plain lists they were written from."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hit_files import (
    expected_kinematics,
    make_event,
    trackml_id,
    write_acts,
    write_rows,
    write_trackml,
)

from pcgnn.io import provenance_of, read_hits, write_hits

EVENT = make_event(1)


def check_event(record: Any, event: dict[str, list[Any]], ids: list[int]) -> None:
    """Compare a record with plain lists; ids of the particles by their row."""
    for row, wanted in zip(record.hit.tolist(), event["hits"], strict=True):
        for name in ("x", "y", "z", "volume", "layer", "module"):
            assert row[name] == wanted[name]
        assert row["particle_id"] == (ids[wanted["link"]] if wanted["link"] >= 0 else 0)
        if wanted["link"] >= 0:
            assert [row[k] for k in ("tx", "tpz")] == [wanted[k] for k in ("tx", "tpz")]
    for number, (row, wanted) in enumerate(
        zip(record.particle.tolist(), event["particles"], strict=True)
    ):
        assert row["particle_id"] == ids[number]
        assert [row[k] for k in ("vx", "vy", "vz")] == [wanted[k] for k in ("vx", "vy", "vz")]
        assert row["charge"] == wanted["q"]
        for name, value in expected_kinematics(wanted).items():
            assert row[name] == pytest.approx(value, rel=2e-7)


@pytest.mark.parametrize("end", [".csv", ".csv.gz"])
def test_trackml_event(tmp_path: Path, end: str) -> None:
    prefix = write_trackml(tmp_path, EVENT, 1234, end=end)
    hits = read_hits(prefix)
    check_event(hits[0], EVENT, [trackml_id(i) for i in range(4)])
    assert hits.event_id.tolist() == [1234]
    assert provenance_of(hits)["format"] == "trackml"
    assert hits.hit.hit_id[0].tolist() == list(range(1, len(EVENT["hits"]) + 1))
    np.testing.assert_allclose(hits.hit.weight[0], 1 / len(EVENT["hits"]))
    assert hits.particle.nhits[0].tolist() == [3, 3, 3, 3]  # as the file says


def test_trackml_cells(tmp_path: Path) -> None:
    prefix = write_trackml(tmp_path, EVENT)
    hit = read_hits(prefix).hit[0]
    number = [i % 3 for i in range(len(EVENT["hits"]))]
    assert hit.ncells.tolist() == number
    assert hit.charge.tolist() == [0.25 * n for n in number]
    assert hit.cells_u.tolist() == number
    assert hit.cells_v.tolist() == [max(2 * n - 1, 0) for n in number]
    modules = sorted({(h["volume"], h["layer"], h["module"]) for h in EVENT["hits"]})
    columns = ("volume_id", "layer_id", "module_id", "pitch_u", "pitch_v")
    write_rows(tmp_path / "detectors.csv", columns, [[*m, m[0] / 8, 0.5] for m in modules])
    hit = read_hits(prefix).hit[0]
    expected = [n * h["volume"] / 8 for n, h in zip(number, EVENT["hits"], strict=True)]
    assert hit.extent_u.tolist() == expected
    assert hit.extent_v.tolist() == [max(2 * n - 1, 0) / 2 for n in number]


def test_trackml_ways_to_name_events(tmp_path: Path) -> None:
    prefixes = [write_trackml(tmp_path, make_event(n), 1000 + n) for n in (2, 0, 1)]
    whole = read_hits(tmp_path)
    assert whole.event_id.tolist() == [1000, 1001, 1002]
    assert whole.file.tolist() == [0, 1, 2]
    assert ak.array_equal(read_hits(f"{tmp_path}/event*-hits.csv"), whole)
    assert ak.array_equal(read_hits(f"{tmp_path}/event*"), whole)
    assert ak.array_equal(read_hits(f"{prefixes[0]}-hits.csv").hit, whole[2:].hit)
    assert read_hits(prefixes).event_id.tolist() == [1002, 1000, 1001]
    some = read_hits(tmp_path, entry_start=1, entry_stop=2)
    assert (some.event_id.tolist(), some.file.tolist()) == ([1001], [1])
    assert ak.array_equal(read_hits(tmp_path, format="trackml"), whole)


def test_trackml_without_truth_or_particles(tmp_path: Path) -> None:
    bare = write_trackml(tmp_path, EVENT, 1, parts=("hits", "cells"))
    hits = read_hits(bare)
    assert hits.fields == ["hit", "event_id", "file", "entry"]
    assert "particle_id" not in hits.hit.fields
    full = read_hits(write_trackml(tmp_path, EVENT, 2), truth=False)
    assert ak.array_equal(full.hit, hits.hit)
    links = read_hits(write_trackml(tmp_path, EVENT, 3, parts=("hits", "truth")))
    seen = sorted({h["link"] for h in EVENT["hits"] if h["link"] >= 0})
    assert links.particle.particle_id[0].tolist() == [trackml_id(i) for i in seen]
    for number, row in zip(seen, links.particle[0].tolist(), strict=True):
        wanted = expected_kinematics(EVENT["particles"][number])
        assert row["pt"] == pytest.approx(wanted["pt"], rel=2e-7)
        assert row["nhits"] == sum(h["link"] == number for h in EVENT["hits"])


def test_trackml_round_trip_through_root(tmp_path: Path) -> None:
    write_trackml(tmp_path, EVENT, 5)
    write_trackml(tmp_path, make_event(8, 1, 0), 6)
    hits = read_hits(tmp_path)
    again = read_hits(write_hits(tmp_path / "out.root", hits))
    for name in ("hit", "particle", "event_id"):
        assert ak.array_equal(again[name], hits[name])
        assert again[name].type == hits[name].type


def test_trackml_mapping(tmp_path: Path) -> None:
    prefix = write_trackml(tmp_path, EVENT)
    text = Path(f"{prefix}-hits.csv").read_text().replace("hit_id,x,", "hit_id,global_x,", 1)
    Path(f"{prefix}-hits.csv").write_text(text)
    hits = read_hits(prefix, mapping={"hit": {"x": "global_x"}})
    assert hits.hit.x[0].tolist() == [h["x"] for h in EVENT["hits"]]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("space_points", [False, True])
def test_acts_event(tmp_path: Path, old: bool, space_points: bool) -> None:
    tracks = [[4, 0, 2], [1]]
    write_acts(tmp_path, EVENT, 3, old=old, space_points=space_points, tracks=tracks)
    hits = read_hits(tmp_path)
    check_event(hits[0], EVENT, [1, 2, 3, 4])
    assert provenance_of(hits)["format"] == "acts"
    assert hits.event_id.tolist() == [3]
    first = next(i for i, h in enumerate(EVENT["hits"]) if h["link"] >= 0)
    expected = [int(h["link"] >= 0) + (i == first) for i, h in enumerate(EVENT["hits"])]
    assert hits.hit.nsim[0].tolist() == expected
    assert hits.hit.order[0].tolist() == [h["order"] for h in EVENT["hits"]]
    assert hits.ckf.hit_index.tolist() == [tracks]
    assert hits.ckf.particle_id.tolist() == [[1, 2]]
    assert hits.ckf.pt.tolist() == [[1.5, 1.5]]
    if old:
        assert hits.particle.barcode[0, 0] == (1 << 52) | (3 << 24) | (1 << 16) | 2
    else:
        assert hits.particle.vertex[0].tolist() == [1, 2, 3, 4]
        assert hits.particle.number[0].tolist() == [3, 4, 5, 6]
    counted = [sum(h["link"] == n for h in EVENT["hits"]) for n in range(4)]
    assert hits.particle.nhits[0].tolist() == counted


def test_acts_without_truth(tmp_path: Path) -> None:
    prefix = write_acts(tmp_path, EVENT, tracks=[[0, 1]])
    quiet = read_hits(prefix, truth=False)
    assert "particle" not in quiet.fields
    assert not {"particle_id", "tx", "nsim", "order"} & set(quiet.hit.fields)
    for part in ("hits", "particles_simulated", "measurement-simhit-map"):
        Path(f"{prefix}-{part}.csv").unlink()
    assert ak.array_equal(read_hits(prefix), quiet)


def test_events_with_one_hit_or_none(tmp_path: Path) -> None:
    empty: dict[str, list[Any]] = {"hits": [], "particles": []}
    one = make_event(5, 1, 0)
    one["hits"] = one["hits"][:1]
    write_trackml(tmp_path, empty, 1)
    write_trackml(tmp_path, one, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hits = read_hits(tmp_path)
    assert ak.num(hits.hit).tolist() == [0, 1]
    assert hits.hit.particle_id[1].tolist() == [trackml_id(0)]
