"""Scores of the edges or hits of graphs, one after the other, with the place of each graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError

__all__ = ["GraphScores"]


@dataclass(frozen=True, eq=False)
class GraphScores:
    """One score (or row of outputs) per edge or hit, graph after graph.

    NumPy takes it as the array of all of them.

    Args:
        values: all scores, (E,), or all outputs of C columns, (N, C).
        offsets: first score of each graph, (graphs + 1,).

    Example:
        >>> scores = GraphScores.join([np.array([0.1, 0.9]), np.array([0.5])])
        >>> len(scores), scores[1]
        (2, array([0.5]))
    """

    values: NDArray[np.floating]
    offsets: NDArray[np.int64]

    @classmethod
    def join(cls, parts: Sequence[NDArray[np.floating]]) -> GraphScores:
        """Put the scores of single graphs together."""
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return cls(np.concatenate(parts) if parts else np.empty(0, np.float32), offsets)

    @classmethod
    def of(cls, scores: Any, sizes: Sequence[int]) -> GraphScores:
        """Accept scores as they are, a list of arrays or a flat array, for graphs of these sizes.

        Raises:
            DataError: the numbers do not fit, or there are several outputs instead of a score.
        """
        if isinstance(scores, cls):
            made = scores
        elif isinstance(scores, (list, tuple)):
            made = cls.join([np.asarray(part).reshape(-1) for part in scores])
        else:
            flat = np.asarray(scores).reshape(-1)
            made = cls(flat, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
        found = np.diff(made.offsets)
        if made.values.ndim != 1:
            raise DataError(
                f"outputs of the shape {made.values.shape} are no scores of edges",
                remedy="give one score per edge",
            )
        if made.offsets[-1] != made.values.size or not np.array_equal(found, list(sizes)):
            raise DataError(
                f"{made.values.size} scores of {found.size} graphs do not fit "
                f"{len(sizes)} graphs with {sum(sizes)} edges"
            )
        return made

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, graph: int) -> NDArray[np.floating]:
        if graph < 0:
            graph += len(self)
        if not 0 <= graph < len(self):
            raise IndexError(f"there are {len(self)} graphs")
        return self.values[self.offsets[graph] : self.offsets[graph + 1]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if dtype is not None and np.dtype(dtype) != self.values.dtype:
            return self.values.astype(dtype)
        return self.values.copy() if copy else self.values
