"""Where records come from, as plain values that go into checkpoints and reports."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from pcgnn.errors import ReadError
from pcgnn.io.boundary import reading
from pcgnn.io.recipe import Recipe
from pcgnn.io.selection import Counts

__all__ = ["describe", "file_sha256", "provenance_of", "with_counts"]


def describe(
    format_name: str, files: Sequence[str], tree: str | None, recipe: Recipe, **extra: Any
) -> dict[str, Any]:
    """Describe a reading, without its counts.

    Args:
        format_name: "root", "hdf5" or "npz".
        files: the files in the order of the records' ``file`` index.
        tree: tree or table, None for formats without.
        recipe: what was asked for; ``read_root(files, tree, **provenance["read"])`` repeats it.
        extra: more plain values.
    """
    read = recipe.to_dict()
    return {"format": format_name, "files": list(files), "tree": tree, "read": read, **extra}


def with_counts(description: dict[str, Any], counts: Counts) -> dict[str, Any]:
    """Give a description together with counts."""
    return {**description, **counts.to_dict()}


def provenance_of(jets: Any) -> dict[str, Any]:
    """Give the provenance of an array made by one of the readers, empty for any other array."""
    attrs = getattr(jets, "attrs", None) or {}
    found = attrs.get("pcgnn", {})
    return dict(found)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Compute the SHA-256 checksum of a file, as a hexadecimal text.

    Raises:
        ReadError: if the file cannot be read.
    """
    if not os.path.isfile(path):
        raise ReadError("no such file", file=path)
    with reading(path), open(path, "rb") as handle:
        digest = hashlib.sha256()
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
