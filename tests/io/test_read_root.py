from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from jet_files import KINEMATICS, make_columns, write_rntuple, write_tree

from pcgnn.errors import ReadError
from pcgnn.io import iterate_root, provenance_of, read_root

OPTIONS: dict[str, Any] = {
    "particles": "part_*",
    "event": ["jet_pt", "is_top", "weight", "tau"],
}
CUT = "(jet_pt > 530) & (abs(jet_eta) < 2) & (count(part_pt > 10) >= 2)"
DERIVED = {"ht": "sum(part_pt)", "part_relative": "part_pt / ht", "is_hard": "jet_pt > 560"}


def same(a: ak.Array, b: ak.Array) -> bool:
    """Equal in values, types and names (the provenance aside)."""
    return bool(ak.array_equal(a.layout, b.layout, dtype_exact=True, check_parameters=True))


def expected_selection(columns: dict[str, Any]) -> np.ndarray:
    """The cut computed jet by jet with plain formulas in double precision."""
    passed = []
    for i in range(len(columns["jet_pt"])):
        px = np.asarray(columns["part_px"][i], dtype=np.float64)
        py = np.asarray(columns["part_py"][i], dtype=np.float64)
        hard = sum(1 for a, b in zip(px, py, strict=True) if (a * a + b * b) ** 0.5 > 10)
        passed.append(
            float(columns["jet_pt"][i]) > 530
            and abs(float(columns["jet_eta"][i])) < 2
            and hard >= 2
        )
    return np.array(passed)


def test_values_and_types_survive(either_file: Path, columns: dict[str, Any]) -> None:
    jets = read_root(either_file, particles="part_*", event=OPTIONS["event"])
    assert jets.fields == ["particles", "jet_pt", "is_top", "weight", "tau", "file", "entry"]
    assert jets.particles.fields == ["px", "py", "pz", "E", "charge", "d0"]
    for field, branch in zip(("px", "py", "pz", "E"), KINEMATICS, strict=True):
        assert ak.array_equal(jets.particles[field], columns[f"part_{branch}"], dtype_exact=True)
    assert ak.array_equal(jets.particles.charge, columns["part_charge"], dtype_exact=True)
    for name in OPTIONS["event"]:
        assert ak.to_numpy(jets[name]).dtype == columns[name].dtype
        np.testing.assert_array_equal(ak.to_numpy(jets[name]), columns[name])
    assert ak.to_numpy(jets.file).dtype == np.int32
    assert ak.to_numpy(jets.entry).dtype == np.int64
    np.testing.assert_array_equal(jets.entry, np.arange(40))


def test_vector_behaviour_needs_no_registration(jets_file: Path, columns: dict[str, Any]) -> None:
    jets = read_root(jets_file, particles="part_*")
    px, py = columns["part_px"], columns["part_py"]
    assert ak.almost_equal(jets.particles.pt, np.hypot(px, py), rtol=1e-6, dtype_exact=False)
    total = ak.sum(jets.particles, axis=1)
    assert ak.almost_equal(total.px, ak.sum(px, axis=1), rtol=1e-5, dtype_exact=False)


def test_arrays_can_be_pickled(jets_file: Path) -> None:
    jets = read_root(jets_file, **OPTIONS)
    again = pickle.loads(pickle.dumps(jets[jets.is_top == 1]))
    assert ak.array_equal(again.particles.pt, jets.particles.pt[jets.is_top == 1])
    assert again.attrs["pcgnn"] == jets.attrs["pcgnn"]


def test_mass_is_double_precision(tmp_path: Path) -> None:
    columns = make_columns(5)
    pt = np.hypot(columns["part_px"], columns["part_py"])
    file = write_tree(
        tmp_path / "m.root",
        {
            "c_pt": pt,
            "c_eta": np.arcsinh(columns["part_pz"] / pt),
            "c_phi": np.arctan2(columns["part_py"], columns["part_px"]),
            "c_mass": ak.values_astype(ak.ones_like(pt) * 0.13957, np.float32),
        },
    )
    jets = read_root(file, particles="c_*")
    assert jets.particles.fields == ["pt", "eta", "phi", "mass"]
    assert ak.flatten(jets.particles.mass).to_numpy().dtype == np.float64
    assert ak.flatten(jets.particles.pt).to_numpy().dtype == np.float32


