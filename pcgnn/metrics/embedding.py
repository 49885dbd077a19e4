"""Graphs as points in the plane: a look at the space in which a network separates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError

__all__ = ["Embedding"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Embedding:
    """A two-dimensional picture of the hidden space of a network.

    Attributes:
        method: "pca" or "tsne".
        points: where each graph is drawn, (G, 2).
        hidden: its hidden representation, (G, H).
        y: class of each graph, (G,), where it is known.
        classes: names of the classes.
        explained: share of the variance along each axis, (2,); None for "tsne".
        mean: of the hidden representation, (H,); None for "tsne".
        axes: directions of the two axes in the hidden space, (2, H); None for "tsne".
    """

    method: str
    points: FloatArray
    hidden: FloatArray
    y: NDArray[np.int64] | None
    classes: tuple[str, ...]
    explained: FloatArray | None = None
    mean: FloatArray | None = None
    axes: FloatArray | None = None

    def project(self, hidden: Any) -> FloatArray:
        """Points of other graphs on the same two axes.

        Args:
            hidden: their hidden representation, (K, H), say ``other.hidden``.

        **Shapes:** (K, H) -> (K, 2)

        Raises:
            ConfigError: the method has no axes.
            DataError: another width.
        """
        if self.mean is None or self.axes is None:
            raise ConfigError(f"{self.method} has no axes to project on", remedy="use method='pca'")
        values = np.asarray(hidden, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.mean):
            raise DataError(f"hidden has the shape {values.shape}, not (K, {len(self.mean)})")
        found: FloatArray = (values - self.mean) @ self.axes.T
        return found

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        text = f"Embedding({self.method}, {len(self):,} graphs, {self.hidden.shape[1]} dimensions"
        if self.explained is not None:
            text += f", {self.explained.sum():.0%} of the variance on two axes"
        return text + ")"
