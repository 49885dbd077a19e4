"""Jets in flat NumPy archives."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ReadError
from pcgnn.io.assembly import FIELDS, assemble, column_name, describe_flat
from pcgnn.io.boundary import reading
from pcgnn.io.ranges import check_range
from pcgnn.io.recipe import Empty, Nonfinite, Recipe
from pcgnn.io.records import Columns
from pcgnn.io.selection import Place

__all__ = ["count_npz", "npz_headers", "read_npz"]


def read_npz(
    path: str | os.PathLike[str],
    entry_start: int | None = None,
    entry_stop: int | None = None,
    *,
    event: Sequence[str] | Mapping[str, str] | None = None,
    cut: str | None = None,
    derived: Mapping[str, str] | None = None,
    nonfinite: Nonfinite = "error",
    empty: Empty = "error",
    allow_empty: bool = False,
) -> ak.Array:
    """Read jets from a flat ``.npz`` file.

    It holds ``p4`` (N, 4) = E, px, py, pz in GeV of all constituents one jet after another, ``n``
    (G,) constituents per jet, optionally ``label`` (G,), called ``is_top`` here, and any other
    numbers per jet.

    Args:
        path: the file.
        entry_start: first jet.
        entry_stop: one past the last jet; beyond the end means the end.
        event: columns to keep besides the constituents, all by default.
        cut: condition on jets; see :func:`pcgnn.io.read_root`.
        derived: columns to compute.
        nonfinite: "error", "drop" or "keep" jets with NaN or infinities.
        empty: "error", "drop" or "keep" jets without constituents.
        allow_empty: give an empty array instead of an error when nothing is left.

    Returns:
        Records like those of :func:`pcgnn.io.read_root`.

    Shapes:
        - output (G,) records; ``output.particles`` (G, var)

    Raises:
        ReadError: if the file is missing, damaged, or its arrays do not fit together.
        ExpressionError: for a typo or anything not allowed in ``cut`` or ``derived``.
        ConfigError: if the options make no sense.

    Example:
        >>> jets = read_npz("toptag_train.npz", cut="n_particles >= 10")  # doctest: +SKIP
    """
    recipe = Recipe.make(None, event, cut, derived, nonfinite, empty)
    first, stop = check_range(entry_start, entry_stop)
    file = os.fspath(path)
    arrays = _load(file)
    sizes, p4 = arrays.pop("n"), arrays.pop("p4")
    _check_flat(file, sizes, p4, arrays)
    last = len(sizes) if stop is None else min(stop, len(sizes))
    first = min(first, last)
    offsets = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    low, high = offsets[first], offsets[last]
    columns = Columns(
        np.arange(first, last, dtype=np.int64),
        offsets[first : last + 1] - low,
        {name: p4[low:high, i].copy() for i, name in enumerate(FIELDS)},
        {column_name(name): values[first:last] for name, values in arrays.items()},
    )
    description = describe_flat("npz", file, None, recipe, entry_start, entry_stop)
    return assemble(iter([columns]), recipe, Place(file, None), description, allow_empty)


def count_npz(file: str) -> int:
    """Count the jets of an ``.npz`` file.

    Raises:
        ReadError: if it is missing, damaged, or has no array ``n``.
    """
    _check_zip(file)
    with reading(file, branch="n"), np.load(file, allow_pickle=False) as archive:
        return len(archive["n"])


def npz_headers(file: str) -> dict[str, tuple[np.dtype[Any], tuple[int, ...], int]]:
    """Give type, shape and compressed bytes of each array of an ``.npz`` file.

    Raises:
        ReadError: if it is missing or damaged.
    """
    _check_zip(file)
    headers = {}
    with reading(file), zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as handle:
                version = np.lib.format.read_magic(handle)
                reader = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = reader(handle)
            headers[entry.filename.removesuffix(".npy")] = (dtype, shape, entry.compress_size)
    return headers


def _check_zip(file: str) -> None:
    if not os.path.exists(file):
        raise ReadError("no such file", file=file)
    if not os.path.isfile(file) or not zipfile.is_zipfile(file):
        raise ReadError("not an .npz file", file=file)


def _load(file: str) -> dict[str, NDArray[Any]]:
    _check_zip(file)
    with reading(file), np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name in ("p4", "n"):
        if name not in arrays:
            raise ReadError(
                f"no such array; there are {', '.join(arrays)}",
                file=file,
                branch=name,
                remedy="the file must hold p4 (N, 4) and n (G,), optionally label (G,)",
            )
    return arrays


def _check_flat(
    file: str, sizes: NDArray[Any], p4: NDArray[Any], others: Mapping[str, NDArray[Any]]
) -> None:
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu":
        raise ReadError(
            f"must be integers (G,), has the shape {sizes.shape} and type {sizes.dtype}",
            file=file,
            branch="n",
        )
    if sizes.dtype.kind == "i" and (sizes < 0).any():
        raise ReadError(
            "negative number of particles", file=file, branch="n", entry=int(np.argmax(sizes < 0))
        )
    if p4.ndim != 2 or p4.shape[1] != 4 or p4.dtype.kind != "f":
        raise ReadError(
            f"must be floats (N, 4), has the shape {p4.shape} and type {p4.dtype}",
            file=file,
            branch="p4",
        )
    total = int(sizes.sum(dtype=np.int64))
    if total != len(p4):
        raise ReadError(
            f"n adds up to {total} particles but p4 has {len(p4)}", file=file, branch="n"
        )
    for name, values in others.items():
        if values.ndim == 0 or len(values) != len(sizes) or values.dtype.kind not in "biuf":
            raise ReadError(
                f"must be numbers of {len(sizes)} jets, has the shape {values.shape} and type "
                f"{values.dtype}",
                file=file,
                branch=name,
                remedy="take it out of the file",
            )
    if {"is_top", "label"} <= others.keys():
        raise ReadError("the file has both label and is_top", file=file, branch="label")
