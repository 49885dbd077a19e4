"""Where computed features go: shifted, scaled, clipped, and checked on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcgnn.data.features import Feature
from pcgnn.data.records import FlatRecords
from pcgnn.errors import DataError

__all__ = ["FeatureWriter", "FlatFeatures"]


class FlatFeatures:
    """Arrays a definition gives for some records.

    Attributes:
        x: inputs, (N, F), or None if there are none.
        pos: coordinates, (N, D), or None if there are none.
        p4: E, px, py, pz in GeV, (N, 4), or None if not wanted.
        finite: whether all of them are free of NaN and infinity.
    """

    def __init__(
        self,
        x: np.ndarray | None,
        pos: np.ndarray | None,
        p4: np.ndarray | None,
        finite: bool,
    ) -> None:
        self.x, self.pos, self.p4, self.finite = x, pos, p4, finite


class FeatureWriter:
    """Shifts, scales and clips the outputs of a piece and puts them into the result columns.

    Attributes:
        finite: whether all that was written is free of NaN and infinity.
    """

    def __init__(self, jobs: list[tuple[np.ndarray, Feature]], records: FlatRecords) -> None:
        self._jobs = jobs
        self._records = records
        self._rows = slice(0, 0)
        self._work = np.empty(0)
        self._ranges = [_range(column.dtype, feature.clip) for column, feature in jobs]
        self.finite = True

    def begin(self, start: int, stop: int) -> slice:
        """Set the particles that come next."""
        self._rows = slice(start, stop)
        if self._work.size < stop - start:
            self._work = np.empty(stop - start)
        return self._rows

    def write(self, output: int, values: np.ndarray) -> None:
        """Take the values of one output; they are not changed."""
        column, feature = self._jobs[output]
        work = self._work[: values.size]
        raw = values
        if feature.shift != 0.0:
            values = np.subtract(values, feature.shift, out=work)
        if feature.scale != 1.0:
            values = np.multiply(values, feature.scale, out=work)
        low, high = self._ranges[output]
        # Mostly all values lie in the range, which is quicker to find out than to clip; NaN and
        # infinity never do.
        if values.min(initial=low) >= low and values.max(initial=high) <= high:
            column[self._rows] = values
            return
        if feature.clip is not None:
            # Clipping would hide what is not finite.
            self._refuse_not_finite(raw, feature.name)
            values = np.clip(values, *feature.clip, out=work)
        column[self._rows] = values
        self.finite = self.finite and bool(np.isfinite(column[self._rows]).all())

    def _refuse_not_finite(self, values: np.ndarray, name: str) -> None:
        # A sum is finite only if all terms are, and is quicker than looking at each.
        if np.isfinite(values.sum()) or np.isfinite(values).all():
            return
        row = int(np.argmax(~np.isfinite(values)))
        offsets = self._records.offsets
        graph = int(np.searchsorted(offsets, self._rows.start + row, side="right")) - 1
        entries = self._records.event.get("entry")
        raise DataError(
            f"feature {name} is {values[row]} for particle "
            f"{self._rows.start + row - int(offsets[graph])} of graph {graph}",
            branch=name,
            entry=None if entries is None else int(entries[graph]),
            remedy="drop such entries with cut=, or guard the expression with where(...)",
        )


def _range(dtype: np.dtype[Any], clip: tuple[float, float] | None) -> tuple[float, float]:
    """Values that clipping leaves as they are and that this type can hold."""
    largest = float(np.finfo(dtype).max)
    low, high = clip or (-largest, largest)
    return max(low, -largest), min(high, largest)
