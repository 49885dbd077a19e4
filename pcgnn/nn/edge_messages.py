r"""The messages of an EdgeConv in training on a CPU, chunk by chunk in its cache.

The chain (batch norm, ReLU, linear, batch norm, ReLU, ...) over hundreds of thousands of edges is
bound by memory if each operation runs over all edges: every one of them reads and writes tens of
megabytes. Here the edges pass in chunks small enough to stay in the cache, and one sweep does all
operations of a layer on a chunk. Batch norm needs its statistics over all edges first, hence one
sweep per layer. Kept for the backward pass are only the values before each batch norm; everything
after it is computed anew.

Writing :math:`\hat h = (h - \mu) / \sigma` for the normalised values,
:math:`y = \gamma \hat h + \beta` and :math:`r = \max(y, 0)`, the backward pass of a layer is

.. math::
    \partial h = \frac{\gamma}{\sigma} \Big( \partial y - \langle \partial y \rangle
        - \hat h \, \langle \partial y \, \hat h \rangle \Big), \qquad
    \partial y = \partial r \, [y > 0]

with averages over all edges, and :math:`\partial\gamma = \sum \partial y\, \hat h`,
:math:`\partial\beta = \sum \partial y`. Batch norm does not see a shift of its input, so values are
kept minus a guess of their mean: sums of squares then lose no digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from pcgnn.nn.edge_chunks import Chunks
from pcgnn.nn.edges import Edges

__all__ = ["BatchStatistics", "edge_messages"]


@dataclass(frozen=True)
class BatchStatistics:
    """Mean and (biased) variance of each layer over the edges, for the running statistics."""

    means: list[Tensor]
    variances: list[Tensor]


def edge_messages(
    own: Tensor,
    other: Tensor,
    edges: Edges,
    weights: Sequence[Tensor],
    scales: Sequence[Tensor],
    offsets: Sequence[Tensor],
    epsilons: Sequence[float],
    *,
    mean: bool,
) -> tuple[Tensor, BatchStatistics]:
    """Compute the reduced messages and the batch statistics of L layers.

    Args:
        own: term of the particle in the first layer.
        other: term of the neighbour in the first layer, with the ghost's row if there are ghosts.
        edges: the edges, at least one.
        weights: of the linear layers after the first, L - 1 of them.
        scales: gamma of the batch norms.
        offsets: beta of the batch norms.
        epsilons: what each batch norm adds to the variance.
        mean: average over the neighbours instead of adding.

    **Shapes:** own (N, C_0), other (N, C_0) or (N + 1, C_0) -> (N, C_{L-1}).
    """
    results = _EdgeMessages.apply(  # type: ignore[no-untyped-call]
        own, other, edges, mean, tuple(epsilons), *weights, *scales, *offsets
    )
    out, *statistics = cast(tuple[Tensor, ...], results)
    layers = len(scales)
    return out, BatchStatistics(statistics[:layers], statistics[layers:])


@dataclass(frozen=True)
class _Norm:
    """One batch norm with its statistics: y = h * gain + level, gain = scale / sigma."""

    mean: Tensor
    inverse: Tensor  # 1 / sigma
    gain: Tensor
    level: Tensor

    @classmethod
    def of(cls, mean: Tensor, inverse: Tensor, scale: Tensor, offset: Tensor) -> _Norm:
        gain = scale * inverse
        return cls(mean, inverse, gain, offset - mean * gain)

    def apply(self, h: Tensor, out: Tensor) -> Tensor:
        return torch.addcmul(self.level, h, self.gain, out=out)


class _EdgeMessages(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        own: Tensor,
        other: Tensor,
        edges: Edges,
        mean: bool,
        epsilons: tuple[float, ...],
        *parameters: Tensor,
    ) -> tuple[Tensor, ...]:
        layers = len(epsilons)
        weights, scales, offsets = _unpack(parameters, layers)
        widths = [scale.numel() for scale in scales]
        chunks = Chunks(edges, widths, own)
        values: list[Tensor] = []
        norms: list[_Norm] = []
        means: list[Tensor] = []
        variances: list[Tensor] = []
        for layer, width in enumerate(widths):
            h = own.new_empty(edges.num_edges, width)
            sums, squares = chunks.sums(width), chunks.sums(width)
            if layer == 0:
                shift = own.mean(0) + other.mean(0)
                terms = chunks.of_particles(own - shift)
            else:
                weight = weights[layer - 1].t()
                first = values[-1][: chunks.step]
                shift = norms[-1].apply(first, torch.empty_like(first)).relu_().mean(0) @ weight
                below = chunks.of_edges(values[-1])
            for c, part in enumerate(chunks.of_edges(h)):
                if layer == 0:
                    torch.index_select(other, 0, chunks.sources[c], out=part)
                    chunks.add_to_edges(part, terms, c)
                else:
                    r = norms[-1].apply(below[c], chunks.scratch(0, c, widths[layer - 1])).relu_()
                    torch.addmm(-shift, r, weight, out=part)
                torch.mm(chunks.ones[c], part, out=sums[c])
                square = torch.mul(part, part, out=chunks.scratch(1, c, width))
                torch.mm(chunks.ones[c], square, out=squares[c])
            average = chunks.total(sums) / edges.num_edges
            variance = (chunks.total(squares) / edges.num_edges - average**2).clamp_(min=0)
            inverse = (variance + epsilons[layer]).rsqrt().to(own.dtype)
            values.append(h)
            norms.append(_Norm.of(average.to(own.dtype), inverse, scales[layer], offsets[layer]))
            means.append((average + shift).to(own.dtype))
            variances.append(variance.to(own.dtype))
        total = own.new_zeros(edges.num_nodes, widths[-1])
        targets = chunks.of_particles(total)
        for c, part in enumerate(chunks.of_edges(values[-1])):
            r = norms[-1].apply(part, chunks.scratch(0, c, widths[-1])).relu_()
            chunks.add_to_particles(targets, r, c)
        if mean:
            total *= chunks.share
        ctx.save_for_backward(
            *values, *(n.mean for n in norms), *(n.inverse for n in norms), *parameters
        )
        ctx.edges, ctx.mean, ctx.layers, ctx.rows = edges, mean, layers, other.size(0)
        ctx.mark_non_differentiable(*means, *variances)
        return (total, *means, *variances)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        edges: Edges = ctx.edges
        layers: int = ctx.layers
        saved = cast(tuple[Tensor, ...], ctx.saved_tensors)
        values, (means, inverses) = (
            saved[:layers],
            (saved[layers : 2 * layers], saved[2 * layers :]),
        )
        weights, scales, offsets = _unpack(saved[3 * layers :], layers)
        norms = list(map(_Norm.of, means, inverses[:layers], scales, offsets))
        widths = [scale.numel() for scale in scales]
        chunks = Chunks(edges, widths, values[0])
        incoming = grads[0] * chunks.share if ctx.mean else grads[0]
        from_particles = chunks.of_particles(incoming)

        def top(c: int, h: Tensor) -> Tensor:
            """Make d y of the last layer, twice instead of storing it."""
            y = norms[-1].apply(h, chunks.scratch(0, c, widths[-1]))
            return chunks.where_positive(from_particles, y, c)

        grad_weights = [torch.zeros_like(w) for w in weights]
        grad_own = incoming.new_zeros(edges.num_nodes, widths[0])
        grad_other = incoming.new_zeros(ctx.rows, widths[0])
        to_particles = chunks.of_particles(grad_own)
        grad_scales, grad_offsets = list(scales), list(offsets)  # replaced below, last first
        sums, products = chunks.sums(widths[-1]), chunks.sums(widths[-1])
        for c, h in enumerate(chunks.of_edges(values[-1])):
            _collect(chunks, sums, products, top(c, h), h, c)

        stored: Tensor | None = None  # d y of the present layer
        for layer in range(layers - 1, -1, -1):
            norm = norms[layer]
            by_offset = chunks.total(sums)
            by_scale = (chunks.total(products) - norm.mean * by_offset) * norm.inverse
            grad_offsets[layer] = by_offset.to(incoming.dtype)
            grad_scales[layer] = by_scale.to(incoming.dtype)
            # d h = gain * d y + slope * h + level
            slope = -norm.gain * norm.inverse * grad_scales[layer] / edges.num_edges
            level = -norm.gain * grad_offsets[layer] / edges.num_edges - slope * norm.mean
            own_values = chunks.of_edges(values[layer])
            stored_parts = None if stored is None else chunks.of_edges(stored)
            if layer > 0:
                width = widths[layer - 1]
                reuse = stored is not None and stored.size(1) == width
                below = stored if reuse else incoming.new_empty(edges.num_edges, width)
                below_parts = chunks.of_edges(cast(Tensor, below))
                below_values = chunks.of_edges(values[layer - 1])
                sums, products = chunks.sums(width), chunks.sums(width)
            for c, h in enumerate(own_values):
                grad_y = top(c, h) if stored_parts is None else stored_parts[c]
                grad_h = torch.addcmul(
                    level, grad_y, norm.gain, out=chunks.scratch(2, c, h.size(1))
                )
                grad_h.addcmul_(h, slope)
                if layer == 0:
                    chunks.add_to_particles(to_particles, grad_h, c)
                    grad_other.index_add_(0, chunks.sources[c], grad_h)
                    continue
                r = norms[layer - 1].apply(below_values[c], chunks.scratch(0, c, width)).relu_()
                grad_weights[layer - 1].addmm_(grad_h.t(), r)
                part = torch.mm(grad_h, weights[layer - 1], out=below_parts[c])
                torch.ops.aten.threshold_backward.grad_input(part, r, 0, grad_input=part)
                _collect(chunks, sums, products, part, below_values[c], c)
            stored = below if layer > 0 else None
        return (grad_own, grad_other, None, None, None, *grad_weights, *grad_scales, *grad_offsets)


def _unpack(
    parameters: tuple[Tensor, ...], layers: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
    return parameters[: layers - 1], parameters[layers - 1 : -layers], parameters[-layers:]


def _collect(
    chunks: Chunks, sums: list[Tensor], products: list[Tensor], grad: Tensor, h: Tensor, c: int
) -> None:
    """Add up d y and d y * h of a chunk."""
    torch.mm(chunks.ones[c], grad, out=sums[c])
    product = torch.mul(grad, h, out=chunks.scratch(1, c, h.size(1)))
    torch.mm(chunks.ones[c], product, out=products[c])
