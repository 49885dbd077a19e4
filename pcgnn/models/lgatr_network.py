"""A Lorentz-equivariant transformer on jets, by the library lgatr."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import BackendError, ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.ops.ragged import graph_index
from pcgnn.ops.segments import segment_reduce
from pcgnn.ops.tables import ParticleTables

__all__ = ["LGATrTagger", "Spurion"]

Spurion: TypeAlias = Literal["beams", "time"]

# GeV per unit of the four-vectors in the network
_UNIT = 20.0
# A jet of more energy (GeV) is scaled down to it: products of products of its vectors stay finite.
_MOST_ENERGY = 1e5


class LGATrTagger(CloudModel):
    r"""Lorentz-equivariant geometric algebra transformer (L-GATr).

    From "Lorentz-Equivariant Geometric Algebra Transformers for High-Energy Physics"
    (`arXiv:2405.14806 <https://arxiv.org/abs/2405.14806>`__) and "A Lorentz-Equivariant Transformer
    for All of the LHC" (`arXiv:2411.00446 <https://arxiv.org/abs/2411.00446>`__), with the layers
    of the authors' library: every particle is a token of multivectors of the space-time algebra
    and of scalars; attention weighs by invariant products,

    .. math::
        \mathrm{softmax}_j \Big(\frac{\langle q_i, k_j \rangle}{\sqrt{16\, n_c + n_s}}\Big)\, v_j

    the dense layers multiply multivectors by the geometric product, and the scalar parts of the
    last multivectors, one per class, are averaged over the particles. Particles attend to those of
    their jet.

    Spurions are vectors that stand beside the momentum in each token, in place of tokens of their
    own as published: the "beams" (1, 0, 0, +-1) and the "time" (1, 0, 0, 0). They break the Lorentz
    symmetry down to what the detector has, unless they are transformed together with the jet
    (``frame``). Momenta are taken in units of 20 GeV; a jet above 10^5 GeV is scaled down to that
    energy, which no Lorentz transformation leaves as it is.

    Args:
        features: features per particle of the clouds; not read.
        classes: number of classes.
        blocks: number of transformer blocks.
        multivectors: channels of multivectors.
        scalars: channels of scalars.
        heads: heads of the attention.
        spurions: "beams", "time", both, or none of them.
        dropout: in the blocks.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        BackendError: if the library lgatr is not installed.
        ConfigError: sizes below 1, or an unknown spurion.

    Example:
        >>> LGATrTagger(7).needs  # doctest: +SKIP
        frozenset({'p4'})
    """

    needs: ClassVar[frozenset[str]] = frozenset({"p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        blocks: int = 4,
        multivectors: int = 8,
        scalars: int = 16,
        heads: int = 4,
        spurions: Sequence[Spurion] = ("beams", "time"),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(features, classes, blocks, multivectors, scalars, heads) < 1:
            raise ConfigError(
                "features, classes, blocks, multivectors, scalars and heads must be at least 1"
            )
        unknown = [name for name in spurions if name not in get_args(Spurion)]
        if unknown or isinstance(spurions, str):
            raise ConfigError(
                f"spurions = {spurions!r}",
                remedy=f"list any of {', '.join(get_args(Spurion))}, or none",
            )
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout = {dropout}", remedy="it is a probability below 1")
        self.config = {
            "features": features,
            "classes": classes,
            "blocks": blocks,
            "multivectors": multivectors,
            "scalars": scalars,
            "heads": heads,
            "spurions": list(spurions),
            "dropout": dropout,
        }
        self.beams, self.time = "beams" in spurions, "time" in spurions
        self.net: nn.Module = _library().LGATr(
            num_blocks=blocks,
            in_mv_channels=1 + 2 * self.beams + self.time,
            out_mv_channels=classes,
            hidden_mv_channels=multivectors,
            in_s_channels=0,
            out_s_channels=0,
            hidden_s_channels=scalars,
            attention={"num_heads": heads},
            mlp={},
            dropout_prob=dropout or None,
        )

    @property
    def has_beams(self) -> bool:
        """Whether there are spurions."""
        return self.beams or self.time

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        tokens = self._vectors(cloud)
        tables = ParticleTables.of(cloud.ptr, cloud.plan)
        # the 16 places of a multivector: a scalar, then a vector. The scalar is 1: without any the
        # first layer would have weights that nothing passes through
        tokens = nn.functional.pad(nn.functional.pad(tokens, (1, 0), value=1.0), (0, 11))
        spread = tables.spread(tokens.flatten(1))
        pooled = []
        for part, table in zip(tables.split(spread), tables.tables, strict=True):
            # all heads and all particles of a jet look at its particles, not at the padding
            mask = table.inside[:, None, None, :]
            out, _ = self.net(part.view(table.graphs, table.width, -1, 16), attn_mask=mask)
            inside = table.inside[:, :, None]
            total = torch.where(inside, out[..., 0], 0.0).sum(1)
            pooled.append(total / inside.sum(1))
        return tables.to_batch_order(torch.cat(pooled))

    def _vectors(self, cloud: Cloud) -> Tensor:
        """Momentum and spurions of each particle, shape (N, channels, 4)."""
        p4 = cloud.p4.double()
        energy = segment_reduce(p4[:, :1], cloud.ptr, "sum")
        scale = _MOST_ENERGY / energy.clamp(min=_MOST_ENERGY) / _UNIT
        p4 = p4 * scale.index_select(0, graph_index(cloud.ptr, cloud.plan.total))
        vectors = torch.cat([p4[:, None], self._spurions(p4).expand(p4.size(0), -1, 4)], 1)
        dtype: torch.dtype = next(self.net.parameters()).dtype
        return vectors.to(dtype)

    def _spurions(self, like: Tensor) -> Tensor:
        """Four-vectors of the spurions, in the frame of the model, shape (spurions, 4)."""
        spurions = like.new_zeros(2 * self.beams + self.time, 4)
        spurions[:, 0].fill_(1.0)
        if self.beams:
            spurions[0, 3].fill_(1.0)
            spurions[1, 3].fill_(-1.0)
        return spurions if self.frame is None else spurions @ self.frame.to(spurions).t()


def _library() -> Any:
    try:
        return importlib.import_module("lgatr")
    except ImportError as error:
        raise BackendError(
            "the model needs the package lgatr, which is not installed",
            remedy="pip install 'pcgnn[lgatr]'",
        ) from error
