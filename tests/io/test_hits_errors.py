"""What is wrong with a file is said with file, column, entry and remedy, whatever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hit_files import (
    add_tracks,
    make_branches,
    make_event,
    write_acts,
    write_hit_tree,
    write_rows,
    write_trackml,
)

from pcgnn.errors import ConfigError, PcgnnError, ReadError
from pcgnn.io import read_hits

EVENTS = [make_event(1), make_event(2)]
TRACKS = [[[0, 2], [1]], [[3]]]
Branches = dict[str, Any]


def set_flat(branches: Branches, name: str, entry: int, place: int, value: Any) -> None:
    lists = branches[name].tolist()
    lists[entry][place] = value
    branches[name] = ak.values_astype(ak.Array(lists), branches[name].layout.content.dtype)


def without(*names: str) -> Callable[[Branches], None]:
    return lambda branches: [branches.pop(name) for name in names] and None


def with_value(name: str, entry: int, place: int, value: Any) -> Callable[[Branches], None]:
    return lambda branches: set_flat(branches, name, entry, place, value)


def shorten(name: str) -> Callable[[Branches], None]:
    def change(branches: Branches) -> None:
        branches[name] = ak.Array([branches[name][0].tolist(), branches[name][1].tolist()[:-1]])

    return change


def as_float(name: str) -> Callable[[Branches], None]:
    return lambda branches: branches.update({name: ak.values_astype(branches[name], np.float32)})


def repeat_ids(branches: Branches) -> None:
    branches["hit_hit_id"] = ak.ones_like(branches["hit_layer"])


def repeat_particles(branches: Branches) -> None:
    branches["hit_particle_id"] = branches.pop("hit_particle") + 1
    branches["particle_particle_id"] = ak.ones_like(branches["particle_charge"])


ROOT_CASES = {
    "missing x": (without("hit_x"), "hit has no such column.*'x'.*mapping="),
    "missing all": (without("hit_x", "hit_y", "hit_z", "hit_layer", "hit_volume", "hit_particle"),
                    "no hits are recognised.*mapping="),
    "missing momentum": (without("particle_pz"), "particle has no such column.*'pz'.*mapping="),
    "NaN": (with_value("hit_y", 1, 2, np.nan), "hit 2 has no finite y.*'hit_y', entry 1"),
    "infinity": (with_value("hit_z", 0, 1, np.inf), "hit 1 has no finite z.*'hit_z', entry 0"),
    "NaN momentum": (with_value("particle_px", 1, 0, np.nan),
                     "particle 0 .*'particle_px', entry 1"),
    "index too large": (with_value("hit_particle", 1, 3, 99),
                        "hit 3 points to particle 99 of 4.*'hit_particle', entry 1.*truth=False"),
    "index too small": (with_value("hit_particle", 0, 3, -2), "hit 3 points to particle -2"),
    "index as float": (as_float("hit_particle"), "must hold integers.*'hit_particle'"),
    "counts": (shorten("hit_layer"), r"values here but \d+ in hit_x.*'hit_layer', entry 1"),
    "particle counts": (shorten("particle_vz"), "'particle_vz', entry 1"),
    "hit twice": (repeat_ids, "hit ids are there twice.*'hit_hit_id', entry 0"),
    "particle twice": (repeat_particles, "two particles have the id 1.*entry 0"),
    "no particles": (without(*(f"particle_{n}" for n in ("px", "py", "pz", "vx", "vy", "vz",
                                                         "charge"))),
                     "name particles but there are none.*truth='loose'"),
    "track to nowhere": (with_value("ckfhit_index", 1, 0, 50),
                         r"track 0 points to hit 50 of \d+.*'ckfhit_index', entry 1"),
    "track lengths": (with_value("ckf_nhits", 0, 1, 5), "'ckfhit_index', entry 0"),
    "negative length": (with_value("ckf_nhits", 1, 0, -1), "-1 hits.*'ckf_nhits', entry 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", ROOT_CASES)
def test_root(tmp_path: Path, case: str) -> None:
    spoil, message = ROOT_CASES[case]
    branches = add_tracks(make_branches(EVENTS), TRACKS)
    spoil(branches)
    file = write_hit_tree(tmp_path / "bad.root", branches)
    with pytest.raises(ReadError, match=message) as error:
        read_hits(file)
    assert error.value.file == str(file)
    assert error.value.tree == "events"


def edit(part: str, old: str, new: str) -> Callable[[str], None]:
    def change(prefix: str) -> None:
        path = Path(f"{prefix}-{part}.csv")
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def drop_lines(part: str, count: int) -> Callable[[str], None]:
    def change(prefix: str) -> None:
        path = Path(f"{prefix}-{part}.csv")
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-count]))

    return change


def remove(part: str) -> Callable[[str], None]:
    return lambda prefix: Path(f"{prefix}-{part}.csv").unlink()


def content(part: str, text: bytes, end: str = ".csv") -> Callable[[str], None]:
    def change(prefix: str) -> None:
        Path(f"{prefix}-{part}{end}").write_bytes(text)

    return change


def truth_of_another_event(prefix: str) -> None:
    """Files of two events of different size under one name."""
    folder = Path(prefix).parent / "other"
    folder.mkdir()
    other = write_trackml(folder, make_event(7, particles=6))
    for part in ("truth", "particles"):
        Path(f"{other}-{part}.csv").replace(f"{prefix}-{part}.csv")


def rename(part: str, column: str) -> Callable[[str], None]:
    return edit(part, f"{column},", f"other_{column},")


def cut_cells(prefix: str) -> None:
    Path(f"{prefix}-cells.csv").unlink()
    Path(f"{prefix}-cells.csv.gz").write_bytes(b"\x1f\x8b\x08")


def other_truth(prefix: str) -> None:
    """Truth and hits of as many rows, but particles of another event."""
    path = Path(f"{prefix}-particles.csv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *(f"7{line}" for line in lines[1:])]))


TRACKML_CASES = {
    "missing column": (edit("hits", "hit_id,x,y", "hit_id,x,w"),
                       "no such column.*hits.csv', branch 'y'"),
    "missing id": (edit("hits", "hit_id,x", "id,x"), "branch 'hit_id'"),
    "text": (edit("hits", "\n1,", "\nabc,"), "cannot be read.*hits.csv"),
    "missing value": (edit("truth", "\n1,", "\n,"), "cannot be read.*truth.csv"),
    "NaN": (edit("hits", f"\n1,{EVENTS[0]['hits'][0]['x']},", "\n1,nan,"),
            "hit 0 has no finite x.*hits.csv', branch 'x', entry 0"),
    "hit twice": (edit("hits", "\n2,", "\n1,"),
                  "1 hit ids are there twice, such as 1 .*hits.csv', branch 'hit_id', entry 0"),
    "short truth": (drop_lines("truth", 2), "2 hits have no truth.*truth.csv', branch 'hit_id'"),
    "other event": (other_truth, "hits belong to particles that their event does not have"
                    ".*'particle_id', entry 0.*truth='loose'"),
    "noise as particle": (edit("particles", "\n", "\n0,0,0,0,1,1,1,1,3\n"), "stands for noise"),
    "cells of others": (edit("cells", "\n2,", "\n888,"),
                        "cells belong to hits that are not there.*888"),
    "empty file": (content("truth", b""), "empty.*truth.csv"),
    "no hits": (remove("hits"), "neither hits nor measurements|no such file"),
    "both": (content("truth", b"x", ".csv.gz"), "plain and compressed"),
    "cut gz": (cut_cells, "cells.csv.gz"),
    "truth without links": (rename("truth", "particle_id"),
                            "no such column.*truth.csv', branch 'particle_id'"),
    "particles without momentum": (rename("particles", "px"),
                                   "no such column.*particles.csv', branch 'px'"),
    "truth of another event": (truth_of_another_event, "truth.csv', branch 'hit_id'"),
    "NaN momentum": (edit("particles", f",{EVENTS[0]['particles'][0]['px']},", ",nan,"),
                     "particle 0 has no finite px.*particles.csv', branch 'px', entry 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", TRACKML_CASES)
def test_trackml(tmp_path: Path, case: str) -> None:
    spoil, message = TRACKML_CASES[case]
    prefix = write_trackml(tmp_path, EVENTS[0])
    spoil(prefix)
    with pytest.raises(ReadError, match=message) as error:
        read_hits(prefix)
    assert str(error.value.file).startswith(prefix)


ACTS_CASES = {
    "no positions": (edit("measurements", "global_x", "gx"), "no global positions.*space points"),
    "no map": (remove("measurement-simhit-map"), None),
    "no particles": (remove("particles_simulated"), "there are none.*particles_simulated"),
    "other style": (edit("hits", "particle_id_pv", "pv"),
                    "no such column.*hits.csv', branch 'particle_id'"),
    "simhit too large": (edit("measurement-simhit-map", "\n0,", "\n0,9999\n0,"), "9999 of"),
    "lost particle": (edit("particles_simulated", "\n1,0,", "\n900,0,"),
                      "hits belong to particles that their event does not have"),
    "particle twice": (edit("particles_simulated", "\n2,0,4,", "\n1,0,3,"),
                       "two particles have the same id"),
    "measurement twice": (edit("measurements", "\n1,", "\n0,"), "measurements are there twice"),
    "track of others": (edit("tracks_ckf", "[0", "[777"), "the measurement 777.*tracks_ckf"),
    "no momentum": (edit("particles_simulated", "px,", "ox,"), "px"),
    "NaN": (edit("measurements", f",0.5,{EVENTS[0]['hits'][0]['x']},", ",0.5,nan,"),
            "hit 0 has no finite x.*measurements.csv', branch 'x', entry 0"),
    "track text": (edit("tracks_ckf", "[0", "[a"), r"lists such as \[3,14,15\]"),
}  # fmt: skip


@pytest.mark.parametrize("case", ACTS_CASES)
def test_acts(tmp_path: Path, case: str) -> None:
    spoil, message = ACTS_CASES[case]
    prefix = write_acts(tmp_path, EVENTS[0], tracks=[[0, 1]])
    spoil(prefix)
    if message is None:  # truth that is not complete is no truth
        assert "particle" not in read_hits(prefix).fields
        with pytest.raises(ReadError, match="no truth"):
            read_hits(prefix, truth=True)
        return
    with pytest.raises(ReadError, match=message) as error:
        read_hits(prefix)
    assert str(error.value.file).startswith(prefix)


def test_loose_truth_in_csv(tmp_path: Path) -> None:
    prefix = write_acts(tmp_path, EVENTS[0])
    edit("particles_simulated", "\n1,0,", "\n900,0,")(prefix)
    hits = read_hits(prefix, truth="loose")
    lost = sum(h["link"] == 0 for h in EVENTS[0]["hits"])
    assert hits.attrs["pcgnn"]["hits_without_particle"] == lost
    assert 1 not in hits.hit.particle_id[0].tolist()


def test_files_that_are_not_there_or_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "zero.root").write_bytes(b"")
    write_rows(tmp_path / "event000000001-cells.csv", ("hit_id",), [])
    for files, message in (
        (tmp_path / "no.root", "no such file"),
        (tmp_path / "no.parquet", "no such file"),
        (tmp_path / "event000000007", "no such file"),
        (f"{tmp_path}/nothing*.root", "no file matches"),
        (tmp_path / "empty", "no events are recognised"),
        (tmp_path / "notes.txt", "format is not recognised"),
        (tmp_path / "zero.root", "0 bytes"),
        (tmp_path / "event000000001", "neither hits nor measurements"),
        ([], "list of files is empty"),
        (7, "must be a path"),
    ):
        with pytest.raises(ReadError, match=message):
            read_hits(files)  # type: ignore[arg-type]


def test_mixed_formats_and_events_twice(tmp_path: Path) -> None:
    tree = write_hit_tree(tmp_path / "a.root", make_branches(EVENTS))
    prefix = write_trackml(tmp_path, EVENTS[0])
    (tmp_path / "acts").mkdir()
    acts = write_acts(tmp_path / "acts", EVENTS[0])
    for files in ([tree, prefix], [prefix, acts]):
        with pytest.raises(ReadError, match=r"several formats.*read each format by itself"):
            read_hits(files)
    with pytest.raises(ReadError, match="listed twice"):
        read_hits([prefix, f"{prefix}-hits.csv"])
    with pytest.raises(ReadError, match="listed twice"):
        read_hits([tree, tree])


def test_files_of_other_fields(tmp_path: Path) -> None:
    first = write_hit_tree(tmp_path / "a.root", make_branches(EVENTS))
    more = make_branches(EVENTS)
    more["hit_time"] = more["hit_x"]
    second = write_hit_tree(tmp_path / "b.root", more)
    with pytest.raises(ReadError, match=r"the field 'time' of hit.*b\.root"):
        read_hits([first, second])
    tracks = write_hit_tree(tmp_path / "c.root", add_tracks(make_branches(EVENTS), TRACKS))
    with pytest.raises(ReadError, match=r"ckf is only in this.*c\.root"):
        read_hits([first, tracks])


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    tree = write_hit_tree(tmp_path / "a.root", make_branches(EVENTS))
    prefix = write_trackml(tmp_path, EVENTS[0])
    options: list[tuple[Any, dict[str, Any], str]] = [
        (tree, {"format": "hdf5"}, "format='hdf5' is not one of"),
        (tree, {"truth": "maybe"}, "truth='maybe'"),
        (tree, {"mapping": [1]}, "not a mapping"),
        (tree, {"mapping": {"hits": {}}}, "unknown key 'hits'"),
        (tree, {"mapping": {"hit": {"x": 1}}}, "name of a column"),
        (tree, {"mapping": {"hit": {"a b": "hit_x"}}}, "cannot be called"),
        (tree, {"mapping": {"tracks": {"hit": {}}}}, "tracks cannot be called 'hit'"),
        (tree, {"mapping": {"event_id": 3}}, "event_id"),
        (tree, {"entry_start": 3, "entry_stop": 1}, "lies before"),
        (prefix, {"tree": "events"}, "hold no trees"),
    ]
    for files, keywords, message in options:
        with pytest.raises(ConfigError, match=message):
            read_hits(files, **keywords)
    for keywords, message in (
        ({"entry_start": 2}, "no events in this range"),
        ({"tree": "other"}, "no such tree"),
        ({"mapping": {"hit": {"layer": "hit_lay"}}}, "no such branch.*did you mean hit_layer"),
        ({"mapping": {"hit": {"layer": "event"}}}, "no such branch"),
        ({"mapping": {"tracks": {"ckf": {"nhits": "hit_x"}}}}, "hit_index.*mapping="),
        ({"format": "parquet"}, "cannot be read"),
    ):
        with pytest.raises(PcgnnError, match=message):
            read_hits(tree, **keywords)
