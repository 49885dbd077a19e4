"""Scores back to ROOT: a friend tree with one entry per entry of the tree that was scored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import WriteError
from pcgnn.io.boundary import reading
from pcgnn.io.npz import count_npz
from pcgnn.io.pandas_hdf5 import open_pandas_table
from pcgnn.io.predicted_rows import PredictedRows
from pcgnn.io.sources import Files, Source, find_sources, is_local, open_tree
from pcgnn.io.tables import identifier
from pcgnn.io.writing import write_tree

__all__ = ["write_scores"]

_STEP = 100_000
"""Entries per basket; the memory needed beyond the prediction itself."""


def write_scores(
    path: str | os.PathLike[str],
    prediction: PredictedRows,
    *,
    like: Files,
    tree: str | None = None,
    overwrite: bool = False,
    prefix: str | None = None,
) -> list[Path]:
    """Write the scores as a friend of the tree they were computed from.

    The friend has exactly as many entries as the tree, in its order, so that ROOT's
    ``AddFriend`` or any reader lines them up; entries that were cut away hold NaN. One branch
    per class, called ``prefix`` and the class (with ``_`` for what cannot stand in a name), or
    per target of a regression; predicted widths end in ``_width``.

    Args:
        path: file to write; it appears when it is complete. For several files in ``like`` it
            must contain ``{stem}``, which stands for each file's name without its ending: one
            friend per file.
        prediction: scores or values, each with its file and entry.
        like: the file or files that were scored; a subset of the prediction's. HDF5 and
            ``.npz`` files are accepted too.
        tree: name of the tree, in ``like`` and of the friend; by default the prediction's.
        overwrite: replace existing files.
        prefix: begins the branch names; by default ``score_``, of values ``predicted_``.

    Returns:
        The paths written.

    Raises:
        WriteError: if an output exists (and ``overwrite`` is false) or is one of the inputs, or
            the prediction does not fit: other files, entries beyond the end, entries twice.
        ReadError: if a file of ``like`` cannot be read.

    Example:
        >>> write_scores("jets_scored.root", prediction, like="jets.root")  # doctest: +SKIP
    """
    tree = tree or prediction.tree
    if prefix is None:
        prefix = prediction.prefix
    sources = find_sources(like, tree)
    names = _branch_names(path, prediction, prefix)
    targets = _targets(path, sources)
    for target in targets:
        if target.exists() and not overwrite:
            raise WriteError(
                "the output exists already and is left untouched",
                file=target,
                remedy="choose another path or pass overwrite=True",
            )
        inputs = [other.file for other in sources] + list(prediction.files)
        if os.path.realpath(target) in {os.path.realpath(f) for f in inputs if is_local(f)}:
            raise WriteError("the output would replace a file that was scored", file=target)
    plans = []
    for source in sources:
        entries, found = _count_entries(source)
        rows = _rows(prediction, source)
        plans.append((_sorted(prediction, rows, entries, source), entries, found))
    for target, (rows, entries, found) in zip(targets, plans, strict=True):
        types = {name: prediction_type(prediction) for name in names}
        chunks = _chunks(prediction, rows, entries, names)
        write_tree(target, found or "scores", types, chunks, "zstd", overwrite)
    return targets


def prediction_type(prediction: PredictedRows) -> np.dtype[np.floating]:
    """Give the type of the branches: float64 stays, all else becomes float32."""
    double = any(values.dtype == np.float64 for values in prediction.columns.values())
    return np.dtype(np.float64 if double else np.float32)


def _branch_names(path: object, prediction: PredictedRows, prefix: str) -> list[str]:
    names = [identifier(prefix + name) for name in prediction.columns]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise WriteError(
            f"the columns {', '.join(prediction.columns)} do not give different branch names",
            file=path,
            branch=twice[0],
        )
    return names


def _targets(path: str | os.PathLike[str], sources: list[Source]) -> list[Path]:
    text = os.fspath(path)
    if "{stem}" not in text:
        if len(sources) > 1:
            raise WriteError(
                f"one friend per file is written, but {len(sources)} files would go to this path",
                file=text,
                remedy='write {stem} for the name of each file, as in "scored/{stem}.root"',
            )
        return [Path(text)]
    targets = [Path(text.replace("{stem}", Path(source.file).stem)) for source in sources]
    for target in targets:
        if targets.count(target) > 1:
            raise WriteError(
                "several files of the same name would give the same friend",
                file=target,
                remedy="write them one by one",
            )
    return targets


def _count_entries(source: Source) -> tuple[int, str | None]:
    suffix = Path(source.file).suffix.lower()
    if suffix == ".npz":
        return count_npz(source.file), None
    if suffix in (".h5", ".hdf5", ".hdf"):
        with open_pandas_table(source.file, source.tree) as table:
            return table.rows, table.key
    with open_tree(source) as (found, name), reading(source.file, name):
        return int(found.num_entries), name.partition(";")[0].rpartition("/")[2]


def _rows(prediction: PredictedRows, source: Source) -> NDArray[np.int64]:
    """Positions of the scores of one file: the same path, else the same name if that is clear."""
    index = _file_index(prediction, source)
    if index is None:
        raise WriteError(
            f"the scores were not made from this file but from {', '.join(prediction.files)}",
            file=source.file,
            remedy="pass the file (or files) that were scored as like=",
        )
    return np.flatnonzero(prediction.file == index)


def _file_index(prediction: PredictedRows, source: Source) -> int | None:
    def full(file: str) -> str:
        return os.path.realpath(file) if is_local(file) else file

    paths = [full(file) for file in prediction.files]
    if full(source.file) in paths:
        return paths.index(full(source.file))
    # A file of that name elsewhere is taken for it only if it was moved away from its old place.
    names = [Path(file).name for file in prediction.files]
    name = Path(source.file).name
    if names.count(name) != 1:
        return None
    index = names.index(name)
    old = prediction.files[index]
    return None if is_local(old) and os.path.exists(old) else index


def _sorted(
    prediction: PredictedRows, rows: NDArray[np.int64], entries: int, source: Source
) -> NDArray[np.int64]:
    """Order the rows by entry and refuse what cannot be aligned."""
    order = rows[np.argsort(prediction.entry[rows], kind="stable")]
    entry = prediction.entry[order]
    if len(entry) and entry[-1] >= entries:
        raise WriteError(
            f"the prediction has an entry that the tree of {entries} entries lacks",
            file=source.file,
            tree=source.tree,
            entry=int(entry[-1]),
            remedy="pass the file that was scored as like=",
        )
    twice = np.flatnonzero(entry[1:] == entry[:-1])
    if len(twice):
        raise WriteError(
            f"the prediction has {len(twice)} entries twice",
            file=source.file,
            tree=source.tree,
            entry=int(entry[twice[0]]),
            remedy="score each entry once",
        )
    return order


def _chunks(
    prediction: PredictedRows, rows: NDArray[np.int64], entries: int, names: list[str]
) -> Iterator[dict[str, NDArray[np.floating]]]:
    entry = prediction.entry[rows]
    columns = list(prediction.columns.values())
    for start in range(0, entries, _STEP):
        stop = min(start + _STEP, entries)
        low, high = np.searchsorted(entry, (start, stop))
        block = np.full((len(names), stop - start), np.nan, dtype=prediction_type(prediction))
        for branch, values in zip(block, columns, strict=True):
            branch[entry[low:high] - start] = values[rows[low:high]]
        yield dict(zip(names, block, strict=True))
