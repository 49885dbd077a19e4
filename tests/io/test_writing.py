from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
import vector
from hypothesis import given, settings
from hypothesis import strategies as st
from jet_files import make_columns, write_tree

from pcgnn.errors import ConfigError, WriteError
from pcgnn.io import read_root, write_root

EVENT = ["jet_pt", "is_top", "weight", "tau", "run"]


@pytest.fixture(scope="module")
def jets(tmp_path_factory: pytest.TempPathFactory) -> ak.Array:
    file = write_tree(tmp_path_factory.mktemp("w") / "a.root", make_columns(33, seed=8, smallest=0))
    return read_root(file, particles="part_*", event=EVENT, empty="keep")


@pytest.mark.parametrize("compression", ["zstd", "lz4", "zlib", "lzma", "none"])
@pytest.mark.parametrize("step", [4, 10_000])
def test_round_trip_is_exact(tmp_path: Path, jets: ak.Array, compression: Any, step: int) -> None:
    path = write_root(tmp_path / "b.root", jets, compression=compression, step_size=step)
    again = read_root(path, particles="part_*", event=EVENT, empty="keep")
    assert ak.array_equal(again.layout, jets.layout, dtype_exact=True)
    assert os.listdir(tmp_path) == ["b.root"]


def test_branches_share_a_counter_and_energy_has_its_name(tmp_path: Path, jets: ak.Array) -> None:
    write_root(tmp_path / "b.root", jets, tree="events")
    with uproot.open(f"{tmp_path}/b.root:events") as tree:
        assert {"npart", "part_px", "part_energy", "part_charge"} <= set(tree.keys())
        assert not {"npart_px", "file", "entry", "part_E"} & set(tree.keys())
        np.testing.assert_array_equal(tree["npart"].array(), ak.num(jets.particles))


def test_other_prefix_and_selection(tmp_path: Path, jets: ak.Array) -> None:
    chosen = jets[jets.is_top == 1]
    write_root(tmp_path / "b.root", chosen, prefix="pf_", tree="t")
    again = read_root(tmp_path / "b.root", particles="pf_*", event="run", empty="keep")
    np.testing.assert_array_equal(again.run, chosen.run)
    assert ak.array_equal(again.particles.d0, chosen.particles.d0)


def test_records_made_by_the_user(tmp_path: Path) -> None:
    particles = vector.zip({k: ak.Array([[1.0, 2.0], [3.0]]) for k in ("pt", "eta", "phi", "mass")})
    jets = ak.zip({"particles": particles, "label": ak.Array([0, 1])}, depth_limit=1)
    write_root(tmp_path / "b.root", jets)
    again = read_root(tmp_path / "b.root", particles="part_*", event="label")
    assert again.particles.pt.to_list() == [[1, 2], [3]]


def test_no_entries_and_no_particles(tmp_path: Path, jets: ak.Array) -> None:
    write_root(tmp_path / "none.root", jets[:0])
    empty = read_root(tmp_path / "none.root", particles="part_*", event=EVENT, allow_empty=True)
    assert empty.type.content == jets.type.content
    write_root(tmp_path / "event.root", jets[["weight", "file", "entry"]])
    assert read_root(tmp_path / "event.root", event="weight").fields == ["weight", "file", "entry"]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=4)),
    st.integers(1, 5),
)
def test_any_numbers_survive(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[float]], step: int
) -> None:
    sizes = [len(numbers) for numbers in lists]
    flat = np.array([x for numbers in lists for x in numbers], dtype=np.float32)
    values = ak.unflatten(flat, np.array(sizes, dtype=np.int64))
    jets = ak.zip(
        {"particles": ak.zip(dict.fromkeys(("px", "py", "pz", "E"), values))}, depth_limit=1
    )
    path = tmp_path_factory.mktemp("h") / "a.root"
    write_root(path, jets, step_size=step)
    again = read_root(path, particles="part_*", empty="keep", allow_empty=True)
    assert ak.array_equal(again.particles.px, values, dtype_exact=True)


@pytest.mark.parametrize(
    ("change", "branch"),
    [
        (lambda jets: ak.with_field(jets, ak.Array(["a"] * 33), "name"), "name"),
        (lambda jets: ak.with_field(jets, ak.Array([[1.0]] * 33), "list"), "list"),
        (lambda jets: ak.with_field(jets, ak.Array([None] + [1.0] * 32), "gap"), "gap"),
        (lambda jets: ak.with_field(jets, jets.weight, "Jet.PT"), "Jet.PT"),
        (
            lambda jets: ak.with_field(
                jets, ak.with_field(jets.particles, jets.particles.px + 1j, "deep"), "particles"
            ),
            "particles.deep",
        ),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, jets: ak.Array, change: Any, branch: str) -> None:
    with pytest.raises(WriteError) as error:
        write_root(tmp_path / "b.root", change(jets))
    assert error.value.branch == branch
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("bad", [ak.Array([1, 2]), [1, 2], None, ak.Array([{"file": 1}])])
def test_what_is_no_record(tmp_path: Path, bad: Any) -> None:
    with pytest.raises(WriteError):
        write_root(tmp_path / "b.root", bad)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "options", [{"compression": "zip"}, {"step_size": 0}, {"prefix": "1-"}, {"prefix": ""}]
)
def test_options_that_make_no_sense(tmp_path: Path, jets: ak.Array, options: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        write_root(tmp_path / "b.root", jets, **options)


def test_existing_file_is_kept(tmp_path: Path, jets: ak.Array) -> None:
    path = tmp_path / "b.root"
    path.write_text("precious")
    with pytest.raises(WriteError, match="overwrite=True"):
        write_root(path, jets)
    assert path.read_text() == "precious"
    write_root(path, jets, overwrite=True)
    assert len(read_root(path, particles="part_*", empty="keep")) == 33
