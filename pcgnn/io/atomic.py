"""Files that are either complete or not there: write aside, then rename."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from pcgnn.errors import WriteError

__all__ = ["atomic_path"]


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the place of ``path`` if all goes well.

    The temporary path lies in the same folder (so that the rename never crosses file systems),
    has the same suffix (libraries choose formats by it) and starts with a dot (globs like
    ``*.root`` do not see it). It may be written as a file or as a folder. When the body raises,
    it is removed; when the process is killed, ``path`` is as it was before and only the hidden
    temporary may stay behind.

    Args:
        path: the final path. Symbolic links are followed, the link itself stays.
        overwrite: replace what stands at ``path``. Without it an existing path is refused before
            anything is written, and again at the rename should somebody else have created it.

    Yields:
        The temporary path; nothing exists there yet.

    Raises:
        WriteError: if ``path`` exists and ``overwrite`` is false, its folder does not exist or
            cannot be written, or the body wrote nothing.

    Example:
        >>> with atomic_path("report.json") as temporary:  # doctest: +SKIP
        ...     temporary.write_text("{}")
    """
    target = Path(path)
    if target.is_symlink():
        target = target.resolve()
    _check_target(target, overwrite)
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(6)}.tmp{target.suffix}")
    try:
        yield temporary
        if not temporary.exists():
            raise WriteError("nothing was written", file=target)
        try:
            _flush(temporary)
            _put_in_place(temporary, target, overwrite)
        except FileExistsError as error:
            raise _exists(target) from error
        except OSError as error:
            raise WriteError(f"cannot be written: {error.strerror}", file=target) from error
    finally:
        _remove(temporary)


def _check_target(target: Path, overwrite: bool) -> None:
    folder = target.parent
    if not folder.is_dir():
        raise WriteError(
            f"the folder {str(folder)!r} does not exist", file=target, remedy="create it first"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WriteError(f"no permission to write into the folder {str(folder)!r}", file=target)
    if target.exists() and not overwrite:
        raise _exists(target)


def _exists(target: Path) -> WriteError:
    return WriteError(
        "the output exists already and is left untouched",
        file=target,
        remedy="choose another path or pass overwrite=True",
    )


def _flush(temporary: Path) -> None:
    """Bring the bytes to the disk before the name points to them (a file only)."""
    if temporary.is_file():
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())


def _put_in_place(temporary: Path, target: Path, overwrite: bool) -> None:
    if overwrite and target.is_dir():
        # A folder cannot be replaced in one step: set the old one aside and delete it last.
        aside = temporary.with_name(temporary.name + ".old")
        os.rename(target, aside)
        try:
            os.rename(temporary, target)
        except OSError:
            os.rename(aside, target)
            raise
        shutil.rmtree(aside)
    elif overwrite or temporary.is_dir():
        os.replace(temporary, target)
    else:
        try:
            os.link(temporary, target)  # unlike a rename it never replaces an existing file
        except FileExistsError:
            raise
        except OSError:  # file systems without hard links
            os.replace(temporary, target)


def _remove(temporary: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink()
