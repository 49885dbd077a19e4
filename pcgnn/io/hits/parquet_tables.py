"""Parquet files with one row per event and list columns, through pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.errors import BackendError, ReadError
from pcgnn.io.boundary import reading
from pcgnn.io.hits.columns import Array, Index

__all__ = ["ParquetTable", "import_parquet", "open_parquet"]


def import_parquet() -> Any:
    """Import ``pyarrow.parquet``.

    Raises:
        BackendError: if pyarrow is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise BackendError(
            "reading Parquet needs pyarrow, which is not installed",
            remedy="pip install 'pcgnn[parquet]'",
        ) from error
    return pyarrow.parquet


@dataclass(frozen=True)
class ParquetTable:
    """An open file.

    Args:
        file: its path.
        rows: number of rows (events).
        numbers: columns with one number per event.
        lists: columns with one list of numbers per event.
        nested: columns with lists of lists of numbers.
    """

    file: str
    rows: int
    numbers: tuple[str, ...]
    lists: tuple[str, ...]
    nested: tuple[str, ...]
    _handle: Any

    def read(self, columns: Sequence[str], start: int, stop: int) -> dict[str, Any]:
        """Read rows, touching only the row groups they lie in.

        Returns:
            awkward layouts (lists) and numpy arrays (numbers) by column.

        Raises:
            ReadError: if the file is damaged or values are missing.
        """
        with reading(self.file):
            metadata = self._handle.metadata
            sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
            ends = np.cumsum([0, *sizes])
            groups = [i for i in range(len(sizes)) if ends[i] < stop and ends[i + 1] > start]
            table = self._handle.read_row_groups(groups, columns=list(columns))
            first = int(ends[groups[0]]) if groups else 0
            table = table.slice(start - first, stop - start)
            return {name: self._column(table[name], name) for name in columns}

    def _column(self, column: Any, name: str) -> Any:
        array = ak.from_arrow(column.combine_chunks(), generate_bitmasks=False, highlevel=False)
        array = _without_options(ak.to_packed(array, highlevel=False))
        if array is None:
            raise ReadError(
                "values are missing (null)",
                file=self.file,
                branch=name,
                remedy="fill them, or leave the column out",
            )
        return ak.to_numpy(array) if name in self.numbers else array

    def event_ids(self, name: str | None) -> Index:
        """Event numbers; the row numbers where there is no column of them."""
        if name is None:
            return np.arange(self.rows)
        ids: Array = self.read([name], 0, self.rows)[name]
        return ids.astype(np.int64)


def open_parquet(file: str) -> ParquetTable:
    """Open a file and look at its columns.

    Raises:
        ReadError: if it is damaged or no Parquet file.
        BackendError: if pyarrow is not installed.
    """
    parquet = import_parquet()
    import pyarrow.types as kinds

    lists = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list)
    with reading(file):
        handle = parquet.ParquetFile(file)
        by_depth: dict[int, list[str]] = {0: [], 1: [], 2: []}
        for field in handle.schema_arrow:
            depth, kind = 0, field.type
            while any(is_a(kind) for is_a in lists):
                depth, kind = depth + 1, kind.value_type
            number = kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind)
            if number and depth in by_depth:
                by_depth[depth].append(str(field.name))
        rows = int(handle.metadata.num_rows)
    numbers, lists_of, nested = (tuple(by_depth[depth]) for depth in range(3))
    return ParquetTable(file, rows, numbers, lists_of, nested, handle)


def _without_options(layout: Any) -> Any:
    """The layout without the possibility of missing values; None if some are missing."""
    if layout.is_option:
        if np.asarray(layout.mask_as_bool(valid_when=False)).any():
            return None
        layout = layout.project()
    if isinstance(layout, ak.contents.RegularArray):
        layout = layout.to_ListOffsetArray64(True)
    if isinstance(layout, ak.contents.ListOffsetArray):
        content = _without_options(layout.content)
        if content is None:
            return None
        return ak.contents.ListOffsetArray(layout.offsets, content)
    return layout
