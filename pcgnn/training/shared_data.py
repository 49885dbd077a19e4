"""Data for several processes: one file that all of them map, instead of a copy for each."""

from __future__ import annotations

import functools
import pickle
from pathlib import Path
from typing import Any

from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError

__all__ = ["opened", "share"]


def share(data: Any, path: Path) -> Path | None:
    """Writes data for processes that are started by this one.

    Args:
        data: clouds, which are mapped; anything else is pickled.
        path: without suffix.

    Returns:
        the file; None for None.

    Raises:
        ConfigError: data that cannot be sent to another process.
    """
    if data is None:
        return None
    if isinstance(data, ParticleClouds):
        file = path.with_suffix(".zip")
        data.save(file)
        return file
    file = path.with_suffix(".pickle")
    try:
        file.write_bytes(pickle.dumps(data))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"a {type(data).__name__} cannot be sent to other processes: {error}",
            remedy="use jobs=1",
        ) from error
    return file


def opened(data: Any) -> Any:
    """Data as they are, or what :func:`share` has written."""
    return _open(data) if isinstance(data, Path) else data


@functools.lru_cache(maxsize=4)
def _open(path: Path) -> Any:
    if path.suffix == ".zip":
        return ParticleClouds.open(path)
    # written by the process that started this one, into a folder of its own
    return pickle.loads(path.read_bytes())
