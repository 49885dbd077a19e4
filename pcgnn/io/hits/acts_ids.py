"""The identifiers of ACTS: surfaces in 64 bits, particles in one number or five."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ReadError
from pcgnn.io.hits.columns import Array, Index
from pcgnn.io.hits.csv_files import read_header
from pcgnn.io.hits.truth import rows_of

__all__ = ["BARCODE", "barcode_columns", "match_barcodes", "pack", "unpack_geometry"]

BARCODE = tuple(f"particle_id_{part}" for part in ("pv", "sv", "part", "gen", "subpart"))
"""Collision, displaced vertex, number, generation, and number among its siblings."""

_VOLUME_SHIFT, _LAYER_SHIFT, _MODULE_SHIFT = 56, 36, 8
_LAYER_MASK, _MODULE_MASK = 0xFFF, 0xFFFFF


def unpack_geometry(identifier: NDArray[np.uint64]) -> dict[str, Array]:
    """Take the volume (8 bits), layer (12) and module (20, "sensitive") out of geometry ids.

    From the top: volume 8, boundary 8, layer 12, approach 8, sensitive 20, extra 8 bits.

    Example:
        >>> unpack_geometry(np.array([(8 << 56) | (4 << 36) | (70 << 8)], dtype=np.uint64))
        {'volume': array([8], dtype=uint8), 'layer': array([4], dtype=int16), \
'module': array([70], dtype=int32)}
    """

    def part(shift: int, mask: int) -> NDArray[np.uint64]:
        return (identifier >> np.uint64(shift)) & np.uint64(mask)

    return {
        "volume": part(_VOLUME_SHIFT, 0xFF).astype(np.uint8),
        "layer": part(_LAYER_SHIFT, _LAYER_MASK).astype(np.int16),
        "module": part(_MODULE_SHIFT, _MODULE_MASK).astype(np.int32),
    }


def barcode_columns(file: str) -> dict[str, str]:
    """Columns and types of the particles' ids: five of newer versions of ACTS, else one.

    Raises:
        ReadError: if the file has neither.
    """
    header = read_header(file)
    if set(BARCODE) <= set(header):
        return dict.fromkeys(BARCODE, "int64")
    if "particle_id" in header:
        return {"particle_id": "uint64"}
    raise ReadError(
        f"no such column, and not {', '.join(BARCODE)}; there are: {', '.join(header)}",
        file=file,
        branch="particle_id",
    )


def match_barcodes(wanted: Mapping[str, Array], known: Mapping[str, Array], file: str) -> Index:
    """Rows of the wanted particles among the known, -1 where there is none.

    Args:
        wanted: columns with ids, of one style.
        known: columns with ids, of the same style.
        file: for messages.

    Raises:
        ReadError: if the styles differ, or two of the known particles share an id.
    """
    names = BARCODE if BARCODE[0] in known else ("particle_id",)
    if names[0] not in wanted:
        raise ReadError(
            "the particle ids are written in another style than those of the particles",
            file=file,
            branch=names[0],
            remedy="take all files from the same version of ACTS",
        )
    size = len(known[names[0]])
    packed = pack([np.concatenate([known[name], wanted[name]]) for name in names])
    unique = np.unique(packed[:size])
    if len(unique) != size:
        raise ReadError("two particles have the same id", file=file, branch=names[0])
    return rows_of(packed[size:], packed[:size])


def pack(parts: list[Array]) -> Array:
    """Pack columns into one of 64 bits that is equal where all of them are.

    Example:
        >>> pack([np.array([1, 1, 2]), np.array([7, 7, 7])])
        array([15, 15, 23])
    """
    if len(parts) == 1 or not len(parts[0]):
        return parts[0]
    bits = [max(int(part.max()).bit_length(), 1) for part in parts]
    if sum(bits) > 63 or min(int(part.min()) for part in parts) < 0:
        rows = np.stack(parts, axis=1)
        return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    packed = np.zeros(len(parts[0]), dtype=np.int64)
    for part, size in zip(parts, bits, strict=True):
        packed = (packed << size) | part
    return packed
