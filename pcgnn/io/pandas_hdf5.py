"""Tables that pandas wrote to HDF5, read with h5py alone and without unpickling anything.

pandas packs the columns of one type into blocks. The "table" format keeps rows of a compound
type with fields ``values_block_0``, ... and the blocks' column names pickled in an attribute;
the "fixed" format keeps plain arrays ``block0_values`` next to ``block0_items``.
"""

from __future__ import annotations

import contextlib
import os
import pickletools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
from numpy.typing import NDArray

from pcgnn.errors import ReadError
from pcgnn.io.boundary import reading

__all__ = ["PandasTable", "open_pandas_table"]

_BLOSC = 32001
_STRING_OPCODES = frozenset(
    ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING")
) | frozenset(("SHORT_BINSTRING",))


@dataclass(frozen=True)
class PandasTable:
    """An open table.

    Args:
        file: its file.
        key: its name in the file.
        rows: number of rows.
        columns: dataset, field in it (None for a plain array) and place in the block (None for
            a field of its own) of each column.
    """

    file: str
    key: str
    rows: int
    columns: Mapping[str, tuple[Any, str | None, int | None]]

    def read(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Read some rows of all columns; columns of a block are views of one array.

        Raises:
            ReadError: if the data are damaged or compressed by a filter that is not there.
        """
        chunks: dict[int, NDArray[Any]] = {}
        found = {}
        for name, (dataset, field, place) in self.columns.items():
            identity = id(dataset)
            if identity not in chunks:
                with reading(self.file, self.key):
                    chunks[identity] = dataset[start:stop]
                if len(chunks[identity]) != stop - start:
                    raise ReadError(
                        f"{len(chunks[identity])} rows instead of {stop - start}",
                        file=self.file,
                        tree=self.key,
                    )
            block = chunks[identity] if field is None else chunks[identity][field]
            found[name] = block if place is None else block[:, place]
        return found


@contextlib.contextmanager
def open_pandas_table(
    path: str | os.PathLike[str], key: str | None = None
) -> Iterator[PandasTable]:
    """Open a table of an HDF5 file written by pandas.

    Args:
        path: the file.
        key: name of the table; not needed if it is the only one.

    Yields:
        The table.

    Raises:
        ReadError: if the file is missing, damaged, not HDF5, or holds no such table.
    """
    file = os.fspath(path)
    if not os.path.exists(file):
        raise ReadError("no such file", file=file)
    if not os.path.isfile(file):
        raise ReadError("not a file", file=file)
    with contextlib.ExitStack() as stack:
        with reading(file):
            if not h5py.is_hdf5(file):
                raise ReadError("not an HDF5 file", file=file)
            handle = stack.enter_context(h5py.File(file, "r"))
            tables = [name for name, item in handle.items() if _is_table(item)]
        chosen = _choose(file, tables, key)
        with reading(file, chosen):
            group = handle[chosen]
            table = (
                _table_format(file, chosen, group["table"])
                if isinstance(group.get("table"), h5py.Dataset)
                else _fixed_format(file, chosen, group)
            )
        yield table


def _is_table(item: Any) -> bool:
    return isinstance(item, h5py.Group) and (
        isinstance(item.get("table"), h5py.Dataset) or "block0_items" in item
    )


def _choose(file: str, tables: list[str], key: str | None) -> str:
    if key is not None:
        if key.strip("/") in tables:
            return key.strip("/")
        listed = ", ".join(tables) or "none"
        raise ReadError(f"no such table; tables in the file: {listed}", file=file, tree=key)
    if len(tables) == 1:
        return tables[0]
    if not tables:
        raise ReadError(
            "the file holds no table written by pandas",
            file=file,
            remedy="the public top-tagging files have one called 'table'",
        )
    raise ReadError(
        f"the file holds {len(tables)} tables: {', '.join(tables)}",
        file=file,
        remedy=f"name one, for example key={tables[0]!r}",
    )


def _table_format(file: str, key: str, dataset: Any) -> PandasTable:
    _check_filters(file, key, dataset)
    columns: dict[str, tuple[Any, str | None, int | None]] = {}
    for field in dataset.dtype.names or ():
        if field == "index":
            continue
        if not re.fullmatch(r"values_block_\d+", field):
            columns[field] = (dataset, field, None)
            continue
        attribute = dataset.attrs.get(f"{field}_kind")
        names = [] if attribute is None else _strings_in_pickle(bytes(attribute))
        shape = dataset.dtype[field].shape
        width = shape[0] if shape else 1
        if len(names) != width:
            raise ReadError(
                f"the block {field} has {width} columns but {len(names)} names",
                file=file,
                tree=key,
            )
        for place, name in enumerate(names):
            columns[name] = (dataset, field, place if shape else None)
    return PandasTable(file, key, len(dataset), columns)


def _fixed_format(file: str, key: str, group: Any) -> PandasTable:
    columns: dict[str, tuple[Any, str | None, int | None]] = {}
    rows = None
    for number in range(10_000):
        if f"block{number}_items" not in group:
            break
        items = group[f"block{number}_items"][()]
        values = group[f"block{number}_values"]
        _check_filters(file, key, values)
        if values.ndim != 2 or values.shape[1] != len(items):
            raise ReadError(
                f"block {number} has the shape {values.shape} but {len(items)} names",
                file=file,
                tree=key,
            )
        if rows not in (None, len(values)):
            raise ReadError(f"blocks of {rows} and {len(values)} rows", file=file, tree=key)
        rows = len(values)
        for place, name in enumerate(items):
            text = name.decode("utf-8") if isinstance(name, bytes) else str(name)
            columns[text] = (values, None, place)
    return PandasTable(file, key, rows or 0, columns)


def _strings_in_pickle(data: bytes) -> list[str]:
    """List the texts in a pickled list of texts by reading its opcodes; nothing is executed."""
    return [
        str(argument)
        for opcode, argument, _ in pickletools.genops(data)
        if opcode.name in _STRING_OPCODES
    ]


def _check_filters(file: str, key: str, dataset: Any) -> None:
    creation = dataset.id.get_create_plist()
    for place in range(creation.get_nfilters()):
        number, _, _, name = creation.get_filter(place)
        if h5py.h5z.filter_avail(number):
            continue
        with contextlib.suppress(ImportError):  # registers its filters when imported
            __import__("hdf5plugin")
        if not h5py.h5z.filter_avail(number):
            shown = "blosc" if number == _BLOSC else name.decode(errors="replace")
            raise ReadError(
                f"the table is compressed with {shown}, which this HDF5 library cannot read",
                file=file,
                tree=key,
                remedy="pip install hdf5plugin, or rewrite the file with ptrepack --complib=zlib",
            )
