"""A module applied to many rows, some of them at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

__all__ = ["apply_in_chunks"]


def apply_in_chunks(module: nn.Module, rows: Tensor, chunk: int | None) -> Tensor:
    """Apply a module that treats rows one by one, in chunks that are computed anew backwards.

    Args:
        module: maps (n, A) to (n, B), whatever n.
        rows: its input.
        chunk: rows at a time, which bounds memory without changing results; None for all at once.

    **Shapes:** (R, A) -> (R, B).
    """
    if chunk is None or rows.shape[0] <= chunk:
        out: Tensor = module(rows)
        return out
    parts = torch.split(rows, chunk)
    if torch.is_grad_enabled():
        return torch.cat([checkpoint(module, part, use_reentrant=False) for part in parts])
    return torch.cat([module(part) for part in parts])
