from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from jet_files import make_columns, write_tree
from rich.console import Console
from test_toptag import make_frame, write_npz

import pcgnn.io
from pcgnn.errors import ReadError
from pcgnn.io import inspect, read_root


def test_root(either_file: Path, columns: dict[str, Any]) -> None:
    report = inspect(either_file)
    (tree,) = report.trees
    assert (report.format, tree.name, tree.entries) == ("root", "jets", 40)
    assert report.size == either_file.stat().st_size
    levels = {branch.name: branch.level for branch in tree.branches}
    assert levels["part_px"] == "jagged"
    assert levels["jet_pt"] == levels["tau"] == "event"
    assert report.particles == "part_*"
    (collection,) = tree.collections
    sizes = ak.num(columns["part_px"]).to_numpy()
    assert collection.fields == ("px", "py", "pz", "E", "charge", "d0")
    assert (collection.smallest, collection.largest) == (sizes.min(), sizes.max())
    assert collection.mean == pytest.approx(sizes.mean())


def test_the_suggestion_works(either_file: Path) -> None:
    report = inspect(either_file)
    assert report.suggestion is not None
    jets = read_root(either_file, tree=report.trees[0].name, particles=report.particles)
    assert repr(str(either_file)) in report.suggestion
    assert len(jets) == 40


def test_sizes_of_a_ttree(tmp_path: Path) -> None:
    file = write_tree(
        tmp_path / "s.root", {"x": np.zeros(5000)}, compression=uproot.ZLIB(9), basket=5000
    )
    (branch,) = inspect(file).trees[0].branches
    assert branch.uncompressed is not None
    assert branch.compressed is not None
    assert 40_000 <= branch.uncompressed < 41_000
    assert branch.compressed < 1000


def test_text_and_tables(jets_file: Path) -> None:
    report = inspect(jets_file)
    text = str(report)
    for part in ("part_px", "float[]", "40 entries", "read it with", "particles='part_*'"):
        assert part in text
    console = Console(record=True, width=120, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(report)
    assert "jet_eta" in console.export_text()
    console.file.close()


def test_several_trees_and_one_of_them(tmp_path: Path) -> None:
    file = tmp_path / "two.root"
    with uproot.recreate(file) as out:
        for name in ("a", "b"):
            out.mktree(name, {"x": np.int32}).extend({"x": np.arange(3)})
    assert [tree.name for tree in inspect(file).trees] == ["a", "b"]
    assert [tree.name for tree in inspect(file, "b").trees] == ["b"]
    assert [tree.name for tree in inspect(f"{file}:a").trees] == ["a"]
    assert inspect(file).suggestion is None
    with pytest.raises(ReadError, match="no such tree"):
        inspect(file, "c")


def test_the_largest_collection_comes_first(tmp_path: Path) -> None:
    columns = make_columns(10, smallest=3)
    few = {name.replace("part_", "lep_"): v[:, :1] for name, v in columns.items() if "part" in name}
    report = inspect(write_tree(tmp_path / "c.root", {**few, **columns}))
    assert [c.pattern for c in report.trees[0].collections] == ["part_*", "lep_*"]


def test_hdf5_and_npz(tmp_path: Path) -> None:
    make_frame(20).to_hdf(tmp_path / "a.h5", key="table", format="table")
    report = inspect(tmp_path / "a.h5")
    assert report.trees[0].entries == 20
    assert "read_toptag_hdf5" in str(report.suggestion)
    npz = write_npz(tmp_path / "a.npz")
    report = inspect(npz)
    assert report.trees[0].entries == 30
    assert report.trees[0].collections[0].mean == pytest.approx(np.load(npz)["n"].mean())
    assert "read_npz" in str(report.suggestion)
    assert "float32" in str(report)


def test_empty_tree(tmp_path: Path) -> None:
    empty = {name: values[:0] for name, values in make_columns(3).items()}
    report = inspect(write_tree(tmp_path / "e.root", empty))
    assert report.trees[0].entries == 0
    assert report.particles == "part_*"
    assert "0 entries" in str(report)


def test_public_names() -> None:
    assert set(pcgnn.io.__all__) == {
        *(
            "AnomalyScores",
            "HEPMASS_FEATURES",
            "read_hepmass",
            "AwkwardBackend",
            "RegressionPrediction",
            "Expression",
            "FileReport",
            "Prediction",
            "atomic_path",
        ),
        *("compile_expression", "file_sha256", "inspect", "iterate_root", "provenance_of"),
        *("read_hits", "read_npz", "read_root", "read_toptag_hdf5", "write_hits", "write_root"),
        *("write_scores", "write_tracks"),
    }
    for name in pcgnn.io.__all__:
        assert hasattr(pcgnn.io, name)


def test_importing_io_imports_no_torch_and_no_pandas() -> None:
    heavy = ("torch", "pandas", "tables", "lightning")
    code = f"import sys, pcgnn.io; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.stdout.strip() == "[]"
