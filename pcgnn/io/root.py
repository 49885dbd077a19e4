"""Reading ROOT files into awkward records: ``read_root`` and ``iterate_root``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import awkward as ak
import uproot

from pcgnn.errors import ConfigError, ReadError
from pcgnn.io.boundary import reading
from pcgnn.io.chunks import Plan, empty_columns, iterate_columns, table_of
from pcgnn.io.provenance import describe, with_counts
from pcgnn.io.ranges import check_range
from pcgnn.io.recipe import Empty, EventColumns, Nonfinite, Particles, Recipe
from pcgnn.io.records import concatenate_records, make_records
from pcgnn.io.selection import Counts, nothing_left, select
from pcgnn.io.sources import Files, Source, find_sources, open_tree

__all__ = ["iterate_root", "read_root"]

_WHOLE_STEP = "200 MB"
"""Memory of a chunk inside read_root when a cut may throw most of it away."""


def read_root(
    files: Files,
    tree: str | None = None,
    *,
    particles: Particles = None,
    event: EventColumns = None,
    cut: str | None = None,
    derived: Mapping[str, str] | None = None,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    nonfinite: Nonfinite = "error",
    empty: Empty = "error",
    allow_empty: bool = False,
    threads: int = 1,
) -> ak.Array:
    """Read jets (or events) and their particles from TTrees or RNTuples.

    Args:
        files: a path, a glob, ``"file.root:tree"``, an address that uproot can open, a list of
            those, or ``{file: tree}``.
        tree: name of the tree; not needed where a file holds only one.
        particles: a pattern such as ``"part_*"``, ``"PFCands_*"``, ``"Jet.*"`` or
            ``"ReconstructedParticles.*"``, or a mapping such as
            ``{"px": "trk_px", "py": "trk_py", "pz": "trk_pz", "E": "trk_e", "charge": "trk_q"}``.
            Coordinates are recognised by name: px, py, pz, E; pt, eta, phi, mass; pt, eta, phi,
            E; px, py, pz, mass - the first of these that is complete. Energies and momenta in
            GeV, angles in rad are what the feature definitions expect.
        event: event columns to keep: names of branches, patterns among them (``"jet_*"``), or
            ``{column: branch}``. One number or a fixed-size array per entry.
        cut: condition on entries in the language of :mod:`pcgnn.io.expressions`. It may name any
            branch (characters that cannot stand in a name become ``_``), derived columns,
            ``n_particles`` and the particles' ``part_px part_py part_pz part_energy part_pt
            part_eta part_phi part_mass part_p`` and ``part_<field>``, reduced by sum, any...
            Branches named only here are read but not kept. Evaluated in double precision.
        derived: ``{column: expression}`` to compute and keep. One value per particle makes a
            particle field; such a name begins with ``part_``, which the field loses.
        entry_start: first entry, counted over the whole chain of files in their order, from 0.
        entry_stop: one past the last entry, counted likewise; beyond the end means the end.
        nonfinite: "error" refuses NaN and infinities in the columns read, "drop" drops such
            entries and counts them in the provenance, "keep" does not look.
        empty: the same choice for entries without particles (after the cut).
        allow_empty: give an empty array instead of an error when nothing is left.
        threads: threads for decompression.

    Returns:
        One record per kept entry: ``particles`` (var * Momentum4D with the vector behaviours),
        the event columns, ``file`` (int32, index into the list of files) and ``entry`` (int64,
        entry number in that file's tree). Numbers keep their type, masses become float64. The
        provenance is the plain dictionary ``jets.attrs["pcgnn"]``.

    Shapes:
        - output (G,) records; ``output.particles`` (G, var)

    Raises:
        ReadError: if a file, tree or branch is missing or damaged, types or numbers of particles
            do not fit, or nothing is left.
        ExpressionError: for a typo or anything not allowed in ``cut`` or ``derived``.
        ConfigError: if the options make no sense.

    Example:
        >>> jets = read_root("jets.root", tree="jets", particles="part_*",
        ...                  event=["jet_pt", "is_top"], cut="jet_pt > 550")  # doctest: +SKIP
        >>> jets.particles.pt  # doctest: +SKIP
    """
    recipe = Recipe.make(particles, event, cut, derived, nonfinite, empty)
    step: int | str = _WHOLE_STEP if cut is not None else 2**62
    reader = _Reader(files, tree, recipe, entry_start, entry_stop, threads)
    arrays = [array for array in reader.chunks(step) if len(array)]
    if reader.counts.kept == 0 and not allow_empty:
        raise reader.nothing_left()
    description = with_counts(reader.description, reader.counts)
    return concatenate_records(arrays or [reader.nothing()], description)


def iterate_root(
    files: Files,
    tree: str | None = None,
    *,
    particles: Particles = None,
    event: EventColumns = None,
    cut: str | None = None,
    derived: Mapping[str, str] | None = None,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    nonfinite: Nonfinite = "error",
    empty: Empty = "error",
    allow_empty: bool = False,
    threads: int = 1,
    step_size: int | str = "50 MB",
) -> Iterator[ak.Array]:
    """Read like :func:`read_root`, one chunk after the other.

    The chunks together are what ``read_root`` gives, whatever their size. A chunk never spans
    two files and may be empty when the cut takes none of its entries.

    Args:
        files: see :func:`read_root`, like all options but the last.
        tree: name of the tree.
        particles: pattern or mapping.
        event: event columns.
        cut: condition on entries.
        derived: columns to compute.
        entry_start: first entry in the chain.
        entry_stop: one past the last entry in the chain.
        nonfinite: what to do with NaN and infinities.
        empty: what to do with entries without particles.
        allow_empty: do not raise when not a single entry is left at the end.
        threads: threads for decompression.
        step_size: entries per chunk, or memory per chunk as text, as in ``"50 MB"``.

    Yields:
        Arrays like the one of ``read_root``; the counts in the provenance are the chunk's.

    Raises:
        ReadError: as ``read_root``; that nothing is left is only known at the end.
        ExpressionError: for a typo or anything not allowed in ``cut`` or ``derived``.
        ConfigError: if the options make no sense.
    """
    if isinstance(step_size, bool) or not isinstance(step_size, int | str):
        raise ConfigError(f"step_size={step_size!r} is neither a number of entries nor a memory")
    if isinstance(step_size, int) and step_size < 1:
        raise ConfigError(f"step_size={step_size} must be at least 1")
    if isinstance(step_size, str):
        _check_memory(step_size)
    recipe = Recipe.make(particles, event, cut, derived, nonfinite, empty)
    reader = _Reader(files, tree, recipe, entry_start, entry_stop, threads)
    return _iterate(reader, step_size, allow_empty)


def _iterate(reader: _Reader, step_size: int | str, allow_empty: bool) -> Iterator[ak.Array]:
    yield from reader.chunks(step_size)
    if reader.counts.kept == 0 and not allow_empty:
        raise reader.nothing_left()


def _check_memory(text: str) -> None:
    try:
        size = uproot._util.memory_size(text)
    except Exception as error:
        raise ConfigError(
            f"step_size={text!r} is no amount of memory", remedy='write "50 MB" or a number'
        ) from error
    if size <= 0:
        raise ConfigError(f"step_size={text!r} must be positive")


class _Reader:
    """One pass over a chain of files; keeps the counts and the description."""

    def __init__(
        self,
        files: Files,
        tree: str | None,
        recipe: Recipe,
        entry_start: int | None,
        entry_stop: int | None,
        threads: int,
    ) -> None:
        self.start, self.stop = check_range(entry_start, entry_stop)
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise ConfigError(f"threads={threads!r} must be a number from 1")
        if recipe.particles is None and not recipe.event and not recipe.derived:
            raise ConfigError(
                "nothing to read: neither particles nor event columns are asked for",
                remedy='pass particles="part_*" or event=["..."]; inspect(file) suggests what',
            )
        self.recipe, self.tree, self.threads = recipe, tree, threads
        self.sources = find_sources(files, tree)
        self.counts = Counts()
        self.description: dict[str, Any] = {}
        self._fields: list[str] = []
        self._plan: Plan | None = None

    def chunks(self, step_size: int | str) -> Iterator[ak.Array]:
        """Yield the records of one chunk after the other."""
        executor = uproot.ThreadPoolExecutor(self.threads) if self.threads > 1 else None
        before = 0  # entries of the files before this one
        try:
            for index, source in enumerate(self.sources):
                if self.stop is not None and before >= self.stop and self._plan is not None:
                    break
                with open_tree(source) as (found, name):
                    with reading(source.file, name):
                        entries = int(found.num_entries)
                    plan = self._make_plan(found, source, name)
                    start = min(max(self.start - before, 0), entries)
                    stop = entries if self.stop is None else min(self.stop - before, entries)
                    before += entries
                    if start < stop:
                        yield from self._file(found, plan, index, start, stop, step_size, executor)
        finally:
            if executor is not None:
                executor.shutdown()

    def _file(
        self,
        tree: Any,
        plan: Plan,
        index: int,
        start: int,
        stop: int,
        step_size: int | str,
        executor: Any,
    ) -> Iterator[ak.Array]:
        if isinstance(step_size, int):
            step_size = min(step_size, stop - start)
        place = plan.place
        with contextlib.closing(
            iterate_columns(tree, plan, start, stop, step_size, executor)
        ) as chunks:
            for columns in chunks:
                selected, counts = select(columns, self.recipe, plan.event, place)
                self.counts.add(counts)
                yield make_records(selected, index, with_counts(self.description, counts))

    def _make_plan(self, tree: Any, source: Source, name: str) -> Plan:
        plan = Plan.make(table_of(tree, source.file, name), self.recipe)
        found = (
            [] if plan.particles is None else [f"particles.{key}" for key in plan.particles.fields]
        )
        found += plan.event
        if self._plan is None:
            self._plan, self._fields = plan, found
            self.description = self._describe(plan, name)
        elif set(found) != set(self._fields):
            different = sorted(set(found) ^ set(self._fields))
            raise ReadError(
                f"the file has other columns than the first one: {', '.join(different)} only in "
                "one of them",
                file=source.file,
                tree=name,
                branch=different[0],
                remedy="name the columns they share with a mapping",
            )
        return plan

    def _describe(self, plan: Plan, tree: str) -> dict[str, Any]:
        extra: dict[str, Any] = {}
        if plan.particles is not None:
            extra["coordinates"] = list(plan.particles.coordinates)
            extra["redundant_branches"] = list(plan.particles.redundant)
            extra["skipped_branches"] = list(plan.particles.skipped)
        files = [source.file for source in self.sources]
        entries = [self.start, self.stop]
        return describe("root", files, tree, self.recipe, entry_range=entries, **extra)

    def nothing(self) -> ak.Array:
        """Give an array of no entries with all its fields."""
        assert self._plan is not None
        selected, _ = select(
            empty_columns(self._plan), self.recipe, self._plan.event, self._plan.place
        )
        return make_records(selected, 0, {})

    def nothing_left(self) -> ReadError:
        """Say why there is nothing."""
        file = self.sources[0].file if len(self.sources) == 1 else f"{len(self.sources)} files"
        limited = (self.start, self.stop) != (0, None)
        return nothing_left(self.counts, self.recipe, file, self.description.get("tree"), limited)
