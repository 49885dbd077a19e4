"""Neighbours by brute force, one graph and one particle at a time, and clouds to find them in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from pcgnn.ops import SizePlan

CASES = {
    "jets": [50, 33, 61, 18, 90, 47],
    "small": [1, 2, 3, 0, 9, 16, 17, 18, 4],
    "one of 200": [200],
    "ones": [1, 1, 1],
    "empty": [0, 0],
}


def cloud(
    sizes: list[int], dimensions: int, kind: str, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return coordinates and offsets: ``random``, ``grid`` (many exact ties) or ``duplicates``."""
    rng = np.random.default_rng(len(sizes) + dimensions)
    total = sum(sizes)
    if kind == "random":
        x = rng.normal(size=(total, dimensions))
    elif kind == "grid":
        x = rng.integers(-4, 5, size=(total, dimensions)).astype(float)
    else:
        x = rng.normal(size=(total, dimensions))[rng.integers(0, max(total // 3, 1), total)]
    return torch.from_numpy(x).to(dtype), torch.as_tensor(SizePlan.from_sizes(sizes).ptr.copy())


def nearest(x: Tensor, ptr: Tensor, k: int) -> np.ndarray:
    """Brute force in float64; equal distances by the lowest index."""
    points, offsets = x.double().numpy(), ptr.tolist()
    table = np.full((len(points), k), -1)
    for start, stop in pairwise(offsets):
        for i in range(start, stop):
            squared = ((points[start:stop] - points[i]) ** 2).sum(1)
            others = [j for j in np.argsort(squared, kind="stable") + start if j != i][:k]
            table[i, : len(others)] = others
    return table


def within(x: Tensor, ptr: Tensor, r: float) -> set[tuple[int, int]]:
    points, offsets = x.double().numpy(), ptr.tolist()
    return {
        (j, i)
        for start, stop in pairwise(offsets)
        for i in range(start, stop)
        for j in range(start, stop)
        if i != j and np.sqrt(((points[i] - points[j]) ** 2).sum()) <= r
    }
