"""Predicted values that know which entry of which file they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pcgnn.errors import DataError
from pcgnn.io.predicted_rows import check_places

__all__ = ["RegressionPrediction"]


@dataclass(frozen=True, eq=False, repr=False)
class RegressionPrediction:
    """Predicted values in input order, each row with its file and entry.

    Args:
        values: (G, T) predictions of the T targets, in the units of the targets.
        file: (G,) index into ``files`` for each row.
        entry: (G,) entry number inside that file's tree for each row.
        files: the files the rows were read from.
        tree: the tree inside the files, None for formats without one.
        targets: names of the targets, in the order of the columns.
        width: (G, T) predicted widths of their distributions, where the network tells them.

    Shapes:
        - values, width (G, T), file (G,) int32, entry (G,) int64

    Raises:
        DataError: if shapes do not fit together, or a value is not finite.

    Example:
        >>> import numpy as np
        >>> p = RegressionPrediction(np.array([[172.5]]), np.array([0]), np.array([7]),
        ...                          ("jets.root",), "jets", ("mass",))
        >>> list(p.columns)
        ['mass']
    """

    prefix: ClassVar[str] = "predicted_"

    values: NDArray[np.floating[Any]]
    file: NDArray[np.int32]
    entry: NDArray[np.int64]
    files: tuple[str, ...]
    tree: str | None
    targets: tuple[str, ...]
    width: NDArray[np.floating[Any]] | None = None

    def __post_init__(self) -> None:
        for name in ("values", "width"):
            given = getattr(self, name)
            if given is not None:
                found = np.asarray(given)
                if not np.issubdtype(found.dtype, np.floating):
                    found = found.astype(np.float64)
                object.__setattr__(self, name, found)
        object.__setattr__(self, "file", np.asarray(self.file, dtype=np.int32))
        object.__setattr__(self, "entry", np.asarray(self.entry, dtype=np.int64))
        object.__setattr__(self, "files", tuple(str(file) for file in self.files))
        object.__setattr__(self, "targets", tuple(str(name) for name in self.targets))
        shape = self.values.shape
        if len(shape) != 2 or shape[1] != len(self.targets):
            raise DataError(
                f"values have the shape {shape}, expected (G, {len(self.targets)}) for the "
                f"targets {', '.join(self.targets)}"
            )
        if self.width is not None and self.width.shape != shape:
            raise DataError(f"width has the shape {self.width.shape}, values have {shape}")
        check_places(self.file, self.entry, shape[0], len(self.files))
        bad = ~np.isfinite(self.values).all(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"{int(bad.sum())} of {len(bad)} predictions are not finite; the first is row "
                f"{row}",
                file=self.files[self.file[row]],
                tree=self.tree,
                entry=int(self.entry[row]),
                remedy="look for NaN or infinite values in features or weights",
            )

    @property
    def columns(self) -> dict[str, NDArray[np.floating[Any]]]:
        """Values by target, and widths as ``target_width``, (G,) each."""
        found = {name: self.values[:, place] for place, name in enumerate(self.targets)}
        if self.width is not None:
            for place, name in enumerate(self.targets):
                found[f"{name}_width"] = self.width[:, place]
        return found

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        wanted = self.values if dtype is None else self.values.astype(dtype)
        return wanted.copy() if copy else wanted

    def __repr__(self) -> str:
        widths = " with widths" if self.width is not None else ""
        return (
            f"RegressionPrediction({len(self):,} rows, targets={list(self.targets)}{widths}, "
            f"{len(self.files)} file(s), tree={self.tree!r})"
        )
