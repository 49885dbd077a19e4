"""Plain Python types: what may stand in a checkpoint that loads with ``weights_only=True``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from pcgnn.errors import CheckpointError

__all__ = ["differences", "to_plain"]


def to_plain(value: Any, *, keep_tensors: bool = False, where: str = "value") -> Any:
    """Copies a structure into dicts, lists, strings, numbers, booleans and None.

    Args:
        value: any nesting of mappings, sequences, numpy and torch values, paths.
        keep_tensors: leave tensors as they are (``weights_only=True`` allows them).
        where: name used in the error message.

    Raises:
        CheckpointError: for an object that has no plain form.

    Example:
        >>> to_plain({"k": (np.int64(3), None)})
        {'k': [3, None]}
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, torch.Tensor):
        return value.detach().cpu() if keep_tensors else to_plain(value.tolist())
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, Mapping):
        return {
            str(key): to_plain(item, keep_tensors=keep_tensors, where=f"{where}.{key}")
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [
            to_plain(item, keep_tensors=keep_tensors, where=f"{where}[{index}]")
            for index, item in enumerate(items)
        ]
    if hasattr(value, "to_dict"):
        return to_plain(value.to_dict(), keep_tensors=keep_tensors, where=where)
    raise CheckpointError(
        f"{where} is a {type(value).__name__}, which cannot be stored in a checkpoint",
        remedy="use numbers, strings, lists and dictionaries only",
    )


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """One line per entry that is not the same in both: ``name: old -> new``.

    Example:
        >>> differences({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}})
        ['b.c: 2 -> 3']
    """
    lines: list[str] = []
    for key in sorted(set(old) | set(new)):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            lines += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key}: {before!r} -> {after!r}")
    return lines
