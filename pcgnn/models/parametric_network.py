"""Dense networks that depend on the parameters of a signal hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias

from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.conditioning import Condition
from pcgnn.nn.dense import Dense

__all__ = ["ParametricNetwork"]

Parametrisation: TypeAlias = Literal["input", "concatenate", "bias", "scale", "affine"]


class ParametricNetwork(CloudModel):
    r"""Parametric neural network (pNN): one network for all masses of a signal.

    The last ``parameters`` columns of x are the parameters of the hypothesis under which an event
    is looked at (for background events any), the others its variables. "input", as in
    `arXiv:1601.07913 <https://arxiv.org/abs/1601.07913>`__ (model "pnn"), gives them to the first
    layer like variables; otherwise (model "affine-pnn", `arXiv:2202.00424
    <https://arxiv.org/abs/2202.00424>`__) a :class:`pcgnn.nn.Condition` stands behind each hidden
    layer,

    .. math::
        h_{l+1} = \mathrm{dropout}\big(\mathrm{cond}_l(\sigma(W_l h_l + b_l), m)\big)

    Args:
        features: columns of x, the parameters included.
        classes: number of classes.
        parameters: how many of the columns, the last ones, are parameters.
        conditioning: "input", "concatenate", "bias", "scale" or "affine".
        widths: of the hidden layers.
        activation: see :func:`pcgnn.nn.make_activation`.
        initialisation: of the weights of the layers, see :func:`pcgnn.nn.initialise`.
        dropout: behind each hidden layer.

    **Shapes:** x (G, features) -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, no variables beside the parameters, an unknown name.

    Example:
        >>> ParametricNetwork(28).num_parameters
        76202
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x"})
    one_row: ClassVar[bool] = True

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        parameters: int = 1,
        conditioning: Parametrisation = "affine",
        widths: Sequence[int] = (300, 150, 100, 50),
        activation: Activation = "relu",
        initialisation: Initialisation = "default",
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        if min(features - parameters, classes, parameters, *widths, len(widths)) < 1:
            raise ConfigError(
                f"features = {features}, classes = {classes}, parameters = {parameters}, widths = "
                f"{list(widths)}",
                remedy="all must be at least 1, and there must be more features than parameters",
            )
        self.config = {
            "features": features,
            "classes": classes,
            "parameters": parameters,
            "conditioning": conditioning,
            "widths": list(widths),
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        self.parameters_ = parameters
        conditioned = conditioning != "input"
        inputs = features - parameters if conditioned else features
        self.conditioned = conditioned
        self.layers = nn.ModuleList()
        self.conditions = nn.ModuleList()
        for width in widths:
            self.layers.append(
                Dense(inputs, width, activation=activation, initialisation=initialisation)
            )
            if conditioning != "input":
                self.conditions.append(Condition(width, parameters, conditioning))
            inputs = width
        self.dropout = nn.Dropout(dropout)
        self.out = Dense(inputs, classes, activation=None, initialisation=initialisation)

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        x = cloud.x
        m = x[:, -self.parameters_ :]
        if self.conditioned:
            x = x[:, : -self.parameters_]
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if self.conditioned:
                x = self.conditions[number](x, m)
            x = self.dropout(x)
        logits: Tensor = self.out(x)
        return logits
