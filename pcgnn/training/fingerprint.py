"""What a training was given: compared before it is resumed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.training.checkpoint_content import check_content
from pcgnn.training.checkpoint_io import read_checkpoint
from pcgnn.training.plain import differences, to_plain

__all__ = ["check_resumable", "data_fingerprint"]


def data_fingerprint(data: Any) -> dict[str, Any] | None:
    """A short description by which other data would be noticed.

    Clouds are hashed; loaders and streams are described by what they are made of.

    Args:
        data: clouds, a loader, a stream, or None.
    """
    if data is None:
        return None
    found: dict[str, Any] = {"type": type(data).__name__}
    if hasattr(data, "data_hash"):
        return found | {"graphs": len(data), "hash": data.data_hash()}
    clouds = getattr(data, "clouds", None)
    if clouds is not None and hasattr(clouds, "data_hash"):
        found["clouds"] = data_fingerprint(clouds)
    for name in ("batch_size", "shuffle", "seed", "drop_last", "group_sizes", "buffer_size"):
        value = getattr(data, name, None)
        if isinstance(value, (bool, int)):
            found[name] = value
    for name in ("balance", "batches", "redraw"):
        value = getattr(data, name, None)
        if value is not None:
            found[name] = to_plain(value.record() if hasattr(value, "record") else value)
    plan = getattr(data, "plan", None)
    if callable(plan):
        found["plan"] = to_plain(plan())
    files = getattr(data, "files", None)
    if files is not None and not isinstance(files, (str, bytes)):
        found["files"] = _files(files)
    return found


def _files(files: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {
            "file": os.fspath(file) if isinstance(file, os.PathLike) else str(file),
            "bytes": os.path.getsize(file) if os.path.isfile(str(file)) else None,
        }
        for file in files
    ]


def check_resumable(path: str | os.PathLike[str], record: dict[str, Any]) -> dict[str, Any]:
    """Reads the checkpoint of an interrupted run and compares it with the call that resumes it.

    Args:
        path: ``last.ckpt``.
        record: the settings and data of this call; must equal those of the checkpoint.

    Returns:
        the checkpoint.

    Raises:
        CheckpointError: if the file is damaged or the data are others.
        ConfigError: if the settings are others.
    """
    checkpoint = read_checkpoint(path)
    content = check_content(checkpoint, path)
    old, new = content.get("record", {}), to_plain(record)
    if lines := differences(old.get("settings", {}), new["settings"]):
        raise ConfigError(
            f"the run was started with other settings: {'; '.join(lines)}",
            file=path,
            remedy="resume with the same settings, or start anew with overwrite=True",
        )
    if lines := differences(old.get("data", {}), new["data"]):
        raise CheckpointError(
            f"the run was started with other data: {'; '.join(lines)}",
            file=path,
            remedy="resume with the same data, or start anew with overwrite=True",
        )
    return checkpoint
