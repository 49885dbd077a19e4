"""Lorentz Boost Network: combinations of particles in the rest frames of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.metrics.combinations import CombinationTable
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.batch_norm import batch_norm
from pcgnn.nn.boost_features import VectorFeatures
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.lorentz_boost import BoostMode, LorentzBoosts
from pcgnn.nn.sequence import momentum_order
from pcgnn.ops.tables import ParticleTables

__all__ = ["LBN"]


class LBN(CloudModel):
    r"""Lorentz Boost Network (LBN).

    From "Lorentz Boost Networks: autonomous physics-inspired feature engineering"
    (`arXiv:1812.09722 <https://arxiv.org/abs/1812.09722>`__): the particles of a jet, by falling
    transverse momentum, are combined with non-negative weights, the combinations are boosted into
    the rest frames of others (:class:`pcgnn.nn.LorentzBoosts`), and energies, momenta, directions,
    masses and angles of what comes out (:class:`pcgnn.nn.VectorFeatures`) go through a batch norm
    and a shallow dense network,

    .. math::
        \mathrm{MLP}\Big(\mathrm{BN}\big(f(\Lambda_{R_1} P_1, \dots, \Lambda_{R_M} P_M)\big)\Big),
        \qquad P_m = \sum_r |W^P_{rm}|\, k_r, \quad R_m = \sum_r |W^R_{rm}|\, k_r

    With the defaults and M combinations there are 5 M + M(M - 1)/2 features, 1475 for M = 50.
    Weights belong to places in the order of momenta: of a jet with more particles than ``ranks``
    the leading ones are taken, and the others dropped or summed. :meth:`combinations` shows which
    particles the network combines.

    Args:
        features: features per particle of the clouds; not read.
        classes: number of classes.
        combinations: combinations of particles M.
        frames: rest frames, for "product" alone; None for as many.
        ranks: leading particles with weights of their own.
        remainder: whether the sum of all further particles is one more to be combined, instead of
            being dropped.
        mode: "pairs", "product" or "combinations", see :class:`pcgnn.nn.LorentzBoosts`.
        quantities: features of the boosted four-vectors, see :class:`pcgnn.nn.VectorFeatures`.
        compress: whether features in GeV pass through sign(v) ln(1 + abs(v)) before the batch norm.
        hidden: widths of the dense layers.
        activation: of the dense layers, see :func:`pcgnn.nn.make_activation`.
        initialisation: of the dense layers, see :func:`pcgnn.nn.initialise`.
        dropout: in the dense layers.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, or an unknown mode, feature, activation or initialisation.

    Example:
        >>> LBN(7, combinations=50).vector_features.out_features
        1475
    """

    needs: ClassVar[frozenset[str]] = frozenset({"p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        combinations: int = 20,
        frames: int | None = None,
        ranks: int = 40,
        remainder: bool = False,
        mode: BoostMode = "pairs",
        quantities: Sequence[str] = ("E", "pt", "eta", "phi", "m", "pair_cos"),
        compress: bool = True,
        hidden: Sequence[int] = (128, 64),
        activation: Activation = "relu",
        initialisation: Initialisation = "default",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(features, classes, ranks) < 1:
            raise ConfigError(
                f"features = {features}, classes = {classes}, ranks = {ranks}",
                remedy="all must be at least 1",
            )
        self.config = {
            "features": features,
            "classes": classes,
            "combinations": combinations,
            "frames": frames,
            "ranks": ranks,
            "remainder": remainder,
            "mode": mode,
            "quantities": list(quantities),
            "compress": compress,
            "hidden": list(hidden),
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        self.remainder = remainder
        self.boosts = LorentzBoosts(
            ranks + int(remainder),
            combinations,
            frames,
            mode=mode,
            beyond="share" if remainder else "drop",
        )
        self.vector_features = VectorFeatures(quantities, self.boosts.count, compress=compress)
        self.norm = nn.BatchNorm1d(self.vector_features.out_features)
        self.classifier = dense_layers(
            [self.vector_features.out_features, *hidden],
            activation=activation,
            initialisation=initialisation,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        found = self.vector_features(self.boosted(cloud)).to(self.norm.weight.dtype)
        logits: Tensor = self.classifier(batch_norm(found, self.norm))
        return logits

    def boosted(self, cloud: Cloud) -> Tensor:
        """The combinations in their rest frames, shape (G, count, 4), in float64."""
        p4 = cloud.p4.double()
        order = momentum_order(p4, cloud.ptr, cloud.plan.total)
        tables = ParticleTables.of(cloud.ptr, cloud.plan)
        parts = tables.split(tables.spread(p4.index_select(0, order)))
        if not parts:
            return p4.new_zeros(0, self.boosts.count, 4)
        return tables.to_batch_order(torch.cat([self.boosts(part) for part in parts]))

    def combinations(self) -> CombinationTable:
        """The weights of particles and rest frames, see :func:`pcgnn.plots.combinations`."""
        kinds = {"combination": self.boosts.particles}
        if self.boosts.frames is not None:
            kinds["rest frame"] = self.boosts.frames
        return CombinationTable.of(
            self.name or "LBN",
            {
                kind: layer.effective().detach().cpu().double().numpy()
                for kind, layer in kinds.items()
            },
            shared=self.remainder,
        )
