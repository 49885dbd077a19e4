"""A dense network on variables of the whole jet or event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.dense import dense_layers

__all__ = ["DenseNetwork"]


class DenseNetwork(CloudModel):
    r"""Dense network on one row of variables per graph.

    The baseline of tagging (for example `arXiv:1704.02124 <https://arxiv.org/abs/1704.02124>`__ and
    the event classifiers of `arXiv:1402.4735 <https://arxiv.org/abs/1402.4735>`__),

    .. math::
        W_L\, \sigma(W_{L-1} \cdots \sigma(W_1 x + b_1)) + b_L

    The rows come from a feature definition with ``rows="graph"``, such as "high-level".

    Args:
        features: variables per graph.
        classes: number of classes.
        widths: of the hidden layers.
        norm: whether the hidden layers have a batch norm.
        activation: see :func:`pcgnn.nn.make_activation`.
        initialisation: of all weights, see :func:`pcgnn.nn.initialise`.
        dropout: in the hidden layers.

    **Shapes:** x (G, features) -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, no hidden layer, an unknown activation or initialisation.

    Example:
        >>> DenseNetwork(17).num_parameters
        14402
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x"})
    one_row: ClassVar[bool] = True

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        widths: Sequence[int] = (100, 100),
        norm: bool = False,
        activation: Activation = "relu",
        initialisation: Initialisation = "default",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(features, classes, *widths, len(widths)) < 1:
            raise ConfigError(
                f"features = {features}, classes = {classes}, widths = {list(widths)}",
                remedy="all must be at least 1, and there is at least one hidden layer",
            )
        self.config = {
            "features": features,
            "classes": classes,
            "widths": list(widths),
            "norm": norm,
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        self.layers = dense_layers(
            [features, *widths],
            activation=activation,
            initialisation=initialisation,
            norm=norm,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        logits: Tensor = self.layers(cloud.x)
        return logits
