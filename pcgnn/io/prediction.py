"""Scores of a classifier that know which entry of which file they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.io.predicted_rows import check_places

__all__ = ["Prediction"]

_SUM_TOLERANCE = 1e-2
"""Slack of a row's sum around 1: bfloat16 probabilities carry errors of 4e-3."""


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """Class probabilities in input order, each row with its file and entry.

    Args:
        probabilities: (G, C) probabilities of the C classes; each row sums to 1.
        file: (G,) index into ``files`` for each row.
        entry: (G,) entry number inside that file's tree for each row.
        files: the files the rows were read from.
        tree: the tree inside the files, None for formats without one.
        classes: names of the classes, in the order of the columns; for two classes background
            comes first.
        multi_label: whether the columns are probabilities of labels that do not exclude each
            other; their sum then means nothing.

    Shapes:
        - probabilities (G, C), file (G,) int32, entry (G,) int64

    Raises:
        DataError: if shapes, ranges or sums do not fit together.

    Example:
        >>> import numpy as np
        >>> p = Prediction(np.array([[0.2, 0.8]]), np.array([0]), np.array([7]),
        ...                ("jets.root",), "jets", ("background", "signal"))
        >>> p.signal
        array([0.8])
    """

    prefix: ClassVar[str] = "score_"

    probabilities: NDArray[np.floating[Any]]
    file: NDArray[np.int32]
    entry: NDArray[np.int64]
    files: tuple[str, ...]
    tree: str | None
    classes: tuple[str, ...]
    multi_label: bool = False

    def __post_init__(self) -> None:
        probabilities = np.asarray(self.probabilities)
        if not np.issubdtype(probabilities.dtype, np.floating):
            probabilities = probabilities.astype(np.float64)
        object.__setattr__(self, "probabilities", probabilities)
        object.__setattr__(self, "file", np.asarray(self.file, dtype=np.int32))
        object.__setattr__(self, "entry", np.asarray(self.entry, dtype=np.int64))
        object.__setattr__(self, "files", tuple(str(file) for file in self.files))
        object.__setattr__(self, "classes", tuple(str(name) for name in self.classes))
        self._check()

    def _check(self) -> None:
        shape = self.probabilities.shape
        if len(shape) != 2 or shape[1] != len(self.classes):
            raise DataError(
                f"probabilities have the shape {shape}, expected (G, {len(self.classes)}) for the "
                f"classes {', '.join(self.classes)}"
            )
        rows = shape[0]
        check_places(self.file, self.entry, rows, len(self.files))
        if rows == 0:
            return
        if self.multi_label:
            bad = ~(self.probabilities <= 1).all(axis=1)  # also true for NaN
        else:
            sums = self.probabilities.sum(axis=1, dtype=np.float64)
            bad = ~(np.abs(sums - 1) <= _SUM_TOLERANCE)
        bad |= (self.probabilities < 0).any(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"{int(bad.sum())} of {rows} rows are no probabilities; the first is row {row}: "
                f"{self.probabilities[row].tolist()}",
                file=self.files[self.file[row]],
                tree=self.tree,
                entry=int(self.entry[row]),
                remedy="pass softmax outputs, and look for NaN in the inputs or the model",
            )

    @property
    def signal(self) -> NDArray[np.floating[Any]]:
        """(G,) probability of the signal, the second of two classes.

        Raises:
            ConfigError: if there are not exactly two classes.
        """
        if len(self.classes) != 2 or self.multi_label:
            raise ConfigError(
                f"there is no single signal score among {len(self.classes)} classes",
                remedy="take the column of the class you mean from .probabilities",
            )
        return self.probabilities[:, 1]

    @property
    def columns(self) -> dict[str, NDArray[np.floating[Any]]]:
        """Probabilities by class, (G,) each."""
        return {name: self.probabilities[:, place] for place, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.probabilities)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        wanted = self.probabilities if dtype is None else self.probabilities.astype(dtype)
        return wanted.copy() if copy else wanted

    def __repr__(self) -> str:
        return (
            f"Prediction({len(self):,} rows, classes={list(self.classes)}, "
            f"{len(self.files)} file(s), tree={self.tree!r})"
        )
