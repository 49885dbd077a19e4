"""Squared distances between the particles of the same graph, in dense blocks.

Two formulas. *Direct* differences, sum_d (q_d - p_d)^2, keep all digits wherever the origin
is, and depend on the two points alone, bit for bit, so that equidistant points stay equidistant.
The *product* form, |p|^2 - 2 q.p (the term |q|^2 is the same for all p and left out), is a matrix
product and several times faster in many dimensions, but cancels away from the origin: it is used on
points centred per graph.
"""

from __future__ import annotations

import contextlib
from typing import Literal

import torch
from torch import Tensor

__all__ = ["Formula", "choose_formula", "full_precision", "pairwise_squared"]

Formula = Literal["direct", "product"]

# Up to this many dimensions the direct form costs about as much as the product.
_DIRECT_DIMENSIONS = 8
# Up to this many, one pass per dimension beats cdist.
_UNROLLED_DIMENSIONS = 3


def choose_formula(x: Tensor) -> Formula:
    """Pick the formula: direct in few dimensions and wherever double precision is asked for."""
    if x.size(1) <= _DIRECT_DIMENSIONS or x.dtype == torch.float64:
        return "direct"
    return "product"


def full_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Context in which autocast leaves matrix products of this device alone."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return contextlib.nullcontext()


def pairwise_squared(queries: Tensor, points: Tensor, absent: Tensor, formula: Formula) -> Tensor:
    """Squared distances, up to a term that is the same for all points of a query.

    Args:
        queries: coordinates of the queries.
        points: coordinates of the points; centred per graph if the formula is ``"product"``.
        absent: True at the slots of ``points`` that hold no particle; they end up at infinity.
        formula: ``"direct"`` or ``"product"``.

    **Shapes:** queries (b, q, D), points (b, m, D), absent (b, m) -> (b, q, m).
    """
    inf = float("inf")
    if formula == "product":
        norms = (points * points).sum(-1).masked_fill(absent, inf)
        return torch.baddbmm(norms[:, None, :], queries, points.transpose(1, 2), alpha=-2)
    points = points.masked_fill(absent[:, :, None], inf)
    if points.size(2) > _UNROLLED_DIMENSIONS:
        mode = "donot_use_mm_for_euclid_dist"
        return torch.cdist(queries, points, compute_mode=mode).square_()
    total = queries.new_zeros(0)
    for d in range(points.size(2)):
        # separate product and sum: a fused multiply-add would round differently in the vectorised
        # body and in the tail of a row, and so break ties by where a particle happens to stand
        step = queries[:, :, d, None] - points[:, None, :, d]
        step = step.mul_(step)
        total = step if d == 0 else total.add_(step)
    return total
