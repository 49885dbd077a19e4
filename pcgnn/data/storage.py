"""Clouds on disk: one uncompressed zip archive of ``.npy`` columns, mapped instead of read.

``meta.json`` in it holds the checksum of each column. Columns start at multiples of 64 bytes, so
that a tensor can lie directly on the file. NumPy alone opens the file too:
``np.load(path)["x"]``.
"""

from __future__ import annotations

import json
import mmap
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from pcgnn.data.checks import check_ptr
from pcgnn.data.hashing import combine_hashes, hash_column
from pcgnn.errors import DataError, ReadError, WriteError
from pcgnn.io.atomic import atomic_path

__all__ = ["Origin", "open_columns", "save_columns"]

_FORMAT = "pcgnn-clouds"
_VERSION = 1
_ALIGNMENT = 64
_META = "meta.json"
# Local file header of the zip format: 30 bytes, name, extra fields; Python puts 20 bytes of
# 64-bit sizes among the extra fields.
_LOCAL_HEADER = 30
_ZIP64_EXTRA = 20
_PADDING_ID = 0xD935
_BYTES_PER_STEP = 1 << 24


@dataclass(frozen=True)
class Origin:
    """Which file clouds are mapped from, and the checksum it records."""

    path: str
    data_hash: str


def save_columns(
    path: str | os.PathLike[str],
    ptr: Tensor,
    tensors: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    *,
    overwrite: bool,
) -> None:
    """Write offsets and columns; the file appears when it is complete.

    Args:
        path: the file.
        ptr: offsets of the graphs.
        tensors: columns by name.
        meta: JSON-able description kept beside them.
        overwrite: replace an existing file.

    Raises:
        WriteError: the file exists, or cannot be written.
    """
    columns = {"ptr": ptr, **tensors}
    hashes = {name: hash_column(tensor) for name, tensor in columns.items()}
    description = {
        "format": _FORMAT,
        "version": _VERSION,
        **meta,
        "columns": {
            name: {
                "dtype": tensor.numpy().dtype.str,
                "shape": list(tensor.shape),
                "sha256": hashes[name],
            }
            for name, tensor in columns.items()
        },
        "sha256": combine_hashes(hashes),
    }
    try:
        text = json.dumps(description, indent=1)
    except (TypeError, ValueError) as error:
        raise WriteError(f"the provenance cannot be written as JSON: {error}", file=path) from error
    with atomic_path(path, overwrite=overwrite) as temporary:
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                for name, tensor in columns.items():
                    with _aligned_member(archive, f"{name}.npy") as member:
                        _write_npy(member, tensor.detach().numpy())
                archive.writestr(zipfile.ZipInfo(_META), text)
        except OSError as error:
            raise WriteError(f"cannot be written: {error}", file=path) from error


def open_columns(
    path: str | os.PathLike[str], *, verify: bool
) -> tuple[Tensor, dict[str, Tensor], dict[str, Any], Origin]:
    """Map a file written by :func:`save_columns`.

    Args:
        path: the file.
        verify: read all columns and compare their checksums.

    Returns:
        Offsets, columns, description, and where they come from.

    Raises:
        ReadError: the file is missing, truncated, of another format or damaged.
    """
    file = Path(path)
    if not file.is_file():
        raise ReadError("no such file", file=path)
    try:
        with zipfile.ZipFile(file) as archive, open(file, "rb") as stream:
            meta = _read_meta(archive, file)
            buffer = _map(stream)
            columns = {
                name: _column(archive, stream, buffer, name, entry, file)
                for name, entry in meta["columns"].items()
            }
    except (zipfile.BadZipFile, EOFError) as error:
        raise ReadError(
            f"not a complete file of clouds ({error})",
            file=path,
            remedy="it was truncated or is something else: write it again",
        ) from error
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}", file=path) from error
    if verify:
        for name, tensor in columns.items():
            if hash_column(tensor) != meta["columns"][name]["sha256"]:
                raise ReadError(
                    f"the column {name} is damaged: its checksum differs",
                    file=path,
                    branch=name,
                    remedy="write the file again",
                )
    ptr = columns.pop("ptr").clone()
    _check_consistency(ptr, columns, meta, file)
    return ptr, columns, meta, Origin(str(file), str(meta["sha256"]))


