"""Cut, derived columns and checks on the columns of one chunk, whatever format they came from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ExpressionError, ReadError
from pcgnn.io.expressions import AwkwardBackend, Expression
from pcgnn.io.recipe import Recipe
from pcgnn.io.records import (
    Columns,
    derived_names,
    find_nonfinite,
    particle_quantity,
)
from pcgnn.io.tables import identifier

__all__ = ["Counts", "Place", "known_names", "nothing_left", "select"]


@dataclass(frozen=True)
class Place:
    """Where columns come from, for messages.

    Args:
        file: the file.
        tree: the tree.
        branches: branch of each column, by level ("particles", "event", "lists") and name.
    """

    file: str
    tree: str | None
    branches: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def error(
        self, problem: str, column: tuple[str, str], entry: int, remedy: str | None = None
    ) -> ReadError:
        """Make an error about a column at an entry."""
        return ReadError(
            problem,
            file=self.file,
            tree=self.tree,
            branch=self.branches.get(column, column[1]),
            entry=entry,
            remedy=remedy,
        )


@dataclass
class Counts:
    """How many entries were read, kept, and lost to what."""

    read: int = 0
    kept: int = 0
    cut: int = 0
    nonfinite: int = 0
    empty: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of another chunk."""
        for name in vars(other):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def to_dict(self) -> dict[str, Any]:
        """Give the counts under the names of the provenance."""
        dropped = {"cut": self.cut, "nonfinite": self.nonfinite, "empty": self.empty}
        return {"entries_read": self.read, "entries_kept": self.kept, "dropped": dropped}


class _Quantities(Mapping[str, Any]):
    """All names an expression may use on a chunk; each is computed when looked up."""

    def __init__(self, columns: Columns, derived: Mapping[str, Expression]) -> None:
        self.columns = columns
        self.derived = derived
        self.known = dict.fromkeys(known_names(columns, derived))
        self._event = {identifier(name): name for name in columns.event}
        self._cache: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)

    def __contains__(self, name: object) -> bool:
        return name in self.known

    def __getitem__(self, name: str) -> Any:
        if name not in self._cache:
            self._cache[name] = self._compute(name)
        return self._cache[name]

    def _compute(self, name: str) -> Any:
        columns = self.columns
        if name in self.derived:
            return self.derived[name].evaluate(self, AwkwardBackend())
        if columns.offsets is not None:
            if name == "n_particles":
                return columns.counts
            if name in derived_names(columns.particles):
                quantity = particle_quantity(columns, name.removeprefix("part_"))
                return columns.jagged(quantity)
        if name in self._event:
            return columns.event[self._event[name]]
        return columns.lists[name]


def known_names(columns: Columns, derived: Mapping[str, Any]) -> list[str]:
    """List the names expressions may use on a chunk."""
    particles = (
        [] if columns.offsets is None else ["n_particles", *derived_names(columns.particles)]
    )
    event = [identifier(name) for name in columns.event]
    return [*derived, *particles, *event, *columns.lists]


def select(
    columns: Columns, recipe: Recipe, keep: Collection[str], place: Place
) -> tuple[Columns, Counts]:
    """Apply the cut, look for what must not be there, and add the derived columns.

    Columns the cut depends on are checked for NaN before the cut, unless the cut itself asks
    ``isfinite`` about them; the others after it, on the entries that are kept.

    Args:
        columns: all that was read, including what only expressions need.
        recipe: what to do.
        keep: event columns to return; all others serve the expressions only.
        place: for messages.

    Returns:
        The columns to keep and the counts.

    Raises:
        ReadError: for NaN or infinities, or entries without particles, unless the recipe says
            otherwise.
        ExpressionError: if an expression does not fit the columns.
    """
    counts = Counts(read=len(columns))
    if recipe.cut is not None:
        needed, guarded = recipe.cut_names()
        watched = _watched(columns, needed - guarded)
        columns = _without_nonfinite(columns, recipe, place, counts, watched)
        mask = _cut(columns, recipe)
        counts.cut = int(len(mask) - mask.sum())
        columns = columns.select(mask)
    columns = _add_derived(columns, recipe)
    columns.event = {k: v for k, v in columns.event.items() if k in keep or k in recipe.derived}
    columns.lists = {}
    columns = _without_nonfinite(columns, recipe, place, counts, None)
    columns = _without_empty(columns, recipe, place, counts)
    counts.kept = len(columns)
    return columns, counts


