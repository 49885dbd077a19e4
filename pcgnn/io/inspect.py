"""What is in a file: trees, branches, types, sizes, and how to read the particles."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from pcgnn.errors import PcgnnError, ReadError
from pcgnn.io.boundary import reading
from pcgnn.io.branches import coordinate_of, find_particles
from pcgnn.io.chunks import Plan, iterate_columns, table_of
from pcgnn.io.hits.families import find_layout
from pcgnn.io.hits.options import Options
from pcgnn.io.hits.reading import read_hits
from pcgnn.io.npz import npz_headers
from pcgnn.io.pandas_hdf5 import open_pandas_table
from pcgnn.io.recipe import Recipe
from pcgnn.io.report import BranchReport, Collection, FileReport, HitCollection, TreeReport
from pcgnn.io.sources import Source, find_sources, is_local, list_trees, open_tree
from pcgnn.io.tables import Branch, BranchTable
from pcgnn.io.toptag import toptag_collections

__all__ = ["inspect"]

_SAMPLE = 1000
"""Entries looked at for the numbers of particles."""

_HIT_SAMPLE = 20
"""The same for hits, of which an event with pile-up has some 100,000."""


def inspect(path: str | os.PathLike[str], tree: str | None = None) -> FileReport:
    """Look into a ROOT, HDF5 or ``.npz`` file without reading it all.

    Args:
        path: the file (for ROOT also ``file.root:tree`` or an address).
        tree: look at this tree only.

    Returns:
        The report; printed it shows trees, branches, types, entries, sizes, the collections of
        particles found with the pattern that reads each, or the hits, and the call to make.

    Raises:
        ReadError: if the file or tree is missing or damaged.

    Example:
        >>> print(inspect("jets.root"))  # doctest: +SKIP
    """
    source, *more = find_sources(path, tree)
    if more:
        raise ReadError(f"{len(more) + 1} files match, one can be inspected", file=path)
    suffix = Path(source.file).suffix.lower()
    if suffix in (".csv", ".gz", ".parquet", ".pq") or os.path.isdir(source.file):
        raise ReadError(
            "only ROOT, HDF5 and npz files can be looked into",
            file=source.file,
            remedy="hits in csv or Parquet are read by pcgnn.read_hits(path), whose records print "
            "their fields",
        )
    size = os.path.getsize(source.file) if os.path.isfile(source.file) else None
    if suffix == ".npz":
        return FileReport(source.file, "npz", size, (_npz(source.file),))
    if suffix in (".h5", ".hdf5", ".hdf"):
        return FileReport(source.file, "hdf5", size, (_hdf5(source),))
    return FileReport(source.file, "root", size, tuple(_root(source)))


def _root(source: Source) -> Iterator[TreeReport]:
    if source.tree is not None:
        names = [source.tree]
    else:
        with contextlib.ExitStack() as stack:
            if is_local(source.file) and not os.path.isfile(source.file):
                raise ReadError("no such file", file=source.file)
            with reading(source.file):
                directory = stack.enter_context(uproot.open(source.file))
                names = list(list_trees(directory))
        if not names:
            raise ReadError("the file holds no TTree and no RNTuple", file=source.file)
    for name in names:
        with open_tree(Source(source.file, name)) as (tree, found):
            yield _tree(tree, table_of(tree, source.file, found))


def _tree(tree: Any, table: BranchTable) -> TreeReport:
    with reading(table.file, table.name):
        entries = int(tree.num_entries)
    table.prepare_all()
    branches = [table.branch(key) for key in dict.fromkeys(table.keys)]
    collections = [
        _measure(tree, table, pattern, entries)
        for pattern in _patterns(table, branches)
        if _reads(table, pattern)
    ]
    collections.sort(key=lambda collection: -(collection.mean or 0))
    reports = [
        BranchReport(
            branch.key,
            branch.type_name,
            branch.level,
            _size(tree, branch.key, "compressed_bytes"),
            _size(tree, branch.key, "uncompressed_bytes"),
        )
        for branch in branches
    ]
    hits = _hits(table, branches, entries)
    return TreeReport(table.name, table.kind, entries, tuple(reports), tuple(collections), hits)


def _hits(table: BranchTable, branches: list[Branch], entries: int) -> HitCollection | None:
    """The hits of a tree of tracking events, told by their positions."""
    jagged = [branch.short for branch in branches if branch.level == "jagged"]
    layout = find_layout(jagged, [], Options.make(None, "auto", None, None))
    if not {"x", "y", "z"} <= set(layout.hit):
        return None
    counts, selection = np.zeros(0, dtype=np.int64), None
    # what cannot be read can still be described
    with contextlib.suppress(PcgnnError):
        if entries:
            hits = read_hits(table.file, tree=table.name, truth=False, entry_stop=_HIT_SAMPLE)
            counts = np.asarray(ak.num(hits["hit"], axis=1))
            selection = hits.attrs["pcgnn"].get("truth_selection")
    found = bool(len(counts))
    return HitCollection(
        tuple(layout.hit),
        tuple(layout.particle),
        tuple(layout.tracks),
        len(counts),
        float(counts.mean()) if found else None,
        int(counts.min()) if found else None,
        int(counts.max()) if found else None,
        selection,
    )


def _size(tree: Any, key: str, attribute: str) -> int | None:
    with contextlib.suppress(Exception):  # not known for every kind of field; only for display
        return int(getattr(tree[key], attribute))
    return None


def _patterns(table: BranchTable, branches: list[Branch]) -> list[str]:
    """Patterns that end in a name of a coordinate: part_px gives part_*."""
    found: dict[str, None] = {}
    for branch in branches:
        if branch.level != "jagged" or branch.key.startswith("_"):
            continue  # an underscore begins the names RNTuples make up themselves
        for position, character in enumerate(branch.short):
            if character in "_." and coordinate_of(branch.short[position + 1 :]):
                found[branch.short[: position + 1] + "*"] = None
                break
    return list(found)


def _reads(table: BranchTable, pattern: str) -> bool:
    try:
        find_particles(table, pattern)
    except PcgnnError:
        return False
    return True


def _measure(tree: Any, table: BranchTable, pattern: str, entries: int) -> Collection:
    """Count the particles in the first entries."""
    found = find_particles(table, pattern)
    fields = tuple(found.fields)
    coordinates = {name: found.fields[name].key for name in found.coordinates}
    plan = Plan.make(table, Recipe.make(coordinates))
    stop = min(entries, _SAMPLE)
    counts = np.zeros(0, dtype=np.int64)
    # a file damaged further on can still be described, and disagreeing counts are no collection
    with contextlib.suppress(PcgnnError):
        for columns in iterate_columns(tree, plan, 0, stop, max(stop, 1)):
            counts = columns.counts
    if len(counts) == 0:
        return Collection(pattern, fields, 0, None, None, None)
    return Collection(
        pattern, fields, len(counts), float(counts.mean()), int(counts.min()), int(counts.max())
    )


def _hdf5(source: Source) -> TreeReport:
    with open_pandas_table(source.file, source.tree) as table:
        types = {name: _column_type(*place) for name, place in table.columns.items()}
        collections = toptag_collections(table, _SAMPLE)
        branches = tuple(
            BranchReport(name, dtype, "event", None, None) for name, dtype in types.items()
        )
        return TreeReport(table.key, "pandas table", table.rows, branches, collections)


def _column_type(dataset: Any, field: str | None, place: int | None) -> str:
    dtype = dataset.dtype if field is None else dataset.dtype[field]
    return str(dtype.base)


def _npz(file: str) -> TreeReport:
    headers = npz_headers(file)
    branches = tuple(
        BranchReport(
            name,
            f"{dtype}{list(shape)}",
            "jagged" if name == "p4" else "event",
            compressed,
            int(np.prod(shape, dtype=np.int64)) * dtype.itemsize,
        )
        for name, (dtype, shape, compressed) in headers.items()
    )
    entries = headers["n"][1][0] if "n" in headers and headers["n"][1] else 0
    collections: tuple[Collection, ...] = ()
    if {"n", "p4"} <= headers.keys():
        with reading(file, branch="n"), np.load(file, allow_pickle=False) as archive:
            sizes = archive["n"]
        if len(sizes) and sizes.dtype.kind in "iu":
            low, high, mean = int(sizes.min()), int(sizes.max()), float(sizes.mean())
            fields = ("E", "px", "py", "pz")
            collections = (Collection("p4", fields, len(sizes), mean, low, high),)
    return TreeReport("", "arrays", entries, branches, collections)
