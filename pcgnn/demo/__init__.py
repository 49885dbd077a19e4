"""Demonstrations: ``pcgnn demo`` tags top jets, ``pcgnn demo tracking`` finds tracks."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a demonstration.

    Args:
        argv: arguments after ``pcgnn demo``: ``toptag`` (the default) or ``tracking``, then
            options; default: those of the process.

    Returns:
        0, the exit status.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words and not words[0].startswith("-") else "toptag"
    if name == "tracking":
        from pcgnn.demo import tracking

        return tracking.main(words)
    if name == "toptag":
        from pcgnn.demo import toptag

        return toptag.main(words)
    from pcgnn.errors import ConfigError

    raise ConfigError(f"no demonstration {name!r}", remedy="choose toptag or tracking")
