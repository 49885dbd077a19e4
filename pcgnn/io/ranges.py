"""Entry ranges as users give them."""

from __future__ import annotations

import numpy as np

from pcgnn.errors import ConfigError

__all__ = ["check_range"]


def check_range(start: int | None, stop: int | None) -> tuple[int, int | None]:
    """Check ``entry_start`` and ``entry_stop``.

    Returns:
        Start (0 by default) and stop (None: up to the end).

    Raises:
        ConfigError: if one is no entry number or the stop lies before the start.
    """
    for name, value in (("entry_start", start), ("entry_stop", stop)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise ConfigError(f"{name}={value!r} must be an entry number from 0")
    if start is not None and stop is not None and stop < start:
        raise ConfigError(f"entry_stop={stop} lies before entry_start={start}")
    return int(start or 0), None if stop is None else int(stop)
