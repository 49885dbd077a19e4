"""The folder of a study: what it was started with, one process at a time, files whole or absent."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pcgnn.errors import ConfigError
from pcgnn.io.atomic import atomic_path
from pcgnn.training.plain import differences, to_plain

__all__ = ["check_folder_name", "finite_or_none", "locked", "open_study", "read_json", "write_json"]

STUDY = "study.json"
_LOCK = ".lock"


def open_study(
    directory: str | os.PathLike[str], record: Mapping[str, Any], *, resume: bool
) -> Path:
    """Makes the folder of a study, or checks that the one that is there is the same study.

    Args:
        directory: the folder.
        record: settings and data of this call.
        resume: go on with a study that is there.

    Raises:
        ConfigError: the folder holds a study and ``resume`` is not set, or another study.
    """
    folder = Path(directory)
    if folder.exists() and not folder.is_dir():
        raise ConfigError("the directory of the study is a file", file=folder)
    path = folder / STUDY
    new = to_plain(dict(record))
    if path.is_file():
        if not resume:
            raise ConfigError(
                "the directory holds a study already",
                file=folder,
                remedy="go on with it by resume=True (--resume), or choose another directory",
            )
        old = read_json(path)
        if lines := differences(old, json.loads(json.dumps(new))):
            raise ConfigError(
                f"the study was started with other settings or data: {'; '.join(lines[:4])}",
                file=path,
                remedy="resume with the same, or choose another directory",
            )
        return folder
    if folder.is_dir() and any(p.name != _LOCK for p in folder.iterdir()):
        raise ConfigError(
            "the directory holds something else than a study",
            file=folder,
            remedy="choose another directory",
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, new)
    return folder


@contextlib.contextmanager
def locked(directory: str | os.PathLike[str], wait: float = 0.0) -> Iterator[None]:
    """Keeps other processes out of a folder; the system frees it when the process ends.

    Args:
        directory: the folder, made if it is not there.
        wait: seconds in which another process may leave it.

    Raises:
        ConfigError: another process works there.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # pragma: no cover - not on Windows
        yield
        return
    with open(folder / _LOCK, "a") as file:
        end = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= end:
                    raise ConfigError(
                        "another process works in this directory",
                        file=folder,
                        remedy="wait for it, or choose another directory",
                    ) from error
                time.sleep(0.05)
            except OSError:
                break  # a file system without locks
        yield


def check_folder_name(name: str) -> None:
    """Refuse a name that cannot be that of one folder.

    Raises:
        ConfigError: naming it.

    Example:
        >>> check_folder_name("affine-pnn")
    """
    if Path(name).name != name or name in ("", ".", ".."):
        raise ConfigError(f"{name!r} cannot be the name of a folder", remedy="use plain names")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of ours.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the file of the study cannot be read: {error}",
            file=path,
            remedy="delete its folder to start anew",
        ) from error
    if not isinstance(content, dict):
        raise ConfigError("the file of the study is damaged", file=path)
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file, complete or not at all."""
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(dict(content), indent=2) + "\n", encoding="utf-8")


def finite_or_none(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has neither infinity nor NaN."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
