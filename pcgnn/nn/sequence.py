"""The particles of each graph as a sequence: their order in momentum, an LSTM along it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.ops.ragged import SizePlan, graph_index

__all__ = ["SequenceLSTM", "momentum_order"]


def momentum_order(p4: Tensor, ptr: Tensor, total: int, *, hardest_first: bool = True) -> Tensor:
    """Sort the particles of each graph by transverse momentum; equal ones keep their order.

    Args:
        p4: four-vectors E, px, py, pz in GeV.
        ptr: offsets of the graphs.
        total: number of particles N, known on the host.
        hardest_first: whether momenta fall along the sequence.

    **Shapes:** p4 (N, 4), ptr (G + 1,) -> (N,), int64: row ``i`` of the sorted cloud is row
    ``order[i]`` of the given one. Graphs stay where they are.

    Example:
        >>> p4 = torch.tensor([[9.0, 1, 0, 0], [9.0, 3, 4, 0], [9.0, 0, 2, 0]])
        >>> momentum_order(p4, torch.tensor([0, 3]), 3).tolist()
        [1, 2, 0]
    """
    # squares and their sum are correctly rounded wherever in a vector they stand (a hypotenuse
    # is not), so that a near tie does not depend on the other graphs of a batch
    across = p4[:, 1:3].detach().double().square()
    momentum = across[:, 0] + across[:, 1]
    by_momentum = momentum.argsort(stable=True, descending=hardest_first)
    graph = graph_index(ptr, total).index_select(0, by_momentum)
    return by_momentum.index_select(0, graph.argsort(stable=True))


class SequenceLSTM(nn.Module):
    r"""Runs an LSTM along the particles of each graph and returns its last state.

    .. math::
        c_t &= \sigma(f_t)\, c_{t-1} + \sigma(i_t) \tanh(g_t), \qquad
            h_t = \sigma(o_t) \tanh(c_t) \\
        (i_t, f_t, g_t, o_t) &= W x_t + b + U h_{t-1} + b', \qquad h_0 = c_0 = 0

    The graphs are worked on in buckets of similar size. A state knows nothing of what comes after
    it, so that the places between a graph's end and that of its bucket change nothing. Weights
    begin as those of :class:`torch.nn.LSTM`, but the forget gates f with a bias of 1.

    Args:
        features: width of x.
        hidden: width of the state.

    **Shapes:** x (N, features), order (N,), ptr (G + 1,) -> (G, hidden).

    Raises:
        ConfigError: sizes below 1.

    Example:
        >>> plan = SizePlan.from_sizes([2, 3])
        >>> x, ptr = torch.randn(5, 4), torch.tensor([0, 2, 5])
        >>> SequenceLSTM(4, 8)(x, torch.arange(5), ptr, plan).shape
        torch.Size([2, 8])
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        if min(features, hidden) < 1:
            raise ConfigError(
                f"an LSTM of {features} features and width {hidden}",
                remedy="both must be at least 1",
            )
        self.features, self.hidden = features, hidden
        # names and order of the gates are those of torch.nn.LSTM, which no compiler looks into
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden, features))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden, hidden))
        self.bias_ih = nn.Parameter(torch.empty(4 * hidden))
        self.bias_hh = nn.Parameter(torch.empty(4 * hidden))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))
        # a gate that begins half shut forgets a particle within a few others, and the gradient of
        # what came first is lost over a jet
        nn.init.ones_(self.bias_ih.detach()[hidden : 2 * hidden])

    def forward(self, x: Tensor, order: Tensor, ptr: Tensor, plan: SizePlan) -> Tensor:
        """Compute the last states.

        Args:
            x: features of the particles.
            order: the particles as sequences, graph after graph.
            ptr: offsets of the graphs.
            plan: sizes of the graphs on the host, none of them 0.
        """
        by_size = ptr.diff().argsort(stable=True)
        states = []
        for start, stop, width in plan.buckets:
            graphs = by_size[start:stop]
            first = ptr.index_select(0, graphs)[:, None]
            end = ptr.index_select(0, graphs + 1)[:, None] - 1 - first
            steps = torch.arange(width, device=ptr.device)
            rows = order.index_select(0, (first + steps.minimum(end)).view(-1))
            table = x.index_select(0, rows).view(stop - start, width, -1)
            every = self._run(table).reshape((stop - start) * width, self.hidden)
            last = width * torch.arange(stop - start, device=ptr.device) + end[:, 0]
            states.append(every.index_select(0, last))
        if not states:
            return x.new_zeros(0, self.hidden)
        found = torch.cat(states)
        return torch.zeros_like(found).index_copy(0, by_size, found)

    def _run(self, table: Tensor) -> Tensor:
        """All states of some sequences of equal length, (g, width, features) to hidden."""
        zero = table.new_zeros(1, table.size(0), self.hidden)
        weights: list[Tensor] = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        # always as in training: the library behind CUDA has no gradients otherwise, and without
        # dropout there is no other difference
        every: Tensor = torch.lstm(table, (zero, zero), weights, True, 1, 0.0, True, False, True)[0]
        return every

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> SequenceLSTM:
        """Move; on CUDA its library wants all weights in one piece of memory."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        parameters = list(self.parameters())
        if all(parameter.is_cuda for parameter in parameters):
            with torch.no_grad():
                whole = torch.cat([parameter.reshape(-1) for parameter in parameters])
                parts = torch.split(whole, [parameter.numel() for parameter in parameters])
                for parameter, part in zip(parameters, parts, strict=True):
                    parameter.data = part.view_as(parameter)
        return self

    def extra_repr(self) -> str:
        """Widths of the input and of the state."""
        return f"{self.features}, {self.hidden}"
