"""The public top-tagging reference data set as published, in HDF5.

G. Kasieczka, T. Plehn, J. Thompson, M. Russell, "Top Quark Tagging Reference Dataset",
Zenodo record 2603256 (2019).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ReadError
from pcgnn.io.assembly import FIELDS, assemble, column_name, describe_flat
from pcgnn.io.pandas_hdf5 import PandasTable, open_pandas_table
from pcgnn.io.ranges import check_range
from pcgnn.io.recipe import Empty, Nonfinite, Recipe
from pcgnn.io.records import Columns
from pcgnn.io.report import Collection
from pcgnn.io.selection import Place

__all__ = ["read_toptag_hdf5", "toptag_collections"]

_ROWS = 10_000
"""Rows read at a time: 32 MB of the published table."""


def read_toptag_hdf5(
    path: str | os.PathLike[str],
    entry_start: int | None = None,
    entry_stop: int | None = None,
    *,
    key: str | None = None,
    event: Sequence[str] | Mapping[str, str] | None = None,
    cut: str | None = None,
    derived: Mapping[str, str] | None = None,
    nonfinite: Nonfinite = "error",
    empty: Empty = "error",
    allow_empty: bool = False,
) -> ak.Array:
    """Read a file of the top-tagging reference data set.

    Columns ``E_0, PX_0, PY_0, PZ_0, E_1, ...`` hold up to 200 constituents per jet in GeV, padded
    with zeros; the padding is left out.

    Args:
        path: HDF5 file that pandas wrote, in its "table" or "fixed" format.
        entry_start: first row.
        entry_stop: one past the last row; beyond the end means the end.
        key: name of the table (published: "table"), not needed if it is the only one.
        event: columns to keep besides the constituents, all by default. ``is_signal_new`` is
            called ``is_top`` here.
        cut: condition on jets; see :func:`pcgnn.io.read_root`.
        derived: columns to compute.
        nonfinite: "error", "drop" or "keep" jets with NaN or infinities.
        empty: "error", "drop" or "keep" jets without constituents.
        allow_empty: give an empty array instead of an error when nothing is left.

    Returns:
        Records like those of :func:`pcgnn.io.read_root`.

    Shapes:
        - output (G,) records; ``output.particles`` (G, var)

    Raises:
        ReadError: if the file is missing, damaged, or its table has another layout.
        ExpressionError: for a typo or anything not allowed in ``cut`` or ``derived``.
        ConfigError: if the options make no sense.

    Example:
        >>> jets = read_toptag_hdf5("train.h5", 0, 10_000)  # doctest: +SKIP
    """
    recipe = Recipe.make(None, event, cut, derived, nonfinite, empty)
    start, stop = check_range(entry_start, entry_stop)
    file = os.fspath(path)
    with open_pandas_table(path, key) as table:
        places = _constituents(file, table.key, list(table.columns))
        stop = table.rows if stop is None else min(stop, table.rows)
        start = min(start, stop)
        description = describe_flat("hdf5", file, table.key, recipe, entry_start, entry_stop)

        def chunks() -> Iterator[Columns]:
            for first in range(start, stop, _ROWS) if stop > start else (start,):
                last = min(first + _ROWS, stop)
                yield _unpad(table.read(first, last), places, first, last)

        return assemble(chunks(), recipe, Place(file, table.key), description, allow_empty)


def _constituents(file: str, key: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Columns of each component, ordered by the constituent's number."""
    found: dict[str, dict[int, str]] = {component: {} for component in ("E", "PX", "PY", "PZ")}
    for name in names:
        match = re.fullmatch(r"(E|PX|PY|PZ)_(\d+)", name)
        if match:
            found[match[1]][int(match[2])] = name
    numbers = sorted({number for columns in found.values() for number in columns}) or [0]
    for component, columns in found.items():
        missing = [number for number in numbers if number not in columns]
        if missing:
            raise ReadError(
                "no such column; the table must have E_0, PX_0, PY_0, PZ_0, E_1, ... with the "
                "same numbers for all four",
                file=file,
                tree=key,
                branch=f"{component}_{missing[0]}",
            )
    return {
        field: [found[component][number] for number in numbers]
        for field, component in zip(FIELDS, found, strict=True)
    }


def _unpad(
    table: Mapping[str, NDArray[Any]], places: Mapping[str, list[str]], first: int, last: int
) -> Columns:
    """Leave the padding out: constituents whose four components are all zero."""
    padded = {
        field: np.stack([table[name] for name in names], axis=1) for field, names in places.items()
    }
    real = np.zeros(padded["E"].shape, dtype=np.bool_)
    for values in padded.values():
        real |= values != 0
    of_constituents = {name for names in places.values() for name in names}
    return Columns(
        np.arange(first, last, dtype=np.int64),
        np.concatenate(([0], np.cumsum(real.sum(axis=1), dtype=np.int64))),
        {field: values[real] for field, values in padded.items()},
        {
            column_name(name): np.ascontiguousarray(values)
            for name, values in table.items()
            if name not in of_constituents
        },
    )


def toptag_collections(table: PandasTable, rows: int) -> tuple[Collection, ...]:
    """Describe the constituents of a table, looking at its first rows; empty if it has none."""
    try:
        places = _constituents(table.file, table.key, list(table.columns))
    except ReadError:
        return ()
    stop = min(rows, table.rows)
    counts = _unpad(table.read(0, stop), places, 0, stop).counts
    if len(counts) == 0:
        return (Collection("E_*, PX_*, PY_*, PZ_*", FIELDS, 0, None, None, None),)
    mean, low, high = float(counts.mean()), int(counts.min()), int(counts.max())
    return (Collection("E_*, PX_*, PY_*, PZ_*", FIELDS, stop, mean, low, high),)
