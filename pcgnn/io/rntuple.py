"""RNTuples: names and types of their fields, and reading them chunk by chunk.

Listing all nested fields of an RNTuple at once takes time quadratic in their number in uproot,
so only the top fields are listed, and a collection is looked into when somebody asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
import uproot

from pcgnn.io.boundary import reading
from pcgnn.io.tables import Branch, BranchTable, Level, identifier

__all__ = ["RNTupleTable", "iterate_rntuple"]

_FIRST_STEP = 1000
"""Entries of the first chunk when a memory per chunk is asked for: it tells the size of one."""

_NUMBERS = {
    "float": "float32",
    "double": "float64",
    "bool": "bool",
    "char": "int8",
    **{f"std::{name}_t": name for name in ("int8", "int16", "int32", "int64")},
    **{f"std::u{name}_t": f"u{name}" for name in ("int8", "int16", "int32", "int64")},
}
_LIST = re.compile(r"(?:std::vector|ROOT::VecOps::RVec|ROOT::RVec)<([\w:]+)>")
_ARRAY = re.compile(r"std::array<([\w:]+),(\d+)>")


class RNTupleTable(BranchTable):
    """Names and types of the fields of an RNTuple.

    Args:
        tree: uproot's RNTuple.
        file: its file, for messages.
        name: its name, for messages.
    """

    kind = "RNTuple"

    def _load(self) -> None:
        with reading(self.file, self.name):
            self._types: Mapping[str, str] = self._tree.typenames(recursive=False)
        self._opened: set[str] = set()
        for top in self._types:
            self._add(top)

    def prepare(self, pattern: str) -> None:
        """Look into the collection in front of the first dot of a name or pattern."""
        top = pattern.partition(".")[0]
        if top != pattern and top in self._types:
            self._open(top)

    def prepare_identifier(self, name: str) -> None:
        """Look into the collections a name in an expression may mean."""
        for top in self._types:
            if name.startswith(f"{identifier(top)}_"):
                self._open(top)

    def prepare_all(self) -> None:
        """Look into all collections but those of made-up names, whose fields are shown again."""
        for top, type_name in self._types.items():
            if not top.startswith("_") and _plain(top, type_name) is None:
                self._open(top)

    def _classify(self, key: str) -> Branch:
        branch = _plain(key, self._types.get(key, ""))
        if branch is not None:
            return branch
        self._open(key.partition(".")[0])
        return self._branches.get(key) or Branch(key, "unusable", np.dtype(np.void), (), "a record")

    def _open(self, top: str) -> None:
        if top in self._opened:
            return
        self._opened.add(top)
        with reading(self.file, self.name, top):
            form = self._tree[top].to_akform()
            form = form[0] if isinstance(form, tuple) else form
            leaves = list(_leaves(form.content(top), top, 0))
        for branch in leaves:
            self._branches[branch.key] = branch
            if branch.key != top:
                self._add(branch.key)


def _plain(key: str, type_name: str) -> Branch | None:
    """Tell numbers and lists of numbers from the C++ type; None for anything else."""
    text = type_name.replace(" ", "")
    if text in _NUMBERS:
        return Branch(key, "event", np.dtype(_NUMBERS[text]), (), type_name)
    match = _LIST.fullmatch(text)
    if match and match[1] in _NUMBERS:
        return Branch(key, "jagged", np.dtype(_NUMBERS[match[1]]), (), type_name)
    match = _ARRAY.fullmatch(text)
    if match and match[1] in _NUMBERS:
        return Branch(key, "event", np.dtype(_NUMBERS[match[1]]), (int(match[2]),), type_name)
    return None


def _leaves(form: Any, path: str, depth: int) -> Iterator[Branch]:
    """Walk an awkward form down to numbers, counting the lists on the way."""
    if isinstance(form, ak.forms.RecordForm) and not form.is_tuple:
        for name in form.fields:
            yield from _leaves(form.content(name), f"{path}.{name}", depth)
        return
    if isinstance(form, ak.forms.ListOffsetForm | ak.forms.ListForm) and not form.parameters:
        yield from _leaves(form.content, path, depth + 1)
        return
    shape: tuple[int, ...] = ()
    inner = form
    while isinstance(inner, ak.forms.RegularForm):
        shape, inner = (*shape, inner.size), inner.content
    if isinstance(inner, ak.forms.NumpyForm) and not inner.parameters and depth <= 1:
        dtype = np.dtype(inner.primitive)
        if dtype.kind in "biuf" and not (depth and shape):
            level: Level = "jagged" if depth else "event"
            yield Branch(path, level, dtype, shape, str(form.type))
            return
    yield Branch(path, "unusable", np.dtype(np.void), (), str(form.type))


def iterate_rntuple(
    tree: Any,
    keys: Sequence[str],
    entry_start: int,
    entry_stop: int,
    step_size: int | str,
) -> Iterator[dict[str, ak.Array]]:
    """Read fields chunk by chunk.

    Args:
        tree: uproot's RNTuple.
        keys: full paths of the fields.
        entry_start: first entry.
        entry_stop: one past the last entry.
        step_size: entries per chunk, or memory per chunk as text.
    """
    fields = {key: tree[key] for key in keys}
    step = step_size if isinstance(step_size, int) else _FIRST_STEP
    start = entry_start
    while start < entry_stop:
        stop = min(start + step, entry_stop)
        chunk = {
            key: _below(field.array(entry_start=start, entry_stop=stop), key)
            for key, field in fields.items()
        }
        yield chunk
        if isinstance(step_size, str):
            size = sum(ak.to_packed(array).nbytes for array in chunk.values())
            per_entry = max(size / (stop - start), 1)
            step = max(int(uproot._util.memory_size(step_size) / per_entry), 1)
            step_size = step
        start = stop


def _below(array: ak.Array, key: str) -> ak.Array:
    """Give the leaf of a nested field: depending on its version uproot returns its parents too."""
    for part in key.split(".")[1:]:
        if part in array.fields:
            array = array[part]
    return array
