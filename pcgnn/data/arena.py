"""Memory of a stream's buffer, filled again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Arena"]


# A few graphs do not tell how much room a buffer needs: at most this many times theirs is made.
_MOST = 64


class Arena:
    """Memory that is used again for each set of clouds joined in it.

    Fetching new pages for every buffer of a stream would cost about as much as filling them.
    Features can be computed right where they will be joined: rows are given out one after the
    other until :meth:`clear`, after which what was there is overwritten.

    Args:
        graphs: how many are joined at a time; 0 gives new memory out and keeps none.
    """

    def __init__(self, graphs: int = 0) -> None:
        self._graphs = graphs
        self._expected = 0
        self._memory: dict[str, np.ndarray] = {}
        self._used: dict[str, int] = {}

    def clear(self) -> None:
        """Begin anew; what was given out is overwritten by what comes."""
        self._used.clear()

    def expect(self, graphs: int) -> None:
        """Say how many graphs the rows taken next belong to."""
        self._expected = graphs

    def take(self, name: str, shape: tuple[int, int], dtype: Any) -> np.ndarray:
        """Rows that follow those taken before, or memory of their own if there is no room."""
        if name not in self._memory and 0 < self._graphs <= _MOST * self._expected:
            # Pages that stay empty are never fetched, so there is room for larger graphs.
            rows = shape[0] * self._graphs // self._expected
            self._memory[name] = np.empty((rows + rows // 8, *shape[1:]), dtype)
        memory = self._memory.get(name)
        start = self._used.get(name, 0)
        # Also where there is no room: what is taken next must not lie where these will be joined.
        self._used[name] = start + shape[0]
        if memory is None or start + shape[0] > memory.shape[0]:
            return np.empty(shape, dtype)
        return memory[start : start + shape[0]]

    def join(self, name: str, pieces: list[Tensor]) -> Tensor:
        """The pieces one after the other; those that lie there already are not moved.

        Pieces that were taken come first, in their order and whole.

        **Shapes:** pieces (n_i, ...) -> (sum of n_i, ...)
        """
        rows = sum(piece.shape[0] for piece in pieces)
        memory = self._memory.get(name)
        if memory is None or memory.shape[0] < rows:
            # Room to grow a little: later buffers differ in their number of particles.
            like = pieces[0].numpy()
            # NumPy asks for large pages, of which random gathers miss fewer.
            memory = np.empty((rows + rows // 16, *like.shape[1:]), like.dtype)
            self._memory[name] = memory
        joined = torch.from_numpy(memory)
        row = 0
        for piece in pieces:
            target = joined[row : row + piece.shape[0]]
            if target.data_ptr() != piece.data_ptr():
                target.copy_(piece)
            row += piece.shape[0]
        return joined[:rows]
