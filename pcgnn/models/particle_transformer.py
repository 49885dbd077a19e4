"""Particle Transformer: attention with pairwise kinematics for jet tagging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.attention_block import AttentionBlock, ClassAttentionBlock
from pcgnn.nn.batch_norm import batch_norm
from pcgnn.nn.pair_embedding import PairEmbedding
from pcgnn.ops.pair_kinematics import PAIR_FEATURES, pair_kinematics
from pcgnn.ops.tables import ParticleTables

__all__ = ["ParticleTransformer"]


class ParticleTransformer(CloudModel):
    r"""Particle Transformer (ParT).

    From "Particle Transformer for Jet Tagging" (`arXiv:2202.03772
    <https://arxiv.org/abs/2202.03772>`__): every particle of a jet attends to every particle of it
    (:class:`pcgnn.nn.AttentionBlock`), and :math:`\ln k_T, \ln z, \ln \Delta, \ln m^2` of the two
    (:func:`pcgnn.ops.pair_kinematics.pair_kinematics`) are embedded into one bias per head,

    .. math:: \mathrm{softmax}(Q K^T / \sqrt{d} + U)\, V

    the same U in all blocks. Then a class token attends to the particles
    (:class:`pcgnn.nn.ClassAttentionBlock`) and is classified.

    The features go through a batch norm and dense layers with a layer norm before each. The pairs
    of a jet are unordered, a particle with itself is one of them, and the batch norms of their
    embedding see each once. The published code drops particles of the largest jets of a training
    batch at random to save padding; here there is nothing to save and all stay.

    The defaults are the published network (2.14M parameters).

    Args:
        features: features per particle.
        classes: number of classes.
        embedding: widths of the dense layers on features; the last is the width of the blocks.
        pair_embedding: widths of the hidden layers on pairs; None takes no notice of pairs (the
            plain transformer of the paper's comparison, which reads no four-vectors).
        heads: number of heads.
        blocks: number of blocks among the particles.
        class_blocks: number of blocks of the class token.
        expansion: width of the hidden dense layer of a block in units of its width.
        dropout: in the blocks among particles, of what is added to the residuals.
        attention_dropout: there, of attention weights.
        activation_dropout: there, of the hidden dense layer.
        classifier: for each hidden dense layer after the class token (width, dropout).
        pre_activation_pair: leave out the last GELU of the embedding of pairs.
        pair_eps: least value of kT in GeV, z, Delta R and m^2 in GeV^2 before the logarithm.

    **Shapes:** x (N, features), p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, no blocks of the class token, or a width that the heads do not
            divide.

    Example:
        >>> ParticleTransformer(17, 10).num_parameters
        2143486
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x", "p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        embedding: Sequence[int] = (128, 512, 128),
        pair_embedding: Sequence[int] | None = (64, 64, 64),
        heads: int = 8,
        blocks: int = 8,
        class_blocks: int = 2,
        expansion: int = 4,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        activation_dropout: float = 0.1,
        classifier: Sequence[tuple[int, float]] = (),
        pre_activation_pair: bool = False,
        pair_eps: float = 1e-8,
    ) -> None:
        super().__init__()
        if not embedding:
            raise ConfigError(
                "the Particle Transformer needs an embedding",
                remedy="give at least one width, the last is the width of the blocks",
            )
        hidden = [width for width, _ in classifier]
        if min(features, classes, heads, class_blocks, expansion, *embedding, *hidden) < 1:
            raise ConfigError(
                "features, classes, heads, class_blocks, expansion and all widths must be at "
                "least 1"
            )
        if blocks < 0:
            raise ConfigError(f"blocks = {blocks}", remedy="give 0 or more")
        if not pair_eps > 0:
            raise ConfigError(
                f"pair_eps = {pair_eps}", remedy="give a positive number, published is 1e-8"
            )
        self.config = {
            "features": features,
            "classes": classes,
            "embedding": list(embedding),
            "pair_embedding": None if pair_embedding is None else list(pair_embedding),
            "heads": heads,
            "blocks": blocks,
            "class_blocks": class_blocks,
            "expansion": expansion,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "activation_dropout": activation_dropout,
            "classifier": [[width, rate] for width, rate in classifier],
            "pre_activation_pair": pre_activation_pair,
            "pair_eps": pair_eps,
        }
        self.pair_eps = pair_eps
        self.input_norm = nn.BatchNorm1d(features)
        layers: list[nn.Module] = []
        for inputs, outputs in zip([features, *embedding[:-1]], embedding, strict=True):
            layers += [nn.LayerNorm(inputs), nn.Linear(inputs, outputs), nn.GELU()]
        self.embedding = nn.Sequential(*layers)
        self.pair_embedding: PairEmbedding | None = None
        if pair_embedding is None:
            self.needs = frozenset({"x"})  # type: ignore[misc]
        else:
            self.pair_embedding = PairEmbedding(
                len(PAIR_FEATURES), [*pair_embedding, heads], pre_activation=pre_activation_pair
            )
        width = embedding[-1]
        self.blocks = nn.ModuleList(
            AttentionBlock(
                width,
                heads,
                expansion=expansion,
                dropout=dropout,
                attention_dropout=attention_dropout,
                activation_dropout=activation_dropout,
            )
            for _ in range(blocks)
        )
        self.class_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(width), std=0.02))
        self.class_blocks = nn.ModuleList(
            ClassAttentionBlock(
                width,
                heads,
                expansion=expansion,
                dropout=0.0,
                attention_dropout=0.0,
                activation_dropout=0.0,
            )
            for _ in range(class_blocks)
        )
        self.norm = nn.LayerNorm(width)
        dense: list[nn.Module] = []
        for outputs, rate in classifier:
            dense += [nn.Linear(width, outputs), nn.ReLU(), nn.Dropout(rate)]
            width = outputs
        self.classifier = nn.Sequential(*dense, nn.Linear(width, classes))

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        tables = ParticleTables.of(cloud.ptr, cloud.plan)
        bias = self._bias(cloud, tables)
        x = tables.spread(self.embedding(batch_norm(cloud.x, self.input_norm)))
        for block in self.blocks:
            x = block(x, bias, tables)
        token = self.class_token.expand(cloud.plan.num_graphs, -1)
        for block in self.class_blocks:
            token = block(token, x, tables)
        logits: Tensor = self.classifier(tables.to_batch_order(self.norm(token)))
        return logits

    def _bias(self, cloud: Cloud, tables: ParticleTables) -> list[Tensor]:
        """What is added to the logits of the attention, for each table; -inf at padding."""
        inside = [table.inside[:, None, None] for table in tables.tables]
        if self.pair_embedding is None:
            return inside
        pairs = tables.pairs()
        features = pair_kinematics(cloud.p4, pairs.first, pairs.second, eps=self.pair_eps)
        embedded = self.pair_embedding(features)
        # of a particle with itself one half: the sum with the other triangle doubles it
        itself = (pairs.first == pairs.second)[:, None]
        triangle = tables.spread_pairs(torch.where(itself, 0.5 * embedded, embedded), pairs)
        bias = []
        for table, there in zip(tables.split_pairs(triangle), inside, strict=True):
            one = table.permute(0, 3, 1, 2)
            both = (one + one.transpose(2, 3)).masked_fill(~there, float("-inf"))
            bias.append(both.contiguous())
        return bias
