"""What a loader needs of the graphs it goes through."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

__all__ = ["GraphCollection"]


@runtime_checkable
class GraphCollection(Protocol):
    """Graphs that can be counted and gathered: particle clouds, or hit graphs.

    Attributes:
        sizes: particles or hits of each graph, (G,).
    """

    @property
    def sizes(self) -> np.ndarray:
        """Particles or hits of each graph, (G,)."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Any) -> Any:
        """PyG batch of some graphs."""
        ...
