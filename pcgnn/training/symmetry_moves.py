"""What a symmetry audit does to jets: moves of their particles that a tagger may or may not see."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pcgnn.ops.lorentz import boost, rotate
from pcgnn.ops.ragged import graph_index

__all__ = ["MOVES", "Move", "Moved"]


@dataclass(frozen=True, eq=False)
class Moved:
    """Jets after a move.

    Attributes:
        p4: E, px, py, pz in GeV, shape (M, 4).
        origin: the particle each one comes from, shape (M,); its other properties stay.
        ptr: offsets of the jets, shape (G + 1,).
        frame: Lorentz transformation that was applied to all of them, shape (4, 4), or None.
    """

    p4: Tensor
    origin: Tensor
    ptr: Tensor
    frame: Tensor | None = None


@dataclass(frozen=True)
class Move:
    """A family of moves of growing size.

    Attributes:
        name: of the family.
        axis: what the size is, with its unit.
        sizes: those tried by default.
        apply: (p4, ptr, size, random numbers) -> the moved jets.
    """

    name: str
    axis: str
    sizes: tuple[float, ...]
    apply: Callable[[Tensor, Tensor, float, torch.Generator], Moved]


def _same(p4: Tensor, ptr: Tensor, matrix: Tensor) -> Moved:
    return Moved(p4 @ matrix.t(), torch.arange(len(p4)), ptr, matrix)


def _identity(p4: Tensor) -> Tensor:
    return torch.eye(4, dtype=p4.dtype)


def _permutation(p4: Tensor, ptr: Tensor, size: float, rng: torch.Generator) -> Moved:
    """The share ``size`` of the particles of each jet changes places at random."""
    graph = graph_index(ptr, len(p4))
    moving = (torch.rand(len(p4), generator=rng) < size).nonzero().squeeze(1)
    shuffled = moving[torch.randperm(moving.numel(), generator=rng)]
    # within each jet: the moving ones in random order take the places of the moving ones
    shuffled = shuffled[graph[shuffled].argsort(stable=True)]
    origin = torch.arange(len(p4))
    origin[moving] = shuffled
    return Moved(p4[origin], origin, ptr)


def _rotation(p4: Tensor, ptr: Tensor, size: float, rng: torch.Generator) -> Moved:
    axis = torch.tensor([0.0, 0.0, 1.0], dtype=p4.dtype)
    return _same(p4, ptr, rotate(_identity(p4), axis, size).t())


def _longitudinal(p4: Tensor, ptr: Tensor, size: float, rng: torch.Generator) -> Moved:
    velocity = torch.tensor([0.0, 0.0, math.tanh(size)], dtype=p4.dtype)
    return _same(p4, ptr, boost(_identity(p4), velocity).t())


def _boost(p4: Tensor, ptr: Tensor, size: float, rng: torch.Generator) -> Moved:
    direction = torch.randn(3, generator=rng, dtype=p4.dtype)
    return _same(p4, ptr, boost(_identity(p4), size * direction / direction.norm()).t())


def _soft(p4: Tensor, ptr: Tensor, size: float, rng: torch.Generator) -> Moved:
    """One massless particle more in each jet, with the share ``size`` of the energy of the jet."""
    graphs, graph = ptr.numel() - 1, graph_index(ptr, len(p4))
    total = p4.new_zeros(graphs, 4).index_add(0, graph, p4)
    # beside a random particle of the jet, at an angle of about 0.2
    place = (torch.rand(graphs, generator=rng, dtype=p4.dtype) * ptr.diff()).long()
    beside = p4[ptr[:-1] + torch.minimum(place, ptr.diff() - 1), 1:]
    beside = beside / beside.norm(dim=1, keepdim=True).clamp(min=1e-300)
    direction = beside + 0.2 * torch.randn(graphs, 3, generator=rng, dtype=p4.dtype) / 3**0.5
    direction = direction / direction.norm(dim=1, keepdim=True)
    energy = size * total[:, :1]
    new = torch.cat([energy, energy * direction], 1)
    return _appended(p4, ptr, new, graph, ptr[:-1] + place)


def _collinear(p4: Tensor, ptr: Tensor, size: float, rng: torch.Generator) -> Moved:
    """The particle of largest pT of each jet becomes two, ``size`` rad apart."""
    graphs, graph = ptr.numel() - 1, graph_index(ptr, len(p4))
    pt = p4[:, 1:3].norm(dim=1)
    largest = pt.new_zeros(graphs).scatter_reduce(0, graph, pt, "amax")
    hardest = torch.full((graphs,), len(p4)).scatter_reduce(
        0, graph, torch.where(pt == largest[graph], torch.arange(len(p4)), len(p4)), "amin"
    )
    parent = p4[hardest]
    share = 0.2 + 0.6 * torch.rand(graphs, 1, generator=rng, dtype=p4.dtype)
    other = torch.randn(graphs, 3, generator=rng, dtype=p4.dtype)
    axis = torch.linalg.cross(parent[:, 1:], other)
    # both turn, so that what they have across the parent balances
    first = rotate(share * parent, axis, (1 - share[:, 0]) * size)
    second = rotate((1 - share) * parent, axis, -share[:, 0] * size)
    changed = p4.clone()
    changed[hardest] = first
    return _appended(changed, ptr, second, graph, hardest)


def _appended(p4: Tensor, ptr: Tensor, new: Tensor, graph: Tensor, origin: Tensor) -> Moved:
    """One particle more at the end of each jet."""
    graphs = ptr.numel() - 1
    order = torch.cat([graph, torch.arange(graphs)]).argsort(stable=True)
    return Moved(
        torch.cat([p4, new])[order],
        torch.cat([torch.arange(len(p4)), origin])[order],
        ptr + torch.arange(graphs + 1),
    )


MOVES = (
    Move("permutation", "share of the particles", (0.1, 1.0), _permutation),
    Move("rotation about the beam", "angle (rad)", (0.1, 1.0, 3.0), _rotation),
    Move("boost along the beam", "rapidity", (0.1, 0.5, 1.0, 2.0), _longitudinal),
    Move("boost", "velocity β", (0.1, 0.3, 0.5, 0.7, 0.9), _boost),
    Move("soft emission", "share of the energy", (1e-6, 1e-4, 1e-2, 0.1), _soft),
    Move("collinear splitting", "angle (rad)", (1e-6, 1e-4, 1e-2, 0.1), _collinear),
)
