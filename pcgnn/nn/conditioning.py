"""Layers whose output depends on parameters of a hypothesis, such as the mass of a resonance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError

__all__ = ["Condition", "ConditionPlace", "Conditioning", "Conditions"]

Conditioning: TypeAlias = Literal["concatenate", "bias", "scale", "affine"]
ConditionPlace: TypeAlias = Literal["readout", "blocks"]


class Condition(nn.Module):
    r"""Make features depend on the parameters m of a hypothesis.

    From "Parameterized neural networks for high-energy physics" (`arXiv:1601.07913
    <https://arxiv.org/abs/1601.07913>`__) and "Improving parametric neural networks for
    high-energy physics (and beyond)" (`arXiv:2202.00424 <https://arxiv.org/abs/2202.00424>`__),

    .. math::
        \text{concatenate: } z = W [x, m] + b, \quad
        \text{bias: } z = x + (W m + b), \quad
        \text{scale: } z = x \odot (W m + b), \quad
        \text{affine: } z = x \odot (W_s m + b_s) + (W_b m + b_b)

    The last three begin near z = x: :math:`b_s` is 1 and :math:`b_b` is 0.

    Args:
        width: features.
        parameters: numbers in m.
        how: "concatenate", "bias", "scale" or "affine".

    **Shapes:** x (N, width), m (G, parameters), graph (N,) or None -> (N, width). Without
    ``graph`` N is G and row i belongs to hypothesis i; otherwise to that of its graph, so that
    particles and readouts of graph networks are conditioned alike.

    Raises:
        ConfigError: sizes below 1, or an unknown way.

    Example:
        >>> layer = Condition(4, 1, "affine")
        >>> layer(torch.ones(3, 4), torch.zeros(3, 1)).tolist() == torch.ones(3, 4).tolist()
        True
    """

    def __init__(self, width: int, parameters: int, how: Conditioning = "affine") -> None:
        super().__init__()
        if min(width, parameters) < 1 or how not in get_args(Conditioning):
            raise ConfigError(
                f"width = {width}, parameters = {parameters}, how = {how!r}",
                remedy=f"sizes from 1, one of {', '.join(get_args(Conditioning))}",
            )
        self.how = how
        self.joint = nn.Linear(width + parameters, width) if how == "concatenate" else None
        self.scale = nn.Linear(parameters, width) if how in ("scale", "affine") else None
        self.bias = nn.Linear(parameters, width) if how in ("bias", "affine") else None
        if self.scale is not None:
            nn.init.ones_(self.scale.bias)
        if self.bias is not None:
            nn.init.zeros_(self.bias.bias)

    def forward(self, x: Tensor, m: Tensor, graph: Tensor | None = None) -> Tensor:
        """Condition.

        Args:
            x: features.
            m: parameters of each graph.
            graph: graph of each row; None if there is one row per graph.
        """
        m = m.to(x.dtype)
        if self.joint is not None:
            each = m if graph is None else m.index_select(0, graph)
            out: Tensor = self.joint(torch.cat([x, each], 1))
            return out
        if self.scale is not None:
            x = x * _each(self.scale(m), graph)
        if self.bias is not None:
            x = x + _each(self.bias(m), graph)
        return x

    def extra_repr(self) -> str:
        """The way, as shown by ``repr``."""
        return f"how={self.how}"


def _each(values: Tensor, graph: Tensor | None) -> Tensor:
    return values if graph is None else values.index_select(0, graph)


class Conditions(nn.Module):
    """The places at which a graph network depends on a hypothesis, and the hypothesis itself.

    The parameters are the last columns of the features, the same in all rows of a graph. They are
    taken off there and enter through a :class:`Condition` behind the readout, or behind each
    block and the readout. With no parameters nothing is changed anywhere.

    Args:
        parameters: how many of the features, the last ones, are parameters; 0 for none.
        how: "concatenate", "bias", "scale" or "affine".
        place: "readout", or "blocks" for each block and the readout.
        blocks: widths of the outputs of the blocks.
        readout: width of the readout.

    **Shapes:** features (N, F), ptr (G + 1,) -> features (N, F - parameters) and m (G, parameters).

    Raises:
        ConfigError: an unknown way or place, or fewer than 0 parameters.

    Example:
        >>> conditions = Conditions(1, blocks=[8], readout=8)
        >>> x, m = conditions.split(torch.tensor([[0.1, 5.0], [0.2, 5.0]]), torch.tensor([0, 2]))
        >>> x.shape, m.tolist()
        (torch.Size([2, 1]), [[5.0]])
    """

    def __init__(
        self,
        parameters: int,
        how: Conditioning = "affine",
        place: ConditionPlace = "readout",
        *,
        blocks: Sequence[int] = (),
        readout: int,
    ) -> None:
        super().__init__()
        if parameters < 0 or place not in get_args(ConditionPlace):
            raise ConfigError(
                f"parameters = {parameters}, place of the condition = {place!r}",
                remedy=f"parameters from 0, one of {', '.join(get_args(ConditionPlace))}",
            )
        self.number = parameters
        self.of_blocks = nn.ModuleList()
        self.of_readout: Condition | None = None
        if parameters:
            if place == "blocks":
                self.of_blocks.extend(Condition(width, parameters, how) for width in blocks)
            self.of_readout = Condition(readout, parameters, how)

    def split(self, x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features without the parameters, and the parameters of each graph (None without any).

        Args:
            x: features of the particles.
            ptr: offsets of the graphs.
        """
        if not self.number:
            return x, None
        return x[:, : -self.number], x.index_select(0, ptr[:-1])[:, -self.number :]

    def block(self, number: int, h: Tensor, m: Tensor | None, graph: Tensor) -> Tensor:
        """Condition the output of a block.

        Args:
            number: which block.
            h: its output, one row per particle.
            m: parameters of the graphs, (G, parameters), or None.
            graph: graph of each particle.
        """
        if m is None or not len(self.of_blocks):
            return h
        out: Tensor = self.of_blocks[number](h, m, graph)
        return out

    def readout(self, h: Tensor, m: Tensor | None) -> Tensor:
        """Condition the readout.

        Args:
            h: one row per graph.
            m: parameters of the graphs, (G, parameters), or None.
        """
        if m is None or self.of_readout is None:
            return h
        out: Tensor = self.of_readout(h, m)
        return out
