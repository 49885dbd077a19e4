"""Checksums of columns: what a cache or a file says its contents are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from torch import Tensor

__all__ = ["combine_hashes", "hash_column", "hash_columns"]

# Rows hashed together, so that a mapped column is read piece by piece.
_BYTES_PER_STEP = 1 << 24


def hash_column(tensor: Tensor) -> str:
    """SHA-256 over type, shape and contents of a tensor in host memory."""
    array = tensor.detach().numpy()
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    for start in range(0, len(flat), _BYTES_PER_STEP):
        digest.update(flat[start : start + _BYTES_PER_STEP])
    return digest.hexdigest()


def combine_hashes(hashes: Mapping[str, str]) -> str:
    """One checksum of named checksums, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(hashes):
        digest.update(f"{name}={hashes[name]};".encode())
    return digest.hexdigest()


def hash_columns(columns: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and contents of some columns.

    Example:
        >>> import torch
        >>> hash_columns({"a": torch.ones(2)}) == hash_columns({"a": torch.ones(2)})
        True
        >>> hash_columns({"a": torch.ones(2)}) == hash_columns({"a": torch.zeros(2)})
        False
    """
    return combine_hashes({name: hash_column(tensor) for name, tensor in columns.items()})
