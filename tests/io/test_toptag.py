"""HDF5 as pandas writes it and flat npz files, against the frames they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pytest

from pcgnn.errors import ReadError
from pcgnn.io import provenance_of, read_npz, read_root, read_toptag_hdf5, write_root
from pcgnn.io.pandas_hdf5 import _strings_in_pickle

PADDED = 6
JETS = 50


def make_frame(jets: int = JETS) -> pd.DataFrame:
    generator = np.random.default_rng(5)
    sizes = generator.integers(1, PADDED + 1, jets)
    columns: dict[str, Any] = {}
    for i in range(PADDED):
        p = generator.normal(scale=30, size=(jets, 3)).astype(np.float32)
        p[sizes <= i] = 0
        columns[f"E_{i}"] = np.sqrt((p.astype(np.float64) ** 2).sum(axis=1)).astype(np.float32)
        for j, name in enumerate(("PX", "PY", "PZ")):
            columns[f"{name}_{i}"] = p[:, j]
    columns["truthE"] = generator.uniform(500, 600, jets).astype(np.float32)
    columns["ttv"] = generator.integers(0, 3, jets)
    columns["is_signal_new"] = generator.integers(0, 2, jets)
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return make_frame()


LAYOUTS: dict[str, dict[str, Any]] = {
    "table": {"format": "table"},
    "table-zlib": {"format": "table", "complib": "zlib", "complevel": 5},
    "table-data-columns": {"format": "table", "data_columns": True},
    "fixed": {"format": "fixed"},
}


@pytest.fixture(scope="module", params=LAYOUTS)
def hdf5_file(
    request: pytest.FixtureRequest, frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("hdf5") / f"{request.param}.h5"
    frame.to_hdf(path, key="table", **LAYOUTS[request.param])
    return path


def expected(frame: pd.DataFrame, field: str) -> list[list[float]]:
    """Constituents jet by jet with the padding left out."""
    rows = []
    for _, row in frame.iterrows():
        rows.append([float(row[f"{field}_{i}"]) for i in range(PADDED) if row[f"E_{i}"] != 0])
    return rows


def test_padding_is_left_out(hdf5_file: Path, frame: pd.DataFrame) -> None:
    jets = read_toptag_hdf5(hdf5_file)
    for field, column in (("E", "E"), ("px", "PX"), ("py", "PY"), ("pz", "PZ")):
        assert jets.particles[field].to_list() == expected(frame, column)
        assert ak.flatten(jets.particles[field]).to_numpy().dtype == np.float32
    np.testing.assert_array_equal(jets.is_top, frame["is_signal_new"])
    np.testing.assert_array_equal(jets.ttv, frame["ttv"])
    np.testing.assert_array_equal(jets.truthE, frame["truthE"])
    np.testing.assert_array_equal(jets.entry, np.arange(JETS))
    assert ak.all(jets.particles.mass**2 < 0.1)


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (7, 31), (45, 500), (None, 3), (49, None)])
def test_ranges(hdf5_file: Path, start: int | None, stop: int | None) -> None:
    whole = read_toptag_hdf5(hdf5_file)
    part = read_toptag_hdf5(hdf5_file, start, stop)
    assert ak.array_equal(part.layout, whole[slice(start, stop)].layout, dtype_exact=True)


def test_chunks_do_not_matter(hdf5_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {
        "cut": "(n_particles > 2) & (is_top == 1)",
        "derived": {"ht": "sum(part_pt)"},
    }
    whole = read_toptag_hdf5(hdf5_file, **options)
    monkeypatch.setattr("pcgnn.io.toptag._ROWS", 7)
    chunked = read_toptag_hdf5(hdf5_file, **options)
    assert ak.array_equal(whole.layout, chunked.layout, dtype_exact=True)
    assert provenance_of(whole) == provenance_of(chunked)
    assert provenance_of(whole)["entries_read"] == JETS
    assert provenance_of(whole)["entries_kept"] == len(whole) < JETS


def test_chosen_columns_and_repeated_reading(hdf5_file: Path) -> None:
    jets = read_toptag_hdf5(
        hdf5_file, event={"label": "is_top", "split": "ttv"}, cut="truthE > 550"
    )
    assert jets.fields == ["particles", "label", "split", "file", "entry"]
    record = provenance_of(jets)
    assert record["format"] == "hdf5"
    again = read_toptag_hdf5(record["files"][0], **record["read"])
    assert ak.array_equal(again.layout, jets.layout)


def test_several_tables_need_a_key(tmp_path: Path, frame: pd.DataFrame) -> None:
    path = tmp_path / "two.h5"
    frame.to_hdf(path, key="train", format="table")
    frame[:9].to_hdf(path, key="test", format="table")
    with pytest.raises(ReadError, match=r"2 tables.*key="):
        read_toptag_hdf5(path)
    assert len(read_toptag_hdf5(path, key="test")) == 9


def test_names_are_read_without_unpickling(tmp_path: Path) -> None:
    hostile = b"cos\nsystem\n(S'touch " + str(tmp_path / "pwned").encode() + b"'\ntR."
    names = _strings_in_pickle(hostile)
    assert len(names) == 1  # the text is listed, nothing is called
    assert not (tmp_path / "pwned").exists()


def test_missing_compression_filter_says_what_to_do(tmp_path: Path, frame: pd.DataFrame) -> None:
    path = tmp_path / "blosc.h5"
    frame.to_hdf(path, key="table", format="table", complib="blosc", complevel=5)
    if h5py.h5z.filter_avail(32001):
        pytest.skip("blosc is available here")
    with pytest.raises(ReadError, match="hdf5plugin"):
        read_toptag_hdf5(path)


def write_npz(path: Path, **changes: Any) -> Path:
    generator = np.random.default_rng(2)
    sizes = generator.integers(1, 8, 30)
    p = generator.normal(scale=20, size=(sizes.sum(), 3))
    energy = np.sqrt((p**2).sum(axis=1, keepdims=True) + 1)
    arrays: dict[str, Any] = {
        "p4": np.concatenate([energy, p], axis=1).astype(np.float32),
        "n": sizes.astype(np.int16),
        "label": (np.arange(30) % 2).astype(np.int8),
        "row": np.arange(30, dtype=np.int32) * 3,
    }
    np.savez(path, **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return path


def test_npz(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "j.npz")
    with np.load(path) as archive:
        arrays = dict(archive)
    jets = read_npz(path)
    assert jets.fields == ["particles", "is_top", "row", "file", "entry"]
    np.testing.assert_array_equal(ak.num(jets.particles), arrays["n"])
    for i, field in enumerate(("E", "px", "py", "pz")):
        np.testing.assert_array_equal(ak.flatten(jets.particles[field]), arrays["p4"][:, i])
    np.testing.assert_array_equal(jets.is_top, arrays["label"])
    part = read_npz(path, 5, 17, cut="is_top == 1")
    np.testing.assert_array_equal(part.entry, range(5, 17, 2))
    assert ak.array_equal(part.particles.px, jets.particles.px[5:17:2])
    record = provenance_of(part)
    assert (record["format"], record["entries_read"], record["entries_kept"]) == ("npz", 12, 6)


def test_npz_survives_a_root_round_trip(tmp_path: Path) -> None:
    jets = read_npz(write_npz(tmp_path / "j.npz"))
    write_root(tmp_path / "j.root", jets)
    again = read_root(tmp_path / "j.root", particles="part_*", event=["is_top", "row"])
    for field in jets.particles.fields:
        assert ak.array_equal(again.particles[field], jets.particles[field], dtype_exact=True)


@pytest.mark.parametrize(
    ("changes", "branch"),
    [
        ({"p4": None}, "p4"),
        ({"n": None}, "n"),
        ({"n": np.ones(30)}, "n"),
        ({"n": np.full(30, 2)}, "n"),
        ({"n": np.array([-1] * 30)}, "n"),
        ({"p4": np.ones((10, 3), dtype=np.float32)}, "p4"),
        ({"p4": np.ones((10, 4), dtype=np.int32)}, "p4"),
        ({"label": np.ones(29)}, "label"),
        ({"label": np.array(["top"] * 30)}, "label"),
        ({"is_top": np.ones(30)}, "label"),
        ({"entry": np.ones(30)}, "entry"),
        ({"label": np.array([None] * 30)}, None),
    ],
)
def test_malformed_npz(tmp_path: Path, changes: dict[str, Any], branch: str | None) -> None:
    path = write_npz(tmp_path / "bad.npz", **changes)
    with pytest.raises(ReadError, match=r"bad\.npz") as error:
        read_npz(path)
    assert error.value.branch == branch


def drop(name: str) -> Any:
    return lambda frame: frame.drop(columns=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("PX_3"), "PX_3"),
        (drop("E_5"), "E_5"),
        (lambda frame: frame[["truthE", "ttv"]], "E_0"),
        (lambda frame: frame.assign(PY_2=np.nan), "NaN or infinity"),
        (lambda frame: frame.assign(**{c: 0.0 for c in frame if c[-2] == "_"}), "no particles"),
    ],
)
@pytest.mark.parametrize("layout", ["table", "fixed"])
def test_malformed_tables(
    tmp_path: Path, frame: pd.DataFrame, change: Any, message: str, layout: Any
) -> None:
    path = tmp_path / "bad.h5"
    change(frame.astype({c: np.float64 for c in frame if c.startswith("PY")})).to_hdf(
        path, key="table", format=layout
    )
    with pytest.raises(ReadError, match=message) as error:
        read_toptag_hdf5(path)
    assert error.value.file == str(path)


def test_rows_that_are_not_there(hdf5_file: Path) -> None:
    with pytest.raises(ReadError, match="no entries"):
        read_toptag_hdf5(hdf5_file, 1000)
    none = read_toptag_hdf5(hdf5_file, 1000, allow_empty=True)
    assert none.type.content == read_toptag_hdf5(hdf5_file).type.content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "not an HDF5 file"),
        (b"root and more", "not an HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "cannot be read|not an HDF5"),
    ],
)
def test_files_that_are_not_hdf5(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "x.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReadError, match=message):
        read_toptag_hdf5(path)


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_truncated_hdf5_and_npz(tmp_path: Path, frame: pd.DataFrame, fraction: float) -> None:
    whole = tmp_path / "whole.h5"
    frame.to_hdf(whole, key="table", format="table")
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * fraction)])
    with pytest.raises(ReadError, match=r"cut\.h5"):
        read_toptag_hdf5(cut)
    npz = write_npz(tmp_path / "whole.npz")
    short = tmp_path / "cut.npz"
    short.write_bytes(npz.read_bytes()[: int(npz.stat().st_size * fraction)])
    with pytest.raises(ReadError, match=r"cut\.npz"):
        read_npz(short)