@pytest.mark.parametrize("step", [1, 3, 7, 17, 1000, "1 kB", "50 MB"])
@pytest.mark.parametrize("cut", [None, CUT])
def test_iterate_equals_read(either_file: Path, step: int | str, cut: str | None) -> None:
    whole = read_root(either_file, **OPTIONS, cut=cut, derived=DERIVED)
    chunks = list(iterate_root(either_file, **OPTIONS, cut=cut, derived=DERIVED, step_size=step))
    joined = ak.concatenate([chunk for chunk in chunks if len(chunk)])
    assert same(whole, joined)
    assert sum(provenance_of(chunk)["entries_read"] for chunk in chunks) == 40
    assert sum(provenance_of(chunk)["entries_kept"] for chunk in chunks) == len(whole)
    if isinstance(step, int):
        assert all(provenance_of(chunk)["entries_read"] <= step for chunk in chunks)


def test_cut_selects_what_plain_formulas_select(either_file: Path, columns: dict[str, Any]) -> None:
    passed = expected_selection(columns)
    assert 3 < passed.sum() < 37
    jets = read_root(either_file, **OPTIONS, cut=CUT)
    np.testing.assert_array_equal(jets.entry, np.flatnonzero(passed))
    assert "jet_eta" not in jets.fields  # only the cut needed it
    record = provenance_of(jets)
    assert (record["entries_read"], record["entries_kept"]) == (40, int(passed.sum()))
    assert record["dropped"] == {"cut": 40 - int(passed.sum()), "nonfinite": 0, "empty": 0}


def test_cut_sees_every_branch_also_without_reading_particles(
    either_file: Path, columns: dict[str, Any]
) -> None:
    jets = read_root(either_file, event="weight", cut="max(part_d0) > 1")
    passed = [max(d0) > 1 for d0 in columns["part_d0"].to_list()]
    np.testing.assert_array_equal(jets.entry, np.flatnonzero(passed))
    assert jets.fields == ["weight", "file", "entry"]


def test_derived_columns(jets_file: Path, columns: dict[str, Any]) -> None:
    jets = read_root(jets_file, **OPTIONS, derived=DERIVED)
    for i, (px, py) in enumerate(zip(columns["part_px"], columns["part_py"], strict=True)):
        pt = np.hypot(np.asarray(px, np.float64), np.asarray(py, np.float64))
        assert jets.ht[i] == pytest.approx(pt.sum(), rel=1e-14)
        np.testing.assert_allclose(jets.particles.relative[i], pt / pt.sum(), rtol=1e-14)
    np.testing.assert_array_equal(jets.is_hard, columns["jet_pt"] > 560)
    assert ak.to_numpy(jets.is_hard).dtype == np.bool_


def test_constant_derived_column_labels_a_file(jets_file: Path) -> None:
    jets = read_root(jets_file, particles="part_*", derived={"label": "1"})
    np.testing.assert_array_equal(jets.label, np.ones(40))


def test_cut_compares_float32_columns_in_double_precision(tmp_path: Path) -> None:
    values = np.array([0.1, 0.2, 0.3], dtype=np.float32)  # float32(0.1) > 0.1
    file = write_tree(tmp_path / "f.root", {"x": values})
    jets = read_root(file, event="x", cut="x > 0.1")
    np.testing.assert_array_equal(jets.entry, [0, 1, 2])


