from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from file_server import FileServer, serve

from pcgnn import _download, datasets
from pcgnn.errors import ConfigError, DownloadError

CONTENT = np.random.default_rng(5).bytes(3_000_000)


@pytest.fixture(autouse=True)
def _no_proxy_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(_download.time, "sleep", lambda seconds: None)


@pytest.fixture(autouse=True)
def toptag_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published list, with test.h5 being three megabytes of noise."""
    published = datasets.describe("toptag")
    small = replace(published.files[2], md5=hashlib.md5(CONTENT).hexdigest(), size=len(CONTENT))
    changed = replace(published, files=(*published.files[:2], small))
    monkeypatch.setitem(datasets._DATASETS, "toptag", changed)


def fetch(folder: Path, server: FileServer) -> Path:
    (path,) = datasets.download(
        "toptag", folder, files=["test.h5"], mirror=server.url, progress=False
    )
    return path


def test_fetches_once_and_then_only_checks(tmp_path: Path) -> None:
    with serve(FileServer(CONTENT)) as server:
        path = fetch(tmp_path / "new", server)
        again = fetch(tmp_path / "new", server)
    assert path == again == tmp_path / "new" / "test.h5"
    assert path.read_bytes() == CONTENT
    assert server.requests == [("/files/test.h5", None)]
    assert [p.name for p in path.parent.iterdir()] == ["test.h5"]  # nothing left lying about


def test_goes_on_within_a_call_when_the_connection_breaks(tmp_path: Path) -> None:
    with serve(FileServer(CONTENT, break_after=[1_000_000, 500_000])) as server:
        path = fetch(tmp_path, server)
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=1000000-", "bytes=1500000-"]
    assert server.bytes_sent == len(CONTENT)  # no byte travelled twice


def test_goes_on_in_the_next_call_after_giving_up(tmp_path: Path) -> None:
    with serve(FileServer(CONTENT, break_after=[1_200_000, 0, 0, 0])) as server:
        with pytest.raises(DownloadError, match=r"again; it goes on from test\.h5\.part"):
            fetch(tmp_path, server)
        assert not (tmp_path / "test.h5").exists()
        assert (tmp_path / "test.h5.part").read_bytes() == CONTENT[:1_200_000]
        path = fetch(tmp_path, server)
    assert path.read_bytes() == CONTENT
    assert server.bytes_sent == len(CONTENT)
    assert not (tmp_path / "test.h5.part").exists()


def test_starts_over_when_the_server_knows_no_ranges(tmp_path: Path) -> None:
    (tmp_path / "test.h5.part").write_bytes(b"x" * 1000)
    with serve(FileServer(CONTENT, ranges=False)) as server:
        assert fetch(tmp_path, server).read_bytes() == CONTENT
    assert server.requests == [("/files/test.h5", "bytes=1000-")]


def test_discards_a_partial_file_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "test.h5.part").write_bytes(CONTENT + b"x")
    with serve(FileServer(CONTENT)) as server:
        assert fetch(tmp_path, server).read_bytes() == CONTENT


def test_uses_a_partial_file_that_is_complete(tmp_path: Path) -> None:
    (tmp_path / "test.h5.part").write_bytes(CONTENT)
    with serve(FileServer(CONTENT)) as server:
        assert fetch(tmp_path, server).read_bytes() == CONTENT
    assert server.requests == []


def test_wrong_content_never_appears_under_the_name(tmp_path: Path) -> None:
    spoiled = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    with serve(FileServer(spoiled)) as server:
        with pytest.raises(DownloadError, match="does not have the published md5"):
            fetch(tmp_path, server)
        assert list(tmp_path.iterdir()) == []  # so that the next call starts afresh
        server.content = CONTENT
        assert fetch(tmp_path, server).read_bytes() == CONTENT


def test_spoiled_partial_file_is_found_by_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "test.h5.part").write_bytes(b"x" * 1000)
    with serve(FileServer(CONTENT)) as server:
        with pytest.raises(DownloadError, match="md5"):
            fetch(tmp_path, server)
        assert fetch(tmp_path, server).read_bytes() == CONTENT


def test_server_that_sends_too_much(tmp_path: Path) -> None:
    with (
        serve(FileServer(CONTENT + b"more")) as server,
        pytest.raises(DownloadError, match="more than the published 3000000 bytes"),
    ):
        fetch(tmp_path, server)


def test_keeps_its_hands_off_a_foreign_file(tmp_path: Path) -> None:
    (tmp_path / "test.h5").write_text("my own notes")
    with (
        serve(FileServer(CONTENT)) as server,
        pytest.raises(DownloadError, match="something else stands"),
    ):
        fetch(tmp_path, server)
    assert (tmp_path / "test.h5").read_text() == "my own notes"
    assert server.requests == []


def test_busy_server_is_asked_again(tmp_path: Path) -> None:
    with serve(FileServer(CONTENT, status=[503, 429])) as server:
        assert fetch(tmp_path, server).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_missing_file_on_the_server(tmp_path: Path) -> None:
    with (
        serve(FileServer(CONTENT, status=[404])) as server,
        pytest.raises(DownloadError, match="answered 404"),
    ):
        fetch(tmp_path, server)
    assert len(server.requests) == 1  # asking again would not help


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as probe:  # a port that is certainly closed afterwards
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = FileServer(CONTENT, url=f"http://127.0.0.1:{port}")
    with pytest.raises(DownloadError, match=r"cannot fetch .*Remedy: check the network"):
        fetch(tmp_path, server)
    assert list(tmp_path.iterdir()) == []


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = datasets.shutil.disk_usage(tmp_path)._replace(free=1_000)
    monkeypatch.setattr(datasets.shutil, "disk_usage", lambda path: usage)
    with (
        serve(FileServer(CONTENT)) as server,
        pytest.raises(DownloadError, match=r"GB are needed, 0\.00 GB are free"),
    ):
        fetch(tmp_path, server)
    assert server.requests == []


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / "test.h5.part").open("wb") as other, serve(FileServer(CONTENT)) as server:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match="another process"):
            fetch(tmp_path, server)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="cannot make the folder"):
        datasets.download("toptag", tmp_path / "file" / "below", progress=False)


def test_wrong_names() -> None:
    with pytest.raises(
        ConfigError, match="choose one of: jets-pf, resonance, softdrop, stop, toptag, tracks"
    ):
        datasets.download("toptags")
    with pytest.raises(ConfigError, match=r"train\.h5, val\.h5, test\.h5"):
        datasets.download("toptag", files=["text.h5"])
    with pytest.raises(ConfigError, match="no web address"):
        datasets.download("toptag", mirror="ftp://host/folder")


def test_default_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PCGNN_DATA", str(tmp_path))
    with serve(FileServer(CONTENT)) as server:
        (path,) = datasets.download("toptag", files=["test.h5"], mirror=server.url, progress=False)
    assert path == tmp_path / "toptag" / "test.h5"


def test_progress_bar_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(FileServer(CONTENT)) as server:
        datasets.download("toptag", tmp_path, files=["test.h5"], mirror=server.url)
    output = capsys.readouterr()
    assert output.out == ""
    assert "test.h5" in output.err
    assert "3.0/3.0 MB" in output.err
