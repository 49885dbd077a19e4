"""Distances between two weighted sets of points: optimal transport and Chamfer distance."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["chamfer_distance", "transport_distance"]


def transport_distance(
    cost: Tensor, a: Tensor, b: Tensor, *, blur: float = 0.01, iterations: int = 20
) -> Tensor:
    r"""Cost of moving the weights of one set onto those of another, by entropic optimal transport.

    From "Sinkhorn Distances: Lightspeed Computation of Optimal Transport" (`arXiv:1306.0895
    <https://arxiv.org/abs/1306.0895>`__), with logarithms throughout:

    .. math::
        D = \sum_{ij} P_{ij} C_{ij}, \qquad P_{ij} = a_i b_j\, e^{(f_i + g_j - C_{ij})/\epsilon}

    with f and g such that the rows of P sum to a and its columns, up to convergence, to b. ε falls
    from the size of the cost to ``blur``. With C the angular distance and the weights momentum
    fractions this is the energy mover's distance of `arXiv:1902.02346
    <https://arxiv.org/abs/1902.02346>`__, up to a surplus of the order of the blur and,
    after few iterations, a few percent by which the columns are not b yet.

    The gradient is that of the optimum: :math:`P_{ij}` for the cost, :math:`g_j` for b, none for a.
    Nothing of the iterations is kept for it.

    Args:
        cost: cost of moving weight from i to j.
        a: weights of the first sets, each sum 1; 0 at padding.
        b: weights of the second sets, each sum 1.
        blur: ε at the end, in units of the cost.
        iterations: number of updates of f and g.

    **Shapes:** cost (G, n, m), a (G, n), b (G, m) -> (G,).

    Example:
        >>> cost = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
        >>> half = torch.tensor([[0.5, 0.5]])
        >>> transport_distance(cost, half, torch.tensor([[0.3, 0.7]])).round(decimals=3)
        tensor([0.2000])
    """
    with torch.no_grad():
        plan, g = _sinkhorn(cost, a, b, blur, iterations)
    # the value is that of the plan; what b adds is zero and has the gradient g
    moved = (plan * cost).sum((1, 2))
    return moved + (g * (b - b.detach())).sum(1)


def _sinkhorn(
    cost: Tensor, a: Tensor, b: Tensor, blur: float, iterations: int
) -> tuple[Tensor, Tensor]:
    log_a, log_b = a.log()[:, :, None], b.log()[:, None]
    f, g = torch.zeros_like(log_a), torch.zeros_like(log_b)
    for step in range(iterations):
        # from 1 down to the blur in the first two thirds
        share = min(1.0, 1.5 * (step + 1) / iterations)
        epsilon = blur**share
        g = -epsilon * ((f - cost) / epsilon + log_a).logsumexp(1, keepdim=True)
        f = -epsilon * ((g - cost) / epsilon + log_b).logsumexp(2, keepdim=True)
    plan = ((f + g - cost) / blur + log_a + log_b).exp()
    # a weight of exactly zero moves nothing; only differences of g mean anything
    return plan, torch.where(b > 0, g.squeeze(1), 0.0)


def chamfer_distance(cost: Tensor, a: Tensor, b: Tensor) -> Tensor:
    r"""Mean cost from each point to the nearest point of the other set, both ways.

    .. math::  D = \sum_i a_i \min_j C_{ij} + \sum_j b_j \min_{i: a_i > 0} C_{ij}

    Args:
        cost: cost between i and j.
        a: weights of the first sets, each sum 1; 0 at padding.
        b: weights of the second sets, each sum 1.

    **Shapes:** cost (G, n, m), a (G, n), b (G, m) -> (G,).

    Example:
        >>> cost = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
        >>> half = torch.tensor([[0.5, 0.5]])
        >>> chamfer_distance(cost, half, half)
        tensor([0.])
    """
    there = (a * cost.amin(2)).sum(1)
    outside = (a <= 0)[:, :, None]
    back = cost.masked_fill(outside, torch.finfo(cost.dtype).max).amin(1)
    return there + (b * back).sum(1)
