"""Which particles a network combines: its weights by rank, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pcgnn.errors import DataError
from pcgnn.metrics.text import table

__all__ = ["CombinationTable"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CombinationTable:
    """Weights with which particles enter combinations, each combination normalised to 1.

    Attributes:
        model: name of the network.
        ranks: names of the rows: places in the order of falling transverse momentum.
        kinds: weights by kind, "combination" and perhaps "rest frame", each of shape (ranks,
            combinations); the absolute values of a combination add up to 1.

    Example:
        >>> weights = {"combination": np.array([[3.0, 1.0], [1.0, 1.0]])}
        >>> print(CombinationTable.of("lbn", weights))
        lbn: shares in %, particles by falling pT
        combination     1     2
        -----------------------
        1            75.0  50.0
        2            25.0  50.0
    """

    model: str
    ranks: tuple[str, ...]
    kinds: Mapping[str, FloatArray]

    @classmethod
    def of(
        cls, model: str, weights: Mapping[str, npt.ArrayLike], *, shared: bool = False
    ) -> CombinationTable:
        """Normalise weights.

        Args:
            model: name of the network.
            weights: by kind, each of shape (ranks, combinations).
            shared: whether the last row is that of all further ranks, too.

        Raises:
            DataError: no weights, or tables that do not have the same ranks.
        """
        kinds = {}
        for kind, values in weights.items():
            array = np.asarray(values, np.float64)
            if array.ndim != 2 or not array.size:
                raise DataError(f"weights of shape {array.shape}", remedy="(ranks, combinations)")
            total = np.abs(array).sum(0)
            kinds[kind] = array / np.where(total > 0, total, 1.0)
        lengths = {len(array) for array in kinds.values()}
        if len(lengths) != 1:
            raise DataError(f"weights of {sorted(lengths)} ranks", remedy="all must have the same")
        ranks = [str(rank + 1) for rank in range(lengths.pop())]
        if shared:
            ranks[-1] += "+"
        return cls(model, tuple(ranks), kinds)

    def leading(self, kind: str, combination: int, count: int = 3) -> list[tuple[str, float]]:
        """The particles with the largest shares in one combination.

        Args:
            kind: one of ``kinds``.
            combination: its number, from 0.
            count: how many particles.

        Returns:
            Rank and share, the largest first.
        """
        column = self.kinds[kind][:, combination]
        order = np.argsort(-np.abs(column), kind="stable")[:count]
        return [(self.ranks[index], float(column[index])) for index in order]

    def __str__(self) -> str:
        lines = [f"{self.model}: shares in %, particles by falling pT"]
        for kind, values in self.kinds.items():
            head = [kind, *(str(number + 1) for number in range(values.shape[1]))]
            rows = [
                [rank, *(f"{100 * value:.1f}" for value in row)]
                for rank, row in zip(self.ranks, values, strict=True)
            ]
            lines.append(table(head, rows))
        return "\n".join(lines)
