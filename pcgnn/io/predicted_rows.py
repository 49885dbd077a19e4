"""What a prediction tells of each row beside the numbers: which entry of which file it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError

__all__ = ["Origin", "PredictedRows", "check_places"]


class PredictedRows(Protocol):
    """Predictions of graphs, row by row, as :func:`pcgnn.write_scores` takes them.

    Attributes:
        prefix: what the names of branches begin with, unless told otherwise.
        file: index into ``files`` of each row, (G,).
        entry: entry number inside that file's tree, (G,).
        files: the files the rows were read from.
        tree: the tree inside the files, None for formats without one.
        columns: numbers of each row by name, (G,) each.
    """

    prefix: ClassVar[str]

    @property
    def file(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def entry(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def files(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def tree(self) -> str | None: ...  # noqa: D102
    @property
    def columns(self) -> Mapping[str, NDArray[np.floating[Any]]]: ...  # noqa: D102
    def __len__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Origin:
    """Where rows come from, complete: counted from 0 in memory where nothing is known.

    Attributes:
        file: index into ``files`` of each row, (G,).
        entry: entry number inside that file's tree, (G,).
        files: the files.
        tree: the tree, None for formats without one.
    """

    file: NDArray[np.int32]
    entry: NDArray[np.int64]
    files: tuple[str, ...]
    tree: str | None

    @classmethod
    def of(
        cls,
        rows: int,
        file: NDArray[Any] | None,
        entry: NDArray[Any] | None,
        provenance: Mapping[str, Any],
    ) -> Origin:
        """Of what is known of some rows.

        Args:
            rows: their number.
            file: index into the files of the provenance, (rows,), or None.
            entry: entry numbers, (rows,), or None.
            provenance: with "files" and "tree", where they are known.
        """
        return cls(
            np.zeros(rows, np.int32) if file is None else np.asarray(file, np.int32),
            np.arange(rows, dtype=np.int64) if entry is None else np.asarray(entry, np.int64),
            tuple(provenance.get("files") or ("memory",)),
            provenance.get("tree"),
        )

    def to_dict(self) -> dict[str, Any]:
        """The attributes by name, as the classes of predictions take them."""
        return {"file": self.file, "entry": self.entry, "files": self.files, "tree": self.tree}


def check_places(file: NDArray[np.int32], entry: NDArray[np.int64], rows: int, files: int) -> None:
    """Check the file and entry of each row of a prediction.

    Raises:
        DataError: shapes or ranges do not fit.

    **Shapes:** file and entry (rows,)
    """
    for name, values in (("file", file), ("entry", entry)):
        if values.shape != (rows,):
            raise DataError(f"{name} has the shape {values.shape}, expected ({rows},)")
    if rows == 0:
        return
    if file.min() < 0 or file.max() >= files:
        raise DataError(
            f"file indices run from {file.min()} to {file.max()}, but there are {files} files"
        )
    if entry.min() < 0:
        raise DataError(f"negative entry number {entry.min()}")
