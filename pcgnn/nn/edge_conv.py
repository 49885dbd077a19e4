"""EdgeConv: the convolution of dynamic graph networks and of ParticleNet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError
from pcgnn.nn.batch_norm import RowNorm, batch_norm, update_running
from pcgnn.nn.edge_conv_folded import fold, folded_messages
from pcgnn.nn.edge_gate import EdgeGate
from pcgnn.nn.edge_messages import edge_messages
from pcgnn.nn.edges import EdgeReduction, Edges, neighbour_edges
from pcgnn.nn.gather_add import gather_add
from pcgnn.ops.neighbours import knn
from pcgnn.ops.ragged import SizePlan

__all__ = ["EdgeConv", "Shortcut"]

Shortcut = Literal["auto", "linear", "identity"]


class EdgeConv(nn.Module):
    r"""EdgeConv block over the k nearest neighbours.

    From "Dynamic Graph CNN for Learning on Point Clouds" (`arXiv:1801.07829
    <https://arxiv.org/abs/1801.07829>`__) in the form of "ParticleNet: Jet Tagging via Particle
    Clouds" (`arXiv:1902.08570 <https://arxiv.org/abs/1902.08570>`__):

    .. math::
        x'_i = \mathrm{ReLU}\Big(S(x_i) +
            \frac{1}{|N(i)|} \sum_{j \in N(i)} h(x_i, x_j - x_i)\Big)

    with the shortcut S (linear without bias, batch norm; or the identity) and h a chain of (linear
    without bias, batch norm, ReLU). The first linear layer is split,
    :math:`W [x_i, x_j - x_i] = (W_1 - W_2) x_i + W_2 x_j`, so that it acts on particles instead of
    edges. A particle has min(k, n - 1) neighbours in a graph of n; the edges that do not exist
    enter neither the mean nor the batch-norm statistics, and a particle without neighbours has a
    message of zero.

    Args:
        in_channels: features per particle.
        channels: widths of the chain h.
        k: number of neighbours.
        reduce: ``"mean"``, ``"sum"`` or ``"max"`` over the neighbours.
        shortcut: ``"linear"``, ``"identity"``, or ``"auto"``: the identity where the widths agree.
        ghost_edges: fill missing neighbours with a particle of zeros, i.e. edges
            [x_i, -x_i], as the published dense implementation does.

    **Shapes:** x (N, in_channels), ptr (G + 1,) -> (N, channels[-1]).

    Example:
        >>> layer = EdgeConv(7, (64, 64, 64), k=16)
        >>> layer
        EdgeConv(7 -> 64-64-64, k=16, mean, linear shortcut)
        >>> layer(torch.randn(30, 7), torch.tensor([0, 20, 30])).shape
        torch.Size([30, 64])
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        k: int,
        *,
        reduce: EdgeReduction = "mean",
        shortcut: Shortcut = "auto",
        ghost_edges: bool = False,
    ) -> None:
        super().__init__()
        if in_channels < 1 or not channels or min(channels) < 1 or k < 1:
            raise ConfigError(
                f"widths and k must be at least 1, got {in_channels}, {list(channels)}, k={k}"
            )
        if reduce not in get_args(EdgeReduction):
            raise ConfigError(f"reduce must be 'mean', 'sum' or 'max', got {reduce!r}")
        if shortcut not in get_args(Shortcut):
            raise ConfigError(f"shortcut must be 'auto', 'linear' or 'identity', got {shortcut!r}")
        if shortcut == "auto":
            shortcut = "identity" if in_channels == channels[-1] else "linear"
        if shortcut == "identity" and in_channels != channels[-1]:
            raise ConfigError(
                f"an identity shortcut needs equal widths, got {in_channels} and {channels[-1]}"
            )
        self.in_channels = in_channels
        self.channels = tuple(channels)
        self.k = k
        self.reduce: EdgeReduction = reduce
        self.ghost_edges = ghost_edges
        self.gate: EdgeGate | None = None
        widths = [2 * in_channels, *channels]
        self.linears = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm1d(c) for c in channels)
        self.shortcut: nn.Linear | None = None
        self.shortcut_norm: nn.BatchNorm1d | None = None
        if shortcut == "linear":
            self.shortcut = nn.Linear(in_channels, channels[-1], bias=False)
            self.shortcut_norm = nn.BatchNorm1d(channels[-1])

    def forward(
        self,
        x: Tensor,
        ptr: Tensor,
        *,
        plan: SizePlan | None = None,
        pos: Tensor | None = None,
        edges: Edges | None = None,
    ) -> Tensor:
        """Convolve.

        Args:
            x: features of the particles.
            ptr: offsets of the graphs.
            plan: sizes of the graphs on the host; without it the device is asked for them.
            pos: coordinates in which neighbours are near, shape (N, D); the features by default.
            edges: the edges, if they are known already.
        """
        if edges is None:
            plan = plan if plan is not None else SizePlan.from_ptr(ptr)
            neighbours = knn(x if pos is None else pos, ptr, self.k, plan=plan)
            edges = neighbour_edges(neighbours, ptr, plan, ghost_edges=self.ghost_edges)
        out = self._shortcut(x) + self._messages(x, edges)
        return functional.relu(out, inplace=True)

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.shortcut is None or self.shortcut_norm is None:
            return x
        return batch_norm(self.shortcut(x), self.shortcut_norm)

    def _first_terms(
        self, x: Tensor, edges: Edges, weight: Tensor, bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (W_1 - W_2) x_i + b and W_2 x_j of every particle, the latter with the ghost's."""
        first, second = weight.tensor_split(2, 1)
        both = functional.linear(x, torch.cat([first - second, second]))
        own, other = both.tensor_split(2, 1)
        if bias is not None:
            own = own + bias
        if edges.ghosts:
            other = functional.pad(other, (0, 0, 0, 1))
        return own, other

    def _messages(self, x: Tensor, edges: Edges) -> Tensor:
        """Choose the way that suits the device and the mode; all give the same to rounding."""
        if edges.num_edges == 0:
            return x.new_zeros(edges.num_nodes, self.channels[-1])
        if self.gate is not None:
            return self._composed(x, edges)
        plain_norms = all(type(norm) is nn.BatchNorm1d for norm in self.norms)
        if plain_norms and not self.training and not torch.is_grad_enabled():
            if all(norm.track_running_stats for norm in self.norms):
                return self._folded(x, edges)
        elif plain_norms and self._in_chunks(x):
            return self._chunked(x, edges)
        return self._composed(x, edges)

    def _in_chunks(self, x: Tensor) -> bool:
        """Whether this is a training step that :mod:`pcgnn.nn.edge_messages` does."""
        return (
            x.device.type == "cpu"
            and self.training
            and self.reduce != "max"
            and not torch.is_autocast_enabled("cpu")
            and not torch.compiler.is_compiling()
            and all(norm.momentum is not None and norm.affine for norm in self._batch_norms())
        )

    def _batch_norms(self) -> list[nn.BatchNorm1d]:
        return [cast(nn.BatchNorm1d, norm) for norm in self.norms]

    def _weights(self) -> list[Tensor]:
        return [cast(nn.Linear, linear).weight for linear in self.linears]

    def _composed(self, x: Tensor, edges: Edges) -> Tensor:
        """Compute the messages with the operations of torch, on all edges at once."""
        weights = self._weights()
        h = gather_add(*self._first_terms(x, edges, weights[0]), edges)
        for layer, norm in enumerate(self.norms):
            if layer > 0:
                h = functional.linear(h, weights[layer])
            h = functional.relu(batch_norm(h, cast(RowNorm, norm)), inplace=True)
        if self.gate is not None:
            h = self.gate(h, edges)
        return edges.reduce(h, self.reduce)

    def _chunked(self, x: Tensor, edges: Edges) -> Tensor:
        """Compute the messages of a training step chunk by chunk."""
        weights, norms = self._weights(), self._batch_norms()
        own, other = self._first_terms(x, edges, weights[0])
        out, statistics = edge_messages(
            own,
            other,
            edges,
            weights[1:],
            [norm.weight for norm in norms],
            [norm.bias for norm in norms],
            [norm.eps for norm in norms],
            mean=self.reduce == "mean",
        )
        for norm, mean, variance in zip(norms, statistics.means, statistics.variances, strict=True):
            update_running(norm, mean, variance, edges.num_edges)
        return out

    def _folded(self, x: Tensor, edges: Edges) -> Tensor:
        """Compute the messages in evaluation, batch norm folded into the linear layers."""
        pairs = zip(self._weights(), self._batch_norms(), strict=True)
        (weight, bias), *others = [fold(weight, norm) for weight, norm in pairs]
        own, other = self._first_terms(x, edges, weight, bias)
        return folded_messages(own, other, edges, others, self.reduce)

    def __repr__(self) -> str:
        shortcut = "identity" if self.shortcut is None else "linear"
        ghosts = ", ghost edges" if self.ghost_edges else ""
        return (
            f"EdgeConv({self.in_channels} -> {'-'.join(map(str, self.channels))}, k={self.k}, "
            f"{self.reduce}, {shortcut} shortcut{ghosts})"
        )
