"""Parquet tables, joined as in ColliderML or single, against the plain lists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hit_files import expected_kinematics, make_branches, make_event

from pcgnn.errors import BackendError, ReadError
from pcgnn.io import provenance_of, read_hits

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

EVENTS = [make_event(n, particles=2 + n) for n in range(4)]
NONE = 2**64 - 1


def lists(part: str, name: str, kind: Any) -> Any:
    values = [[row[name] for row in event[part]] for event in EVENTS]
    return pa.array(values, type=pa.list_(kind))


def write_colliderml(folder: Path, order: tuple[int, ...] = (2, 0, 3, 1)) -> dict[str, Path]:
    """Tables as in the published set; the particles come in another order of events."""
    number = pa.array([100 + n for n in range(4)], type=pa.uint32())
    links = [[h["link"] if h["link"] >= 0 else NONE for h in e["hits"]] for e in EVENTS]
    hits = {
        "event_id": number,
        **{name: lists("hits", name, pa.float32()) for name in "xyz"},
        **{f"true_{name}": lists("hits", f"t{name}", pa.float32()) for name in "xyz"},
        "particle_id": pa.array(links, type=pa.list_(pa.uint64())),
        "volume_id": lists("hits", "volume", pa.uint8()),
        "layer_id": lists("hits", "layer", pa.uint16()),
        "surface_id": lists("hits", "module", pa.uint32()),
    }
    particles = {
        "event_id": number,
        "particle_id": pa.array(
            [list(range(len(e["particles"]))) for e in EVENTS], type=pa.list_(pa.uint64())
        ),
        **{name: lists("particles", name, pa.float32()) for name in ("px", "py", "pz", "vx", "vz")},
        "charge": lists("particles", "q", pa.float32()),
        "energy": lists("particles", "px", pa.float32()),
        "primary": pa.array([[True] * len(e["particles"]) for e in EVENTS]),
    }
    tracks = {
        "event_id": number,
        "theta": pa.array([[0.5, 1.5], [], [2.5], [1.0]], type=pa.list_(pa.float32())),
        "qop": pa.array([[0.5, -0.25], [], [2.0], [1.0]], type=pa.list_(pa.float32())),
        "phi": pa.array([[0.5, -0.25], [], [2.0], [1.0]], type=pa.list_(pa.float32())),
        "majority_particle_id": pa.array([[1, 0], [], [NONE], [2]], type=pa.list_(pa.uint64())),
        "hit_ids": pa.array(
            [[[3, 1], [0]], [], [[2, 0, 1]], [[4]]], type=pa.list_(pa.list_(pa.uint32()))
        ),
    }
    calorimeter = {
        "event_id": number,
        **{name: lists("hits", name, pa.float32()) for name in "xyz"},
        "total_energy": lists("hits", "x", pa.float32()),
    }
    files = {}
    for name, table in (
        ("tracker_hits", pa.table(hits)),
        ("particles", pa.table(particles).take(list(order))),
        ("tracks", pa.table(tracks)),
        ("calo_hits", pa.table(calorimeter)),
    ):
        (folder / name).mkdir()
        files[name] = folder / name / "events0-3.parquet"
        pq.write_table(table, files[name], row_group_size=2)
    return files


def check(hits: ak.Array, first: int = 0) -> None:
    for record, event in zip(hits, EVENTS[first:], strict=False):
        for row, wanted in zip(record.hit.tolist(), event["hits"], strict=True):
            for name in ("x", "y", "z", "tx", "tz", "volume", "layer", "module"):
                assert row[name] == wanted[name]
            assert row["particle_id"] == wanted["link"] + 1
        for number, (row, wanted) in enumerate(
            zip(record.particle.tolist(), event["particles"], strict=True)
        ):
            assert row["particle_id"] == number + 1
            assert (row["charge"], row["vz"]) == (wanted["q"], wanted["vz"])
            assert row["nhits"] == sum(h["link"] == number for h in event["hits"])
            for name, value in expected_kinematics(wanted).items():
                assert row[name] == pytest.approx(value, rel=2e-7)


def test_colliderml_folder(tmp_path: Path) -> None:
    write_colliderml(tmp_path)
    hits = read_hits(tmp_path)
    check(hits)
    assert hits.event_id.tolist() == [100, 101, 102, 103]
    assert provenance_of(hits)["format"] == "parquet"
    assert provenance_of(hits)["particle_id_shift"] == 1
    assert hits.tracks.hit_index.tolist() == [[[3, 1], [0]], [], [[2, 0, 1]], [[4]]]
    assert hits.tracks.particle_id.tolist() == [[2, 1], [], [0], [3]]
    assert hits.tracks.pt[0].tolist() == pytest.approx([np.sin(0.5) / 0.5, np.sin(1.5) / 0.25])
    assert hits.tracks.eta[0, 0] == pytest.approx(-np.log(np.tan(0.25)))


def test_colliderml_ranges_touch_only_their_rows(tmp_path: Path) -> None:
    files = write_colliderml(tmp_path)
    some = read_hits([files["tracker_hits"], files["particles"]], entry_start=1, entry_stop=3)
    assert some.event_id.tolist() == [101, 102]
    assert some.entry.tolist() == [1, 2]
    check(some, 1)
    assert "tracks" not in some.fields


def test_colliderml_without_truth(tmp_path: Path) -> None:
    files = write_colliderml(tmp_path)
    hits = read_hits(files["tracker_hits"], truth=False)
    assert hits.fields == ["hit", "event_id", "file", "entry"]
    assert not {"particle_id", "tx"} & set(hits.hit.fields)
    with pytest.raises(ReadError, match="name particles but there are none"):
        read_hits(files["tracker_hits"])


def test_single_table_with_the_names_of_root(tmp_path: Path) -> None:
    branches = make_branches(EVENTS)
    columns = {name: ak.to_arrow(values, extensionarray=False) for name, values in branches.items()}
    columns["event"] = pa.array([4, 3, 2, 1])
    file = tmp_path / "one.parquet"
    pq.write_table(pa.table(columns), file)
    hits = read_hits(file)
    assert hits.event_id.tolist() == [4, 3, 2, 1]
    expected = [[h["link"] + 1 for h in event["hits"]] for event in EVENTS]
    assert hits.hit.particle_id.tolist() == expected
    assert hits.hit.x[2].tolist() == [h["x"] for h in EVENTS[2]["hits"]]


def test_mapping(tmp_path: Path) -> None:
    files = write_colliderml(tmp_path)
    names = pq.read_schema(files["tracker_hits"]).names
    table = pq.read_table(files["tracker_hits"]).rename_columns(
        [{"x": "gx", "y": "gy", "z": "gz"}.get(name, name) for name in names]
    )
    pq.write_table(table, files["tracker_hits"])
    mapping = {"hit": {"x": "gx", "y": "gy", "z": "gz"}}
    check(read_hits(tmp_path, mapping=mapping))
    with pytest.raises(ReadError, match="no table of hits"):
        read_hits(files["tracker_hits"])


def test_events_that_do_not_fit(tmp_path: Path) -> None:
    files = write_colliderml(tmp_path)
    pair = [files["tracker_hits"], files["particles"]]
    table = pq.read_table(files["particles"])
    pq.write_table(table.slice(0, 3), files["particles"])
    with pytest.raises(ReadError, match=r"event 101 .* is not there.*particles"):
        read_hits(pair)
    pq.write_table(pa.concat_tables([table, table]), files["particles"])
    with pytest.raises(ReadError, match="is there twice"):
        read_hits(pair)


def test_missing_values_and_damage(tmp_path: Path) -> None:
    files = write_colliderml(tmp_path)
    table = pq.read_table(files["tracker_hits"])
    column = pa.array([[None] * 3, None, [], []], type=pa.list_(pa.float32()))
    pq.write_table(table.set_column(1, "x", column), files["tracker_hits"])
    with pytest.raises(ReadError, match=r"missing \(null\).*'x'"):
        read_hits(files["tracker_hits"], truth=False)
    files["tracker_hits"].write_bytes(b"PAR1 and then nothing of the kind")
    with pytest.raises(ReadError, match="events0-3"):
        read_hits(files["tracker_hits"])


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_colliderml(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BackendError, match=r"pip install 'pcgnn\[parquet\]'"):
        read_hits(files["tracker_hits"])
