"""LorentzNet: a Lorentz group equivariant network for jet tagging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.conditioning import Conditioning, ConditionPlace, Conditions
from pcgnn.nn.lorentz_block import LorentzBlock
from pcgnn.nn.pair_messages import CoordinateUpdate
from pcgnn.nn.readout import Pooling, Readout
from pcgnn.ops.lorentz import mass_squared
from pcgnn.ops.pairs import PairPlan
from pcgnn.ops.ragged import graph_index

__all__ = ["LorentzNet"]


class LorentzNet(CloudModel):
    r"""LorentzNet.

    From "An efficient Lorentz equivariant graph neural network for jet tagging" (`arXiv:2201.08187
    <https://arxiv.org/abs/2201.08187>`__): every particle of a jet exchanges messages with every
    other one (:class:`pcgnn.nn.LorentzBlock`), the messages depend on four-vectors through
    :math:`|x_i - x_j|^2` and :math:`\langle x_i, x_j \rangle` alone, and the four-vectors take
    steps along their differences. The scalars of all particles are pooled and classified.

    Scalars are :math:`\psi(m)` of the particles, with m = sqrt(abs(E^2 - p^2)) computed in float64,
    and, if wanted, features that must themselves be invariant, such as a one-hot of the particle's
    kind. With ``beams`` two further particles (sqrt2, 0, 0, +-1) stand for the proton beams: they
    break the symmetry down to rotations about the beam axis and boosts along it, unless they are
    transformed together with the jet. Their :math:`\psi(m)` is a scalar of its own.

    The defaults are the published network for top tagging (224k parameters).

    Args:
        features: features per particle, read with ``use_features`` alone.
        classes: number of classes.
        hidden: width of all layers.
        blocks: number of blocks.
        c_weight: size of the steps of four-vectors: 5e-3 for top tagging, 1e-3 for quark-gluon.
        dropout: in the classifier.
        beams: whether the two beams are among the particles.
        mass: whether the masses are among the scalars.
        use_features: whether the features are among the scalars.
        coordinate_update: steps along the "difference" of four-vectors or the partner's "vector".
        readout: "mean", "sum", "max", "min", "std", "attention" or several of them; or
            "padded_mean": the sum divided by the length to which a batch was padded, which is
            what the published implementation does and why its score of a jet depends on the batch.
        padded_length: the divisor of "padded_mean", beams counted; None takes the largest graph of
            the batch.
        parameters: how many of the features, the last ones, are parameters of a signal hypothesis,
            see :class:`pcgnn.nn.Conditions`; 0 for none.
        conditioning: how they enter: "concatenate", "bias", "scale" or "affine".
        condition_at: where they enter: "readout", or "blocks" for each block and the readout.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV, x (N, features) -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, no scalars at all, or an unknown readout.

    Example:
        >>> LorentzNet(7).num_parameters
        224072
    """

    needs: ClassVar[frozenset[str]] = frozenset({"p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        hidden: int = 72,
        blocks: int = 6,
        c_weight: float = 5e-3,
        dropout: float = 0.2,
        beams: bool = True,
        mass: bool = True,
        use_features: bool = False,
        coordinate_update: CoordinateUpdate = "difference",
        readout: Pooling | Sequence[Pooling] | Literal["padded_mean"] = "mean",
        padded_length: int | None = None,
        parameters: int = 0,
        conditioning: Conditioning = "affine",
        condition_at: ConditionPlace = "readout",
    ) -> None:
        super().__init__()
        own = features - parameters
        if min(features, classes, hidden, blocks) < 1 or (use_features and own < 1):
            raise ConfigError("features, classes, hidden and blocks must be at least 1")
        if not (mass or use_features or beams):
            raise ConfigError(
                "LorentzNet has no scalars to begin with",
                remedy="take mass, use_features or beams",
            )
        if coordinate_update not in ("difference", "vector"):
            raise ConfigError(
                f"coordinate_update = {coordinate_update!r}",
                remedy="choose 'difference' or 'vector'",
            )
        if padded_length is not None and (readout != "padded_mean" or padded_length < 1):
            raise ConfigError(
                f"padded_length = {padded_length} with readout = {readout!r}",
                remedy="it is the positive divisor of readout='padded_mean'",
            )
        self.config = {
            "features": features,
            "classes": classes,
            "hidden": hidden,
            "blocks": blocks,
            "c_weight": c_weight,
            "dropout": dropout,
            "beams": beams,
            "mass": mass,
            "use_features": use_features,
            "coordinate_update": coordinate_update,
            "readout": readout if isinstance(readout, str) else list(readout),
            "padded_length": padded_length,
            "parameters": parameters,
            "conditioning": conditioning,
            "condition_at": condition_at,
        }
        if use_features or parameters:
            self.needs = frozenset({"p4", "x"})  # type: ignore[misc]
        self.beams, self.mass, self.use_features = beams, mass, use_features
        self.padded, self.padded_length = readout == "padded_mean", padded_length
        scalars = int(mass) + (own if use_features else 0) + int(beams)
        self.embedding = nn.Linear(scalars, hidden)
        self.blocks = nn.ModuleList(
            LorentzBlock(
                hidden,
                scalars,
                c_weight=c_weight,
                last=number == blocks - 1,
                update=coordinate_update,
            )
            for number in range(blocks)
        )
        self.pool: Readout | None = None
        if readout != "padded_mean":
            self.pool = Readout(hidden, readout)
        width = hidden if self.pool is None else self.pool.out_features
        self.conditions = Conditions(
            parameters, conditioning, condition_at, blocks=[hidden] * blocks, readout=width
        )
        self.classifier = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)
        )

    @property
    def has_beams(self) -> bool:
        """Whether the two beams are among the particles."""
        return self.beams

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        features, hypothesis = None, None
        if "x" in self.needs:
            features, hypothesis = self.conditions.split(cloud.x, cloud.ptr)
        x, s, ptr = self._particles(cloud, features)
        added = 2 if self.beams else 0
        plan = PairPlan.of(ptr, cloud.plan, added=added)
        x, s = x.index_select(0, plan.order), s.index_select(0, plan.order)
        if hypothesis is not None:
            hypothesis = hypothesis.index_select(0, plan.by_size)
        h = self.embedding(s)
        for number, block in enumerate(self.blocks):
            h, x = block(h, x, s, plan)
            h = self.conditions.block(number, h, hypothesis, plan.graph)
        graphs = plan.ptr.numel() - 1
        if self.pool is None:
            length = self.padded_length
            length = cloud.plan.max_size + added if length is None else length
            pooled = h.new_zeros(graphs, h.size(1)).index_add(0, plan.graph, h) / length
        else:
            pooled = self.pool(h, plan.ptr)
        pooled = self.conditions.readout(pooled, hypothesis)
        logits: Tensor = self.classifier(plan.to_batch_order(pooled))
        return logits

    def _particles(self, cloud: Cloud, features: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Four-vectors in float64, scalars and offsets of all particles, beams among them."""
        p4 = cloud.p4.double()
        dtype = self.embedding.weight.dtype
        columns = [_compressed_mass(p4)[:, None].to(dtype)] if self.mass else []
        if self.use_features and features is not None:
            columns.append(features.to(dtype))
        if not self.beams:
            return p4, torch.cat(columns, 1), cloud.ptr
        beams = self._beams(p4)
        beam_scalar = _compressed_mass(beams).to(dtype)
        graphs, total = cloud.plan.num_graphs, cloud.plan.total
        first = 2 * torch.arange(graphs, device=p4.device) + cloud.ptr[:-1]
        graph = graph_index(cloud.ptr, total)
        places = torch.arange(total, device=p4.device) + 2 * (graph + 1)
        width = sum(column.size(1) for column in columns) + 1
        x = p4.new_zeros(total + 2 * graphs, 4)
        s = p4.new_zeros(total + 2 * graphs, width, dtype=dtype)
        x = x.index_copy(0, places, p4)
        zero = p4.new_zeros(total, 1, dtype=dtype)
        s = s.index_copy(0, places, torch.cat([*columns, zero], 1))
        for number in range(2):
            where = first + number
            x = x.index_copy(0, where, beams[number].expand(graphs, 4))
            row = torch.cat([s.new_zeros(width - 1), beam_scalar[number : number + 1]])
            s = s.index_copy(0, where, row.expand(graphs, width))
        ptr = cloud.ptr + 2 * torch.arange(graphs + 1, device=p4.device)
        return x, s, ptr

    def _beams(self, like: Tensor) -> Tensor:
        """Four-vectors of the two beams, in the frame of the model, shape (2, 4)."""
        beams = like.new_zeros(2, 4)
        beams[:, 0].fill_(2**0.5)
        beams[0, 3].fill_(1.0)
        beams[1, 3].fill_(-1.0)
        return beams if self.frame is None else beams @ self.frame.to(beams).t()


def _compressed_mass(p4: Tensor) -> Tensor:
    """Compute ln(1 + sqrt(|m^2|)): float32 input leaves half of the light ones with m^2 < 0."""
    squared = mass_squared(p4).abs()
    positive = squared > 0
    # where, twice: the root has no gradient at 0
    root = torch.where(positive, squared, 1.0).sqrt()
    return torch.where(positive, root, 0.0).log1p()
