"""Weights that belong to the place of a particle in the order of momenta."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError

__all__ = ["Beyond", "RankCombinations", "RankLinear", "rows_by_rank"]

Beyond: TypeAlias = Literal["share", "drop"]


def rows_by_rank(values: Tensor, width: int, beyond: Beyond = "share") -> Tensor:
    """Give each rank its row; ranks beyond the last row have that row, or zeros.

    Args:
        values: one row per rank.
        width: how many ranks are wanted.
        beyond: whether further ranks "share" the last row, or "drop" out with zeros.

    **Shapes:** (ranks, ...) -> (width, ...).

    Example:
        >>> rows_by_rank(torch.tensor([1.0, 2.0]), 4).tolist()
        [1.0, 2.0, 2.0, 2.0]
        >>> rows_by_rank(torch.tensor([1.0, 2.0]), 3, "drop").tolist()
        [1.0, 2.0, 0.0]
    """
    ranks = values.size(0)
    if width <= ranks:
        return values[:width]
    shape = (width - ranks, *values.shape[1:])
    tail = values[-1:].expand(shape) if beyond == "share" else values.new_zeros(shape)
    return torch.cat([values, tail])


class RankCombinations(nn.Module):
    r"""Linear combinations of the four-vectors of a graph, with a weight for each rank.

    .. math::
        \tilde k_m = \sum_r C_{rm}\, k_r \qquad\text{or}\qquad \sum_r |C_{rm}|\, k_r

    with r the place of a particle in the order of falling transverse momentum. Combined in float64:
    masses of combinations are differences of large numbers.

    Args:
        ranks: ranks with a weight of their own.
        count: number of combinations M.
        spread: the weights begin normally distributed with this width.
        centre: and about this value.
        nonnegative: whether the absolute values of the weights count.
        beyond: whether further particles "share" the weight of the last rank or "drop" out.

    **Shapes:** (graphs, width, 4), zeros beyond the particles of a graph -> (graphs, count, 4).

    Raises:
        ConfigError: sizes below 1, or an unknown ``beyond``.

    Example:
        >>> layer = RankCombinations(2, 3, spread=0.0, centre=1.0)
        >>> layer(torch.ones(1, 5, 4))[0, :, 0].tolist()
        [5.0, 5.0, 5.0]
    """

    def __init__(
        self,
        ranks: int,
        count: int,
        *,
        spread: float,
        centre: float = 0.0,
        nonnegative: bool = False,
        beyond: Beyond = "share",
    ) -> None:
        super().__init__()
        if min(ranks, count) < 1 or beyond not in get_args(Beyond):
            raise ConfigError(
                f"{count} combinations of {ranks} ranks, others {beyond!r}",
                remedy="sizes must be at least 1, others 'share' or 'drop'",
            )
        self.ranks, self.count = ranks, count
        self.nonnegative, self.beyond = nonnegative, beyond
        self.weight = nn.Parameter(centre + spread * torch.randn(ranks, count))

    def effective(self) -> Tensor:
        """The weights that count, shape (ranks, count)."""
        return self.weight.abs() if self.nonnegative else self.weight

    def forward(self, table: Tensor) -> Tensor:
        """Combine.

        Args:
            table: four-vectors by falling momentum, in float64.
        """
        weight = rows_by_rank(self.effective().to(table.dtype), table.size(1), self.beyond)
        return weight.t() @ table

    def extra_repr(self) -> str:
        """Sizes and kind of the weights."""
        sign = ", nonnegative" if self.nonnegative else ""
        return f"{self.ranks}, {self.count}{sign}, beyond={self.beyond!r}"


class RankLinear(nn.Module):
    r"""A linear map with weights for each rank, summed over the particles or one by one.

    .. math::
        y = \sum_r W_r x_r \qquad\text{or}\qquad y_r = W_r x_r + b_r

    The sum over a fixed number of ranks is the first dense layer of a network that takes the
    particles side by side; here there may be any number of them.

    Args:
        ranks: ranks with weights of their own; further ones share those of the last.
        inputs: width of x.
        outputs: width of y.
        summed: whether there is the sum alone, which has no bias.

    **Shapes:** (graphs, width, inputs) -> (graphs, outputs) summed, else (graphs, width, outputs).

    Example:
        >>> RankLinear(4, 3, 2, summed=True)(torch.randn(5, 9, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(self, ranks: int, inputs: int, outputs: int, *, summed: bool) -> None:
        super().__init__()
        if min(ranks, inputs, outputs) < 1:
            raise ConfigError(f"{ranks} ranks, {inputs} inputs and {outputs} outputs")
        self.summed = summed
        self.weight = nn.Parameter(torch.empty(ranks, inputs, outputs))
        bound = (ranks * inputs if summed else inputs) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        self.bias = None if summed else nn.Parameter(torch.zeros(ranks, outputs))

    def forward(self, table: Tensor) -> Tensor:
        """Apply; places beyond the particles of a graph must be zeros if summed."""
        graphs, width, inputs = table.shape
        weight = rows_by_rank(self.weight, width)
        if self.summed:
            return table.reshape(graphs, width * inputs) @ weight.reshape(width * inputs, -1)
        out = torch.bmm(table.transpose(0, 1), weight).transpose(0, 1)
        return out if self.bias is None else out + rows_by_rank(self.bias, width)

    def extra_repr(self) -> str:
        """Sizes."""
        ranks, inputs, outputs = self.weight.shape
        return f"{ranks}, {inputs}, {outputs}, summed={self.summed}"
