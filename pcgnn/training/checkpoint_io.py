"""Checkpoint files that are complete or absent, and never unpickle objects."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from pcgnn.errors import CheckpointError

__all__ = ["AtomicCheckpointIO", "copy_checkpoint", "read_checkpoint", "write_checkpoint"]


def _sync_folder(folder: Path) -> None:
    # The rename itself must survive a power cut, too.
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _replace(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    # A training is the only writer of its run directory; with one fixed temporary name, what a
    # killed process left behind is overwritten by the next one.
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CheckpointError(
            f"the checkpoint cannot be written: {error.strerror or error}",
            file=path,
            remedy="free space or choose another directory",
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_checkpoint(checkpoint: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Writes a checkpoint to a temporary name in the same folder, then renames it.

    Raises:
        CheckpointError: if the folder is not writable or the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, lambda file: torch.save(checkpoint, file))


def copy_checkpoint(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Copies a checkpoint file; the target is the old or the new one at any moment."""
    with open(source, "rb") as original:
        _replace(Path(target), lambda file: shutil.copyfileobj(original, file, 1 << 20))


def read_checkpoint(path: str | os.PathLike[str], map_location: Any = "cpu") -> dict[str, Any]:
    """Reads a checkpoint with ``weights_only=True``: nothing in the file is executed.

    Args:
        path: the file.
        map_location: where tensors go.

    Raises:
        CheckpointError: if the file is missing, damaged or holds more than plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError("there is no such checkpoint file", file=path)
    try:
        content = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # damaged files raise anything from EOFError to UnpicklingError
        reason = str(error).strip().splitlines()
        if "Unsupported" in str(error) or "weights_only" in str(error).lower():
            raise CheckpointError(
                "the checkpoint is damaged or holds objects besides numbers and text, "
                "which are never loaded",
                file=path,
                remedy="use a checkpoint written by pcgnn; for published weights load_published",
            ) from error
        raise CheckpointError(
            f"the checkpoint is damaged ({type(error).__name__}: {reason[0] if reason else ''})",
            file=path,
            remedy="use another checkpoint of the run, for example best.ckpt or last.ckpt",
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(
            f"the file holds a {type(content).__name__}, not a checkpoint", file=path
        )
    return content


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning plugin around :func:`write_checkpoint` and :func:`read_checkpoint`."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Any | None = None,
    ) -> None:
        """Writes atomically; ``storage_options`` are not used."""
        write_checkpoint(checkpoint, path)

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Reads with ``weights_only=True`` whatever is asked."""
        return read_checkpoint(path, "cpu" if map_location is None else map_location)
