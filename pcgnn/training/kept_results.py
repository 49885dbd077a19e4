"""Results of trainings in files: read where they are there already, else made and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pcgnn.errors import ConfigError
from pcgnn.io.atomic import atomic_path
from pcgnn.training.plain import differences, to_plain

__all__ = ["kept_result"]


def kept_result(
    path: Path, key: Mapping[str, Any], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """A result of a file if it was made with the same key, else of ``make``.

    Args:
        path: JSON file, written when the result is complete.
        key: all that the result depends on, as plain values.
        make: makes the result, as plain values.

    Raises:
        ConfigError: the file cannot be read, or was made with another key.

    Example:
        >>> kept_result(Path("runs/x/result.json"), {"seed": 1}, dict)  # doctest: +SKIP
    """
    plain: Any = json.loads(json.dumps(to_plain(dict(key))))
    if path.is_file():
        try:
            record = json.loads(path.read_text())
            found, result = record["key"], record["result"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "the result of an earlier training cannot be read",
                file=path,
                remedy="delete its folder to train again",
            ) from error
        if lines := differences(found, plain):
            raise ConfigError(
                f"the folder holds a training of another kind: {'; '.join(lines)}",
                file=path,
                remedy="choose another directory, or delete this folder to train again",
            )
        return dict(result)
    result = to_plain(make())
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps({"key": plain, "result": result}, indent=2) + "\n")
    return dict(result)
