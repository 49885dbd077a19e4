"""Results of trainings in files: read where they are there already, else made and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pcgnn.errors import ConfigError
from pcgnn.training.plain import differences, to_plain
from pcgnn.training.study_folder import read_json, write_json

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
        record = read_json(path)
        found, result = record.get("key"), record.get("result")
        if not isinstance(found, dict) or not isinstance(result, dict):
            raise ConfigError(
                "the file is no result of a training",
                file=path,
                remedy="delete its folder to train again",
            )
        if lines := differences(found, plain):
            raise ConfigError(
                f"the folder holds a training of another kind: {'; '.join(lines)}",
                file=path,
                remedy="choose another directory, or delete this folder to train again",
            )
        return result
    made: dict[str, Any] = to_plain(make())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"key": plain, "result": made})
    return made
