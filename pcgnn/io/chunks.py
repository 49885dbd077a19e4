"""From the arrays uproot gives to flat columns, with the checks that belong to it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.io.boundary import reading
from pcgnn.io.branches import ParticleFields, find_particles
from pcgnn.io.recipe import Recipe
from pcgnn.io.records import Columns, derived_names
from pcgnn.io.rntuple import RNTupleTable, iterate_rntuple
from pcgnn.io.selection import Place
from pcgnn.io.tables import Branch, BranchTable, identifier

__all__ = ["Plan", "empty_columns", "iterate_columns", "table_of"]


def table_of(tree: Any, file: str, name: str) -> BranchTable:
    """Make the table of names and types that fits a TTree or an RNTuple."""
    kind = BranchTable if hasattr(tree, "branches") else RNTupleTable
    return kind(tree, file, name)


@dataclass(frozen=True)
class Plan:
    """The branches of one tree that a recipe needs.

    Args:
        table: the tree's branches.
        particles: the particles' fields, None without particles.
        event: branch of each event column that is kept.
        helpers: branches only expressions need, by their name in expressions.
    """

    table: BranchTable
    particles: ParticleFields | None
    event: Mapping[str, Branch]
    helpers: Mapping[str, Branch]

    @classmethod
    def make(cls, table: BranchTable, recipe: Recipe) -> Plan:
        """Find all branches.

        Raises:
            ReadError: for a missing branch or one of the wrong type.
            ExpressionError: for an unknown name in the cut or a derived column.
        """
        particles = None
        known = [*recipe.derived]
        if recipe.particles is not None:
            particles = find_particles(table, recipe.particles)
            known += ["n_particles", *derived_names(particles.fields)]
        event: dict[str, Branch] = {}
        for name, branch_name in recipe.event.items():
            event.update(_event_branches(table, name, branch_name))
        known += [identifier(name) for name in event]
        helpers: dict[str, Branch] = {}
        for name in sorted(recipe.names - set(known)):
            branch = table.find_identifier(name)
            if branch is not None and branch.level == "unusable":
                raise table.error(
                    f"expressions need numbers, this branch is {branch.type_name}", name
                )
            if branch is not None:
                helpers[name] = branch
        names = [*known, *helpers, *table.identifiers]
        for expression in (recipe.cut, *recipe.derived.values()):
            if expression is not None:
                expression.require(names)
        return cls(table, particles, event, helpers)

    @property
    def branches(self) -> dict[tuple[str, str], Branch]:
        """All branches by level and column name."""
        fields = {} if self.particles is None else self.particles.fields
        return {
            **{("particles", name): branch for name, branch in fields.items()},
            **{("event", name): branch for name, branch in self.event.items()},
            **{
                ("lists" if branch.level == "jagged" else "event", name): branch
                for name, branch in self.helpers.items()
            },
        }

    @property
    def place(self) -> Place:
        """For messages about the columns."""
        names = {column: branch.key for column, branch in self.branches.items()}
        return Place(self.table.file, self.table.name, names)


def _event_branches(table: BranchTable, name: str, branch_name: str) -> dict[str, Branch]:
    if "*" in branch_name and branch_name not in table:
        before, _, after = branch_name.partition("*")
        found = {
            branch.short: branch
            for branch in table.usable()
            if branch.level == "event"
            and branch.short.startswith(before)
            and branch.short.endswith(after)
        }
        if not found:
            raise table.error("no branch with one number per entry matches", branch_name)
        return found
    branch = table.find(branch_name)
    if branch.level != "event":
        what = "jagged" if branch.level == "jagged" else "no plain number"
        raise table.error(
            f"an event column holds one number (or a fixed-size array) per entry, this branch "
            f"is {what} ({branch.type_name})",
            branch_name,
            "reduce it in derived=, as in sum(...) or max(...)" if what == "jagged" else None,
        )
    return {name: branch}


def iterate_columns(
    tree: Any,
    plan: Plan,
    entry_start: int,
    entry_stop: int,
    step_size: int | str,
    executor: Any = None,
) -> Generator[Columns, None, None]:
    """Read a range of a tree chunk by chunk.

    Args:
        tree: uproot's TTree or RNTuple.
        plan: what to read.
        entry_start: first entry.
        entry_stop: one past the last entry.
        step_size: entries per chunk, or memory per chunk as "50 MB".
        executor: for decompression, None for the calling thread.

    Yields:
        Columns of each chunk; together exactly the range.

    Raises:
        ReadError: if the file is damaged or the counts of particles disagree.
    """
    branches = plan.branches
    keys = list(dict.fromkeys(branch.key for branch in branches.values()))
    file, name = plan.table.file, plan.table.name
    options: dict[str, Any] = {"entry_start": entry_start, "entry_stop": entry_stop}
    if executor is not None:
        options["decompression_executor"] = executor
    with reading(file, name):
        if isinstance(plan.table, RNTupleTable):
            chunks = iterate_rntuple(tree, keys, entry_start, entry_stop, step_size)
        else:
            chunks = tree.iterate(keys, step_size=step_size, library="ak", how=dict, **options)
    start = entry_start
    while start < entry_stop:
        with reading(file, name):
            chunk = next(chunks, None)
        if chunk is None:
            break
        with reading(file, name):
            columns = _flatten(chunk, branches, start, plan)
        yield columns
        start += len(columns)
    if start != entry_stop:
        raise plan.table.error(
            f"only {start - entry_start} of {entry_stop - entry_start} entries could be read",
            keys[0],
        )


def _flatten(
    chunk: Any, branches: Mapping[tuple[str, str], Branch], start: int, plan: Plan
) -> Columns:
    columns: Columns | None = None
    first = ""
    for (level, name), branch in branches.items():
        layout = chunk[branch.key].layout
        if columns is None:
            columns = Columns(np.arange(start, start + len(layout), dtype=np.int64))
        if len(layout) != len(columns):
            raise plan.table.error(f"{len(layout)} entries instead of {len(columns)}", branch.key)
        if level == "event":
            columns.event[name] = ak.to_numpy(layout)
        elif level == "lists":
            columns.lists[name] = ak.Array(layout)
        else:
            offsets, values = _jagged(layout)
            if columns.offsets is None:
                columns.offsets, first = offsets, branch.key
                if len(offsets) and (
                    offsets[-1] != len(values) or (offsets[1:] < offsets[:-1]).any()
                ):
                    raise plan.table.error("the list lengths are damaged", branch.key)
            elif not np.array_equal(offsets, columns.offsets):
                _disagree(plan, columns, offsets, branch.key, first)
            if name == "mass":
                values = values.astype(np.float64, copy=False)
            columns.particles[name] = values
    assert columns is not None
    return columns


def _jagged(layout: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Offsets from 0 and the numbers, without copying where uproot's layout allows."""
    if not (
        isinstance(layout, ak.contents.ListOffsetArray)
        and isinstance(layout.content, ak.contents.NumpyArray)
    ):
        layout = ak.to_packed(layout)
        if isinstance(layout, ak.contents.RegularArray):
            layout = layout.to_ListOffsetArray64(True)
    offsets = np.asarray(layout.offsets.data)
    first, last = offsets[0], offsets[-1]
    values = np.asarray(layout.content.data)[first:last]
    return (offsets - first if first else offsets).astype(np.int64, copy=False), values


