r"""Batch norm of values on all pairs that are sums of terms of the two particles and of the pair.

Of :math:`z_{ij} = a_i + b_j + \sum_k w_k p_{ij}^k` mean and variance over all pairs need no pass
over the pairs: with everything centred, :math:`\sum z_{ij}^2` falls into sums over particles, over
graphs and over the few numbers per pair:

.. math::
    \sum_{i \ne j} (a_i + b_j)^2 = \sum_i c_i (a_i^2 + b_i^2)
        + 2 \sum_g \Big(\sum_i a_i \sum_i b_i - \sum_i a_i b_i\Big), \qquad
    \sum_{i \ne j} a_i p_{ij} = \sum_i a_i \sum_j p_{ij}

where :math:`c_i` counts the partners of a particle. Done in float64 and differentiable.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.ops.pairs import PairPlan

__all__ = ["PairMoments", "pair_statistics"]


class PairMoments:
    """Sums of the numbers per pair, which do not depend on the width of the layer.

    Args:
        pairs: numbers per pair, symmetric in the pair, 0 in slots without one; shape (P, slots).
        plan: the pairs.
    """

    def __init__(self, pairs: Tensor, plan: PairPlan) -> None:
        self.plan = plan
        count = max(plan.num_pairs, 1)
        wide = pairs.double()
        self.mean = wide.sum(1) / count
        mask = torch.cat([block.mask for block in plan.blocks])
        centred = (wide - self.mean[:, None]) * mask
        self.products = centred @ centred.t()  # (P, P)
        rows = [
            centred[:, block.slots : block.slots + block.size]
            .view(-1, block.graphs, block.rows, block.width)
            .sum(3)
            .permute(1, 2, 0)
            for block in plan.blocks
        ]
        self.rows = plan.gather_rows(rows)  # (N, P)


def pair_statistics(
    own: Tensor, other: Tensor, weight: Tensor, moments: PairMoments
) -> tuple[Tensor, Tensor]:
    r"""Mean and biased variance of :math:`a_i + b_j + \sum_k w_k p^k_{ij}` over all pairs.

    Args:
        own: a, term of the particle.
        other: b, term of its partner.
        weight: w, of the numbers per pair.
        moments: sums of these numbers.

    **Shapes:** own, other (N, C), weight (P, C) -> (C,), (C,), float64.
    """
    plan = moments.plan
    count = max(plan.num_pairs, 1)
    a, b, w = own.double(), other.double(), weight.double()
    share = (plan.partners.double() / count)[:, None]
    mean_a, mean_b = (share * a).sum(0), (share * b).sum(0)
    a, b = a - mean_a, b - mean_b
    zero = a.new_zeros(plan.ptr.numel() - 1, a.size(1))
    sum_a, sum_b = (zero.index_add(0, plan.graph, each) for each in (a, b))
    squares = (share * (a.square() + b.square())).sum(0)
    crossed = (sum_a * sum_b).sum(0) - (a * b).sum(0)
    with_pairs = ((moments.rows.t() @ (a + b)) * w).sum(0)
    of_pairs = ((moments.products @ w) * w).sum(0)
    variance = squares + (2 * (crossed + with_pairs) + of_pairs) / count
    return mean_a + mean_b + moments.mean @ w, variance.clamp(min=0)
