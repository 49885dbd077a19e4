"""The border to the reading libraries: whatever they raise becomes a ReadError with the place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pcgnn.errors import PcgnnError, ReadError

__all__ = ["reading"]


@contextlib.contextmanager
def reading(
    file: object, tree: str | None = None, branch: str | None = None, remedy: str | None = None
) -> Iterator[None]:
    """Translate exceptions of a library underneath.

    A damaged file can make uproot, h5py or a decompressor raise almost anything, hence the wide
    net; it is meant to stand around calls into libraries only.

    Args:
        file: the file being read.
        tree: the tree inside it.
        branch: the branch, if only one is concerned.
        remedy: what the user can do.

    Raises:
        ReadError: for any exception that is not pcgnn's own.
    """
    try:
        yield
    except PcgnnError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        raise ReadError(
            f"cannot be read, it may be damaged or truncated ({reason:.300})",
            file=file,
            tree=tree,
            branch=branch,
            remedy=remedy,
        ) from error
