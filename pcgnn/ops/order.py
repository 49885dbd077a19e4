"""An order of the particles of a graph that depends on what they are, not on how they are listed.

A sum in floating point, or the choice among equidistant neighbours, depends on the order of its
terms. Put into a canonical order first, a graph gives the same bits however it was listed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.errors import DataError
from pcgnn.ops.ragged import graph_index

__all__ = ["canonical_order", "inverse_order"]

# odd 64-bit multipliers with well spread bits (signed, as torch has them)
_MIX_IN = -7046029254386353131
_MIX_ON = -4417276706812531889


def canonical_order(ptr: Tensor, total: int, *columns: Tensor) -> Tensor:
    """Sort the particles within each graph by a hash of their content.

    A hash of the bits of all values serves as the key: exact integer arithmetic that treats large
    and small values alike. Identical particles keep their order, which then cannot matter;
    different ones share a key with a probability below 1e-11 per graph of 200.

    Args:
        ptr: offsets of the graphs.
        total: number of particles N, known on the host.
        columns: what the particles are made of, floating point.

    **Shapes:** ptr (G + 1,), each column (N,) or (N, F) -> (N,), int64: row ``i`` of the sorted
    cloud is row ``order[i]`` of the given one. Graphs stay where they are.

    Raises:
        DataError: if a column does not have N rows or is not floating point.

    Example:
        >>> ptr, x = torch.tensor([0, 2, 4]), torch.tensor([2.0, 1.0, 0.0, 3.0])
        >>> y = x[[1, 0, 3, 2]]
        >>> bool((x[canonical_order(ptr, 4, x)] == y[canonical_order(ptr, 4, y)]).all())
        True
    """
    key = torch.zeros(total, dtype=torch.long, device=ptr.device)
    for column in columns:
        if column.dim() < 1 or column.size(0) != total or not column.dtype.is_floating_point:
            raise DataError(
                f"a column of {column.dtype} {tuple(column.shape)} does not describe {total} "
                "particles in floating point"
            )
        values = column.detach().reshape(total, -1)
        if values.dtype != torch.float64:
            values = values.float()
        # adding zero turns -0 into +0: equal values must have equal bits
        bits = (values + 0.0).t().contiguous()
        bits = bits.view(torch.int64 if values.dtype == torch.float64 else torch.int32)
        for d in range(values.size(1)):
            key = (key ^ bits[d]) * _MIX_IN
            key = (key ^ (key >> 32)) * _MIX_ON
            key = key ^ (key >> 29)
    # graph in the leading bits, hash in the rest: one sort for both. Of the hash the leading
    # bits too, so that the order does not depend on how many graphs there are
    spare = 63 - max(1, (ptr.numel() - 2).bit_length())
    graph = graph_index(ptr, total)
    return ((graph << spare) | ((key >> (64 - spare)) & ((1 << spare) - 1))).argsort(stable=True)


def inverse_order(order: Tensor) -> Tensor:
    """Return the order that undoes ``order``.

    **Shapes:** (N,) -> (N,).

    Example:
        >>> inverse_order(torch.tensor([2, 0, 1])).tolist()
        [1, 2, 0]
    """
    places = torch.arange(order.numel(), device=order.device)
    return torch.empty_like(order).index_copy_(0, order, places)
