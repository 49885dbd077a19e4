from __future__ import annotations

import hashlib
from pathlib import Path

import awkward as ak
import pytest

from pcgnn.errors import ReadError
from pcgnn.io import file_sha256, provenance_of, read_root


def test_checksum_against_the_whole_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 10_000)  # more than one block
    assert file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ReadError, match="no such file"):
        file_sha256(tmp_path / "b.bin")


def test_provenance_stays_with_selections_and_is_empty_elsewhere(jets_file: Path) -> None:
    jets = read_root(jets_file, particles="part_*", event="is_top")
    assert provenance_of(jets[jets.is_top == 1]) == provenance_of(jets)
    assert provenance_of(ak.Array([1, 2])) == {}
    assert provenance_of(None) == {}
