"""The Lorentz group equivariant block of LorentzNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError
from pcgnn.nn.batch_norm import batch_norm, update_running
from pcgnn.nn.pair_messages import (
    CoordinateUpdate,
    PairLayers,
    pair_messages,
    pair_messages_formula,
)
from pcgnn.nn.pair_norm import PairMoments, pair_statistics
from pcgnn.nn.pair_products import pair_products
from pcgnn.ops.pairs import PairPlan

__all__ = ["LorentzBlock"]


class LorentzBlock(nn.Module):
    r"""One block of LorentzNet on all pairs of particles of each graph.

    From "An efficient Lorentz equivariant graph neural network for jet tagging" (`arXiv:2201.08187
    <https://arxiv.org/abs/2201.08187>`__). With :math:`\psi(v) = \mathrm{sign}(v) \ln(1 + |v|)`,

    .. math::
        m_{ij} &= \tilde m_{ij}\, \phi_m(\tilde m_{ij}), \quad \tilde m_{ij} =
            \phi_e\big(h_i, h_j, \psi(|x_i - x_j|^2), \psi(\langle x_i, x_j \rangle)\big) \\
        x_i &\leftarrow x_i + \frac{c}{n - 1} \sum_{j \ne i}
            \mathrm{clamp}\big(\phi_x(m_{ij}) (x_i - x_j), \pm 100\big) \\
        h_i &\leftarrow h_i + \phi_h\Big(h_i, \sum_{j \ne i} m_{ij}, s_i\Big)

    The first layer of :math:`\phi_e` is computed per particle and broadcast, the statistics of its
    batch norm come from sums over particles, and the pairs pass in blocks that stay in the cache:
    work grows as the number of pairs times hidden^2, memory as the number of pairs.

    Args:
        hidden: width of h and of all hidden layers.
        scalars: width of s, the scalars a particle came with.
        c_weight: c, the size of the steps.
        last: whether it is the last block, which leaves the four-vectors alone.
        update: steps along the "difference" of four-vectors, as published, or along the partner's
            "vector", as in a variant of the formula.

    **Shapes:** h (N, hidden), x (N, 4), s (N, scalars) -> (N, hidden), (N, 4), particles in the
    order of the plan.
    """

    def __init__(
        self,
        hidden: int,
        scalars: int,
        *,
        c_weight: float = 5e-3,
        last: bool = False,
        update: CoordinateUpdate = "difference",
    ) -> None:
        super().__init__()
        self.hidden, self.c_weight, self.update = hidden, c_weight, update
        self.edge_first = nn.Linear(2 * hidden + 2, hidden, bias=False)
        self.edge_norm = nn.BatchNorm1d(hidden)
        self.edge_second = nn.Linear(hidden, hidden)
        self.gate = nn.Linear(hidden, 1)
        self.node_first = nn.Linear(2 * hidden + scalars, hidden)
        self.node_norm = nn.BatchNorm1d(hidden)
        self.node_second = nn.Linear(hidden, hidden)
        self.step_hidden: nn.Linear | None = None
        self.step_out: nn.Linear | None = None
        if not last:
            self.step_hidden = nn.Linear(hidden, hidden)
            self.step_out = nn.Linear(hidden, 1, bias=False)
            # steps begin small, so that the first epochs see the jets as they are
            nn.init.xavier_uniform_(self.step_out.weight, gain=1e-3)

    def forward(self, h: Tensor, x: Tensor, s: Tensor, plan: PairPlan) -> tuple[Tensor, Tensor]:
        """Update scalars and four-vectors.

        Args:
            h: scalars of the particles.
            x: their four-vectors in float64.
            s: the scalars they came with.
            plan: the pairs.
        """
        products = pair_products(x, plan, h.dtype)
        own, other, pair = self._first_layer(h, products, plan)
        hidden = None
        if self.step_hidden is not None:
            hidden = (self.step_hidden.weight, self.step_hidden.bias)
        layers = PairLayers(
            pair=pair,
            message=(self.edge_second.weight, self.edge_second.bias),
            gate=(self.gate.weight.view(-1), self.gate.bias),
            hidden=hidden,
            out=None if self.step_out is None else self.step_out.weight.view(-1),
        )
        messages = pair_messages_formula if _composed(h) else pair_messages
        total, steps = messages(own, other, products, x, layers, plan, self.update)
        if steps is not None:
            partners = plan.partners.clamp(min=1).to(x.dtype)[:, None]
            x = x + self.c_weight * steps / partners
        inner = self.node_first(torch.cat([h, total.to(h.dtype), s], 1))
        inner = functional.relu(batch_norm(inner, self.node_norm))
        return h + self.node_second(inner), x

    def _first_layer(
        self, h: Tensor, products: Tensor, plan: PairPlan
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Terms of particle, partner and pair in the first layer, its batch norm folded in."""
        by_own, by_other, by_pair = self.edge_first.weight.tensor_split(
            [self.hidden, 2 * self.hidden], 1
        )
        own, other = functional.linear(h, torch.cat([by_own, by_other])).tensor_split(2, 1)
        norm, pair = self.edge_norm, by_pair.t()
        if norm.running_mean is None or norm.running_var is None:
            raise ConfigError("the batch norm of a LorentzBlock must keep running statistics")
        if self.training and plan.num_pairs > 1:
            mean, variance = pair_statistics(own, other, pair, PairMoments(products, plan))
            update_running(norm, mean, variance, plan.num_pairs)
        else:
            mean, variance = norm.running_mean.double(), norm.running_var.double()
        gain = norm.weight * (variance + norm.eps).rsqrt()
        level = norm.bias - mean * gain
        own, other = (
            torch.addcmul(level.to(own.dtype), own, gain.to(own.dtype)),
            other * gain.to(other.dtype),
        )
        return own, other, pair * gain.to(pair.dtype)


def _composed(h: Tensor) -> bool:
    """Whether the operations are to be seen one by one, by a compiler or by autocast."""
    if torch.compiler.is_compiling():
        return True
    kind = h.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