def test_unsigned_columns_do_not_wrap_around(tmp_path: Path) -> None:
    file = write_tree(
        tmp_path / "u.root",
        {"a": np.array([1, 5], dtype=np.uint8), "b": np.array([3, 2], dtype=np.uint8)},
    )
    np.testing.assert_array_equal(read_root(file, event="a", cut="a - b > 0").entry, [1])
    derived = read_root(file, event="a", derived={"d": "a - b", "p": "100 * a"})
    np.testing.assert_array_equal(derived.d, [-2, 3])
    np.testing.assert_array_equal(derived.p, [100, 500])


def test_entry_range_counts_over_the_chain(tmp_path: Path) -> None:
    sizes = (5, 7, 3)
    files = []
    for i, size in enumerate(sizes):
        files.append(write_tree(tmp_path / f"f{i}.root", make_columns(size, seed=i)))
    whole = read_root(files, particles="part_*", event="weight")
    np.testing.assert_array_equal(whole.file, np.repeat([0, 1, 2], sizes))
    np.testing.assert_array_equal(whole.entry, [*range(5), *range(7), *range(3)])
    for start, stop in [(0, 15), (2, 4), (4, 6), (3, 13), (5, 12), (12, 99), (None, 6), (11, None)]:
        part = read_root(
            files, particles="part_*", event="weight", entry_start=start, entry_stop=stop
        )
        assert same(part, whole[slice(start, stop)])
        chunks = list(
            iterate_root(
                files,
                particles="part_*",
                event="weight",
                entry_start=start,
                entry_stop=stop,
                step_size=2,
            )
        )
        assert same(ak.concatenate(chunks), part)


def test_chain_may_mix_ttree_and_rntuple_and_empty_files(tmp_path: Path) -> None:
    columns = make_columns(6)
    empty = {name: values[:0] for name, values in columns.items()}
    files = [
        write_tree(tmp_path / "a.root", columns),
        write_tree(tmp_path / "b.root", empty),
        write_rntuple(tmp_path / "c.root", columns),
    ]
    jets = read_root(files, tree="jets", **OPTIONS)
    np.testing.assert_array_equal(jets.file, [0] * 6 + [2] * 6)
    assert ak.array_equal(jets.particles.px[:6], jets.particles.px[6:])


def test_provenance_repeats_the_reading(jets_file: Path) -> None:
    jets = read_root(jets_file, **OPTIONS, cut=CUT, derived=DERIVED)
    record = json.loads(json.dumps(provenance_of(jets)))
    assert record == provenance_of(jets)
    assert record["format"] == "root"
    assert record["files"] == [str(jets_file)]
    assert record["tree"] == "jets"
    assert same(read_root(record["files"], record["tree"], **record["read"]), jets)


