"""Interaction network on all pairs of particles of a jet (JEDI-net)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.pair_sum import PairSum
from pcgnn.nn.readout import Pooling, Readout

__all__ = ["JetInteractionNetwork"]


class JetInteractionNetwork(CloudModel):
    r"""Interaction network for jets (JEDI-net).

    From "JEDI-net: a jet identification algorithm based on interaction networks"
    (`arXiv:1908.05318 <https://arxiv.org/abs/1908.05318>`__): every particle receives a message
    from every other one of its jet, what a particle makes of itself and of these is summed over the
    jet, and that sum is classified,

    .. math::
        \phi_C\Big(\sum_i f_O\big(x_i, \sum_{j \ne i} f_R(x_i, x_j)\big)\Big)

    This is the published form that sums over particles and so does not depend on their order. The
    defaults are those of the authors' code for 150 particles. A jet has as many pairs as it needs:
    it is neither cut nor padded, where the published network sends messages from and to the empty
    places as well.

    Args:
        features: features per particle.
        classes: number of classes.
        relation: widths of the layers of f_R.
        objects: widths of the layers of f_O.
        classifier: widths of the hidden layers of phi_C.
        readout: "sum" as published, "mean", "max", "min", "std", "attention" or several of them.
        activation: of the layers of f_R, f_O and phi_C, or one name for all three; see
            :func:`pcgnn.nn.make_activation`. It stands behind every layer but that of the logits.
        initialisation: of all weights, see :func:`pcgnn.nn.initialise`.

    **Shapes:** x (N, features) -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, a network without layers, or an unknown readout, activation or
            initialisation.

    Example:
        >>> JetInteractionNetwork(16, 5).num_parameters
        5947
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        relation: Sequence[int] = (40, 20, 10),
        objects: Sequence[int] = (40, 20, 12),
        classifier: Sequence[int] = (40, 20),
        readout: Pooling | Sequence[Pooling] = "sum",
        activation: Activation | tuple[Activation, Activation, Activation] = (
            "selu",
            "relu",
            "selu",
        ),
        initialisation: Initialisation = "default",
    ) -> None:
        super().__init__()
        if min(features, classes) < 1 or not relation or not objects:
            raise ConfigError(
                f"features = {features}, classes = {classes}, relation = {list(relation)}, "
                f"objects = {list(objects)}",
                remedy="features and classes are at least 1, f_R and f_O have a layer each",
            )
        each = [activation] * 3 if isinstance(activation, str) else list(activation)
        if len(each) != 3:
            raise ConfigError(
                f"activation = {activation!r}", remedy="give one for f_R, f_O and phi_C each"
            )
        self.config = {
            "features": features,
            "classes": classes,
            "relation": list(relation),
            "objects": list(objects),
            "classifier": list(classifier),
            "readout": readout if isinstance(readout, str) else list(readout),
            "activation": each,
            "initialisation": initialisation,
        }
        self.relation = PairSum(
            features, relation, activation=each[0], initialisation=initialisation
        )
        self.objects = dense_layers(
            [features + relation[-1], *objects], activation=each[1], initialisation=initialisation
        )
        self.pool = Readout(objects[-1], readout)
        self.classifier = dense_layers(
            [self.pool.out_features, *classifier],
            activation=each[2],
            initialisation=initialisation,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        plan = self.relation.plan(cloud.ptr, cloud.plan)
        sums = self.relation(cloud.x.index_select(0, plan.order), plan)
        received = torch.zeros_like(sums).index_copy(0, plan.order, sums)
        made = self.objects(torch.cat([cloud.x, received], 1))
        if made.dtype in (torch.bfloat16, torch.float16):
            made = made.float()  # a sum in half precision loses the later particles
        logits: Tensor = self.classifier(self.pool(made, cloud.ptr, cloud.plan))
        return logits
