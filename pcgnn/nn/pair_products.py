"""Minkowski products of all pairs of four-vectors."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from pcgnn.ops.pairs import PairPlan

__all__ = ["pair_products"]


class _PairProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, plan: PairPlan, dtype: torch.dtype) -> Tensor:
        out = x.new_empty(2, plan.num_slots, dtype=dtype)
        metric = _metric(x)
        for block in plan.blocks:
            table = block.table(x)
            own = table[:, block.first_row : block.first_row + block.rows]
            span = slice(block.slots, block.slots + block.size)
            for row, values in enumerate(
                (_squares(own, table), own @ (table * metric).transpose(1, 2))
            ):
                compressed = values.abs().log1p_().copysign_(values).view(-1)
                torch.mul(compressed, block.mask, out=compressed)
                out[row, span] = compressed
        ctx.save_for_backward(x, out)
        ctx.plan = plan
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        plan: PairPlan = ctx.plan
        x, out = cast(tuple[Tensor, Tensor], ctx.saved_tensors)
        grad_x, metric = torch.zeros_like(x), _metric(x)
        # the derivative of sign(v) ln(1 + |v|) is 1 / (1 + |v|), which is e^-|output|
        by_value = (grads[0] * out.abs().neg_().exp_()).to(x.dtype)
        for block in plan.blocks:
            table = block.table(x)
            own = table[:, block.first_row : block.first_row + block.rows]
            part = by_value[:, block.slots : block.slots + block.size] * block.mask
            by_norm, by_dot = part.view(2, block.graphs, block.rows, block.width)
            # d |x_i - x_j|^2 = 2 (x_i - x_j) (dx_i - dx_j), d <x_i, x_j> = x_j dx_i + x_i dx_j
            by_norm = 2 * by_norm
            cross = by_dot - by_norm
            rows = torch.baddbmm(by_norm.sum(2)[..., None] * own, cross, table)
            columns = torch.baddbmm(by_norm.sum(1)[..., None] * table, cross.transpose(1, 2), own)
            block.add_to_rows(grad_x, rows * metric)
            block.add_to_columns(grad_x, columns * metric)
        return grad_x, None, None


def _metric(like: Tensor) -> Tensor:
    metric = like.new_full((4,), -1.0)
    metric[:1].fill_(1.0)
    return metric


def _squares(own: Tensor, table: Tensor) -> Tensor:
    """Squares of differences, (graphs, rows, width): from products of vectors they would cancel."""
    total = (own[:, :, None, 0] - table[:, None, :, 0]).square_()
    difference = torch.empty_like(total)
    for axis in range(1, 4):
        torch.sub(own[:, :, None, axis], table[:, None, :, axis], out=difference)
        total.addcmul_(difference, difference, value=-1)
    return total


def pair_products(x: Tensor, plan: PairPlan, dtype: torch.dtype) -> Tensor:
    r"""Compute :math:`\psi(|x_i - x_j|^2)` and :math:`\psi(\langle x_i, x_j \rangle)` of all pairs.

    With :math:`\psi(v) = \mathrm{sign}(v) \ln(1 + |v|)` and the metric (+, -, -, -). Computed in
    the precision of x, which should be float64: light particles cancel. Of the inputs nothing but
    x is kept for the backward pass.

    Args:
        x: four-vectors in the order of the plan.
        plan: the pairs.
        dtype: precision of the result.

    **Shapes:** x (N, 4) -> (2, slots); 0 in slots without a pair.
    """
    return cast(Tensor, _PairProducts.apply(x, plan, dtype))  # type: ignore[no-untyped-call]