def _disagree(
    plan: Plan, columns: Columns, offsets: NDArray[np.int64], branch: str, first: str
) -> None:
    counts = np.diff(offsets)
    position = int(np.flatnonzero(counts != columns.counts)[0])
    error = plan.table.error(
        f"{counts[position]} particles here but {columns.counts[position]} in {first}: the "
        "branches do not belong to one collection",
        branch,
        "choose branches of one collection, by a narrower pattern or a mapping",
    )
    raise type(error)(
        error.problem,
        file=error.file,
        tree=error.tree,
        branch=branch,
        entry=int(columns.entry[position]),
        remedy=error.remedy,
    )


def empty_columns(plan: Plan) -> Columns:
    """Give columns of no entries with the types of the tree."""
    columns = Columns(np.zeros(0, dtype=np.int64))
    for (level, name), branch in plan.branches.items():
        if level == "event":
            columns.event[name] = np.zeros((0, *branch.shape), dtype=branch.dtype)
            continue
        values = np.zeros(0, dtype=np.float64 if name == "mass" else branch.dtype)
        if level == "lists":
            columns.lists[name] = ak.Array(
                ak.contents.ListOffsetArray(
                    ak.index.Index64(np.zeros(1, dtype=np.int64)), ak.contents.NumpyArray(values)
                )
            )
        else:
            columns.offsets = np.zeros(1, dtype=np.int64)
            columns.particles[name] = values
    return columns
