"""DeepJet: convolutions over particles, an LSTM along them, dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.batch_norm import batch_norm
from pcgnn.nn.dense import Dense, dense_layers
from pcgnn.nn.sequence import SequenceLSTM, momentum_order

__all__ = ["DeepJet"]


class DeepJet(CloudModel):
    r"""DeepJet on a single class of constituents.

    After "Jet flavour classification using DeepJet" (`arXiv:2008.10519
    <https://arxiv.org/abs/2008.10519>`__): convolutions of size 1, which are one network for each
    particle, of widths 64, 32, 32 and 8; an LSTM (:class:`pcgnn.nn.SequenceLSTM`) of width 150; one
    dense layer of 200 and seven of 100,

    .. math::
        D\big(\mathrm{LSTM}(C(x_1), \dots, C(x_n))\big)

    The features go through a batch norm first. Batch norm and dropout stand behind every layer but
    the last convolution and the logits, in this order and after the activation.

    What differs from the published network: there is one class of constituents, treated as its
    charged candidates are, where the published one has branches for charged and neutral
    candidates and secondary vertices; there are no features of the whole jet; particles are
    ordered by transverse momentum, not by the significance of their displacement, and none is left
    out beyond the 25th; the batch norms have torch's momentum; the weights of convolutions and
    dense layers begin as torch's do.

    Args:
        features: features per particle.
        classes: number of classes.
        convolutions: widths of the convolutions.
        hidden: width of the LSTM's state.
        dense: widths of the dense layers.
        dropout: probability to drop an output in training.
        hardest_first: whether momenta fall along the sequence. As published they do not: the most
            important particle comes last and acts on the state most directly.
        norm: whether there are batch norms.
        activation: of convolutions and dense layers, see :func:`pcgnn.nn.make_activation`.
        initialisation: of their weights, see :func:`pcgnn.nn.initialise`.

    **Shapes:** x (N, features), p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, no convolution, a dropout outside [0, 1), or an unknown
            activation or initialisation.

    Example:
        >>> DeepJet(7).num_parameters
        213384
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x", "p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        convolutions: Sequence[int] = (64, 32, 32, 8),
        hidden: int = 150,
        dense: Sequence[int] = (200, 100, 100, 100, 100, 100, 100, 100),
        dropout: float = 0.1,
        hardest_first: bool = False,
        norm: bool = True,
        activation: Activation = "relu",
        initialisation: Initialisation = "default",
    ) -> None:
        super().__init__()
        if min(features, classes, hidden) < 1 or not convolutions:
            raise ConfigError(
                f"features = {features}, classes = {classes}, hidden = {hidden}, convolutions = "
                f"{list(convolutions)}",
                remedy="all must be at least 1, with at least one convolution",
            )
        self.config = {
            "features": features,
            "classes": classes,
            "convolutions": list(convolutions),
            "hidden": hidden,
            "dense": list(dense),
            "dropout": dropout,
            "hardest_first": hardest_first,
            "norm": norm,
            "activation": activation,
            "initialisation": initialisation,
        }
        self.hardest_first = hardest_first
        self.input_norm = nn.BatchNorm1d(features) if norm else None
        *widths, last = [features, *convolutions]
        self.convolutions = dense_layers(
            widths,
            activation=activation,
            initialisation=initialisation,
            norm=norm,
            dropout=dropout,
        )
        self.convolutions.append(
            Dense(widths[-1], last, activation=activation, initialisation=initialisation)
        )
        self.lstm = SequenceLSTM(last, hidden)
        self.state_norm = nn.BatchNorm1d(hidden) if norm else None
        self.state_dropout = nn.Dropout(dropout)
        self.dense = dense_layers(
            [hidden, *dense],
            activation=activation,
            initialisation=initialisation,
            norm=norm,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        x = cloud.x if self.input_norm is None else batch_norm(cloud.x, self.input_norm)
        order = momentum_order(
            cloud.p4, cloud.ptr, cloud.plan.total, hardest_first=self.hardest_first
        )
        state = self.lstm(self.convolutions(x), order, cloud.ptr, cloud.plan)
        if self.state_norm is not None:
            state = batch_norm(state, self.state_norm)
        logits: Tensor = self.dense(self.state_dropout(state))
        return logits
