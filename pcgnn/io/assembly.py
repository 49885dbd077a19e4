"""From columns in memory to records: what the readers of HDF5 and ``.npz`` share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import awkward as ak

from pcgnn.errors import ReadError
from pcgnn.io.provenance import describe, with_counts
from pcgnn.io.recipe import Recipe
from pcgnn.io.records import RESERVED, Columns, concatenate_records, make_records
from pcgnn.io.selection import Counts, Place, nothing_left, select

__all__ = ["FIELDS", "assemble", "column_name", "describe_flat"]

FIELDS = ("E", "px", "py", "pz")
"""Particle fields of the top-tagging layouts, in their order."""

_LABELS = ("is_signal_new", "label")


def column_name(name: str) -> str:
    """Give the name of a column in the records: labels are called ``is_top``."""
    return "is_top" if name in _LABELS else name


def describe_flat(
    kind: str, file: str, tree: str | None, recipe: Recipe, start: int | None, stop: int | None
) -> dict[str, Any]:
    """Describe a reading of one file, without its counts."""
    description = describe(kind, [file], tree, recipe, entry_range=[start or 0, stop])
    del description["read"]["particles"]  # not an option of these readers
    return {**description, "coordinates": list(FIELDS)}


def assemble(
    chunks: Iterable[Columns],
    recipe: Recipe,
    place: Place,
    description: dict[str, Any],
    allow_empty: bool,
) -> ak.Array:
    """Select from each chunk and join the records.

    Args:
        chunks: columns as they come from the file.
        recipe: what to do; no event columns in it means all.
        place: for messages.
        description: provenance without counts.
        allow_empty: give an empty array instead of an error when nothing is left.

    Raises:
        ReadError: if a column is missing or clashes, or nothing is left.
        ExpressionError: if an expression does not fit the columns.
    """
    counts = Counts()
    parts = []
    for columns in chunks:
        _rename(columns, recipe, place)
        keep = recipe.event or columns.event
        clash = [name for name in keep if name in RESERVED]
        if clash:
            raise ReadError(
                "a column of this name would hide a field of the records",
                file=place.file,
                tree=place.tree,
                branch=clash[0],
                remedy="choose the columns with event=",
            )
        selected, of_chunk = select(columns, recipe, list(keep), place)
        counts.add(of_chunk)
        parts.append(make_records(selected, 0, {}))
    if counts.kept == 0 and not allow_empty:
        raise nothing_left(counts, recipe, place.file, place.tree)
    return concatenate_records(parts, with_counts(description, counts))


def _rename(columns: Columns, recipe: Recipe, place: Place) -> None:
    """Add the event columns the user wants under another name."""
    for name, source in recipe.event.items():
        if source not in columns.event:
            raise ReadError(
                f"no such column; there are {', '.join(columns.event)}",
                file=place.file,
                tree=place.tree,
                branch=source,
            )
        columns.event[name] = columns.event[source]
