"""Files that are truncated, altered, or no ROOT files: one kind of error, naming the file."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from jet_files import make_columns, write_rntuple, write_tree
from test_toptag import make_frame, write_npz

from pcgnn.errors import PcgnnError, ReadError
from pcgnn.io import inspect, iterate_root, read_npz, read_root, read_toptag_hdf5

OPTIONS: dict[str, Any] = {"particles": "part_*", "event": ["jet_pt", "is_top"]}
COMPRESSIONS = {"none": None, "zlib": uproot.ZLIB(1), "lz4": uproot.LZ4(4), "zstd": uproot.ZSTD(5)}


def attempt(read: Any, file: Path, **options: Any) -> Any:
    """Read; None if pcgnn refuses, naming the file. Any other exception fails the test."""
    try:
        return read(file, **options)
    except PcgnnError as error:
        named = str(file) in str(error)
    assert named
    return None


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    columns = make_columns(60)
    files = {
        f"TTree-{name}": write_tree(folder / f"{name}.root", columns, compression=compression)
        for name, compression in COMPRESSIONS.items()
    }
    files["RNTuple"] = write_rntuple(folder / "rntuple.root", columns)
    return {name: file.read_bytes() for name, file in files.items()}


@pytest.mark.parametrize("where", [1, 3, 4, 20, 63, 100, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, -1])
@pytest.mark.parametrize("kind", ["TTree-none", "TTree-zlib", "RNTuple"])
def test_truncated(tmp_path: Path, originals: dict[str, bytes], kind: str, where: float) -> None:
    data = originals[kind]
    length = int(where * len(data)) if isinstance(where, float) else where
    file = tmp_path / "short.root"
    file.write_bytes(data[:length])
    for read in (read_root, lambda *a, **k: list(iterate_root(*a, **k)), lambda f, **k: inspect(f)):
        with pytest.raises(ReadError, match=r"truncated|not a ROOT file") as error:
            read(file, **OPTIONS)
        assert error.value.file == str(file)
    assert os.listdir(tmp_path) == ["short.root"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (b"hello, I am a text file\n" * 100, "not a ROOT file"),
        (b"\0" * 5000, "not a ROOT file"),
        (random.Random(1).randbytes(5000), "not a ROOT file"),
        (b"root" + b"\0" * 5000, "cannot be read|no TTree"),
        (b"root" + b"\xff" * 5000, "cannot be read|truncated|no TTree"),
        (b"root" + random.Random(2).randbytes(5000), "cannot be read|truncated"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "read_toptag_hdf5"),
        (b"PK\x03\x04" + b"\0" * 100, "read_npz"),
        (b"<html>404 not found</html>", "not a ROOT file"),
    ],
)
def test_not_root(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "x.root"
    file.write_bytes(content)
    with pytest.raises(ReadError, match=message) as error:
        read_root(file, **OPTIONS)
    assert error.value.file == str(file)
    with pytest.raises(ReadError):
        inspect(file)


def test_missing_file_folder_and_pattern(tmp_path: Path) -> None:
    for text, message in (
        (tmp_path / "no.root", "no such file"),
        (tmp_path, "not a file"),
        (f"{tmp_path}/*.root", "no file matches"),
        (f"{tmp_path}/no.root:tree", "no such file"),
        ("root://", "cannot be read"),
        ("nonsense://host/x.root", "cannot be read"),
    ):
        with pytest.raises(ReadError, match=message):
            read_root(text, **OPTIONS)


def test_file_without_permission(tmp_path: Path, jets_file: Path) -> None:
    file = tmp_path / "secret.root"
    file.write_bytes(jets_file.read_bytes())
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(ReadError, match=r"secret\.root"):
        read_root(file, **OPTIONS)


def test_file_with_histograms_only(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "h.root") as file:
        file["hist"] = np.histogram([1.0, 2.0])
    with pytest.raises(ReadError, match="no TTree"):
        read_root(tmp_path / "h.root", **OPTIONS)
    with pytest.raises(ReadError, match="no such tree"):
        read_root(tmp_path / "h.root", "hist", **OPTIONS)
    with pytest.raises(ReadError, match="no TTree"):
        inspect(tmp_path / "h.root")


REGIONS = {
    "header": lambda rng, n: rng.randrange(0, 100),
    "directory": lambda rng, n: rng.randrange(100, 400),
    "end": lambda rng, n: rng.randrange(n - 3000, n),
    "anywhere": lambda rng, n: rng.randrange(0, n),
}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("kind", ["TTree-none", "TTree-zlib", "TTree-lz4", "TTree-zstd", "RNTuple"])
def test_flipped_bytes(tmp_path: Path, originals: dict[str, bytes], kind: str, region: str) -> None:
    """Whatever a flipped byte leads to, it is pcgnn's error or an array of sound structure."""
    rng = random.Random(f"{kind}-{region}")
    refused = 0
    for trial in range(15):
        data = bytearray(originals[kind])
        for _ in range(rng.choice((1, 1, 4))):
            data[REGIONS[region](rng, len(data))] ^= 1 << rng.randrange(8)
        file = tmp_path / f"flip{trial}.root"
        file.write_bytes(data)
        jets = attempt(read_root, file, tree="jets", nonfinite="keep", empty="keep", **OPTIONS)
        refused += jets is None
        assert jets is None or (ak.is_valid(jets) and len(jets) > 0)
        file.unlink()
    if region == "end" and kind != "RNTuple":
        assert refused > 0  # the description of the tree stands there: flips must show
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["TTree-none", "RNTuple"])
def test_inspect_flipped_bytes(tmp_path: Path, originals: dict[str, bytes], kind: str) -> None:
    rng = random.Random(kind)
    for trial in range(20):
        data = bytearray(originals[kind])
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file = tmp_path / f"flip{trial}.root"
        file.write_bytes(data)
        text = str(attempt(inspect, file))
        assert "read it with" in text or "no collection" in text or text == "None"


@pytest.mark.parametrize("seed", range(6))
def test_flipped_bytes_in_hdf5_and_npz(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    table = tmp_path / "a.h5"
    make_frame(20).to_hdf(table, key="table", format="table")
    npz = write_npz(tmp_path / "a.npz")
    for original, read in ((table, read_toptag_hdf5), (npz, read_npz)):
        data = original.read_bytes()
        for _ in range(10):
            flipped = bytearray(data)
            limit = min(len(flipped), rng.choice((200, 3000, len(flipped))))
            flipped[rng.randrange(limit)] ^= 1 << rng.randrange(8)
            original.write_bytes(flipped)
            jets = attempt(read, original, nonfinite="keep", empty="keep", allow_empty=True)
            assert jets is None or ak.is_valid(jets)
