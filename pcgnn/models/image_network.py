"""Convolutional networks on jet images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.image_blocks import ImageConv, ResidualBlock
from pcgnn.ops.jet_images import (
    Centre,
    ImageChannel,
    Intensity,
    check_image_options,
    jet_images,
)

__all__ = ["ImageNetwork", "JetImageCNN", "JetImageResNet"]


class ImageNetwork(CloudModel):
    """Base of the networks that make an image of each jet, on the device, and classify it.

    The images are those of :func:`pcgnn.ops.jet_images`, of the four-vectors alone: features of the
    clouds are not read.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"p4"})

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        pixels: int,
        half_width: float,
        channels: Sequence[ImageChannel],
        centre: Centre,
        rotate: bool,
        flip: bool,
        intensity: Intensity,
    ) -> None:
        super().__init__()
        if min(features, classes) < 1:
            raise ConfigError(f"features and classes must be at least 1, got {features}, {classes}")
        check_image_options(pixels, half_width, channels, centre, intensity)
        self.image: dict[str, Any] = {
            "pixels": pixels,
            "half_width": half_width,
            "channels": list(channels),
            "centre": centre,
            "rotate": rotate,
            "flip": flip,
            "intensity": intensity,
        }
        self.config = {"features": features, "classes": classes, **self.image}

    def images(self, cloud: Cloud) -> Tensor:
        """Make the images, shape (G, channels, pixels, pixels)."""
        return jet_images(cloud.p4, cloud.ptr, **self.image)


