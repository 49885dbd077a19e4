"""The leading particles of each graph as a table with zeros behind."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["leading_table"]


def leading_table(rows: Tensor, order: Tensor, ptr: Tensor, count: int) -> Tensor:
    """The first particles of each graph in an order, zeros where it has fewer.

    Args:
        rows: what the particles are made of.
        order: the order, graph after graph, see :func:`pcgnn.nn.momentum_order`.
        ptr: offsets of the graphs.
        count: how many per graph.

    **Shapes:** rows (N, F), order (N,), ptr (G + 1,) -> (G, count, F).

    Example:
        >>> rows, order = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 0, 2])
        >>> leading_table(rows, order, torch.tensor([0, 2, 3]), 2).squeeze(-1).tolist()
        [[2.0, 1.0], [3.0, 0.0]]
    """
    first, size = ptr[:-1, None], ptr.diff()[:, None]
    place = torch.arange(count, device=ptr.device)
    found = order.index_select(0, (first + place.minimum(size - 1)).view(-1))
    table = rows.index_select(0, found).view(-1, count, rows.size(1))
    return table * (place < size)[..., None]
