"""Layers whose output depends on parameters of a hypothesis, such as the mass of a resonance."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError

__all__ = ["Condition", "Conditioning"]

Conditioning: TypeAlias = Literal["concatenate", "bias", "scale", "affine"]


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
