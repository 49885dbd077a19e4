"""Events of several Parquet tables of one kind, looked up by their number."""

from __future__ import annotations

import numpy as np

from pcgnn.errors import ReadError
from pcgnn.io.hits.columns import Index, offsets_of
from pcgnn.io.hits.parquet_tables import ParquetTable

__all__ = ["JoinedTables"]


class JoinedTables:
    """Tables of one kind, looked up by event number."""

    def __init__(self, tables: list[ParquetTable], columns: list[str | None]) -> None:
        self.tables = tables
        self.columns = columns
        ids = [table.event_ids(name) for table, name in zip(tables, columns, strict=True)]
        self.ids = np.concatenate(ids) if ids else np.zeros(0, dtype=np.int64)
        self.ends = offsets_of([len(part) for part in ids])
        self.order = np.argsort(self.ids, kind="stable")
        twice = np.flatnonzero(np.diff(self.ids[self.order]) == 0)
        if len(twice):
            raise ReadError(
                f"event {self.ids[self.order][twice[0]]} is there twice",
                file=tables[-1].file,
                branch=columns[-1],
            )

    def rows(self, event_id: Index, hits: ParquetTable) -> tuple[ParquetTable, Index]:
        """The table that holds the events, and their rows in it.

        Raises:
            ReadError: if an event is missing, or they are spread over several files.
        """
        place = np.searchsorted(self.ids, event_id, sorter=self.order)
        place = self.order[np.minimum(place, len(self.ids) - 1)]
        lost = self.ids[place] != event_id
        if lost.any():
            raise ReadError(
                f"event {event_id[lost][0]} of {hits.file!r} is not there, nor in any other file "
                "of this kind",
                file=self.tables[0].file,
                entry=int(np.argmax(lost)),
                remedy="give the files that belong to the hits",
            )
        number = np.searchsorted(self.ends, place, side="right") - 1
        if (number != number[0]).any():
            raise ReadError(
                "its events are spread over several files here",
                file=hits.file,
                remedy="read it in parts with entry_start and entry_stop",
            )
        return self.tables[int(number[0])], place - self.ends[number[0]]
