"""Columns of entries together with the columns of a list in each entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["JaggedTable", "concatenated"]


@dataclass(frozen=True)
class JaggedTable:
    """Entries in the order of a file.

    Args:
        entry: columns of the entries.
        listed: columns of what their lists hold, entry after entry.
        sizes: length of each list.

    Shapes:
        - entry (G,), listed (N,), sizes (G,)
    """

    entry: dict[str, NDArray[Any]]
    listed: dict[str, NDArray[Any]]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sizes)

    def take(self, order: NDArray[np.int64]) -> JaggedTable:
        """These entries in this order."""
        sizes = self.sizes[order]
        start = np.cumsum(self.sizes) - self.sizes
        new_start = np.cumsum(sizes) - sizes
        rows = np.arange(int(sizes.sum())) + np.repeat(start[order] - new_start, sizes)
        return JaggedTable(
            {name: values[order] for name, values in self.entry.items()},
            {name: values[rows] for name, values in self.listed.items()},
            sizes,
        )


def concatenated(parts: Sequence[JaggedTable]) -> JaggedTable:
    """One table after the other; at least one."""
    return JaggedTable(
        {n: np.concatenate([p.entry[n] for p in parts]) for n in parts[0].entry},
        {n: np.concatenate([p.listed[n] for p in parts]) for n in parts[0].listed},
        np.concatenate([p.sizes for p in parts]),
    )
