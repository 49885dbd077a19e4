"""Clouds one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pcgnn.data.arena import Arena
from pcgnn.data.checks import GRAPH
from pcgnn.data.clouds import ParticleClouds
from pcgnn.errors import DataError

__all__ = ["concatenate"]


def concatenate(parts: Sequence[ParticleClouds], arena: Arena | None = None) -> ParticleClouds:
    """See :meth:`pcgnn.data.ParticleClouds.concatenate`; into an arena the result is a loan."""
    if not parts:
        raise DataError("there is nothing to concatenate")
    first = parts[0]
    if len(parts) == 1:
        return first
    for number, part in enumerate(parts[1:], start=1):
        _compare(first, part, number)
    provenance, shifts = _join_provenance(parts)
    tensors: dict[str, Tensor] = {}
    for name in first._tensors:
        pieces = [part._tensors[name] for part in parts]
        if name == "file" and first.levels[name] == GRAPH:
            pieces = [renumber[piece] for renumber, piece in zip(shifts, pieces, strict=True)]
        tensors[name] = torch.cat(pieces) if arena is None else arena.join(name, pieces)
    offsets = [np.zeros(1, dtype=np.int64)]
    for part in parts:
        offsets.append(part._offsets[1:] + offsets[-1][-1])
    return first._like(torch.from_numpy(np.concatenate(offsets)), tensors, provenance)


def _compare(first: ParticleClouds, other: ParticleClouds, number: int) -> None:
    names, others = set(first._tensors), set(other._tensors)
    if names != others:
        raise DataError(
            f"clouds 0 and {number} have different columns: {sorted(names ^ others)} are in one "
            "only"
        )
    for name in first._tensors:
        a, b = first._tensors[name], other._tensors[name]
        same = a.dtype == b.dtype and a.shape[1:] == b.shape[1:]
        if not same or first.levels[name] != other.levels[name]:
            raise DataError(
                f"the column {name} is {a.dtype} {tuple(a.shape)} in clouds 0 and {b.dtype} "
                f"{tuple(b.shape)} in clouds {number}",
                branch=name,
            )
    if first.features != other.features:
        raise DataError(f"clouds 0 and {number} have different feature definitions")
    if first.classes != other.classes:
        raise DataError(
            f"clouds 0 and {number} have different classes: {first.classes}, {other.classes}"
        )


def _join_provenance(parts: Sequence[ParticleClouds]) -> tuple[dict[str, Any], list[Tensor]]:
    """One list of files, and for each part the new number of each of its files."""
    provenance = dict(parts[0].provenance)
    files: list[Any] = []
    tables: list[Tensor] = []
    for part in parts:
        own = list(part.provenance.get("files", ()))
        for name in own:
            if name not in files:
                files.append(name)
        column = part._tensors.get("file")
        numbers = torch.tensor([files.index(name) for name in own])
        if column is not None and column.numel() and int(column.max()) >= len(own):
            # Numbers without names cannot be matched: they stay as they are.
            numbers = torch.arange(int(column.max()) + 1)
        tables.append(numbers.to(torch.int32 if column is None else column.dtype))
    if files:
        provenance["files"] = files
    for key in ("entries_read", "entries_kept"):
        counts = [part.provenance.get(key) for part in parts]
        if all(isinstance(count, int) for count in counts):
            provenance[key] = sum(count for count in counts if isinstance(count, int))
    return provenance, tables
