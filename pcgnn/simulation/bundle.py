"""Simulated events made small enough to ship: rounded, split and packed, with their checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from pcgnn.errors import ConfigError
from pcgnn.io.atomic import atomic_path
from pcgnn.io.writing import write_tree

__all__ = ["SPLITS", "content_sha256", "round_digits", "write_bundle"]

SPLITS = (0.5, 0.15, 0.35)
"""Shares of the entries of the parts 0 (train), 1 (validation) and 2 (test), in this order."""

_PREFIX = "part_"
_FLOAT_DIGITS = 23
_ENTRIES_PER_BASKET = 20_000


def round_digits(values: NDArray[np.float32], digits: int) -> NDArray[np.float32]:
    """Round to the nearest float32 with so many binary digits after the first.

    Args:
        values: any finite numbers.
        digits: 1 to 22; the relative error stays below 2^-(digits + 1).

    Raises:
        ConfigError: ``digits`` is out of range.

    Example:
        >>> round_digits(np.array([1.3, -100.1], dtype=np.float32), 3).tolist()
        [1.25, -104.0]
    """
    if not 1 <= digits < _FLOAT_DIGITS:
        raise ConfigError(f"digits={digits!r} must lie between 1 and {_FLOAT_DIGITS - 1}")
    dropped = _FLOAT_DIGITS - digits
    half = np.uint32(1 << (dropped - 1))
    mask = np.uint32((0xFFFFFFFF << dropped) & 0xFFFFFFFF)
    whole = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32) + half
    return (whole & mask).view(np.float32)


def write_bundle(
    raw: Path, path: Path, tree: str, digits: int, exact: Sequence[str] = ("weight",)
) -> dict[str, str]:
    """Write a simulated file again: numbers rounded, with the column ``split``, packed with LZMA.

    Args:
        raw: a file of :func:`pcgnn.simulation.simulate_stop` or ``simulate_resonance``.
        path: the new file; ``SHA256SUMS`` is written beside it.
        tree: name of the tree.
        digits: binary digits kept after the first.
        exact: columns that are not rounded.

    Returns:
        sha256 of the file and of its content.
    """
    with uproot.open(raw) as file:
        made = file[tree].arrays()
        about = json.loads(str(file["simulation"]))
    data = _columns(made, digits, exact)
    types = {k: v.type.content if isinstance(v, ak.Array) else v.dtype for k, v in data.items()}
    baskets = (
        {name: values[start : start + _ENTRIES_PER_BASKET] for name, values in data.items()}
        for start in range(0, len(made), _ENTRIES_PER_BASKET)
    )
    with atomic_path(path, overwrite=True) as temporary:
        write_tree(
            temporary, tree, types, baskets, "lzma", False,
            lambda outer, inner: f"{outer}_{inner}" if outer else inner,
        )  # fmt: skip
        with uproot.update(temporary) as file:
            file["simulation"] = json.dumps({**about, "digits": digits}, sort_keys=True)
    with uproot.open(path) as file:
        arrays = file[tree].arrays()
    sums = {
        "file": hashlib.sha256(path.read_bytes()).hexdigest(),
        "content": content_sha256({name: arrays[name] for name in arrays.fields}),
    }
    path.with_name("SHA256SUMS").write_text(f"{sums['file']}  {path.name}\n")
    return sums


def content_sha256(tree: Mapping[str, Any]) -> str:
    """Checksum of the numbers alone: names, lengths of lists and values, in order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tree):
        values = ak.Array(tree[name])
        digest.update(name.encode())
        if values.ndim > 1:
            digest.update(ak.to_numpy(ak.num(values)).astype("<i8").tobytes())
            values = ak.flatten(values)
        numbers = ak.to_numpy(values)
        digest.update(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _columns(made: ak.Array, digits: int, exact: Sequence[str]) -> dict[str, Any]:
    """Rounded columns; the lists under the name ``part``."""

    def rounded(name: str, values: NDArray[Any]) -> NDArray[Any]:
        keep = name in exact or values.dtype != np.float32
        return values if keep else round_digits(values, digits)

    lists: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    for name in made.fields:
        if name == "npart":
            continue
        if name.startswith(_PREFIX):
            flat = rounded(name, ak.to_numpy(ak.flatten(made[name])))
            lists[name.removeprefix(_PREFIX)] = ak.unflatten(flat, ak.num(made[name]))
        else:
            columns[name] = rounded(name, ak.to_numpy(made[name]))
    edges = np.round(np.cumsum(SPLITS)[:-1] * len(made)).astype(np.int64)
    split = np.searchsorted(edges, np.arange(len(made)), side="right")
    return {"part": ak.zip(lists, depth_limit=2), **columns, "split": split.astype(np.int32)}
