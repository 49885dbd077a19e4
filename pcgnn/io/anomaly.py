"""Anomaly scores of jets that know which entry of which file they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pcgnn.errors import DataError
from pcgnn.io.predicted_rows import check_places

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

    Raises:
        DataError: shapes do not fit together, or a score is not finite.
    """

    prefix: ClassVar[str] = "score_"

    score: NDArray[np.floating[Any]]
    file: NDArray[np.int32]
    entry: NDArray[np.int64]
    files: tuple[str, ...]
    tree: str | None = None

    def __post_init__(self) -> None:
        if self.score.ndim != 1:
            raise DataError(f"anomaly scores have the shape {self.score.shape}, expected (G,)")
        check_places(self.file, self.entry, len(self.score), len(self.files))
        if not np.isfinite(self.score).all():
            row = int(np.argmin(np.isfinite(self.score)))
            raise DataError(
                f"the score of row {row} is not finite",
                file=self.files[self.file[row]],
                tree=self.tree,
                entry=int(self.entry[row]),
                remedy="look for NaN or infinite values in the four-vectors or weights",
            )

    @property
    def columns(self) -> dict[str, NDArray[np.floating[Any]]]:
        """The scores, as ``anomaly``, (G,)."""
        return {"anomaly": self.score}

    def __len__(self) -> int:
        return len(self.score)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        wanted = self.score if dtype is None else self.score.astype(dtype)
        return wanted.copy() if copy else wanted

    def __repr__(self) -> str:
        return f"AnomalyScores({len(self):,} rows, {len(self.files)} file(s), tree={self.tree!r})"
