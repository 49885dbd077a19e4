"""The rows of x of clouds, loaders and streams, piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pcgnn.data.clouds import ParticleClouds
from pcgnn.errors import DataError

__all__ = ["collect_rows", "rows_of"]

# Particles looked at together, so that double-precision copies stay small.
_ROWS_PER_STEP = 1 << 17


def rows_of(data: Any, weighted: bool) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Rows of x and, if wanted, the weight of each, piece by piece."""
    parts: Iterable[Any] = [data] if isinstance(data, ParticleClouds) else data
    for part in parts:
        x = getattr(part, "x", None)
        if x is None:
            raise DataError("there is no x to standardise", remedy='use standardize="none"')
        per_row = None
        if weighted:
            weight = getattr(part, "weight", None)
            if weight is None:
                raise DataError("a weighted standardisation needs weights")
            per_row = np.repeat(weight.cpu().numpy(), np.diff(part.ptr.cpu().numpy()))
        values = x.detach().cpu().numpy()
        for start in range(0, values.shape[0], _ROWS_PER_STEP):
            rows = slice(start, start + _ROWS_PER_STEP)
            yield values[rows], None if per_row is None else per_row[rows]


def collect_rows(
    chunks: Iterable[tuple[np.ndarray, np.ndarray | None]], limit: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """All rows, or a uniform random sample of ``limit`` of them (smallest random keys)."""
    random = np.random.default_rng(0)
    values: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    keys: list[np.ndarray] = []
    count = 0
    for rows, weight in chunks:
        values.append(rows)
        keys.append(random.random((rows.shape[0],)))
        if weight is not None:
            weights.append(weight)
        count += rows.shape[0]
        if limit is not None and count > 2 * limit:
            values, weights, keys = _thin(values, weights, keys, limit)
            count = limit
    if limit is not None and count > limit:
        values, weights, keys = _thin(values, weights, keys, limit)
    return np.concatenate(values), np.concatenate(weights) if weights else None


def _thin(
    values: list[np.ndarray], weights: list[np.ndarray], keys: list[np.ndarray], limit: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    joined = np.concatenate(keys)
    kept = np.argpartition(joined, limit)[:limit]
    thinned = [np.concatenate(weights)[kept]] if weights else []
    return [np.concatenate(values)[kept]], thinned, [joined[kept]]
