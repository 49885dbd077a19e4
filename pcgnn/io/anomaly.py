"""Anomaly scores of jets that know which entry of which file they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["AnomalyScores"]


@dataclass(frozen=True, eq=False, repr=False)
class AnomalyScores:
    """How badly an autoencoder reproduced each jet, in input order; larger is less usual.

    An array of them is what :func:`pcgnn.metrics.tagging_report` takes as score.

    Args:
        score: distance between the jet and its image, (G,).
        file: index into ``files`` for each row, (G,).
        entry: entry number inside that file's tree, (G,).
        files: the files the rows were read from.
        tree: the tree inside the files, None for formats without one.
        classes: name of the one column that :func:`pcgnn.write_scores` writes.
    """

    score: NDArray[np.floating[Any]]
    file: NDArray[np.int32]
    entry: NDArray[np.int64]
    files: tuple[str, ...]
    tree: str | None = None
    classes: tuple[str, ...] = ("anomaly",)

    def __len__(self) -> int:
        return len(self.score)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        wanted = self.score if dtype is None else self.score.astype(dtype)
        return wanted.copy() if copy else wanted

    def __repr__(self) -> str:
        return f"AnomalyScores({len(self):,} rows, {len(self.files)} file(s), tree={self.tree!r})"
