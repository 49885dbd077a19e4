"""An LSTM on the particles of a jet in the order of their momenta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.sequence import SequenceLSTM, momentum_order

__all__ = ["LSTMTagger"]


class LSTMTagger(CloudModel):
    r"""LSTM on jet constituents.

    After "Long Short-Term Memory (LSTM) networks with jet constituents for boosted top tagging at
    the LHC" (`arXiv:1711.09059 <https://arxiv.org/abs/1711.09059>`__): the particles of a jet pass
    one after the other through an LSTM (:class:`pcgnn.nn.SequenceLSTM`) of width 128, whose last
    state goes through a dense layer of 64,

    .. math::
        \mathrm{MLP}(h_n), \qquad h_t = \mathrm{LSTM}(x_t, h_{t-1}), \quad
        p_{T,1} \le p_{T,2} \le \dots \le p_{T,n}

    The model sorts the particles itself, by transverse momentum; the order they come in does not
    matter. Equal momenta follow the canonical order of the particles. The paper's best order is
    another one, that of the jet's clustering history; no particle is left out here.

    Args:
        features: features per particle.
        classes: number of classes.
        hidden: width of the state.
        classifier: widths of the hidden dense layers.
        hardest_first: whether momenta fall along the sequence. By default they rise: the last
            particles act on the state most directly, and training gets ahead faster.
        activation: of the dense layers, see :func:`pcgnn.nn.make_activation`.
        initialisation: of the dense layers, see :func:`pcgnn.nn.initialise`; for the LSTM see
            :class:`pcgnn.nn.SequenceLSTM`.
        dropout: in the dense layers.

    **Shapes:** x (N, features), p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, or an unknown activation or initialisation.

    Example:
        >>> LSTMTagger(7).num_parameters
        78530
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x", "p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        hidden: int = 128,
        classifier: Sequence[int] = (64,),
        hardest_first: bool = False,
        activation: Activation = "relu",
        initialisation: Initialisation = "default",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(features, classes, hidden) < 1:
            raise ConfigError(
                f"features = {features}, classes = {classes}, hidden = {hidden}",
                remedy="all must be at least 1",
            )
        self.config = {
            "features": features,
            "classes": classes,
            "hidden": hidden,
            "classifier": list(classifier),
            "hardest_first": hardest_first,
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        self.hardest_first = hardest_first
        self.lstm = SequenceLSTM(features, hidden)
        self.classifier = dense_layers(
            [hidden, *classifier],
            activation=activation,
            initialisation=initialisation,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        order = momentum_order(
            cloud.p4, cloud.ptr, cloud.plan.total, hardest_first=self.hardest_first
        )
        logits: Tensor = self.classifier(self.lstm(cloud.x, order, cloud.ptr, cloud.plan))
        return logits
