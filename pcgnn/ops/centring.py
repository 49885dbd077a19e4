"""Each graph moved to where the sum of its particles points along the x axis."""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.ops.lorentz import phi, rapidity
from pcgnn.ops.ragged import graph_index

__all__ = ["centre"]

# of a jet: beyond it is along the beam, where a boost to rapidity 0 would take all precision
_LARGEST_RAPIDITY = 10.0


def centre(p4: Tensor, ptr: Tensor, total: int) -> Tensor:
    r"""Boost each graph along the beam and rotate it about it to rapidity and azimuth 0.

    With y and :math:`\varphi` of the sum of its four-vectors,

    .. math::
        E' = E \cosh y - p_z \sinh y, \quad p_z' = p_z \cosh y - E \sinh y, \quad
        p_x' + i p_y' = (p_x + i p_y)\, e^{-i \varphi}

    Transverse momenta, masses and all products of four-vectors stay what they are.

    Args:
        p4: four-vectors E, px, py, pz in GeV, best in float64.
        ptr: offsets of the graphs.
        total: number of particles N, known on the host.

    **Shapes:** p4 (N, 4), ptr (G + 1,) -> (N, 4).

    Example:
        >>> centre(torch.tensor([[5.0, 0, 3, 0]]), torch.tensor([0, 1]), 1).tolist()
        [[5.0, 3.0, 0.0, 0.0]]
    """
    graph = graph_index(ptr, total)
    jet = p4.new_zeros(ptr.numel() - 1, 4).index_add(0, graph, p4)
    y = rapidity(jet).clamp(-_LARGEST_RAPIDITY, _LARGEST_RAPIDITY)
    angle = phi(jet)
    moves = torch.stack([y.cosh(), y.sinh(), angle.cos(), angle.sin()], 1)
    cosh, sinh, cos, sin = moves.index_select(0, graph).unbind(1)
    e, x, y_, z = p4.unbind(1)
    return torch.stack(
        [e * cosh - z * sinh, x * cos + y_ * sin, y_ * cos - x * sin, z * cosh - e * sinh], 1
    )
