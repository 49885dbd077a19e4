"""Transformer blocks on the particles of a jet, in dense tables of jets of similar size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError
from pcgnn.ops.tables import ParticleTables

__all__ = ["AttentionBlock", "ClassAttentionBlock"]


class _Block(nn.Module):
    """Parameters and the second half, which attention among particles and of a class share."""

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        expansion: int = 4,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        activation_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if min(width, heads, expansion) < 1 or width % heads:
            raise ConfigError(
                f"{type(self).__name__} of width {width} with {heads} heads",
                remedy="take a width that is a multiple of the number of heads",
            )
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)  # queries, keys, values
        self.attention_dropout = nn.Dropout(attention_dropout)
        self.out = nn.Linear(width, width)
        self.head_scale = nn.Parameter(torch.ones(heads))
        self.attended_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.dense_norm = nn.LayerNorm(width)
        self.dense_in = nn.Linear(width, expansion * width)
        self.activation_dropout = nn.Dropout(activation_dropout)
        self.hidden_norm = nn.LayerNorm(expansion * width)
        self.dense_out = nn.Linear(expansion * width, width)
        self.residual_scale = nn.Parameter(torch.ones(width))
        # as torch's multi-head attention begins, with which the network was published
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        nn.init.zeros_(self.out.bias)

    def _split(self, values: Tensor) -> Tensor:
        """Channels into heads: (g, n, C) -> (g, heads, n, C / heads)."""
        size = values.size(2) // self.heads
        return values.reshape(*values.shape[:2], self.heads, size).transpose(1, 2)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """Attention of (g, n, C) to (g, m, C), with a bias or a mask; -> (g, n, C)."""
        if mask.dtype != torch.bool:
            mask = mask.to(q.dtype)
        rate = self.attention_dropout.p if self.training else 0.0
        attended = functional.scaled_dot_product_attention(
            self._split(q), self._split(k), self._split(v), mask, dropout_p=rate
        )
        return attended.transpose(1, 2).flatten(2)

    def _finish(self, attended: Tensor, x: Tensor) -> Tensor:
        """Scale the heads, normalise and add; then the dense layers."""
        scale = self.head_scale.repeat_interleave(x.size(1) // self.heads, output_size=x.size(1))
        x = x + self.dropout(self.attended_norm(self.out(attended) * scale))
        hidden = functional.gelu(self.dense_in(self.dense_norm(x)))
        hidden = self.hidden_norm(self.activation_dropout(hidden))
        out: Tensor = self.dropout(self.dense_out(hidden)) + self.residual_scale * x
        return out


class AttentionBlock(_Block):
    r"""Attention among the particles of a jet with a bias per pair, then dense layers.

    The particle attention block of `arXiv:2202.03772 <https://arxiv.org/abs/2202.03772>`__, with
    the additional norms and scales of NormFormer (arXiv:2110.09456):

    .. math::
        a &= \mathrm{softmax}(Q K^T / \sqrt{d} + U)\, V, \quad Q, K, V = W\, \mathrm{LN}(x) \\
        x' &= x + \mathrm{LN}(c_h\, W_O\, a) \\
        x'' &= w \circ x' + W_2\, \mathrm{LN}(\mathrm{GELU}(W_1\, \mathrm{LN}(x')))

    with one factor :math:`c_h` per head (of the channels after :math:`W_O`, as in the authors'
    code) and one :math:`w` per channel.

    Args:
        width: channels.
        heads: number of heads, a divisor of the width.
        expansion: width of the hidden dense layer in units of ``width``.
        dropout: of what is added to the residuals.
        attention_dropout: of attention weights.
        activation_dropout: of the hidden dense layer.

    **Shapes:** x (rows, width) in the order of the tables, one bias for each table, broadcast to
    (graphs, heads, table width, table width) -> (rows, width). Padding stays finite and is read by
    nobody, if the bias says so.

    Raises:
        ConfigError: sizes below 1, or a width that the heads do not divide.

    Example:
        >>> from pcgnn.ops import SizePlan
        >>> tables = ParticleTables.of(torch.tensor([0, 2, 5]), SizePlan.from_sizes([2, 3]))
        >>> x, bias = torch.randn(5, 16), [table.inside[:, None, None] for table in tables.tables]
        >>> AttentionBlock(16, 4)(x, bias, tables).shape
        torch.Size([5, 16])
    """

    def forward(self, x: Tensor, bias: Sequence[Tensor], tables: ParticleTables) -> Tensor:
        """Update the particles.

        Args:
            x: particles in the tables.
            bias: for each table what is added to the logits of the attention (-inf at padding), or
                where attention may go.
            tables: the tables.
        """
        projected = tables.split(self.project(self.attention_norm(x)))
        parts = []
        for values, mask in zip(projected, bias, strict=True):
            q, k, v = values.chunk(3, 2)
            parts.append(self._attend(q, k, v, mask))
        return self._finish(tables.join(parts), x)


class ClassAttentionBlock(_Block):
    r"""Attention of one token per jet to itself and to the particles, then dense layers.

    The class attention block of `arXiv:2202.03772 <https://arxiv.org/abs/2202.03772>`__ after CaiT
    (arXiv:2103.17239): as :class:`AttentionBlock`, without bias, with the query from the class
    token t as it is, not normalised, and

    .. math:: K, V = W\, \mathrm{LN}([t, x_1, \dots, x_n])

    Args:
        width: channels.
        heads: number of heads, a divisor of the width.
        expansion: width of the hidden dense layer in units of ``width``.
        dropout: of what is added to the residuals.
        attention_dropout: of attention weights.
        activation_dropout: of the hidden dense layer.

    **Shapes:** token (G, width) by rising size of the graphs, x (rows, width) in the order of the
    tables -> (G, width).

    Raises:
        ConfigError: sizes below 1, or a width that the heads do not divide.

    Example:
        >>> from pcgnn.ops import SizePlan
        >>> tables = ParticleTables.of(torch.tensor([0, 2, 5]), SizePlan.from_sizes([2, 3]))
        >>> ClassAttentionBlock(16, 4)(torch.zeros(2, 16), torch.randn(5, 16), tables).shape
        torch.Size([2, 16])
    """

    def forward(self, token: Tensor, x: Tensor, tables: ParticleTables) -> Tensor:
        """Update the class tokens.

        Args:
            token: the class tokens.
            x: particles in the tables.
            tables: the tables.
        """
        width = token.size(1)
        weight, bias = self.project.weight, self.project.bias
        queries = functional.linear(token, weight[:width], bias[:width])
        own = functional.linear(self.attention_norm(token), weight[width:], bias[width:])
        others = functional.linear(self.attention_norm(x), weight[width:], bias[width:])
        parts = []
        for table, query, first, following in zip(
            tables.tables,
            tables.split_graphs(queries),
            tables.split_graphs(own),
            tables.split(others),
            strict=True,
        ):
            k, v = torch.cat([first[:, None], following], 1).chunk(2, 2)
            # the token sees itself too
            mask = functional.pad(table.inside, (1, 0), value=True)[:, None, None]
            parts.append(self._attend(query[:, None], k, v, mask))
        return self._finish(tables.join(parts), token)
