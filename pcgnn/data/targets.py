"""Targets: from columns to class numbers, and the checks they have to pass."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pcgnn.data.checks import GRAPH, PARTICLE, Places
from pcgnn.data.evaluate import evaluate_column
from pcgnn.data.records import FlatRecords
from pcgnn.errors import DataError

__all__ = ["Target", "check_classes", "make_target"]


class Target(NamedTuple):
    """Targets, their level and the names of the classes (empty for a regression)."""

    values: np.ndarray
    level: str
    classes: tuple[str, ...]


def make_target(
    target: str | Sequence[str] | Mapping[str, str],
    records: FlatRecords,
    classes: Sequence[str] | None,
    jet_axis: str,
) -> Target:
    """Build the targets of records.

    Whole numbers are class numbers 0, 1, ...; so are floats that are all 0 or 1, true and false.
    Other floats are a regression target unless ``classes`` says otherwise.

    Args:
        target: an event or particle column or an expression; or a list of event columns of which
            exactly one is 1 for each jet (one-hot labels); or a mapping from names to columns or
            expressions, of which any number is 1 (labels that do not exclude each other), or all
            of which are floating point (several targets of a regression).
        records: the flat columns.
        classes: names of the classes; they fix how many there are.
        jet_axis: "columns" or "particles", for expressions.

    Raises:
        DataError: the column is missing, a label is no class or no whole number, or not exactly
            one of the one-hot columns is set; with graph and entry.
    """
    if isinstance(target, Mapping):
        return _labels(target, records, classes, jet_axis)
    if not isinstance(target, str):
        return _one_hot(list(target), records, classes)
    values, level = column_or_expression(target, records, jet_axis)
    names = tuple(classes) if classes is not None else None
    if values.ndim == 1:
        whole = values.dtype.kind in "biu" or (
            names is None and np.isin(values, (0.0, 1.0)).all() and values.size > 0
        )
        if names is not None and values.dtype.kind == "f":
            whole = bool((values == np.rint(values)).all())
            if not whole:
                graph = _graph(int(np.argmax(values != np.rint(values))), level, records)
                raise _error(records, graph, target, "is no whole number, so no class")
        if whole:
            numbers = values.astype(np.int64)
            return Target(numbers, level, names or _default_names(target, numbers, values))
    if names is not None:
        raise DataError(f"{target} has {values.ndim} dimensions and is no class", branch=target)
    return Target(values, level, ())


def column_or_expression(name: str, records: FlatRecords, jet_axis: str) -> tuple[np.ndarray, str]:
    """Values of an event column, a particle field (``part_x`` or ``x``) or an expression.

    Raises:
        DataError: it is a plain name and there is no such column.
        ExpressionError: it is an expression that cannot be evaluated.
    """
    if name in records.event:
        return records.event[name], GRAPH
    for field in (name, name.removeprefix("part_")):
        if field in records.particles:
            return records.particles[field], PARTICLE
    if name in records.skipped:
        raise DataError(f"the column {name} is {records.skipped[name]}", branch=name)
    if name.isidentifier() and not name.startswith(("part_", "axis_", "n_particles")):
        near = difflib.get_close_matches(name, [*records.event, *records.particles], n=1)
        raise DataError(
            f"there is no column {name!r}; event columns: {', '.join(records.event) or 'none'}; "
            f"particle fields: {', '.join(records.particles) or 'none'}",
            branch=name,
            remedy=f"did you mean {near[0]!r}?" if near else "add it to event= when reading",
        )
    return evaluate_column(name, records, jet_axis)


def check_classes(y: Tensor, classes: Sequence[str], level: str, places: Places) -> None:
    """Check that class numbers are whole, not negative and not beyond the named classes.

    Args:
        y: targets; floats pass unless there are classes.
        classes: names of the classes; empty if unknown.
        level: "graph" or "particle".
        places: who turns rows into file and entry.

    Raises:
        DataError: with the first offending graph.

    **Shapes:** y (G, ...) or (N, ...)
    """
    values = y.numpy()
    if classes and values.ndim == 2 and values.dtype.kind in "biu":
        _check_labels(values, classes, places)
        return
    if values.dtype.kind == "f" or values.ndim != 1:
        if classes and values.ndim == 1:
            raise DataError(
                f"y has classes {tuple(classes)} but is {y.dtype}", remedy="convert it with .long()"
            )
        return
    if values.dtype.kind == "b":
        return
    low = values < 0
    high = values >= len(classes) if classes else np.zeros_like(low)
    bad = low | high
    if bad.any():
        row = int(np.argmax(bad))
        graph = row if level == GRAPH else places.graph_of_row(row)
        raise places.error(
            f"unknown label {values[row]}, classes are 0 to {len(classes) - 1}"
            if classes
            else f"negative class number {values[row]}",
            graph=graph,
            branch="y",
            remedy="name all classes, drop these entries with cut=, or map labels in derived=",
        )


def _check_labels(values: np.ndarray, classes: Sequence[str], places: Places) -> None:
    """Labels that do not exclude each other: a column of 0 and 1 for each name."""
    if values.shape[1] != len(classes):
        raise DataError(
            f"y has {values.shape[1]} columns for the labels {tuple(classes)}",
            branch="y",
            remedy="give one column of 0 and 1 per label",
        )
    bad = ((values != 0) & (values != 1)).any(axis=1)
    if bad.any():
        graph = int(np.argmax(bad))
        raise places.error(
            f"labels {values[graph].tolist()} are not 0 or 1",
            graph=graph,
            branch="y",
            remedy="give the labels as conditions",
        )


def _default_names(target: str, numbers: np.ndarray, values: np.ndarray) -> tuple[str, ...]:
    largest = int(numbers.max()) if numbers.size else 0
    if values.dtype.kind in "bf" or largest <= 1:
        return (f"not {target}", target)
    return tuple(f"{target} {number}" for number in range(largest + 1))


def _one_hot(columns: list[str], records: FlatRecords, classes: Sequence[str] | None) -> Target:
    names = tuple(classes) if classes is not None else tuple(columns)
    if len(columns) < 2 or len(names) != len(columns):
        raise DataError(
            f"one-hot targets need two or more columns and as many classes, got {columns} and "
            f"{list(names)}"
        )
    parts = []
    for name in columns:
        values, level = column_or_expression(name, records, "particles")
        if level != GRAPH or values.ndim != 1:
            raise DataError(f"the one-hot column {name} has not one value per jet", branch=name)
        parts.append(values != 0)
    table = np.stack(parts, axis=1)
    wrong = table.sum(axis=1) != 1
    if wrong.any():
        graph = int(np.argmax(wrong))
        chosen = [name for name, hit in zip(columns, table[graph], strict=True) if hit]
        problem = f"has {len(chosen)} of the one-hot labels set ({', '.join(chosen) or 'none'})"
        raise _error(records, graph, columns[0], problem)
    return Target(table.argmax(axis=1).astype(np.int64), GRAPH, names)


def _labels(
    columns: Mapping[str, str],
    records: FlatRecords,
    classes: Sequence[str] | None,
    jet_axis: str,
) -> Target:
    """One column of 0 and 1 per label, or one of values per target."""
    if len(columns) < 2 or classes is not None:
        raise DataError(
            f"labels need two or more columns and bring their names, got {dict(columns)}"
            + ("" if classes is None else f" and classes {list(classes)}"),
            remedy="a single label is a class: target=COLUMN",
        )
    found = {}
    for name, text in columns.items():
        values, level = column_or_expression(text, records, jet_axis)
        if level != GRAPH or values.ndim != 1:
            raise DataError(f"the label {name} = {text} has not one value per jet", branch=text)
        found[str(name)] = values
    table = np.stack(list(found.values()), axis=1)
    if all(values.dtype.kind == "f" for values in found.values()) and not (
        np.isin(table, (0.0, 1.0)).all()
    ):
        return Target(table, GRAPH, tuple(found))
    parts = []
    for (name, values), text in zip(found.items(), columns.values(), strict=True):
        wrong = (values != 0) & (values != 1)
        if wrong.any():
            graph = int(np.argmax(wrong))
            raise _error(
                records, graph, text, f"has the label {name} = {values[graph]}, not 0 or 1"
            )
        parts.append(values.astype(np.int64))
    return Target(np.stack(parts, axis=1), GRAPH, tuple(str(name) for name in columns))


def _graph(row: int, level: str, records: FlatRecords) -> int:
    if level == GRAPH:
        return row
    return int(np.searchsorted(records.offsets, row, side="right")) - 1


def _error(records: FlatRecords, graph: int, branch: str, problem: str) -> DataError:
    entries = records.event.get("entry")
    return DataError(
        f"the target of graph {graph} {problem}",
        branch=branch,
        entry=None if entries is None else int(entries[graph]),
    )
