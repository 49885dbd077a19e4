"""The report of ``inspect``: plain data, printed as tables."""

from __future__ import annotations

import io
from dataclasses import dataclass

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

__all__ = ["BranchReport", "Collection", "FileReport", "HitCollection", "TreeReport"]

_SHOWN = 200
"""Branches listed per tree; the rest is counted."""


@dataclass(frozen=True)
class BranchReport:
    """One branch, field, column or array.

    Args:
        name: full name.
        type: as the file says.
        level: "event", "jagged" (one number per particle) or "unusable".
        compressed: bytes in the file, None if unknown.
        uncompressed: bytes of the data, None if unknown.
    """

    name: str
    type: str
    level: str
    compressed: int | None
    uncompressed: int | None


@dataclass(frozen=True)
class Collection:
    """A collection of particles.

    Args:
        pattern: for ``particles=``.
        fields: particle fields it gives, coordinates first.
        entries: entries looked at for the following numbers.
        mean: mean number of particles, None if there are no entries.
        smallest: smallest number of particles.
        largest: largest number of particles.
    """

    pattern: str
    fields: tuple[str, ...]
    entries: int
    mean: float | None
    smallest: int | None
    largest: int | None


@dataclass(frozen=True)
class HitCollection:
    """Hits of tracking events, as :func:`pcgnn.read_hits` recognises them.

    Args:
        fields: of the hits.
        particles: fields of the true particles, empty without truth.
        tracks: names of the tracks that are there.
        entries: entries looked at for the following numbers, 0 if they cannot be read.
        mean: mean number of hits, None without entries.
        smallest: smallest number of hits.
        largest: largest number of hits.
        selection: what the file says of hits selected by truth, None if nothing.
    """

    fields: tuple[str, ...]
    particles: tuple[str, ...]
    tracks: tuple[str, ...]
    entries: int
    mean: float | None
    smallest: int | None
    largest: int | None
    selection: str | None = None


@dataclass(frozen=True)
class TreeReport:
    """One tree, RNTuple, table, or the arrays of a file.

    Args:
        name: its name.
        kind: "TTree", "RNTuple", "pandas table" or "arrays".
        entries: number of entries.
        branches: what it holds.
        collections: collections of particles found, the largest first.
        hits: the hits of a tree of tracking events, None for others.
    """

    name: str
    kind: str
    entries: int
    branches: tuple[BranchReport, ...]
    collections: tuple[Collection, ...]
    hits: HitCollection | None = None

    @property
    def compressed(self) -> int | None:
        """Bytes in the file, None if unknown."""
        return _total([branch.compressed for branch in self.branches])

    @property
    def uncompressed(self) -> int | None:
        """Bytes of the data, None if unknown."""
        return _total([branch.uncompressed for branch in self.branches])


@dataclass(frozen=True)
class FileReport:
    """What is in a file.

    Args:
        path: the file.
        format: "root", "hdf5" or "npz".
        size: bytes, None for remote files.
        trees: its trees.
    """

    path: str
    format: str
    size: int | None
    trees: tuple[TreeReport, ...]

    @property
    def particles(self) -> str | None:
        """The suggested ``particles=``: the pattern of the largest collection, None if none."""
        found = [collection for tree in self.trees for collection in tree.collections]
        return found[0].pattern if found else None

    @property
    def suggestion(self) -> str | None:
        """The call that reads the hits or particles, None if none were found."""
        for tree in self.trees:
            if tree.hits is not None:
                named = f", tree={tree.name!r}" if len(self.trees) > 1 else ""
                return f"read_hits({self.path!r}{named})"
            if not tree.collections:
                continue
            if self.format == "hdf5":
                return f"read_toptag_hdf5({self.path!r})"
            if self.format == "npz":
                return f"read_npz({self.path!r})"
            pattern = tree.collections[0].pattern
            return f"read_root({self.path!r}, tree={tree.name!r}, particles={pattern!r})"
        return None

    def __rich__(self) -> Group:
        size = "" if self.size is None else f", {_bytes(self.size)}"
        parts: list[Table | Text] = [Text(f"{self.path} ({self.format}{size})", style="bold")]
        for tree in self.trees:
            parts.append(_branch_table(tree))
            if tree.hits is not None:
                parts += [Text(line) for line in _hit_lines(tree.hits)]
                continue
            parts += [Text(_collection_line(collection)) for collection in tree.collections]
            if not tree.collections:
                parts.append(Text("no collection of particles recognised"))
        if self.suggestion:
            parts.append(Text(f"read it with: {self.suggestion}"))
        return Group(*parts)

    def __str__(self) -> str:
        console = Console(file=io.StringIO(), width=110, color_system=None)
        with console.capture() as capture:
            console.print(self, soft_wrap=False)
        return capture.get().rstrip("\n")


def _branch_table(tree: TreeReport) -> Table:
    title = f"{tree.kind} {tree.name}: {tree.entries:,} entries, {len(tree.branches)} branches"
    if tree.compressed is not None and tree.uncompressed is not None:
        title += f", {_bytes(tree.compressed)} compressed, {_bytes(tree.uncompressed)} uncompressed"
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("branch", "type", "per"):
        table.add_column(column, overflow="fold")
    for column in ("compressed", "uncompressed"):
        table.add_column(column, justify="right", no_wrap=True)
    item = "particle" if tree.collections and tree.hits is None else "item"
    per = {"event": "entry", "jagged": item, "unusable": "-"}
    for branch in tree.branches[:_SHOWN]:
        sizes = (_bytes(branch.compressed), _bytes(branch.uncompressed))
        table.add_row(Text(branch.name), Text(branch.type), per.get(branch.level, "-"), *sizes)
    if len(tree.branches) > _SHOWN:
        table.add_row(f"... and {len(tree.branches) - _SHOWN} more", "", "", "", "")
    return table


def _collection_line(collection: Collection) -> str:
    line = f"particles={collection.pattern!r}: {', '.join(collection.fields)}"
    if collection.mean is None:
        return line
    return (
        f"{line}; {collection.smallest} to {collection.largest} per entry, mean "
        f"{collection.mean:.1f} (first {collection.entries:,} entries)"
    )


def _hit_lines(hits: HitCollection) -> list[str]:
    line = f"hits of tracking events: {', '.join(hits.fields)}"
    if hits.mean is not None:
        line += (
            f"; {hits.smallest} to {hits.largest} per entry, mean {hits.mean:.1f} "
            f"(first {hits.entries:,} entries)"
        )
    truth = f"particles: {', '.join(hits.particles)}" if hits.particles else "no truth"
    lines = [line, truth]
    if hits.tracks:
        lines.append(f"tracks: {', '.join(hits.tracks)}")
    if hits.selection:
        lines.append(f"{hits.selection} (first {hits.entries:,} entries)")
    return lines


def _total(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None


def _bytes(size: int | None) -> str:
    if size is None:
        return "-"
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
