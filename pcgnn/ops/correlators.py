"""Energy correlation functions of jets, all pairs and triples without a list of them."""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.ops.lorentz import phi, pt, rapidity
from pcgnn.ops.ragged import SizePlan, graph_index
from pcgnn.ops.segments import segment_reduce
from pcgnn.ops.tables import ParticleTables

__all__ = ["energy_correlators"]

# Jets of one bucket taken together: their tables of pairs stay within some ten MB.
_PAIRS_AT_ONCE = 1 << 20


def energy_correlators(
    p4: Tensor, ptr: Tensor, plan: SizePlan | None = None, *, beta: float = 1.0
) -> Tensor:
    r"""Two- and three-point energy correlation functions of each jet.

    From "Energy Correlation Functions for Jet Substructure" (`arXiv:1305.0007
    <https://arxiv.org/abs/1305.0007>`__), normalised,

    .. math::
        e_2 = \sum_{i<j} z_i z_j R_{ij}^\beta, \qquad
        e_3 = \sum_{i<j<k} z_i z_j z_k (R_{ij} R_{jk} R_{ik})^\beta, \qquad
        z_i = p_{T,i} / \textstyle\sum_j p_{T,j}

    with distances R in rapidity and azimuth. A matrix product stands for the sum over triples,
    :math:`6 e_3 = \sum_{ij} z_i z_j R_{ij} (R Z R)_{ij}`: work :math:`n^3` and memory :math:`n^2`
    for n particles. Ratios of the two are the usual :math:`C_2 = e_3 / e_2^2` and
    :math:`D_2 = e_3 / e_2^3`.

    Args:
        p4: E, px, py, pz in GeV; computed in float64.
        ptr: offsets of the jets.
        plan: their sizes on the host; without it the device is asked for them.
        beta: exponent of the distances.

    **Shapes:** p4 (N, 4), ptr (G + 1,) -> (G, 2) with e2 and e3, float64. Jets of one particle
    have 0 for both, jets of two 0 for e3.

    Example:
        >>> two = torch.tensor([[1.0, 1, 0, 0], [1.0, 0, 1, 0]])
        >>> energy_correlators(two, torch.tensor([0, 2]))[0, 0] / torch.pi
        tensor(0.1250, dtype=torch.float64)
    """
    plan = plan if plan is not None else SizePlan.from_ptr(ptr)
    wide = p4.double()
    across = pt(wide)
    total = segment_reduce(across[:, None], ptr, "sum")[:, 0]
    share = across / torch.where(total > 0, total, 1.0).index_select(
        0, graph_index(ptr, plan.total)
    )
    tables = ParticleTables.of(ptr, plan)
    values = tables.spread(torch.stack([share, rapidity(wide), phi(wide)], 1))
    found = []
    for part in tables.split(values):
        step = max(_PAIRS_AT_ONCE // max(part.size(1), 1) ** 2, 1)
        found += [_of_table(jets, beta) for jets in torch.split(part, step)]
    empty = values.new_zeros(0, 2)
    return tables.to_batch_order(torch.cat([empty, *found]))


def _of_table(values: Tensor, beta: float) -> Tensor:
    """Correlators of jets in a padded table (J, W, 3) of z, y, phi; padding has z = 0."""
    z, y, azimuth = values.unbind(2)
    across = torch.remainder(azimuth[:, :, None] - azimuth[:, None, :] + torch.pi, 2 * torch.pi)
    squared = (y[:, :, None] - y[:, None, :]).square() + (across - torch.pi).square()
    # a root has no slope at 0, where a particle meets itself
    apart = squared > 0
    distance = torch.where(apart, torch.where(apart, squared, 1.0) ** (beta / 2), 0.0)
    weighted = z[:, :, None] * distance
    both = weighted * z[:, None, :]
    triples = both * torch.bmm(distance, weighted)
    return torch.stack([both.sum((1, 2)) / 2, triples.sum((1, 2)) / 6], 1)
