"""What joins hits: the interface between :func:`build_graphs` and the ways to choose edges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pcgnn.tracking.columns import EventHits

__all__ = ["EdgeMaker", "sorted_edges"]

Index = NDArray[np.int64]


class EdgeMaker(ABC):
    """Chooses which hits of an event are joined.

    A new one is a class with these methods; truth, features and reports need nothing else.

    Attributes:
        kind: name of the way, for configurations and the record.
        pt: pT floor in GeV the edges are made for, the default floor of truth and reports; or None.
    """

    kind: ClassVar[str]
    pt: float | None = None

    @property
    @abstractmethod
    def allowed_pairs(self) -> tuple[tuple[int, int], ...] | None:
        """Pairs of layers that are joined, None for all hits with all others.

        It decides what ``truth="same_particle"`` counts as all true edges.
        """

    @abstractmethod
    def number(self, hits: EventHits, event: int) -> Index:
        """Number the layers of the hits of an event; -1 for hits that take no part.

        **Shapes:** -> (N,)
        """

    @abstractmethod
    def join(self, hits: EventHits, layer: Index, event: int) -> Index:
        """Join the hits of an event: inner hits, outer hits; sorted, each pair once.

        Args:
            hits: those that take part.
            layer: what :meth:`number` says of them.
            event: number of the event.

        **Shapes:** layer (N,) -> (2, E)
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain values for configurations."""

    @property
    def given(self) -> Mapping[str, Any] | None:
        """Description of the graphs whose hits alone it joins; None where it joins any hits."""
        return None

    def check(self, offsets: Index) -> None:
        """Raise if the maker does not belong to the hits of these offsets, (events + 1,)."""
        return

    def record(self) -> dict[str, Any]:
        """Plain values for provenance and checkpoints, where :meth:`to_dict` may be long."""
        return self.to_dict()

    @abstractmethod
    def __str__(self) -> str: ...


def sorted_edges(source: Index, target: Index, hits: int) -> Index:
    """Sort edges by inner and outer hit, and drop repetitions.

    **Shapes:** (E,), (E,) -> (2, E)
    """
    size = max(hits, 1)
    key = source * size
    key += target
    key.sort()
    if key.size > 1:
        new = key[1:] != key[:-1]
        if not new.all():
            key = key[np.concatenate([[True], new])]
    return np.stack(np.divmod(key, size))
