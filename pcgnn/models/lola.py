"""LoLa: combined four-vectors and a Lorentz layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.metrics.combinations import CombinationTable
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation, initialise, make_activation
from pcgnn.nn.batch_norm import batch_norm
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.leading import leading_table
from pcgnn.nn.lorentz_layer import LorentzLayer
from pcgnn.nn.pair_weights import PairWeights, RankPairWeights, TablePairWeights
from pcgnn.nn.rank_weights import RankCombinations, RankLinear
from pcgnn.nn.readout import Pooling, Readout
from pcgnn.nn.sequence import momentum_order
from pcgnn.ops.tables import ParticleTables

__all__ = ["LoLa"]

Form: TypeAlias = Literal["messages", "dense"]


class LoLa(CloudModel):
    r"""LoLa, as message passing on any number of particles or in its published form.

    From "Deep-learned Top Tagging with a Lorentz Layer" (`arXiv:1707.08966
    <https://arxiv.org/abs/1707.08966>`__). The particles, by falling transverse momentum, are
    combined (CoLa): the nodes of a jet are

    .. math::
        \tilde k = k\, [\,1 \;|\; C \;|\; \mathbb 1\,]

    the sum of all, M learned combinations and the particles themselves. What the Lorentz layer
    (:class:`pcgnn.nn.LorentzLayer`) makes of the nodes is normalised and goes through dense layers
    of 100 and 50.

    All weights hang on the places of the nodes alone, not on what they carry. As ``"messages"``
    that is a graph network whose weights are functions of pairs of ranks
    (:class:`pcgnn.nn.RankPairWeights`); ranks beyond the last one with weights of its own share
    those, so that no particle is left out and no jet is padded to the size of another. ``"dense"``
    is the published form: the leading ``ranks`` particles, zeros where a jet has fewer, one weight
    per pair. It is the special case: jets filled up to N particles with zeros give the same
    features in both forms if the weights agree.

    Args:
        features: features per particle of the clouds; not read.
        classes: number of classes.
        combinations: learned combinations M.
        ranks: particles with weights of their own; of all there are in the dense form.
        form: "messages" or "dense".
        summed: sets of weights of distances that are summed.
        minimised: sets of which the least product is taken.
        embedding: length of the embedding of a rank; messages alone.
        readout: of the particles: "rank" sums them with weights for each rank, as a dense layer
            on particles side by side does; "mean", "sum", "max", "min", "std", "attention" or
            several of them pool what a layer with weights for each rank makes of a particle.
            The sum and the learned combinations have their fixed places in the first dense layer.
        hidden: widths of the dense layers.
        activation: of the dense layers, see :func:`pcgnn.nn.make_activation`.
        initialisation: of the dense layers, see :func:`pcgnn.nn.initialise`.
        dropout: in the dense layers.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, an unknown form, readout, activation or initialisation, or a
            pooling in the dense form.

    Example:
        >>> LoLa(7).num_parameters, LoLa(7, form="dense").num_parameters
        (49775, 60970)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        combinations: int = 15,
        ranks: int = 40,
        form: Form = "messages",
        summed: int = 2,
        minimised: int = 2,
        embedding: int = 8,
        readout: Pooling | Sequence[Pooling] | Literal["rank"] = "rank",
        hidden: Sequence[int] = (100, 50),
        activation: Activation = "relu",
        initialisation: Initialisation = "default",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check(features, classes, combinations, ranks, form, readout, hidden)
        self.config = {
            "features": features,
            "classes": classes,
            "combinations": combinations,
            "ranks": ranks,
            "form": form,
            "summed": summed,
            "minimised": minimised,
            "embedding": embedding,
            "readout": readout if isinstance(readout, str) else list(readout),
            "hidden": list(hidden),
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        self.form, self.ranks = form, ranks
        self.combine = RankCombinations(ranks, combinations, spread=1.0)
        places, channels = 1 + combinations + ranks, 1 + summed + minimised
        weights: PairWeights = (
            TablePairWeights(places, channels)
            if form == "dense"
            else RankPairWeights(places, channels, rank=embedding)
        )
        self.lorentz = LorentzLayer(weights, summed=summed, minimised=minimised)
        width = self.lorentz.out_features
        # combinations have their places and scales, particles are many of a kind
        self.combined_norm = nn.BatchNorm1d((1 + combinations) * width)
        self.particle_norm = nn.BatchNorm1d(width)
        self.by_rank = RankLinear(ranks, width, hidden[0], summed=readout == "rank")
        pooled = 0
        self.pool: Readout | None = None
        if readout != "rank":
            self.pool = Readout(hidden[0], readout)
            pooled = self.pool.out_features
        self.activation = make_activation(activation)
        self.first = nn.Linear((1 + combinations) * width + pooled, hidden[0])
        initialise(self.first.weight, initialisation, activation)
        self.classifier = dense_layers(
            hidden,
            activation=activation,
            initialisation=initialisation,
            dropout=dropout,
            out=classes,
        )
        self.dropout = nn.Dropout(dropout)

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        combined, particles, tables = self.node_features(cloud)
        dtype = self.first.weight.dtype
        row = batch_norm(combined.flatten(1).to(dtype), self.combined_norm)
        particles = batch_norm(particles.to(dtype), self.particle_norm)
        read = self._read(particles, tables, cloud)
        if self.pool is None:
            out = self.first(row) + read
        else:
            out = self.first(torch.cat([row, read.to(row.dtype)], 1))
        logits: Tensor = self.classifier(self.dropout(self.activation(out)))
        return logits

    def node_features(self, cloud: Cloud) -> tuple[Tensor, Tensor, ParticleTables | None]:
        """What the Lorentz layer makes of the nodes, in float64.

        Returns:
            The entries of the sum and the learned combinations, shape (G, 1 + M, F); those of the
            particles, shape (N, F) in the order of falling momentum, graph after graph (dense:
            (G * ranks, F)); and the tables of the particles (dense: None).
        """
        p4 = cloud.p4.double()
        order = momentum_order(p4, cloud.ptr, cloud.plan.total)
        if self.form == "dense":
            entries, special = self._nodes(leading_table(p4, order, cloud.ptr, self.ranks), None)
            return special, entries.flatten(0, 1), None
        tables = ParticleTables.of(cloud.ptr, cloud.plan)
        parts = tables.split(tables.spread(p4.index_select(0, order)))
        found = [
            self._nodes(part, table.inside)
            for part, table in zip(parts, tables.tables, strict=True)
        ]
        if not found:
            width = self.lorentz.out_features
            return p4.new_zeros(0, 1 + self.combine.count, width), p4.new_zeros(0, width), tables
        rows = tables.join([entries for entries, _ in found])
        special = tables.to_batch_order(torch.cat([combined for _, combined in found]))
        return special, rows.index_select(0, tables.places), tables

    def _nodes(self, table: Tensor, inside: Tensor | None) -> tuple[Tensor, Tensor]:
        """Entries of particles and of combinations of some graphs of one table."""
        nodes = torch.cat([table.sum(1, keepdim=True), self.combine(table), table], 1)
        count = 1 + self.combine.count
        if inside is not None:
            inside = torch.cat([inside.new_ones(inside.size(0), count), inside], 1)
        entries = self.lorentz(nodes, inside)
        return entries[:, count:], entries[:, :count]

    def _read(self, particles: Tensor, tables: ParticleTables | None, cloud: Cloud) -> Tensor:
        """One row per graph from the normalised entries of its particles."""
        if tables is None:
            read: Tensor = self.by_rank(particles.view(-1, self.ranks, particles.size(1)))
            return read
        parts = [self.by_rank(part) for part in tables.split(tables.spread(particles))]
        if not parts:
            width = self.by_rank.weight.size(2)
            return particles.new_zeros(0, width if self.pool is None else self.pool.out_features)
        if self.pool is None:
            return tables.to_batch_order(torch.cat(parts))
        rows = self.activation(tables.join(parts).index_select(0, tables.places))
        pooled: Tensor = self.pool(rows.to(particles.dtype), cloud.ptr, cloud.plan)
        return pooled

    def combinations(self) -> CombinationTable:
        """The learned combinations as a table, see :func:`pcgnn.plots.combinations`."""
        weights = self.combine.effective().detach().cpu().double().numpy()
        return CombinationTable.of(
            self.name or "LoLa", {"combination": weights}, shared=self.form == "messages"
        )


def _check(
    features: int,
    classes: int,
    combinations: int,
    ranks: int,
    form: str,
    readout: object,
    hidden: Sequence[int],
) -> None:
    if min([features, classes, combinations, ranks, *hidden], default=0) < 1 or not hidden:
        raise ConfigError(
            f"features = {features}, classes = {classes}, combinations = {combinations}, ranks = "
            f"{ranks}, hidden = {list(hidden)}",
            remedy="all must be at least 1, with at least one hidden layer",
        )
    if form not in get_args(Form):
        raise ConfigError(f"form = {form!r}", remedy="choose 'messages' or 'dense'")
    if form == "dense" and readout != "rank":
        raise ConfigError(
            f"readout = {readout!r} in the dense form",
            remedy="particles side by side have readout='rank'",
        )
