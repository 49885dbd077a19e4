"""Records to ROOT: ``write_root`` and what it shares with ``write_scores``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import awkward as ak
import numpy as np
import uproot

from pcgnn.errors import ConfigError, PcgnnError, WriteError
from pcgnn.io.atomic import atomic_path
from pcgnn.io.tables import identifier

__all__ = ["Compression", "write_root", "write_tree"]

Compression: TypeAlias = Literal["zstd", "lz4", "zlib", "lzma", "none"]

_COMPRESSIONS: Mapping[str, Callable[[], Any]] = {
    "zstd": lambda: uproot.ZSTD(5),
    "lz4": lambda: uproot.LZ4(4),
    "zlib": lambda: uproot.ZLIB(4),
    "lzma": lambda: uproot.LZMA(5),
    "none": lambda: None,
}
# What vector calls the coordinates after arithmetic, and the word used in branch names.
_GENERIC = {
    "x": "px",
    "y": "py",
    "z": "pz",
    "t": "energy",
    "rho": "pt",
    "tau": "mass",
    "E": "energy",
    "e": "energy",
    "m": "mass",
    "M": "mass",
}
_SKIPPED = ("file", "entry")  # made anew by whoever reads the file


def write_root(
    path: str | os.PathLike[str],
    jets: ak.Array,
    tree: str = "jets",
    *,
    compression: Compression = "zstd",
    prefix: str = "part_",
    step_size: int = 10_000,
    overwrite: bool = False,
) -> Path:
    """Write records to a TTree that :func:`pcgnn.io.read_root` reads back bit by bit.

    Args:
        path: the file to write; it appears when it is complete.
        jets: records with ``particles`` (one list per entry) and event columns; ``file`` and
            ``entry`` are left out.
        tree: name of the tree.
        compression: "zstd", "lz4", "zlib", "lzma" or "none".
        prefix: put before the particles' field names; ``E`` becomes ``energy``. The branches
            share one counter, ``n`` and the prefix.
        step_size: entries per basket.
        overwrite: replace an existing file.

    Returns:
        The path.

    Raises:
        WriteError: if the file exists or cannot be written, or a field is neither numbers nor
            one list of numbers per entry.
        ConfigError: if an option makes no sense.

    Example:
        >>> write_root("sample.root", jets)  # doctest: +SKIP
    """
    if compression not in get_args(Compression):
        raise ConfigError(
            f"compression={compression!r} is not one of {', '.join(get_args(Compression))}"
        )
    if isinstance(step_size, bool) or not isinstance(step_size, int) or step_size < 1:
        raise ConfigError(f"step_size={step_size!r} must be a number of entries from 1")
    collection = prefix.rstrip("_")
    if identifier(collection) != collection or not collection:
        raise ConfigError(f"prefix={prefix!r} cannot begin a branch name")
    event, particles = _fields(path, jets)
    types: dict[str, Any] = {name: _event_type(values) for name, values in event.items()}
    data: dict[str, Any] = dict(event)
    if particles:
        record = ak.zip(particles, depth_limit=2)
        types[collection] = record.type.content
        data[collection] = record

    def chunks() -> Iterable[dict[str, Any]]:
        for start in range(0, len(jets), step_size):
            yield {name: values[start : start + step_size] for name, values in data.items()}

    def name_of(outer: str, inner: str) -> str:
        return inner if outer == "" else prefix + inner

    return write_tree(path, tree, types, chunks(), compression, overwrite, name_of)


def write_tree(
    path: str | os.PathLike[str],
    tree: str,
    types: Mapping[str, Any],
    chunks: Iterable[Mapping[str, Any]],
    compression: Compression,
    overwrite: bool,
    field_name: Callable[[str, str], str] | None = None,
) -> Path:
    """Write a TTree chunk by chunk to a file that appears when it is complete.

    Args:
        path: the file.
        tree: name of the tree.
        types: type of each branch, as uproot wants it.
        chunks: the data.
        compression: algorithm.
        overwrite: replace an existing file.
        field_name: names the branches of records.

    Returns:
        The path.

    Raises:
        WriteError: if anything goes wrong.
    """
    options = {} if field_name is None else {"field_name": field_name}
    with atomic_path(path, overwrite) as temporary:
        try:
            with uproot.recreate(temporary, compression=_COMPRESSIONS[compression]()) as file:
                writable = file.mktree(tree, dict(types), **options)
                for chunk in chunks:
                    writable.extend(dict(chunk))
        except PcgnnError:
            raise
        except Exception as error:  # uproot's own complaints and the system's (disk full...)
            lines = str(error).strip().splitlines()
            raise WriteError(
                f"cannot be written ({type(error).__name__}: {lines[0] if lines else ''})",
                file=path,
                tree=tree,
            ) from error
    return Path(path)


def _fields(
    path: str | os.PathLike[str], jets: ak.Array
) -> tuple[dict[str, ak.Array], dict[str, ak.Array]]:
    if not isinstance(jets, ak.Array) or not jets.fields:
        raise WriteError(
            f"only arrays of records can be written, not {type(jets).__name__}", file=path
        )
    event = {name: jets[name] for name in jets.fields if name not in ("particles", *_SKIPPED)}
    particles: dict[str, ak.Array] = {}
    if "particles" in jets.fields:
        record = jets.particles.layout.purelist_parameter("__record__")
        is_vector = record in ("Momentum4D", "Vector4D")
        for name in jets.particles.fields:
            # the behaviours of vector have no business here: plain lists of numbers
            layout = ak.to_packed(jets["particles", name]).layout
            _check_numbers(path, f"particles.{name}", layout, lists=True)
            branch = _GENERIC.get(name, name) if is_vector else name
            if branch in particles:
                raise WriteError("two fields of the particles mean this", file=path, branch=branch)
            particles[branch] = ak.Array(layout)
    for name, values in event.items():
        if identifier(name) != name:
            raise WriteError(
                f"cannot name a branch; {identifier(name)!r} could", file=path, branch=name
            )
        _check_numbers(path, name, ak.to_packed(values).layout, lists=False)
    if not event and not particles:
        raise WriteError("there is nothing to write", file=path)
    return event, particles


def _check_numbers(path: str | os.PathLike[str], name: str, layout: Any, lists: bool) -> None:
    inner = layout
    if lists:
        inner = layout.content if isinstance(layout, ak.contents.ListOffsetArray) else None
    else:
        while isinstance(inner, ak.contents.RegularArray):
            inner = inner.content
    if not isinstance(inner, ak.contents.NumpyArray) or inner.dtype.kind not in "biuf":
        wanted = "one list of numbers per entry" if lists else "numbers, as many for each entry"
        raise WriteError(
            f"must be {wanted}, is {layout.form.type}",
            file=path,
            branch=name,
            remedy="take the field out, or fill what is missing with ak.fill_none",
        )


def _event_type(values: ak.Array) -> np.dtype[Any]:
    numbers = ak.to_numpy(values)
    return np.dtype((numbers.dtype, numbers.shape[1:]))