def test_only_needed_branches_are_read(jets_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    original = uproot.behaviors.TBranch.HasBranches.iterate

    def spy(self: Any, expressions: Any = None, *args: Any, **kwargs: Any) -> Any:
        asked.extend(expressions)
        return original(self, expressions, *args, **kwargs)

    monkeypatch.setattr(uproot.behaviors.TBranch.HasBranches, "iterate", spy)
    particles = {name: f"part_{name}" for name in KINEMATICS}
    read_root(jets_file, particles=particles, event="weight", cut="jet_pt > 550")
    assert sorted(asked) == sorted([*particles.values(), "weight", "jet_pt"])


def test_decompression_threads_change_nothing(jets_file: Path) -> None:
    assert same(read_root(jets_file, **OPTIONS), read_root(jets_file, **OPTIONS, threads=2))


def test_event_only_and_renamed_columns(either_file: Path, columns: dict[str, Any]) -> None:
    jets = read_root(either_file, event={"target": "is_top", "w": "weight"}, cut="target == 1")
    assert jets.fields == ["target", "w", "file", "entry"]
    np.testing.assert_array_equal(jets.w, columns["weight"][columns["is_top"] == 1])


def test_event_patterns(either_file: Path) -> None:
    assert read_root(either_file, event=["jet_*"]).fields == ["jet_pt", "jet_eta", "file", "entry"]


def test_nothing_left_can_be_allowed(either_file: Path) -> None:
    options = {**OPTIONS, "derived": DERIVED, "allow_empty": True}
    full = read_root(either_file, **options)
    none = read_root(either_file, **options, cut="jet_pt > 9000")
    assert len(none) == 0
    assert none.type.content == full.type.content
    assert provenance_of(none)["entries_read"] == 40
    assert none.particles.pt.to_list() == []
    chunks = list(iterate_root(either_file, **options, cut="jet_pt > 9000", step_size=9))
    assert [len(chunk) for chunk in chunks] == [0] * 5


def test_one_particle_jets_are_fine(tmp_path: Path) -> None:
    columns = {
        f"part_{name}": ak.Array([[1.0], [2.0], [3.0]]) for name in ("px", "py", "pz", "energy")
    }
    jets = read_root(write_tree(tmp_path / "one.root", columns), particles="part_*")
    assert ak.num(jets.particles).to_list() == [1, 1, 1]


def test_empty_jets_on_request(tmp_path: Path) -> None:
    columns = make_columns(30, seed=3, smallest=0)
    file = write_tree(tmp_path / "e.root", columns)
    sizes = ak.num(columns["part_px"]).to_numpy()
    assert (sizes == 0).any()
    kept = read_root(file, **OPTIONS, empty="keep")
    np.testing.assert_array_equal(ak.num(kept.particles), sizes)
    dropped = read_root(file, **OPTIONS, empty="drop")
    np.testing.assert_array_equal(dropped.entry, np.flatnonzero(sizes))
    assert provenance_of(dropped)["dropped"]["empty"] == int((sizes == 0).sum())
    cut = read_root(file, **OPTIONS, cut="n_particles > 0")
    assert same(cut, dropped)
    means = read_root(
        file, **OPTIONS, empty="keep", nonfinite="keep", derived={"m": "mean(part_pt)"}
    )
    np.testing.assert_array_equal(np.isnan(means.m), sizes == 0)


def test_nonfinite_on_request(tmp_path: Path) -> None:
    columns = make_columns(12)
    columns["weight"] = columns["weight"].copy()
    columns["weight"][[2, 7]] = np.nan, np.inf
    file = write_tree(tmp_path / "n.root", columns)
    dropped = read_root(file, **OPTIONS, nonfinite="drop")
    np.testing.assert_array_equal(dropped.entry, np.delete(np.arange(12), [2, 7]))
    assert provenance_of(dropped)["dropped"]["nonfinite"] == 2
    kept = read_root(file, **OPTIONS, nonfinite="keep")
    np.testing.assert_array_equal(kept.weight, columns["weight"])
    guarded = read_root(file, **OPTIONS, cut="isfinite(weight)")
    assert same(guarded, dropped)
    not_read = read_root(file, particles="part_*", event="is_top")
    assert len(not_read) == 12


def test_names_with_dots_are_identifiers_in_expressions(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "d.root", {"Event.Weight": np.array([1.0, 2.0, 3.0])})
    jets = read_root(file, event="Event.Weight", cut="Event_Weight > 1.5")
    np.testing.assert_array_equal(jets["Event.Weight"], [2, 3])


def test_numbers_of_events_are_not_rounded_where_files_differ(tmp_path: Path) -> None:
    for name, dtype in (("a", np.int64), ("b", np.float32)):
        with uproot.recreate(tmp_path / f"{name}.root") as file:
            file["jets"] = {"run": np.array([2**60 + 1]).astype(dtype), "pt": np.ones(1)}
    files = [str(tmp_path / "a.root"), str(tmp_path / "b.root")]
    with pytest.raises(ReadError, match=r"float32, int64.*no common type"):
        read_root(files, event=["run", "pt"])
    assert read_root(files, event=["pt"]).pt.to_list() == [1.0, 1.0]
    assert read_root(files[0], event=["run"]).run[0] == 2**60 + 1
