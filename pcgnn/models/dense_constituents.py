"""A dense network on the four-vectors of the leading particles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.batch_norm import batch_norm
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.leading import leading_table
from pcgnn.nn.sequence import momentum_order
from pcgnn.ops.segments import segment_reduce

__all__ = ["DenseConstituents"]


class DenseConstituents(CloudModel):
    r"""Dense layers on the leading constituents of a jet, side by side, zero padded.

    The network of the regression of the soft-drop mass in the challenge of the workshop on machine
    learning at CERN in 2018: four-vectors of the first 200 constituents by transverse momentum,
    layers of 2048, 1024, 512, 256 and 128 units with ELU and batch norm. It knows a particle by its
    place alone, and is the baseline for networks that do not.

    Args:
        features: features per particle of the clouds; not read.
        classes: number of outputs.
        ranks: leading particles that are looked at.
        widths: of the dense layers.
        align: whether jets are turned around the beam and boosted along it first, so that the sum
            of their particles points along x. Masses stay what they are.
        compress: whether momenta pass through sign(v) ln(1 + abs(v)); the network has numbers of
            order 1 then, and zeros stay zeros. A batch norm follows in either case.
        norm: whether the layers have a batch norm.
        activation: see :func:`pcgnn.nn.make_activation`.
        initialisation: see :func:`pcgnn.nn.initialise`.
        dropout: in the layers.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV -> (G, classes) logits.

    Raises:
        ConfigError: sizes below 1, an unknown activation or initialisation.

    Example:
        >>> DenseConstituents(4, classes=1, ranks=20, widths=(64, 32)).num_parameters
        7649
    """

    needs: ClassVar[frozenset[str]] = frozenset({"p4"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        ranks: int = 200,
        widths: Sequence[int] = (2048, 1024, 512, 256, 128),
        align: bool = True,
        compress: bool = True,
        norm: bool = True,
        activation: Activation = "elu",
        initialisation: Initialisation = "default",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(features, classes, ranks, *widths, len(widths)) < 1:
            raise ConfigError(
                f"features = {features}, classes = {classes}, ranks = {ranks}, widths = "
                f"{list(widths)}",
                remedy="all must be at least 1, and there is at least one hidden layer",
            )
        self.config = {
            "features": features,
            "classes": classes,
            "ranks": ranks,
            "widths": list(widths),
            "align": align,
            "compress": compress,
            "norm": norm,
            "activation": activation,
            "initialisation": initialisation,
            "dropout": dropout,
        }
        self.ranks, self.align, self.compress = ranks, align, compress
        self.input_norm = nn.BatchNorm1d(4 * ranks)
        self.layers = dense_layers(
            [4 * ranks, *widths],
            activation=activation,
            initialisation=initialisation,
            norm=norm,
            dropout=dropout,
            out=classes,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        p4 = cloud.p4.double()
        order = momentum_order(p4, cloud.ptr, cloud.plan.total)
        table = leading_table(p4, order, cloud.ptr, self.ranks)
        if self.align:
            table = _aligned(table, segment_reduce(p4, cloud.ptr, "sum", plan=cloud.plan))
        if self.compress:
            table = table.sign() * table.abs().log1p()
        row = table.flatten(1).to(self.input_norm.weight.dtype)
        logits: Tensor = self.layers(batch_norm(row, self.input_norm))
        return logits


def _aligned(table: Tensor, axis: Tensor) -> Tensor:
    """Four-vectors in the frame where the axis has no y and no z component.

    **Shapes:** table (G, K, 4), axis (G, 4) -> (G, K, 4)
    """
    energy, px, py, pz = axis[:, None].unbind(-1)
    across = torch.hypot(px, py)
    known = across > 0
    cos = torch.where(known, px / torch.where(known, across, 1.0), 1.0)
    sin = torch.where(known, py / torch.where(known, across, 1.0), 0.0)
    # with the mass taken as positive a boost always exists
    transverse = (energy.square() - pz.square()).clamp(min=0).sqrt().maximum(across)
    moving = transverse > 0
    safe = torch.where(moving, transverse, 1.0)
    sinh = torch.where(moving, pz / safe, 0.0)
    cosh = (1 + sinh.square()).sqrt()
    e, x, y, z = table.unbind(-1)
    return torch.stack(
        [cosh * e - sinh * z, cos * x + sin * y, cos * y - sin * x, cosh * z - sinh * e], -1
    )
