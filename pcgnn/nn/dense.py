"""Dense layers with an activation, batch norm and dropout behind them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.nn.activations import Activation, Initialisation, initialise, make_activation
from pcgnn.nn.batch_norm import batch_norm

__all__ = ["Dense", "dense_layers"]


class Dense(nn.Module):
    """One layer: linear, activation, batch norm, dropout, of which all but the first may be absent.

    Args:
        inputs: width of the input.
        outputs: width of the output.
        activation: see :func:`pcgnn.nn.make_activation`; None for none.
        initialisation: of the weights, see :func:`pcgnn.nn.initialise`; all but "default" put the
            biases to 0.
        norm: whether there is a batch norm.
        dropout: probability to drop an output in training.

    **Shapes:** (rows, inputs) -> (rows, outputs).

    Raises:
        ConfigError: widths below 1, a dropout outside [0, 1), or names that do not exist.

    Example:
        >>> import torch
        >>> Dense(3, 2, activation="tanh", norm=True)(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        activation: Activation | None = "relu",
        initialisation: Initialisation = "default",
        norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(inputs, outputs) < 1:
            raise ConfigError(
                f"a dense layer of {inputs} inputs and {outputs} outputs",
                remedy="all widths must be at least 1",
            )
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout = {dropout}", remedy="it is a probability below 1")
        self.linear = nn.Linear(inputs, outputs)
        initialise(self.linear.weight, initialisation, activation)
        if initialisation != "default":
            nn.init.zeros_(self.linear.bias)
        self.activation = None if activation is None else make_activation(activation)
        self.norm = nn.BatchNorm1d(outputs) if norm else None
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = self.linear(x)
        if self.activation is not None:
            x = self.activation(x)
        if self.norm is not None:
            x = batch_norm(x, self.norm)
        if self.dropout is not None:
            x = self.dropout(x)
        return x


def dense_layers(
    widths: Sequence[int],
    *,
    activation: Activation = "relu",
    initialisation: Initialisation = "default",
    norm: bool = False,
    dropout: float = 0.0,
    out: int | None = None,
) -> nn.Sequential:
    """Stack dense layers.

    Args:
        widths: width of the input, then of each layer.
        activation: of these layers.
        initialisation: of all layers.
        norm: whether these layers have a batch norm.
        dropout: of these layers.
        out: width of one more layer, which is linear alone; None for none.

    **Shapes:** (rows, widths[0]) -> (rows, out or widths[-1]).

    Raises:
        ConfigError: see :class:`Dense`.

    Example:
        >>> import torch
        >>> dense_layers([3, 8, 8], out=2)(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """
    layers = [
        Dense(
            widths[number],
            widths[number + 1],
            activation=activation,
            initialisation=initialisation,
            norm=norm,
            dropout=dropout,
        )
        for number in range(len(widths) - 1)
    ]
    if out is not None:
        layers.append(Dense(widths[-1], out, activation=None, initialisation=initialisation))
    return nn.Sequential(*layers)
