"""Deep sets for jets: Particle Flow Network and Energy Flow Network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.conditioning import Conditioning, ConditionPlace, Conditions
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.readout import Pooling, Readout
from pcgnn.ops.lorentz import pt
from pcgnn.ops.ragged import graph_index
from pcgnn.ops.segments import segment_reduce

__all__ = ["EnergyFlowNetwork", "ParticleFlowNetwork"]

_TYPICAL = 32.0


class ParticleFlowNetwork(CloudModel):
    r"""Particle Flow Network (PFN).

    From "Energy Flow Networks: Deep Sets for Particle Jets" (`arXiv:1810.05165
    <https://arxiv.org/abs/1810.05165>`__): a network for each particle, a sum over the particles, a
    network for the jet,

    .. math::
        F\Big(\sum_i \Phi(x_i)\Big)

    The sum over the particles is divided by a fixed 32, some number of particles, so that the
    layers behind it start with numbers of order one; F may undo it. The defaults are the published
    network (82k parameters for four features and two classes).

    Args:
        features: features per particle.
        classes: number of classes.
        phi: widths of the layers of Phi.
        f: widths of the hidden layers of F.
        readout: "sum" as published, "mean", "max", "min", "std", "attention" or several of them.
        activation: of all layers but the last, see :func:`pcgnn.nn.make_activation`.
        initialisation: of all weights, see :func:`pcgnn.nn.initialise`.
        dropout: in the hidden layers of F.
        parameters: how many of the features, the last ones, are parameters of a signal hypothesis,
            see :class:`pcgnn.nn.Conditions`; 0 for none.
        conditioning: how they enter: "concatenate", "bias", "scale" or "affine".
        condition_at: where they enter: "readout", the sum, or "blocks" for Phi and the sum.

    **Shapes:** x (N, features) -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, no layers in Phi, or an unknown readout, activation or
            initialisation.

    Example:
        >>> ParticleFlowNetwork(4).num_parameters
        82558
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        phi: Sequence[int] = (100, 100, 256),
        f: Sequence[int] = (100, 100, 100),
        readout: Pooling | Sequence[Pooling] = "sum",
        activation: Activation = "relu",
        initialisation: Initialisation = "he-uniform",
        dropout: float = 0.0,
        parameters: int = 0,
        conditioning: Conditioning = "affine",
        condition_at: ConditionPlace = "readout",
    ) -> None:
        super().__init__()
        _check_sizes(features - parameters, classes, phi, f)
        self.config = {
            "features": features,
            "classes": classes,
            "phi": list(phi),
            "f": list(f),
            "readout": readout if isinstance(readout, str) else list(readout),
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
            "parameters": parameters,
            "conditioning": conditioning,
            "condition_at": condition_at,
        }
        self.phi = dense_layers(
            [features - parameters, *phi], activation=activation, initialisation=initialisation
        )
        self.pool = Readout(phi[-1], readout)
        self.conditions = Conditions(
            parameters, conditioning, condition_at, blocks=phi[-1:], readout=self.pool.out_features
        )
        self.f = dense_layers(
            [self.pool.out_features, *f],
            activation=activation,
            initialisation=initialisation,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        x, hypothesis = self.conditions.split(cloud.x, cloud.ptr)
        graph = graph_index(cloud.ptr, cloud.plan.total)
        seen = self.conditions.block(0, self.phi(x), hypothesis, graph)
        pooled = self.pool(_wide(seen), cloud.ptr, cloud.plan)
        pooled = pooled / _TYPICAL if self.pool.names == ["sum"] else pooled
        logits: Tensor = self.f(self.conditions.readout(pooled, hypothesis))
        return logits


class EnergyFlowNetwork(CloudModel):
    r"""Energy Flow Network (EFN): infrared and collinear safe by construction.

    From "Energy Flow Networks: Deep Sets for Particle Jets" (`arXiv:1810.05165
    <https://arxiv.org/abs/1810.05165>`__): a particle is seen through its direction and weighted by
    its momentum fraction,

    .. math::
        F\Big(\sum_i z_i\, \Phi(\hat p_i)\Big), \qquad z_i = p_{T,i} \Big/ \sum_j p_{T,j}

    A particle of vanishing momentum and the splitting of a particle into collinear ones leave the
    logits as they are, which holds for this sum alone: there is no other readout. Directions are
    ``pos``, best eta and phi relative to the jet axis, and that axis must itself be safe. Features
    are not read. A jet without any transverse momentum has all fractions 0.

    Args:
        features: features per particle of the clouds; not read.
        classes: number of classes.
        directions: columns of ``pos``.
        phi: widths of the layers of Phi.
        f: widths of the hidden layers of F.
        activation: of all layers but the last, see :func:`pcgnn.nn.make_activation`.
        initialisation: of all weights, see :func:`pcgnn.nn.initialise`.
        dropout: in the hidden layers of F.

    **Shapes:** pos (N, directions) in rad, p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, no layers in Phi, or an unknown activation or initialisation.

    Example:
        >>> EnergyFlowNetwork(7).num_parameters
        82358
    """

    needs: ClassVar[frozenset[str]] = frozenset({"pos", "p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        directions: int = 2,
        phi: Sequence[int] = (100, 100, 256),
        f: Sequence[int] = (100, 100, 100),
        activation: Activation = "relu",
        initialisation: Initialisation = "he-uniform",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_sizes(features, classes, phi, f)
        if directions < 1:
            raise ConfigError(
                f"directions = {directions}", remedy="it is the number of columns of pos"
            )
        self.config = {
            "features": features,
            "classes": classes,
            "directions": directions,
            "phi": list(phi),
            "f": list(f),
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        self.directions = directions
        self.phi = dense_layers(
            [directions, *phi], activation=activation, initialisation=initialisation
        )
        self.f = dense_layers(
            [phi[-1], *f],
            activation=activation,
            initialisation=initialisation,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes).

        Raises:
            DataError: if ``pos`` has other columns than the model was made for.
        """
        if cloud.pos.size(1) != self.directions:
            raise DataError(
                f"the model was made for {self.directions} directions, pos has "
                f"{cloud.pos.size(1)} columns",
                remedy=f"create it with directions={cloud.pos.size(1)}",
            )
        seen = _wide(self.phi(cloud.pos))
        z = _fractions(cloud).to(seen.dtype)[:, None]
        logits: Tensor = self.f(segment_reduce(z * seen, cloud.ptr, "sum"))
        return logits


def _fractions(cloud: Cloud) -> Tensor:
    """Momentum fraction of each particle, in float64, shape (N,)."""
    momentum = pt(cloud.p4.double())
    total = segment_reduce(momentum, cloud.ptr, "sum")
    total = torch.where(total > 0, total, 1.0)
    return momentum / total.index_select(0, graph_index(cloud.ptr, cloud.plan.total))


def _wide(h: Tensor) -> Tensor:
    """Values to be summed over particles: half precision would lose the later ones of a jet."""
    return h.float() if h.dtype in (torch.bfloat16, torch.float16) else h


def _check_sizes(features: int, classes: int, phi: Sequence[int], f: Sequence[int]) -> None:
    if min(features, classes) < 1:
        raise ConfigError(f"features and classes must be at least 1, got {features}, {classes}")
    if not phi or min([*phi, *f]) < 1:
        raise ConfigError(
            f"phi = {list(phi)}, f = {list(f)}",
            remedy="give widths of at least 1, and at least one for phi",
        )
