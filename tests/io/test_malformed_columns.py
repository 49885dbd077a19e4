"""Branches that are missing, of the wrong type, or hold what must not be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from jet_files import make_columns, replace_value, write_rntuple, write_tree

from pcgnn.errors import ConfigError, PcgnnError, ReadError
from pcgnn.io import iterate_root, provenance_of, read_root

PARTICLES = ("part_px", "part_py", "part_pz", "part_energy", "part_d0")
EVENT = ["jet_pt", "weight", "tau"]
Writer = Callable[..., Path]


@pytest.fixture(params=["TTree", "RNTuple"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Writer:
    writer = write_tree if request.param == "TTree" else write_rntuple
    return lambda columns: writer(tmp_path / "bad.root", columns)


def entry_of(columns: dict[str, Any], particle: int) -> int:
    """Which jet the n-th of all particles belongs to."""
    return int(np.searchsorted(np.cumsum(ak.num(columns["part_px"])), particle, side="right"))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("branch", PARTICLES)
def test_nonfinite_particles(write: Writer, branch: str, number: float) -> None:
    columns = make_columns(30)
    columns[branch] = replace_value(columns[branch], 77, number)
    file = write(columns)
    entry = entry_of(columns, 77)
    with pytest.raises(ReadError, match="NaN or infinity") as error:
        read_root(file, particles="part_*", event=EVENT)
    found = error.value
    assert (found.file, found.tree, found.branch, found.entry) == (str(file), "jets", branch, entry)
    assert "nonfinite=" in str(found.remedy)
    with pytest.raises(ReadError, match=branch):
        list(iterate_root(file, particles="part_*", step_size=4))
    rest = read_root(file, particles="part_*", nonfinite="drop")
    np.testing.assert_array_equal(rest.entry, np.delete(np.arange(30), entry))


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("branch", EVENT)
def test_nonfinite_event_columns(write: Writer, branch: str, number: float) -> None:
    columns = make_columns(30)
    columns[branch] = columns[branch].copy()
    columns[branch][21] = number
    with pytest.raises(ReadError, match="NaN or infinity") as error:
        read_root(write(columns), particles="part_*", event=EVENT)
    assert (error.value.branch, error.value.entry) == (branch, 21)


def test_nonfinite_column_of_the_cut_does_not_drop_entries_silently(write: Writer) -> None:
    columns = make_columns(30)
    columns["jet_eta"] = columns["jet_eta"].copy()
    columns["jet_eta"][4] = np.nan
    file = write(columns)
    with pytest.raises(ReadError) as error:
        read_root(file, event="weight", cut="abs(jet_eta) < 2")
    assert (error.value.branch, error.value.entry) == ("jet_eta", 4)
    guarded = read_root(file, event="weight", cut="isfinite(jet_eta) & (abs(jet_eta) < 2)")
    assert 4 not in guarded.entry
    dropped = read_root(file, event="weight", cut="abs(jet_eta) < 2", nonfinite="drop")
    assert dropped.entry.to_list() == guarded.entry.to_list()
    assert provenance_of(dropped)["dropped"]["nonfinite"] == 1


def test_nonfinite_particle_behind_a_kinematic_quantity_of_the_cut(write: Writer) -> None:
    columns = make_columns(30)
    columns["part_px"] = replace_value(columns["part_px"], 5, np.nan)
    with pytest.raises(ReadError) as error:
        read_root(write(columns), particles="part_*", cut="sum(part_pt) > 1e9")
    assert (error.value.branch, error.value.entry) == ("part_px", entry_of(columns, 5))


def test_nonfinite_derived_column(write: Writer) -> None:
    file = write(make_columns(30))
    with pytest.raises(ReadError, match="NaN or infinity") as error:
        read_root(file, event="weight", derived={"bad": "log(jet_eta)"})
    assert error.value.branch == "bad"


@pytest.mark.parametrize("branch", PARTICLES[1:])
def test_counts_that_disagree(write: Writer, branch: str) -> None:
    columns = make_columns(30)
    sizes = ak.num(columns[branch]).to_numpy().copy()
    sizes[[12, 20]] += 1
    columns[branch] = ak.unflatten(np.ones(sizes.sum()), sizes)
    file = write(columns)
    with pytest.raises(ReadError, match="particles here but") as error:
        read_root(file, particles="part_*")
    found = error.value
    assert (found.file, found.tree, found.branch, found.entry) == (str(file), "jets", branch, 12)


def test_counts_that_only_add_up(write: Writer) -> None:
    columns = make_columns(30)
    sizes = ak.num(columns["part_py"]).to_numpy().copy()
    sizes[3] += 1
    sizes[9] -= 1
    columns["part_py"] = ak.unflatten(ak.flatten(columns["part_py"]), sizes)
    with pytest.raises(ReadError) as error:
        read_root(write(columns), particles="part_*")
    assert (error.value.branch, error.value.entry) == ("part_py", 3)


@pytest.mark.parametrize("missing", PARTICLES[:4])
def test_missing_coordinate(write: Writer, missing: str) -> None:
    columns = make_columns(9)
    del columns[missing]
    file = write(columns)
    with pytest.raises(ReadError, match="no complete four-vector") as error:
        read_root(file, particles="part_*")
    assert "mapping" in str(error.value)
    mapping = {name.removeprefix("part_"): name for name in PARTICLES[:4]}
    with pytest.raises(ReadError, match="no such branch") as error:
        read_root(file, particles=mapping)
    assert error.value.branch == missing


@pytest.mark.parametrize(
    ("event", "near"),
    [("jet_ptt", "jet_pt"), ("is_topp", "is_top"), ("Weight", "weight"), ("zzz", "there are")],
)
def test_missing_event_column(write: Writer, event: str, near: str) -> None:
    with pytest.raises(ReadError, match=near) as error:
        read_root(write(make_columns(9)), event=event)
    assert error.value.branch == event


@pytest.mark.parametrize(
    ("options", "branch"),
    [
        ({"event": "part_px"}, "part_px"),
        ({"event": "name"}, "name"),
        ({"event": "nested"}, "nested"),
        ({"event": "weight", "cut": "name == 1"}, "name"),
        ({"event": "weight", "cut": "any(nested > 1)"}, "nested"),
        ({"particles": {"px": "jet_pt", "py": "jet_pt", "pz": "jet_pt", "E": "jet_pt"}}, "jet_pt"),
        ({"particles": dict.fromkeys(("px", "py", "pz", "E"), "tau")}, "tau"),
        ({"particles": dict.fromkeys(("px", "py", "pz", "E"), "nested")}, "nested"),
        ({"particles": dict.fromkeys(("px", "py", "pz", "E"), "name")}, "name"),
        ({"particles": "tau*"}, "taus"),
    ],
)
def test_wrong_types(tmp_path: Path, options: dict[str, Any], branch: str) -> None:
    columns = make_columns(9)
    columns["name"] = ak.Array(["jet"] * 9)
    columns["nested"] = ak.Array([[[1.0], [2.0]]] * 9)
    columns["taus"] = columns["tau"]
    with pytest.raises(ReadError) as error:
        read_root(write_rntuple(tmp_path / "t.root", columns), **options)
    assert error.value.branch == branch
    assert error.value.tree == "jets"


def test_strings_in_a_ttree(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "s.root") as file:
        file.mktree("t", {"part_px": "string", "x": "float32"}).extend(
            {"part_px": ak.Array(["a", "b"]), "x": np.ones(2, dtype=np.float32)}
        )
    for options in ({"event": "part_px"}, {"particles": "part_*"}):
        with pytest.raises(ReadError, match="part_px"):
            read_root(tmp_path / "s.root", **options)


def test_empty_tree(write: Writer) -> None:
    file = write({name: values[:0] for name, values in make_columns(9).items()})
    with pytest.raises(ReadError, match="no entries") as error:
        read_root(file, particles="part_*")
    assert (error.value.file, error.value.tree) == (str(file), "jets")
    with pytest.raises(ReadError, match="no entries"):
        list(iterate_root(file, particles="part_*"))
    empty = read_root(file, particles="part_*", event=EVENT, allow_empty=True)
    assert len(empty) == 0
    assert empty.particles.fields == ["px", "py", "pz", "E", "charge", "d0"]
    assert list(iterate_root(file, particles="part_*", allow_empty=True)) == []


@pytest.mark.parametrize("cut", ["jet_pt > 1e6", "n_particles > 1000", "1 > 2"])
def test_nothing_selected(write: Writer, cut: str) -> None:
    file = write(make_columns(9))
    with pytest.raises(ReadError, match="none of 9 entries is left") as error:
        read_root(file, particles="part_*", cut=cut)
    assert cut in str(error.value)
    with pytest.raises(ReadError, match="none of 9 entries"):
        list(iterate_root(file, particles="part_*", cut=cut, step_size=2))


def test_empty_jets(write: Writer) -> None:
    columns = make_columns(30, seed=3, smallest=0)
    first = int(np.flatnonzero(ak.num(columns["part_px"]) == 0)[0])
    with pytest.raises(ReadError, match="no particles") as error:
        read_root(write(columns), particles="part_*")
    assert error.value.entry == first
    assert 'empty="drop"' in str(error.value.remedy)


def test_duplicate_branch(tmp_path: Path) -> None:
    """Two branches of one name: written under different ones and renamed in the bytes."""
    columns = {"part_pa": np.ones(4), "part_pb": np.ones(4), "c": np.ones(4)}
    file = write_tree(tmp_path / "dup.root", columns)
    data = file.read_bytes()
    assert b"part_pb" in data
    file.write_bytes(data.replace(b"part_pb", b"part_pa"))
    assert read_root(file, event="c").fields == ["c", "file", "entry"]
    with pytest.raises(ReadError, match="2 branches of this name") as error:
        read_root(file, event="part_pa")
    assert error.value.branch == "part_pa"
    with pytest.raises(ReadError, match="2 branches of this name"):
        read_root(file, event="c", cut="part_pa > 0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to read"),
        ({"event": ["weight", "weight"]}, "twice"),
        ({"event": {"entry": "weight"}}, "entry"),
        ({"event": {"particles": "weight"}}, "particles"),
        ({"event": [1]}, "names of branches"),
        ({"event": "weight", "nonfinite": "ignore"}, "nonfinite"),
        ({"event": "weight", "empty": "skip"}, "empty"),
        ({"event": "weight", "entry_start": -1}, "entry_start"),
        ({"event": "weight", "entry_stop": 2.5}, "entry_stop"),
        ({"event": "weight", "entry_start": 5, "entry_stop": 2}, "before"),
        ({"event": "weight", "threads": 0}, "threads"),
        ({"event": "weight", "derived": {"weight": "1"}}, "name of another"),
        ({"event": "weight", "derived": {"a b": "1"}}, "a b"),
        ({"event": "weight", "derived": {"__a": "1"}}, "__a"),
        ({"particles": 3}, "particles=3"),
        ({"particles": "part_*", "derived": {"n_particles": "1"}}, "n_particles"),
    ],
)
def test_options_that_make_no_sense(jets_file: Path, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_root(jets_file, **options)


@pytest.mark.parametrize("step", [0, -3, 2.5, None, True, "lots", "0 MB", "-5 MB", ""])
def test_step_sizes_that_make_no_sense(jets_file: Path, step: Any) -> None:
    with pytest.raises(ConfigError, match="step_size"):
        iterate_root(jets_file, event="weight", step_size=step)


@pytest.mark.parametrize("start", [40, 1000])
def test_range_beyond_the_end(either_file: Path, start: int) -> None:
    with pytest.raises(ReadError, match="in the range asked for"):
        read_root(either_file, event="weight", entry_start=start)


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    columns = make_columns(5)
    first = write_tree(tmp_path / "a.root", columns)
    del columns["part_charge"]
    second = write_tree(tmp_path / "b.root", columns)
    with pytest.raises(ReadError, match=r"particles\.charge") as error:
        read_root([first, second], particles="part_*")
    assert error.value.file == str(second)
    third = write_tree(tmp_path / "c.root", make_columns(5), tree="other")
    with pytest.raises(PcgnnError, match="other"):
        read_root([first, third], tree="jets", particles="part_*")
