"""Columns of csv files, plain or compressed, read with pandas."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ReadError
from pcgnn.io.boundary import reading

__all__ = ["find_csv", "read_csv", "read_header"]

_ENDINGS = (".csv", ".csv.gz")


def find_csv(prefix: str, part: str) -> str | None:
    """Give the file ``<prefix>-<part>.csv`` or ``.csv.gz``, None if there is none.

    Raises:
        ReadError: if both are there.
    """
    found = [f"{prefix}-{part}{end}" for end in _ENDINGS if os.path.isfile(f"{prefix}-{part}{end}")]
    if len(found) > 1:
        raise ReadError(
            "the file is there plain and compressed, which of them counts is not clear",
            file=found[0],
            remedy="remove one of them",
        )
    return found[0] if found else None


def read_header(file: str) -> list[str]:
    """Give the names of the columns.

    Raises:
        ReadError: if the file is missing, damaged or empty.
    """
    import pandas as pd  # slow to import, and only needed here

    if not os.path.isfile(file):
        raise ReadError("no such file", file=file)
    if os.path.getsize(file) == 0:
        raise ReadError("the file is empty (0 bytes)", file=file)
    with reading(file):
        names = pd.read_csv(file, nrows=0, skipinitialspace=True).columns
    return [str(name) for name in names]


def read_csv(
    file: str,
    types: Mapping[str, str],
    optional: Sequence[str] = (),
    others: bool = False,
) -> dict[str, NDArray[Any]]:
    """Read columns with given types.

    Args:
        file: the file.
        types: numpy type of each column; "text" for texts.
        optional: those that may be missing.
        others: read all other columns of numbers, too.

    Returns:
        Columns of equal length, in the order of the file.

    Raises:
        ReadError: if the file or a column is missing, or a value is missing or of another type.
    """
    import pandas as pd

    header = read_header(file)
    missing = [name for name in types if name not in header and name not in optional]
    if missing:
        raise ReadError(
            f"no such column; there are: {', '.join(header)}",
            file=file,
            branch=missing[0],
            remedy="name it in the mapping of read_hits, or write the file anew",
        )
    wanted = [name for name in header if others or name in types]
    kinds = {name: types[name] for name in wanted if name in types}
    with reading(file, remedy=f"expected are numbers of the types {_types(kinds)}"):
        frame = pd.read_csv(
            file,
            usecols=wanted,
            dtype={name: str if kind == "text" else kind for name, kind in kinds.items()},
            skipinitialspace=True,
        )
        columns = {str(name): frame[name].to_numpy() for name in frame.columns}
    return {
        name: values
        for name, values in columns.items()
        if values.dtype.kind in "iuf" or types.get(name) == "text"
    }


def _types(kinds: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {np.dtype(kind)}" for name, kind in kinds.items() if kind != "text")
