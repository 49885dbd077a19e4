"""The Lorentz layer: what combined four-vectors tell of themselves and of their distances."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.nn.pair_weights import PairWeights
from pcgnn.ops.lorentz import mass_squared, pt

__all__ = ["LorentzLayer", "signed_log"]


def signed_log(value: Tensor) -> Tensor:
    r"""Compute :math:`\psi(v) = \mathrm{sign}(v) \ln(1 + |v|)`, with the gradient 1 at 0.

    **Shapes:** any -> the same.

    Example:
        >>> signed_log(torch.tensor([-1.0, 0.0])).exp().tolist()
        [0.5, 1.0]
    """
    below = value < 0
    zero = torch.zeros_like(value)
    above = torch.where(below, zero, value).log1p()
    return torch.where(below, -torch.where(below, -value, zero).log1p(), above)


class LorentzLayer(nn.Module):
    r"""Lorentz layer (LoLa) on all ordered pairs of nodes of each graph.

    From "Deep-learned Top Tagging with a Lorentz Layer" (`arXiv:1707.08966
    <https://arxiv.org/abs/1707.08966>`__). A node is a four-vector :math:`k_j`; it becomes

    .. math::
        \psi\Big(m^2(k_j),\; p_T(k_j),\; \sum_m w^E_{jm} E(k_m),\;
            \sum_m w^{s}_{jm} d^2_{jm},\; \min_m\, w^{t}_{jm} d^2_{jm}\Big), \qquad
        d^2_{jm} = (E_j - E_m)^2 - (\vec k_j - \vec k_m)^2

    with several weight sets s that are summed and t that are minimised, over all nodes m of the
    graph, j included. These are messages :math:`w_{jm} d^2_{jm}` along all ordered pairs, gathered
    by a sum or a minimum. GeV and GeV^2 span many decades, so that
    :math:`\psi(v) = \mathrm{sign}(v) \ln(1 + |v|)` is put behind each entry, which is not in the
    paper. Computed in float64: light-like four-vectors cancel.

    Args:
        weights: of the pairs; one channel for energies, then the summed, then the minimised ones.
        summed: sets of weights of distances that are summed.
        minimised: sets of which the least product is taken.

    **Shapes:** nodes (graphs, width, 4) in float64, inside (graphs, width) or None -> (graphs,
    width, 3 + summed + minimised) in float64.

    Raises:
        ConfigError: the weights have another number of channels.

    Example:
        >>> from pcgnn.nn import TablePairWeights
        >>> layer = LorentzLayer(TablePairWeights(8, 5))
        >>> layer(torch.randn(2, 6, 4).double(), None).shape
        torch.Size([2, 6, 7])
    """

    def __init__(self, weights: PairWeights, *, summed: int = 2, minimised: int = 2) -> None:
        super().__init__()
        if min(summed, minimised) < 0 or weights.channels != 1 + summed + minimised:
            raise ConfigError(
                f"{weights.channels} weights per pair for energies, {summed} sums and {minimised} "
                "minima",
                remedy=f"give {1 + summed + minimised} channels",
            )
        self.weights, self.summed, self.minimised = weights, summed, minimised
        self.out_features = 3 + summed + minimised

    def forward(self, nodes: Tensor, inside: Tensor | None) -> Tensor:
        """Compute the entries of each node.

        Args:
            nodes: four-vectors in float64, zeros where there is no node.
            inside: which places hold a node; None for all. Rows of the others mean nothing.
        """
        weights = self.weights(nodes.size(1)).to(nodes.dtype)
        by_energy, by_sum, by_minimum = weights.tensor_split([1, 1 + self.summed])
        columns = [
            mass_squared(nodes)[..., None],
            pt(nodes)[..., None],
            (nodes[..., 0] @ by_energy[0].t())[..., None],
        ]
        distance = cast(Tensor, _SquaredDistances.apply(nodes))  # type: ignore[no-untyped-call]
        if inside is not None:
            distance = distance * inside[:, None, :]
        if self.summed:
            columns.append(torch.einsum("gjm,sjm->gjs", distance, by_sum))
        for weight in by_minimum:
            product = weight * distance
            if inside is not None:
                product = product.masked_fill(~inside[:, None, :], torch.inf)
            columns.append(product.min(2).values[..., None])
        return signed_log(torch.cat(columns, 2))

    def extra_repr(self) -> str:
        """How many sums and minima."""
        return f"summed={self.summed}, minimised={self.minimised}"


class _SquaredDistances(torch.autograd.Function):
    """Squares of all differences; of products of vectors they would cancel."""

    @staticmethod
    def forward(ctx: Any, nodes: Tensor) -> Tensor:
        ctx.save_for_backward(nodes)
        total = (nodes[:, :, None, 0] - nodes[:, None, :, 0]).square_()
        for axis in range(1, 4):
            difference = nodes[:, :, None, axis] - nodes[:, None, :, axis]
            total.addcmul_(difference, difference, value=-1)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (nodes,) = cast(tuple[Tensor], ctx.saved_tensors)
        both = grads[0] + grads[0].transpose(1, 2)
        metric = nodes.new_full((4,), -2.0)
        metric[:1].fill_(2.0)
        return (both.sum(2)[..., None] * nodes - both @ nodes) * metric
