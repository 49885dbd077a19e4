"""Files of clouds: round trip, mapping, damage."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pcgnn.data import ParticleClouds
from pcgnn.errors import ReadError, WriteError


def test_round_trip(clouds: ParticleClouds, tmp_path: Path) -> None:
    path = tmp_path / "a.clouds"
    clouds.save(path)
    again = ParticleClouds.open(path, verify=True)
    assert again.data_hash() == clouds.data_hash()
    assert again.features == clouds.features
    assert again.classes == clouds.classes
    assert again.levels == clouds.levels
    assert again.provenance == clouds.provenance
    for name in ("x", "pos", "p4", "y", "weight", "charge", "moments", "entry"):
        assert torch.equal(getattr(again, name), getattr(clouds, name))
        assert getattr(again, name).dtype == getattr(clouds, name).dtype
    a, b = again.batch([5, 1]), clouds.batch([5, 1])
    assert torch.equal(a.x, b.x)
    assert str(path) in repr(again)
    assert [p.name for p in tmp_path.iterdir()] == ["a.clouds"]


def test_numpy_alone_reads_it(clouds: ParticleClouds, tmp_path: Path) -> None:
    clouds.save(tmp_path / "a.clouds")
    with np.load(tmp_path / "a.clouds") as stored:
        assert np.array_equal(stored["x"], clouds.x.numpy())
        assert np.array_equal(stored["ptr"], clouds.ptr.numpy())


def test_columns_are_aligned(clouds: ParticleClouds, tmp_path: Path) -> None:
    clouds.save(tmp_path / "a.clouds")
    opened = ParticleClouds.open(tmp_path / "a.clouds")
    for name in ("x", "pos", "p4", "y", "charge"):
        assert getattr(opened, name).data_ptr() % 64 == 0


def test_writing_to_a_mapped_tensor_never_reaches_the_file(
    clouds: ParticleClouds, tmp_path: Path
) -> None:
    clouds.save(tmp_path / "a.clouds")
    opened = ParticleClouds.open(tmp_path / "a.clouds")
    opened.x.zero_()
    assert torch.equal(ParticleClouds.open(tmp_path / "a.clouds", verify=True).x, clouds.x)


def test_opening_does_not_read(tmp_path: Path) -> None:
    code = f"""
import resource, torch
from pcgnn.data import ParticleClouds
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
clouds = ParticleClouds.open({str(tmp_path / "big.clouds")!r})
assert clouds.batch([0, 40_000, 7]).num_graphs == 3
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(after - before)
"""
    count = 50_000
    big = ParticleClouds(x=torch.zeros(count * 10, 32), ptr=torch.arange(0, count * 10 + 1, 10))
    big.save(tmp_path / "big.clouds")
    assert (tmp_path / "big.clouds").stat().st_size > 60e6
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20_000  # kB


def test_existing_files_are_kept(clouds: ParticleClouds, tmp_path: Path) -> None:
    path = tmp_path / "a.clouds"
    clouds[:3].save(path)
    with pytest.raises(WriteError, match="exists"):
        clouds.save(path)
    assert len(ParticleClouds.open(path)) == 3
    clouds.save(path, overwrite=True)
    assert len(ParticleClouds.open(path)) == 60


def test_nothing_half_written(
    clouds: ParticleClouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pcgnn.data.storage as storage

    calls = []

    def full_disk(member: object, array: np.ndarray) -> None:
        calls.append(array)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "_write_npy", full_disk)
    with pytest.raises(WriteError, match="No space"):
        clouds.save(tmp_path / "a.clouds")
    assert list(tmp_path.iterdir()) == []
    clouds.provenance["what"] = object()
    with pytest.raises(WriteError, match="JSON"):
        clouds.save(tmp_path / "a.clouds")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_truncated_files(clouds: ParticleClouds, tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.clouds"
    clouds.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ReadError) as caught:
        ParticleClouds.open(path)
    assert str(path) in str(caught.value)


def test_any_changed_byte_is_noticed(clouds: ParticleClouds, tmp_path: Path) -> None:
    path = tmp_path / "a.clouds"
    clouds.save(path)
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    reference = clouds.data_hash()
    noticed = 0
    for position in rng.integers(0, len(whole), 150):
        damaged = whole.copy()
        damaged[position] ^= 0x41
        path.write_bytes(damaged)
        try:
            opened = ParticleClouds.open(path, verify=True)
        except ReadError:
            noticed += 1
        else:  # padding, time stamps and redundant sizes of the archive hold no data
            assert opened.copy().data_hash() == reference
    assert noticed > 100


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        ParticleClouds.open(tmp_path / "none.clouds")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ReadError, match="not a complete file"):
        ParticleClouds.open(tmp_path / "text")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(ReadError, match="not of clouds"):
        ParticleClouds.open(tmp_path / "other.npz")
    with zipfile.ZipFile(tmp_path / "strange.zip", "w") as archive:
        archive.writestr("meta.json", json.dumps({"format": "something"}))
    with pytest.raises(ReadError, match="not of clouds"):
        ParticleClouds.open(tmp_path / "strange.zip")


def test_no_pickle_is_opened(clouds: ParticleClouds, tmp_path: Path) -> None:
    path = tmp_path / "a.clouds"
    clouds.save(path)
    hostile = tmp_path / "hostile.npy"
    np.save(hostile, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b", "w") as new:
        for name in old.namelist():
            new.writestr(name, hostile.read_bytes() if name == "x.npy" else old.read(name))
    with pytest.raises(ReadError, match="x is damaged"):
        ParticleClouds.open(tmp_path / "b")
