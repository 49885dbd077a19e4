"""The edges of a batch in chunks that fit into the cache of a CPU, with memory to work in."""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.nn.edges import Edges

__all__ = ["Chunks"]

# values of one chunk and core: half a megabyte of float32
_VALUES = 1 << 17


class Chunks:
    """Cuts tensors of edges and particles into the same chunks.

    Args:
        edges: the edges, at least one.
        widths: channels of the layers; the widest one decides the length of a chunk.
        like: a tensor of the type and device to work with.

    Attributes:
        step: edges per chunk (the last one may be shorter), whole particles if the table is full.
        sources: neighbour of each edge, chunk by chunk.
        share: weight of a message in the mean over the neighbours, shape (N, 1) or (1, 1).
        ones: a row of ones per chunk: a product with it is the fastest sum over the edges.
    """

    def __init__(self, edges: Edges, widths: list[int], like: Tensor) -> None:
        unit = edges.k if edges.target is None else 1
        values = _VALUES * torch.get_num_threads()
        self.step = min(max(1, values // (max(widths) * unit)) * unit, edges.num_edges)
        self.sources = torch.split(edges.source, self.step)
        self.share = _share(edges, like)
        ones = like.new_ones(1, self.step)
        last = self.sources[-1].numel()
        self.ones = [ones] * (len(self.sources) - 1) + [ones[:, :last]]
        self._targets = None if edges.target is None else torch.split(edges.target, self.step)
        self._k = edges.k
        self._like = like
        self._memory = [like.new_empty(self.step * max(widths)) for _ in range(3)]
        self._views: dict[tuple[int, int, int], Tensor] = {}

    def of_edges(self, values: Tensor) -> tuple[Tensor, ...]:
        """Cut a tensor of the edges, (E, C), into chunks."""
        return torch.split(values, self.step)

    def of_particles(self, values: Tensor) -> tuple[Tensor, ...]:
        """Cut a tensor of the particles, (N, C), into chunks that belong to those of the edges.

        If some edges are missing, chunks do not end at particles: each is then the whole tensor.
        """
        if self._targets is None:
            return torch.split(values, self.step // self._k)
        return (values,) * len(self._targets)

    def add_to_edges(self, values: Tensor, particles: tuple[Tensor, ...], c: int) -> None:
        """Add to the values of the edges of chunk ``c`` those of their particles."""
        if self._targets is None:
            values.view(-1, self._k, values.size(1)).add_(particles[c][:, None])
        else:
            own = self.scratch(1, c, values.size(1))
            values.add_(torch.index_select(particles[c], 0, self._targets[c], out=own))

    def add_to_particles(self, particles: tuple[Tensor, ...], values: Tensor, c: int) -> None:
        """Add the values of the edges of chunk ``c`` to their particles (which start from 0)."""
        if self._targets is None:
            torch.sum(values.view(-1, self._k, values.size(1)), 1, out=particles[c])
        else:
            particles[c].index_add_(0, self._targets[c], values)

    def where_positive(self, particles: tuple[Tensor, ...], y: Tensor, c: int) -> Tensor:
        """Bring values of the particles to the edges of chunk ``c`` where y > 0, else 0."""
        out = self.scratch(2, c, y.size(1))
        if self._targets is None:
            shape = (-1, self._k, y.size(1))
            grad = particles[c][:, None].expand(-1, self._k, -1)
            torch.ops.aten.threshold_backward.grad_input(
                grad, y.view(shape), 0, grad_input=out.view(shape)
            )
            return out
        torch.index_select(particles[c], 0, self._targets[c], out=out)
        torch.ops.aten.threshold_backward.grad_input(out, y, 0, grad_input=out)
        return out

    def scratch(self, which: int, c: int, width: int) -> Tensor:
        """Return memory for the values of chunk ``c``, the same for every chunk."""
        rows = self.sources[c].numel()
        view = self._views.get((which, rows, width))
        if view is None:
            view = self._memory[which][: rows * width].view(rows, width)
            self._views[which, rows, width] = view
        return view

    def sums(self, width: int) -> list[Tensor]:
        """Return one row per chunk to put its sum over the edges into."""
        rows = self._like.new_empty(len(self.sources), 1, width)
        return list(rows.unbind(0))

    def total(self, sums: list[Tensor]) -> Tensor:
        """Add up the sums of the chunks, in double precision; shape (C,)."""
        return torch.cat(sums).sum(0, dtype=torch.float64)


def _share(edges: Edges, like: Tensor) -> Tensor:
    if edges.degree is None:
        return like.new_full((1, 1), 1 / edges.k)
    return edges.degree.clamp(min=1).to(like.dtype)[:, None].reciprocal()