class JetImageCNN(ImageNetwork):
    r"""Convolutional network on jet images.

    After "Deep-learning Top Taggers or The End of QCD?" (`arXiv:1701.08784
    <https://arxiv.org/abs/1701.08784>`__) and "Pulling Out All the Tops with Computer Vision and
    Deep Learning" (`arXiv:1803.00107 <https://arxiv.org/abs/1803.00107>`__): blocks of two
    convolutions and a maximum over 2 x 2 pixels, then dense layers,

    .. math::
        \mathrm{MLP}\big((\mathrm{pool} \circ C \circ C)^2 (\mathrm{image})\big)

    The kernels have 3 x 3 pixels instead of 4 x 4.

    Args:
        features: features per particle of the clouds; not read.
        classes: number of classes.
        pixels: pixels a side of the image.
        half_width: half a side of the window, in eta and in phi (rad).
        channels: of the image: "pt", "energy", "multiplicity".
        centre: of the image: "centroid", "hardest" or "axis".
        rotate: whether the principal axis of the image is made vertical.
        flip: whether the image is mirrored towards its hard side.
        intensity: "linear", "sqrt" or "log".
        blocks: widths of the convolutions of each block.
        kernel: pixels a side of the kernels, an odd number.
        classifier: widths of the hidden dense layers.
        activation: of all layers but the last, see :func:`pcgnn.nn.make_activation`.
        initialisation: of all weights, see :func:`pcgnn.nn.initialise`.
        dropout: in the dense layers.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, an image too small for the blocks, or names that do not exist.

    Example:
        >>> JetImageCNN(7).num_parameters
        225522
    """

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        pixels: int = 40,
        half_width: float = 0.8,
        channels: Sequence[ImageChannel] = ("pt",),
        centre: Centre = "centroid",
        rotate: bool = True,
        flip: bool = True,
        intensity: Intensity = "sqrt",
        blocks: Sequence[Sequence[int]] = ((16, 16), (32, 32)),
        kernel: int = 3,
        classifier: Sequence[int] = (64, 64),
        activation: Activation = "relu",
        initialisation: Initialisation = "he-uniform",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            features,
            classes,
            pixels=pixels,
            half_width=half_width,
            channels=channels,
            centre=centre,
            rotate=rotate,
            flip=flip,
            intensity=intensity,
        )
        side = pixels // 2 ** len(blocks)
        if not blocks or not all(blocks) or side < 1:
            raise ConfigError(
                f"{len(blocks)} blocks of {[list(widths) for widths in blocks]} on {pixels} "
                "pixels a side",
                remedy="give each block a width, and no more blocks than halvings of the image",
            )
        self.config |= {
            "blocks": [list(widths) for widths in blocks],
            "kernel": kernel,
            "classifier": list(classifier),
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        layers: list[nn.Module] = []
        inputs = len(channels)
        for widths in blocks:
            for outputs in widths:
                layers.append(
                    ImageConv(
                        inputs,
                        outputs,
                        kernel=kernel,
                        activation=activation,
                        initialisation=initialisation,
                    )
                )
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        self.blocks = nn.Sequential(*layers)
        self.classifier = dense_layers(
            [inputs * side * side, *classifier],
            activation=activation,
            initialisation=initialisation,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        logits: Tensor = self.classifier(self.blocks(self.images(cloud)).flatten(1))
        return logits


class JetImageResNet(ImageNetwork):
    r"""Residual network on jet images.

    After "Deep Residual Learning for Image Recognition" (`arXiv:1512.03385
    <https://arxiv.org/abs/1512.03385>`__), small: one convolution, stages of residual blocks
    (:class:`pcgnn.nn.ResidualBlock`) of which all but the first halve the image, the mean over all
    pixels, dense layers.

    Args:
        features: features per particle of the clouds; not read.
        classes: number of classes.
        pixels: pixels a side of the image.
        half_width: half a side of the window, in eta and in phi (rad).
        channels: of the image: "pt", "energy", "multiplicity".
        centre: of the image: "centroid", "hardest" or "axis".
        rotate: whether the principal axis of the image is made vertical.
        flip: whether the image is mirrored towards its hard side.
        intensity: "linear", "sqrt" or "log".
        widths: channels of each stage.
        depth: residual blocks of each stage.
        kernel: pixels a side of the kernels, an odd number.
        classifier: widths of hidden dense layers.
        activation: of all layers but the last, see :func:`pcgnn.nn.make_activation`.
        initialisation: of all weights, see :func:`pcgnn.nn.initialise`.
        dropout: of the pooled image and in the dense layers.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, an image too small for the stages, a dropout outside [0, 1), or
            names that do not exist.

    Example:
        >>> JetImageResNet(7).num_parameters
        77234
    """

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        pixels: int = 40,
        half_width: float = 0.8,
        channels: Sequence[ImageChannel] = ("pt",),
        centre: Centre = "centroid",
        rotate: bool = True,
        flip: bool = True,
        intensity: Intensity = "sqrt",
        widths: Sequence[int] = (16, 32, 64),
        depth: int = 1,
        kernel: int = 3,
        classifier: Sequence[int] = (),
        activation: Activation = "relu",
        initialisation: Initialisation = "he-normal",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            features,
            classes,
            pixels=pixels,
            half_width=half_width,
            channels=channels,
            centre=centre,
            rotate=rotate,
            flip=flip,
            intensity=intensity,
        )
        # batch norm of a single jet needs more than one pixel, in the last stage too
        if not widths or depth < 1 or pixels <= 2 ** (len(widths) - 1):
            raise ConfigError(
                f"stages of {list(widths)} channels and {depth} blocks on {pixels} pixels a side",
                remedy="give at least one stage and block, and stages that leave two pixels a side",
            )
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout = {dropout}", remedy="it is a probability below 1")
        self.config |= {
            "widths": list(widths),
            "depth": depth,
            "kernel": kernel,
            "classifier": list(classifier),
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        self.stem = ImageConv(
            len(channels),
            widths[0],
            kernel=kernel,
            activation=activation,
            initialisation=initialisation,
            norm=True,
        )
        blocks = []
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            for number in range(depth):
                blocks.append(
                    ResidualBlock(
                        inputs,
                        outputs,
                        kernel=kernel,
                        stride=2 if stage and number == 0 else 1,
                        activation=activation,
                        initialisation=initialisation,
                    )
                )
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dropout = dropout
        self.classifier = dense_layers(
            [inputs, *classifier],
            activation=activation,
            initialisation=initialisation,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        pooled = self.blocks(self.stem(self.images(cloud))).mean((2, 3))
        pooled = functional.dropout(pooled, self.dropout, self.training)
        logits: Tensor = self.classifier(pooled)
        return logits
