from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pcgnn.errors import WriteError
from pcgnn.io.atomic import atomic_path


def write_and_fail(target: Path, overwrite: bool = False) -> None:
    with atomic_path(target, overwrite) as temporary:
        temporary.write_text("half")
        raise KeyError


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".json"
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.json"]


def test_nothing_remains_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_and_fail(tmp_path / "a.txt")
    assert os.listdir(tmp_path) == []


def test_existing_file_is_refused_before_and_at_the_rename(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(WriteError, match="overwrite=True"), atomic_path(target):
        pytest.fail("the body must not run")
    target.unlink()

    def race() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("mine")
            target.write_text("somebody else's")

    with pytest.raises(WriteError, match="exists"):
        race()
    assert target.read_text() == "somebody else's"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_overwrite_keeps_the_old_file_when_the_body_fails(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyError):
        write_and_fail(target, overwrite=True)
    assert target.read_text() == "old"
    with atomic_path(target, overwrite=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_folders(tmp_path: Path) -> None:
    target = tmp_path / "clouds"
    for content in ("one", "two"):
        with atomic_path(target, overwrite=True) as temporary:
            temporary.mkdir()
            (temporary / "x").write_text(content)
        assert (target / "x").read_text() == content
    with pytest.raises(KeyError):
        write_and_fail(target, overwrite=True)
    assert (target / "x").read_text() == "two"
    assert os.listdir(tmp_path) == ["clouds"]


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with atomic_path(tmp_path / "link.txt", overwrite=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_missing_folder_and_missing_content(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="does not exist"), atomic_path(tmp_path / "no" / "a.txt"):
        pytest.fail("the body must not run")
    with (
        pytest.raises(WriteError, match=re.escape(str(tmp_path / "a.txt"))),
        atomic_path(tmp_path / "a.txt"),
    ):
        pass
