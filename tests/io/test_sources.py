from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import uproot
from jet_files import make_columns, write_tree

from pcgnn.errors import ReadError
from pcgnn.io import read_root
from pcgnn.io.sources import Source, find_sources


@pytest.mark.parametrize(
    ("text", "file", "tree"),
    [
        ("a.root", "a.root", None),
        ("a.root:jets", "a.root", "jets"),
        ("a.root:dir/jets", "a.root", "dir/jets"),
        ("root://host:1094//store/a.root", "root://host:1094//store/a.root", None),
        ("root://host:1094//store/a.root:Events", "root://host:1094//store/a.root", "Events"),
        ("https://host/a.root?token=x", "https://host/a.root?token=x", None),
        ("https://host/a.root?token=x:Events", "https://host/a.root?token=x", "Events"),
        ("s3://bucket/a.root", "s3://bucket/a.root", None),
    ],
)
def test_file_and_tree(text: str, file: str, tree: str | None) -> None:
    assert find_sources(text) == [Source(file, tree)]


def test_globs_are_sorted_and_may_name_a_tree(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.root").touch()
    (tmp_path / ".hidden.root").touch()
    found = find_sources(str(tmp_path / "*.root:t"))
    assert found == [Source(str(tmp_path / f"{name}.root"), "t") for name in "abc"]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.root").touch()
    assert len(find_sources(str(tmp_path / "**" / "*.root"))) == 4


def test_literal_names_win_over_globs_and_colons(tmp_path: Path) -> None:
    odd = tmp_path / "run[1].root"
    odd.touch()
    assert find_sources(str(odd)) == [Source(str(odd), None)]
    colon = tmp_path / "a.root:b"
    colon.touch()
    assert find_sources(str(colon)) == [Source(str(colon), None)]
    plain = tmp_path / "ntuple"
    plain.touch()
    assert find_sources(f"{plain}:tree") == [Source(str(plain), "tree")]


def test_lists_mappings_and_paths(tmp_path: Path) -> None:
    assert find_sources([Path("a.root"), "b.root:t"], None) == [
        Source("a.root", None),
        Source("b.root", "t"),
    ]
    assert find_sources({"a.root": "x", "b.root": None}, "y") == [
        Source("a.root", "x"),
        Source("b.root", "y"),
    ]


@pytest.mark.parametrize(
    ("files", "tree", "message"),
    [
        ([], None, "empty"),
        ("", None, "empty text"),
        ("nothing_here_*.root", None, "no file matches"),
        (["a.root", "./a.root"], None, "twice"),
        ("a.root:x", "y", "two trees"),
        (3, None, "int"),
        ([1, 2], None, "list"),
        ("a\0.root", None, "null byte"),
    ],
)
def test_refused(files: Any, tree: str | None, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        find_sources(files, tree)


def test_sole_tree_is_found_and_cycles_are_no_trees(tmp_path: Path) -> None:
    columns = make_columns(4)
    file = tmp_path / "dir.root"
    with uproot.recreate(file) as out:
        out["folder/h"] = np.histogram([1.0, 2.0])
        out.mktree("folder/jets", {"jet_pt": np.float32}).extend({"jet_pt": columns["jet_pt"]})
        out.mktree("folder/jets", {"jet_pt": np.float32}).extend({"jet_pt": columns["jet_pt"] * 2})
        assert sum(key.startswith("folder/jets") for key in out.keys()) == 2  # noqa: SIM118
    jets = read_root(file, event="jet_pt")
    np.testing.assert_array_equal(jets.jet_pt, columns["jet_pt"] * 2)  # the newest cycle
    assert jets.attrs["pcgnn"]["tree"] == "folder/jets"
    assert len(read_root(f"{file}:folder/jets", event="jet_pt")) == 4
    older = read_root(file, "folder/jets;1", event="jet_pt")
    np.testing.assert_array_equal(older.jet_pt, columns["jet_pt"])


def test_ambiguous_and_misspelt_trees_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "two.root"
    with uproot.recreate(file) as out:
        for name in ("train", "test"):
            out.mktree(name, {"x": np.int32}).extend({"x": np.arange(3)})
    with pytest.raises(ReadError, match="2 trees: train, test"):
        read_root(file, event="x")
    with pytest.raises(ReadError, match="did you mean train"):
        read_root(file, "trian", event="x")


def test_addresses_go_through_fsspec(tmp_path: Path) -> None:
    columns = make_columns(5)
    local = write_tree(tmp_path / "r.root", columns)
    memory = fsspec.filesystem("memory")
    for name in ("a", "b"):
        memory.pipe(f"/pcgnn/{name}.root", local.read_bytes())
    try:
        one = read_root("memory://pcgnn/a.root:jets", event="weight")
        np.testing.assert_array_equal(one.weight, columns["weight"])
        both = read_root("memory://pcgnn/*.root", event="weight")
        np.testing.assert_array_equal(both.file, [0] * 5 + [1] * 5)
        with pytest.raises(ReadError, match=r"none\.root"):
            read_root("memory://pcgnn/none.root", event="weight")
    finally:
        memory.rm("/pcgnn", recursive=True)


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path / "h.root", make_columns(3))
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert len(read_root("~/h.root", event="weight")) == 3
