from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from jet_files import make_columns, write_rntuple, write_tree
from test_toptag import make_frame, write_npz

from pcgnn.errors import ReadError, WriteError
from pcgnn.io import Prediction, read_npz, read_root, read_toptag_hdf5, write_scores
from pcgnn.io import scores as scores_module

CLASSES = ("not is_top", "is_top")


def predict(jets: Any, seed: int = 0) -> Prediction:
    """Scores that are a function of file and entry, so that alignment can be checked."""
    record = jets.attrs["pcgnn"]
    file, entry = np.asarray(jets.file), np.asarray(jets.entry)
    order = np.random.default_rng(seed).permutation(len(file))
    signal = score_of(file, entry)[order]
    probabilities = np.stack([1 - signal, signal], axis=1).astype(np.float32)
    return Prediction(
        probabilities, file[order], entry[order], tuple(record["files"]), record["tree"], CLASSES
    )


def score_of(file: Any, entry: Any) -> Any:
    return (1 + 64 * file + entry) / 1024


def friend(path: Path, tree: str = "jets") -> dict[str, np.ndarray]:
    with uproot.open(f"{path}:{tree}") as opened:
        return opened.arrays(library="np")


@pytest.mark.parametrize("step", [7, 100_000])
def test_entry_by_entry_with_nan_where_cut_away(
    tmp_path: Path, either_file: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores_module, "_STEP", step)
    jets = read_root(either_file, particles="part_*", event="is_top", cut="jet_pt > 550")
    assert write_scores(tmp_path / "s.root", predict(jets), like=either_file) == [
        tmp_path / "s.root"
    ]
    columns = friend(tmp_path / "s.root")
    assert list(columns) == ["score_not_is_top", "score_is_top"]
    expected = np.full(40, np.nan, dtype=np.float32)
    expected[np.asarray(jets.entry)] = score_of(0, np.asarray(jets.entry))
    np.testing.assert_array_equal(columns["score_is_top"], expected)
    np.testing.assert_allclose(columns["score_not_is_top"], 1 - expected, rtol=1e-6)
    assert columns["score_is_top"].dtype == np.float32
    again = read_root(tmp_path / "s.root", event="score_*", nonfinite="keep")
    assert len(again) == 40


def test_it_is_a_friend(tmp_path: Path, jets_file: Path) -> None:
    jets = read_root(jets_file, event="weight")
    write_scores(tmp_path / "s.root", predict(jets), like=jets_file)
    with uproot.open(jets_file) as original, uproot.open(tmp_path / "s.root") as scored:
        assert original["jets"].num_entries == scored["jets"].num_entries


def test_one_friend_per_file(tmp_path: Path) -> None:
    files = [write_tree(tmp_path / f"f{i}.root", make_columns(5 + i, seed=i)) for i in range(3)]
    prediction = predict(read_root(files, event="weight"))
    with pytest.raises(WriteError, match=r"\{stem\}"):
        write_scores(tmp_path / "s.root", prediction, like=files)
    assert not (tmp_path / "s.root").exists()
    paths = write_scores(tmp_path / "{stem}.scores.root", prediction, like=files)
    assert [path.name for path in paths] == [f"f{i}.scores.root" for i in range(3)]
    for i, path in enumerate(paths):
        expected = score_of(i, np.arange(5 + i)).astype(np.float32)
        np.testing.assert_array_equal(friend(path)["score_is_top"], expected)
    write_scores(tmp_path / "one.root", prediction, like=files[1])
    np.testing.assert_array_equal(
        friend(tmp_path / "one.root")["score_is_top"], score_of(1, np.arange(6)).astype(np.float32)
    )


def test_moved_file_is_known_by_its_name(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "jets.root", make_columns(6))
    prediction = predict(read_root(file, event="weight"))
    (tmp_path / "moved").mkdir()
    moved = file.rename(tmp_path / "moved" / "jets.root")
    write_scores(tmp_path / "s.root", prediction, like=moved)
    assert len(friend(tmp_path / "s.root")["score_is_top"]) == 6


def test_hdf5_and_npz_can_be_scored(tmp_path: Path) -> None:
    make_frame(12).to_hdf(tmp_path / "a.h5", key="table", format="table")
    jets = read_toptag_hdf5(tmp_path / "a.h5", cut="is_top == 1")
    write_scores(tmp_path / "h.root", predict(jets), like=tmp_path / "a.h5")
    found = friend(tmp_path / "h.root", "table")["score_is_top"]
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(found)), jets.entry)
    assert len(found) == 12
    npz = write_npz(tmp_path / "a.npz")
    write_scores(tmp_path / "n.root", predict(read_npz(npz)), like=npz)
    assert len(friend(tmp_path / "n.root", "scores")["score_is_top"]) == 30


def test_double_precision_and_many_classes(tmp_path: Path, jets_file: Path) -> None:
    probabilities = np.full((2, 3), 1 / 3)
    prediction = Prediction(
        probabilities, [0, 0], [39, 1], (str(jets_file),), "jets", ("b", "c", "light")
    )
    write_scores(tmp_path / "s.root", prediction, like=jets_file, prefix="p_")
    columns = friend(tmp_path / "s.root")
    assert list(columns) == ["p_b", "p_c", "p_light"]
    assert columns["p_c"][39] == 1 / 3
    assert np.isnan(columns["p_c"]).sum() == 38


def make(file: Path, **changes: Any) -> Prediction:
    arguments: dict[str, Any] = {
        "probabilities": np.array([[0.5, 0.5], [0.25, 0.75]]),
        "file": [0, 0],
        "entry": [0, 1],
        "files": (str(file),),
        "tree": "jets",
        "classes": CLASSES,
    }
    return Prediction(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"entry": [3, 3]}, {}, "twice"),
        ({"entry": [0, 40]}, {}, "entry that the tree of 40 entries lacks"),
        ({"files": ("elsewhere.root",)}, {}, "not made from this file"),
        ({"classes": ("a b", "a_b")}, {}, "different branch names"),
        ({}, {"like": "missing.root"}, "missing.root"),
        ({}, {"tree": "jetz"}, "did you mean jets"),
        ({}, {"path": "no/such/folder/s.root"}, "does not exist"),
    ],
)
def test_what_does_not_fit(
    tmp_path: Path, jets_file: Path, changes: Any, options: Any, message: str
) -> None:
    arguments = {"path": tmp_path / "s.root", "like": jets_file, **options}
    with pytest.raises((WriteError, ReadError), match=message):
        write_scores(arguments.pop("path"), make(jets_file, **changes), **arguments)
    assert os.listdir(tmp_path) == []


def test_existing_output_and_the_input_itself_are_kept(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "jets.root", make_columns(6))
    before = file.read_bytes()
    for overwrite in (False, True):
        with pytest.raises(WriteError):
            write_scores(file, make(file), like=file, overwrite=overwrite)
    assert file.read_bytes() == before
    target = tmp_path / "s.root"
    target.write_text("precious")
    with pytest.raises(WriteError, match="overwrite=True"):
        write_scores(target, make(file), like=file)
    assert target.read_text() == "precious"
    write_scores(target, make(file), like=file, overwrite=True)
    assert len(friend(target)["score_is_top"]) == 6


def test_two_files_of_one_name(tmp_path: Path) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        files.append(write_rntuple(tmp_path / folder / "x.root", make_columns(3)))
    prediction = predict(read_root(files, event="weight"))
    with pytest.raises(WriteError, match="same name"):
        write_scores(tmp_path / "{stem}.s.root", prediction, like=files)