def _watched(columns: Columns, names: frozenset[str]) -> set[tuple[str, str]]:
    """Columns behind the names of a cut; a kinematic quantity stands on all particle fields."""
    watched = {("lists", name) for name in names if name in columns.lists}
    watched |= {("event", name) for name in columns.event if identifier(name) in names}
    for name in names:
        particle_field = name.removeprefix("part_")
        if name.startswith("part_") and columns.offsets is not None:
            if particle_field in columns.particles:
                watched.add(("particles", particle_field))
            elif name in derived_names(columns.particles):
                watched |= {("particles", key) for key in columns.particles}
    return watched


def _cut(columns: Columns, recipe: Recipe) -> NDArray[np.bool_]:
    assert recipe.cut is not None
    value = recipe.cut.evaluate(_Quantities(columns, recipe.derived), AwkwardBackend())
    if isinstance(value, ak.Array) or np.ndim(value) > 1:
        raise ExpressionError(
            f"the cut {recipe.cut.text!r} gives several values per entry",
            remedy="reduce it over the particles with any(), all(), count() > 0...",
        )
    return np.broadcast_to(np.asarray(value) != 0, (len(columns),))


def _add_derived(columns: Columns, recipe: Recipe) -> Columns:
    quantities = _Quantities(columns, recipe.derived)
    event, particles = dict(columns.event), dict(columns.particles)
    for name, expression in recipe.derived.items():
        value = quantities[name]
        of_particles = isinstance(value, ak.Array)
        if of_particles != name.startswith("part_"):
            level = "particle" if of_particles else "entry"
            rule = "must begin with part_" if of_particles else "must not begin with part_"
            raise ExpressionError(
                f"the derived column {name!r} has one value per {level}, so its name {rule}: "
                f"{expression.text}"
            )
        if not of_particles:
            event[name] = np.array(np.broadcast_to(value, (len(columns),)))
            continue
        layout = ak.to_packed(value).layout
        if columns.offsets is None or not np.array_equal(layout.offsets, columns.offsets):
            raise ExpressionError(
                f"the derived column {name!r} has other numbers of particles than the particles "
                f"read: {expression.text}"
            )
        particles[name.removeprefix("part_")] = np.asarray(layout.content.data)
    return Columns(columns.entry, columns.offsets, particles, event, columns.lists)


def _without_nonfinite(
    columns: Columns,
    recipe: Recipe,
    place: Place,
    counts: Counts,
    watched: set[tuple[str, str]] | None,
) -> Columns:
    if recipe.nonfinite == "keep":
        return columns
    found = find_nonfinite(
        columns, None if watched is None else lambda level, name: (level, name) in watched
    )
    if not found:
        return columns
    if recipe.nonfinite == "error":
        column, positions = min(found.items(), key=lambda item: int(item[1][0]))
        others = [place.branches.get(key, key[1]) for key in found if key != column]
        raise place.error(
            f"NaN or infinity in {len(positions)} of {len(columns)} entries, first in this one"
            + (f"; also in {', '.join(others)}" if others else ""),
            column,
            int(columns.entry[positions[0]]),
            'repair the file, cut on isfinite(...), or pass nonfinite="drop" or "keep"',
        )
    mask = np.ones(len(columns), dtype=np.bool_)
    for positions in found.values():
        mask[positions] = False
    counts.nonfinite += int(len(mask) - mask.sum())
    return columns.select(mask)


def _without_empty(columns: Columns, recipe: Recipe, place: Place, counts: Counts) -> Columns:
    if recipe.empty == "keep" or columns.offsets is None:
        return columns
    mask = columns.counts > 0
    empty = int(len(mask) - mask.sum())
    if empty == 0:
        return columns
    if recipe.empty == "error":
        raise place.error(
            f"no particles in {empty} of {len(columns)} entries, first in this one",
            ("particles", next(iter(columns.particles))),
            int(columns.entry[np.argmin(mask)]),
            'cut on n_particles > 0, or pass empty="drop" or "keep"',
        )
    counts.empty += empty
    return columns.select(mask)


def nothing_left(
    counts: Counts, recipe: Recipe, file: str, tree: str | None, limited: bool = False
) -> ReadError:
    """Say why there is nothing.

    Args:
        counts: of the whole reading.
        recipe: what was asked for.
        file: file or files.
        tree: their tree.
        limited: whether only a range of entries was asked for.
    """
    if counts.read == 0:
        where = " in the range asked for" if limited else ""
        return ReadError(f"there are no entries{where}", file=file, tree=tree)
    cut = "" if recipe.cut is None else f" the cut {recipe.cut.text!r};"
    return ReadError(
        f"none of {counts.read} entries is left:{cut} {counts.cut} cut away, "
        f"{counts.nonfinite} with NaN or infinity, {counts.empty} without particles",
        file=file,
        tree=tree,
        remedy="loosen the cut, or pass allow_empty=True to get an empty array",
    )
