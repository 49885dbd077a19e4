"""The confusion matrix: which class the jets of each class are taken for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcgnn.metrics.counting import estimate_from_sums
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import LEVEL

__all__ = ["ConfusionMatrix"]


@dataclass(frozen=True, repr=False, eq=False)
class ConfusionMatrix:
    r"""Counts of true class (rows) against predicted class (columns).

    Args:
        classes: class names.
        counts: number of jets.
        weighted: sums of weights; equal to the counts without weights.
        weighted2: sums of squared weights.
        has_weights: whether weights were given.
        level: confidence level of the intervals.

    Shapes:
        - **counts**, **weighted**, **weighted2**: $(C, C)$
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    weighted: NDArray[np.float64]
    weighted2: NDArray[np.float64]
    has_weights: bool = False
    level: float = LEVEL

    @classmethod
    def from_labels(
        cls,
        true: NDArray[np.int64],
        predicted: NDArray[np.int64],
        classes: tuple[str, ...],
        weight: NDArray[np.float64] | None = None,
        level: float = LEVEL,
    ) -> ConfusionMatrix:
        """Count the pairs of true and predicted class.

        Args:
            true: true class numbers.
            predicted: predicted class numbers.
            classes: class names.
            weight: one weight per jet, or None.
            level: confidence level of the intervals.

        Shapes:
            - **true**, **predicted**, **weight**: $(G,)$
        """
        size = len(classes)
        cell = true * size + predicted
        w = np.ones(len(true)) if weight is None else weight
        counts = np.bincount(cell, minlength=size * size).reshape(size, size)
        sums, squares = (
            np.bincount(cell, values, minlength=size * size).reshape(size, size).astype(np.float64)
            for values in (w, w * w)
        )
        return cls(classes, counts, sums, squares, weight is not None, level)

    @property
    def normalised(self) -> NDArray[np.float64]:
        """Each row divided by its sum (of weights): the efficiencies. NaN for an absent class."""
        rows = self.weighted.sum(axis=1, keepdims=True)
        shares = np.full(self.weighted.shape, np.nan)
        np.divide(self.weighted, rows, out=shares, where=rows > 0)
        return shares

    def efficiency(self, true: int, predicted: int) -> Estimate:
        """Share of one true class taken for another (or the same), with interval.

        Args:
            true: number of the true class.
            predicted: number of the predicted class.
        """
        sums = None
        if self.has_weights:
            sums = (
                float(self.weighted[true, predicted]),
                float(self.weighted[true].sum()),
                float(self.weighted2[true, predicted]),
                float(self.weighted2[true].sum()),
            )
        return estimate_from_sums(
            int(self.counts[true, predicted]), int(self.counts[true].sum()), sums, level=self.level
        )

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON, rows as in `counts`; null for an absent class."""
        normalised = [
            [None if np.isnan(cell) else float(cell) for cell in row] for row in self.normalised
        ]
        return {
            "classes": list(self.classes),
            "counts": self.counts.tolist(),
            "weighted": self.weighted.tolist() if self.has_weights else None,
            "normalised": normalised,
        }

    def __str__(self) -> str:
        width = max(12, *(len(name) + 2 for name in self.classes))
        first = max(14, *(len(name) + 7 for name in self.classes))
        head = "true \\ predicted".ljust(first) if first >= 16 else "true \\ pred.".ljust(first)
        lines = [head + "".join(name.rjust(width + 7) for name in self.classes)]
        for name, counts, shares in zip(self.classes, self.counts, self.normalised, strict=True):
            cells = (
                f"{count:,} ({'  -  ' if np.isnan(share) else f'{share:.1%}':>5})".rjust(width + 7)
                for count, share in zip(counts, shares, strict=True)
            )
            lines.append(name.ljust(first) + "".join(cells))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"ConfusionMatrix({list(self.classes)}, {int(self.counts.sum()):,} jets)"
