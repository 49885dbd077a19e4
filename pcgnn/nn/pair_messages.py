r"""The gated messages of a Lorentz group equivariant block, block by block in the cache of a CPU.

On every pair, with y the first layer after its batch norm,

.. math::
    h = \max(0, W_2 \max(0, y) + b_2), \quad g = \sigma(w_m h + b_m), \quad m = g\,h, \quad
    c = w_c \max(0, W_1 m + b_1)

The particle receives :math:`\sum_j m_{ij}` and :math:`\sum_j` of the clamped :math:`c_{ij} (x_i -
x_j)`. Kept for the backward pass are the results of the two matrix products, h and the hidden layer
of c, besides the numbers per pair; the rest of the chain is computed anew in the cache.
A slot that holds no pair has a gate of 0 and thereby no part in anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor

from pcgnn.ops.pairs import PairBlock, PairPlan

__all__ = ["CoordinateUpdate", "PairLayers", "pair_messages", "pair_messages_formula"]

CoordinateUpdate = Literal["difference", "vector"]
CLAMP = 100.0


class PairLayers(NamedTuple):
    """Weights of the layers on pairs, all but the first one's terms of particles.

    Attributes:
        pair: weights of the numbers per pair in the first layer, (P, C).
        message: weight (C, C) and bias (C,) of the second layer.
        gate: weight (C,) and bias (1,).
        hidden: weight (C, C) and bias (C,) of the coordinate weight's hidden layer.
        out: its last layer, (C,). The last block updates no coordinates: None for both.
    """

    pair: Tensor
    message: tuple[Tensor, Tensor]
    gate: tuple[Tensor, Tensor]
    hidden: tuple[Tensor, Tensor] | None
    out: Tensor | None

    def flat(self) -> list[Tensor]:
        """All tensors in a row."""
        rest = [] if self.hidden is None or self.out is None else [*self.hidden, self.out]
        return [self.pair, *self.message, *self.gate, *rest]

    @classmethod
    def of(cls, flat: Sequence[Tensor]) -> PairLayers:
        """Undo :meth:`flat`."""
        pair, w2, b2, wm, bm, *rest = flat
        if not rest:
            return cls(pair, (w2, b2), (wm, bm), None, None)
        w1, b1, wc = rest
        return cls(pair, (w2, b2), (wm, bm), (w1, b1), wc)


def pair_messages(
    own: Tensor,
    other: Tensor,
    products: Tensor,
    x: Tensor,
    layers: PairLayers,
    plan: PairPlan,
    update: CoordinateUpdate,
) -> tuple[Tensor, Tensor | None]:
    """Sum of the messages and of the steps of the coordinates that each particle receives.

    Args:
        own: term of the particle in the first layer, its batch norm applied.
        other: term of the partner.
        products: numbers per pair.
        x: four-vectors.
        layers: the weights.
        plan: the pairs.
        update: steps along the "difference" of the two four-vectors or along the partner's
            "vector".

    **Shapes:** own, other (N, C), products (P, slots), x (N, 4) -> (N, C), (N, 4) or None.
    """
    total, steps = _PairMessages.apply(  # type: ignore[no-untyped-call]
        own, other, products, x, plan, update, *layers.flat()
    )
    return cast(Tensor, total), cast("Tensor | None", steps)


def pair_messages_formula(
    own: Tensor,
    other: Tensor,
    products: Tensor,
    x: Tensor,
    layers: PairLayers,
    plan: PairPlan,
    update: CoordinateUpdate,
) -> tuple[Tensor, Tensor | None]:
    """Compute the same by the operations of torch, which keep what autograd needs.

    For compilers, for autocast and for higher derivatives; arguments as in :func:`pair_messages`.
    """
    sums, steps = [], []
    for block in plan.blocks:
        shape = (block.graphs, block.rows, block.width, -1)
        part = products[:, block.slots : block.slots + block.size].t()
        y = (block.own(block.table(own)) + block.table(other)[:, None]).flatten(0, 2)
        h = torch.relu(y + part @ layers.pair)
        h = torch.relu(torch.nn.functional.linear(h, *layers.message))
        gate = torch.sigmoid(h @ layers.gate[0] + layers.gate[1]) * block.mask
        m = h * gate[:, None]
        sums.append(m.view(shape).sum(2))
        if layers.hidden is None or layers.out is None:
            continue
        c = torch.relu(torch.nn.functional.linear(m, *layers.hidden)) @ layers.out
        direction = _direction(block, block.table(x), update)
        step = (direction * c.view(shape).to(x.dtype)).clamp(-CLAMP, CLAMP)
        steps.append((step * block.mask.view(shape)).sum(2))
    return plan.gather_rows(sums), plan.gather_rows(steps) if steps else None


def _direction(block: PairBlock, table: Tensor, update: CoordinateUpdate) -> Tensor:
    """Where the step of each pair points, (graphs, rows or 1, width, 4)."""
    return block.own(table) - table[:, None] if update == "difference" else table[:, None]


class _Forward(NamedTuple):
    """The chain on one block."""

    y: Tensor
    h: Tensor
    gate: Tensor
    m: Tensor
    q: Tensor | None
    c: Tensor | None


class _Kept(NamedTuple):
    """What the backward pass reads instead of computing it anew; of no slots if there is none."""

    h: Tensor
    q: Tensor

    @classmethod
    def of(cls, layers: PairLayers, plan: PairPlan, like: Tensor, *, wanted: bool) -> _Kept:
        slots = plan.num_slots if wanted else 0
        hidden = 0 if layers.hidden is None else slots
        return cls(like.new_empty(slots, like.size(1)), like.new_empty(hidden, like.size(1)))


class _Worker:
    """The chain of layers with memory that every block uses again."""

    def __init__(self, layers: PairLayers, plan: PairPlan, like: Tensor, kept: _Kept) -> None:
        self.layers, self.width, self.kept = layers, like.size(1), kept
        size = max((block.size for block in plan.blocks), default=0)
        self._memory = [like.new_empty(size, self.width) for _ in range(4)]
        self.message = layers.message[0].t()
        self.hidden = None if layers.hidden is None else layers.hidden[0].t()

    def scratch(self, which: int, rows: int) -> Tensor:
        return self._memory[which][:rows]

    def _place(self, kept: Tensor, which: int, block: PairBlock) -> Tensor:
        if kept.size(0):
            return kept[block.slots : block.slots + block.size]
        return self.scratch(which, block.size)

    def run(
        self, block: PairBlock, own: Tensor, other: Tensor, part: Tensor, *, again: bool
    ) -> _Forward:
        """The chain; ``again`` takes the results of the matrix products as they were kept."""
        layers, size = self.layers, block.size
        y = self.scratch(0, size)
        shape = (block.graphs, block.rows, block.width, self.width)
        torch.add(block.own(block.table(own)), block.table(other)[:, None], out=y.view(shape))
        y.addmm_(part, layers.pair).relu_()
        h = self._place(self.kept.h, 1, block)
        if not again:
            torch.addmm(layers.message[1], y, self.message, out=h).relu_()
        gate = torch.addmv(layers.gate[1].expand(size), h, layers.gate[0]).sigmoid_()
        gate.mul_(block.mask)
        m = torch.mul(h, gate[:, None], out=self.scratch(2, size))
        if layers.hidden is None or layers.out is None or self.hidden is None:
            return _Forward(y, h, gate, m, None, None)
        q = self._place(self.kept.q, 3, block)
        if not again:
            torch.addmm(layers.hidden[1], m, self.hidden, out=q).relu_()
        return _Forward(y, h, gate, m, q, torch.mv(q, layers.out))


class _PairMessages(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        own: Tensor,
        other: Tensor,
        products: Tensor,
        x: Tensor,
        plan: PairPlan,
        update: CoordinateUpdate,
        *flat: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        layers = PairLayers.of(flat)
        kept = _Kept.of(layers, plan, own, wanted=any(ctx.needs_input_grad))
        worker = _Worker(layers, plan, own, kept)
        total = torch.zeros_like(own)
        steps = None if layers.out is None else torch.zeros_like(x)
        for block in plan.blocks:
            shape = (block.graphs, block.rows, block.width, -1)
            part = products[:, block.slots : block.slots + block.size].t()
            done = worker.run(block, own, other, part, again=False)
            block.add_to_rows(total, done.m.view(shape).sum(2))
            if steps is not None and done.c is not None:
                c = done.c.mul_(block.mask).view(shape[:3]).to(x.dtype)
                direction = _direction(block, block.table(x), update)
                step = [
                    (direction[..., axis] * c).clamp_(-CLAMP, CLAMP).sum(2) for axis in range(4)
                ]
                block.add_to_rows(steps, torch.stack(step, -1))
        ctx.save_for_backward(own, other, products, x, *kept, *flat)
        ctx.plan, ctx.update = plan, update
        return total, steps

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        plan: PairPlan = ctx.plan
        own, other, products, x, h, q, *flat = cast(tuple[Tensor, ...], ctx.saved_tensors)
        layers = PairLayers.of(flat)
        worker = _Worker(layers, plan, own, _Kept(h, q))
        ones = own.new_ones(max((block.size for block in plan.blocks), default=0))
        grad_own, grad_other = torch.zeros_like(own), torch.zeros_like(other)
        grad_products, grad_x = torch.empty_like(products), torch.zeros_like(x)
        grad_flat = [torch.zeros_like(each) for each in flat]
        by = PairLayers.of(grad_flat)
        for block in plan.blocks:
            size = block.size
            shape = (block.graphs, block.rows, block.width, -1)
            span = slice(block.slots, block.slots + size)
            done = worker.run(block, own, other, products[:, span].t(), again=True)
            one = ones[:size]
            by_m = worker.scratch(1, size)
            from_rows = block.own(block.table(grads[0]))
            if layers.out is not None and layers.hidden is not None:
                assert done.c is not None
                assert done.q is not None
                assert by.out is not None
                assert by.hidden is not None
                by_c = _coordinates(block, done.c, x, grads[1], grad_x, ctx.update)
                by_q = torch.mul(by_c[:, None], layers.out, out=worker.scratch(3, size))
                torch.ops.aten.threshold_backward.grad_input(by_q, done.q, 0, grad_input=by_q)
                by.out.addmv_(done.q.t(), by_c)
                by.hidden[1].addmv_(by_q.t(), one)
                by.hidden[0].addmm_(by_q.t(), done.m)
                torch.mm(by_q, layers.hidden[0], out=by_m)
                by_m.view(shape).add_(from_rows)
            else:
                by_m.view(shape).copy_(from_rows.expand(by_m.view(shape).shape))
            by_gate = torch.mul(by_m, done.h, out=worker.scratch(3, size)).sum(1)
            by_gate.mul_(done.gate).mul_(1 - done.gate)
            by_h = by_m.mul_(done.gate[:, None]).addr_(by_gate, layers.gate[0])
            torch.ops.aten.threshold_backward.grad_input(by_h, done.h, 0, grad_input=by_h)
            by.gate[0].addmv_(done.h.t(), by_gate)
            by.gate[1].add_(by_gate.sum())
            by.message[1].addmv_(by_h.t(), one)
            by.message[0].addmm_(by_h.t(), done.y)
            by_y = torch.mm(by_h, layers.message[0], out=worker.scratch(3, size))
            torch.ops.aten.threshold_backward.grad_input(by_y, done.y, 0, grad_input=by_y)
            block.add_to_rows(grad_own, by_y.view(shape).sum(2))
            block.add_to_columns(grad_other, by_y.view(shape).sum(1))
            torch.mm(layers.pair, by_y.t(), out=grad_products[:, span])
            by.pair.addmm_(products[:, span], by_y)
        return (grad_own, grad_other, grad_products, grad_x, None, None, *grad_flat)


def _coordinates(
    block: PairBlock,
    c: Tensor,
    x: Tensor,
    grad: Tensor,
    grad_x: Tensor,
    update: CoordinateUpdate,
) -> Tensor:
    """Gradient by the weights c; that by the four-vectors is added to ``grad_x``."""
    shape = (block.graphs, block.rows, block.width)
    table = block.table(x)
    weight = c.view(shape).to(x.dtype)
    direction = _direction(block, table, update)
    incoming = block.own(block.table(grad))
    by_c = torch.zeros_like(weight)
    rows, columns = [], []
    for axis in range(4):
        along = direction[..., axis]
        inside = (along * weight).abs_() <= CLAMP
        by_step = incoming[..., axis] * inside
        by_c.addcmul_(by_step, along.expand(shape))
        by_direction = by_step.mul_(weight)
        by_direction.mul_(block.mask.view(shape))
        rows.append(by_direction.sum(2))
        columns.append(by_direction.sum(1))
    by_rows, by_columns = torch.stack(rows, -1), torch.stack(columns, -1)
    if update == "difference":
        block.add_to_rows(grad_x, by_rows)
        block.add_to_columns(grad_x, -by_columns)
    else:
        block.add_to_columns(grad_x, by_columns)
    return by_c.view(-1).mul_(block.mask).to(c.dtype)