def _read_meta(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    if _META not in archive.namelist():
        raise ReadError("a zip archive, but not of clouds (no meta.json)", file=file)
    try:
        meta = json.loads(archive.read(_META))
    except (ValueError, zipfile.BadZipFile) as error:
        raise ReadError(f"its description is damaged: {error}", file=file) from error
    keys = {"columns", "levels", "classes", "provenance", "sha256"}
    if (
        not isinstance(meta, dict)
        or meta.get("format") != _FORMAT
        or not keys <= set(meta)
        or not isinstance(meta["columns"], dict)
        or "ptr" not in meta["columns"]
    ):
        raise ReadError("a zip archive, but not of clouds", file=file)
    if meta.get("version") != _VERSION:
        raise ReadError(f"version {meta.get('version')} of the format is not known here", file=file)
    return meta


def _check_consistency(
    ptr: Tensor, columns: Mapping[str, Tensor], meta: Mapping[str, Any], file: Path
) -> None:
    levels = meta["levels"]
    if not isinstance(levels, dict) or set(levels) != set(columns):
        raise ReadError("its columns and their description disagree", file=file)
    try:
        offsets = check_ptr(ptr)
    except DataError as error:
        raise ReadError(f"its offsets are damaged: {error.problem}", file=file) from error
    rows = {"graph": offsets.size - 1, "particle": int(offsets[-1])}
    for name, tensor in columns.items():
        if tensor.dim() == 0 or tensor.shape[0] != rows.get(levels[name]):
            raise ReadError(
                f"the column {name} does not have one row per {levels[name]}",
                file=file,
                branch=name,
            )


def _aligned_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open a member for writing whose data begin at a multiple of the alignment."""
    info = zipfile.ZipInfo(name)
    assert archive.fp is not None
    position = archive.fp.tell() + _LOCAL_HEADER + len(name.encode()) + _ZIP64_EXTRA + 4
    padding = -position % _ALIGNMENT
    info.extra = _PADDING_ID.to_bytes(2, "little") + padding.to_bytes(2, "little") + bytes(padding)
    return archive.open(info, "w", force_zip64=True)


def _write_npy(member: IO[bytes], array: np.ndarray) -> None:
    np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    for start in range(0, len(flat), _BYTES_PER_STEP):
        member.write(flat[start : start + _BYTES_PER_STEP])


def _map(stream: IO[bytes]) -> mmap.mmap:
    """Map a file privately: writing to the memory is possible and never reaches the file."""
    if os.name == "nt":
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    # Without a reservation the map may be larger than memory and swap together.
    no_reserve = getattr(mmap, "MAP_NORESERVE", 0x4000 if os.uname().sysname == "Linux" else 0)
    return mmap.mmap(
        stream.fileno(),
        0,
        flags=mmap.MAP_PRIVATE | no_reserve,
        prot=mmap.PROT_READ | mmap.PROT_WRITE,
    )


def _column(
    archive: zipfile.ZipFile,
    stream: IO[bytes],
    buffer: mmap.mmap,
    name: str,
    entry: Mapping[str, Any],
    file: Path,
) -> Tensor:
    """The tensor on a stored ``.npy`` member, checked against its description."""
    problem = ReadError(f"the column {name} is damaged", file=file, branch=name)
    try:
        info = archive.getinfo(f"{name}.npy")
        stream.seek(info.header_offset)
        header = stream.read(_LOCAL_HEADER)
        lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        start = info.header_offset + _LOCAL_HEADER + sum(lengths)
        stream.seek(start)
        if header[:4] != b"PK\x03\x04" or np.lib.format.read_magic(stream) != (1, 0):
            raise problem
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        offset = stream.tell()
        count = int(np.prod(shape, dtype=np.int64))
        if (
            fortran
            or dtype.kind not in "biuf"
            or dtype.str != entry["dtype"]
            or list(shape) != entry["shape"]
            or info.compress_type != zipfile.ZIP_STORED
            or offset - start + count * dtype.itemsize != info.file_size
            or offset + count * dtype.itemsize > len(buffer)
        ):
            raise problem
        if count == 0:
            return torch.from_numpy(np.empty(shape, dtype=dtype))
        array = np.frombuffer(buffer, dtype=dtype, count=count, offset=offset)
        return torch.from_numpy(array.reshape(shape))
    except (KeyError, ValueError, TypeError) as error:
        raise problem from error
