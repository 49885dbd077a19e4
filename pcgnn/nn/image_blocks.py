"""Layers on images: convolution with what follows it, residual block."""

from __future__ import annotations

from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.nn.activations import Activation, Initialisation, initialise, make_activation

__all__ = ["ImageConv", "ResidualBlock"]


class ImageConv(nn.Module):
    r"""Convolution over the pixels, batch norm if wanted, activation if wanted.

    .. math::
        y_{o,rc} = b_o + \sum_{i,\,|a|, |b| \le k/2} W_{oi,ab}\; x_{i,\,r+a,\,c+b}

    with zeros around the image, so that it keeps its size; with a stride s only every s-th row and
    column are computed.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        kernel: pixels a side of the kernel, an odd number.
        stride: step between the pixels computed.
        activation: see :func:`pcgnn.nn.make_activation`; None for none.
        initialisation: of the weights, see :func:`pcgnn.nn.initialise`; all but "default" put the
            biases to 0.
        norm: whether there is a batch norm, before the activation.

    **Shapes:** (G, inputs, H, W) -> (G, outputs, ceil(H / stride), ceil(W / stride)).

    Raises:
        ConfigError: sizes below 1, an even kernel, or names that do not exist.

    Example:
        >>> import torch
        >>> ImageConv(1, 8, stride=2)(torch.randn(3, 1, 40, 40)).shape
        torch.Size([3, 8, 20, 20])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: Activation | None = "relu",
        initialisation: Initialisation = "default",
        norm: bool = False,
    ) -> None:
        super().__init__()
        if min(inputs, outputs, kernel, stride) < 1:
            raise ConfigError(
                f"a convolution of {inputs} to {outputs} channels, kernel {kernel}, "
                f"stride {stride}",
                remedy="all must be at least 1",
            )
        if kernel % 2 == 0:
            raise ConfigError(f"kernel = {kernel}", remedy="an odd one has a pixel in its middle")
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=not norm
        )
        initialise(self.conv.weight, initialisation, activation)
        if self.conv.bias is not None and initialisation != "default":
            nn.init.zeros_(self.conv.bias)
        self.norm = nn.BatchNorm2d(outputs) if norm else None
        self.activation = None if activation is None else make_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return x if self.activation is None else self.activation(x)


class ResidualBlock(nn.Module):
    r"""Two convolutions and a way around them.

    From "Deep Residual Learning for Image Recognition" (`arXiv:1512.03385
    <https://arxiv.org/abs/1512.03385>`__):

    .. math::
        y = \sigma\big(F(x) + S(x)\big), \qquad
        F = \mathrm{BN} \circ C_2 \circ \sigma \circ \mathrm{BN} \circ C_1

    S is the identity, or a convolution of one pixel with batch norm where the channels or the size
    change.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        kernel: pixels a side of both kernels, an odd number.
        stride: of the first convolution and of S.
        activation: see :func:`pcgnn.nn.make_activation`.
        initialisation: of the weights, see :func:`pcgnn.nn.initialise`.

    **Shapes:** (G, inputs, H, W) -> (G, outputs, ceil(H / stride), ceil(W / stride)).

    Raises:
        ConfigError: sizes below 1, an even kernel, or names that do not exist.

    Example:
        >>> import torch
        >>> ResidualBlock(8, 16, stride=2)(torch.randn(3, 8, 20, 20)).shape
        torch.Size([3, 16, 10, 10])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: Activation = "relu",
        initialisation: Initialisation = "default",
    ) -> None:
        super().__init__()
        self.first = ImageConv(
            inputs,
            outputs,
            kernel=kernel,
            stride=stride,
            activation=activation,
            initialisation=initialisation,
            norm=True,
        )
        self.second = ImageConv(
            outputs,
            outputs,
            kernel=kernel,
            activation=None,
            initialisation=initialisation,
            norm=True,
        )
        self.shortcut: ImageConv | None = None
        if stride > 1 or inputs != outputs:
            self.shortcut = ImageConv(
                inputs,
                outputs,
                kernel=1,
                stride=stride,
                activation=None,
                initialisation=initialisation,
                norm=True,
            )
        self.activation = make_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        around = x if self.shortcut is None else self.shortcut(x)
        out: Tensor = self.activation(self.second(self.first(x)) + around)
        return out
