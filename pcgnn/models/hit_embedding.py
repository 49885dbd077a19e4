"""A network that puts each hit, by itself, into a learned space."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from pcgnn.errors import ConfigError, DataError
from pcgnn.models.hit_graph_model import HitOutputModel
from pcgnn.nn.input_norm import InputNorm
from pcgnn.nn.relation import mlp

__all__ = ["HitEmbedding"]


class HitEmbedding(HitOutputModel):
    r"""An MLP on the features of a hit alone, without edges.

    The metric learning of "Performance of a geometric deep learning pipeline for HL-LHC particle
    tracking" (`arXiv:2103.06995 <https://arxiv.org/abs/2103.06995>`__): trained so that hits of
    one particle come to lie within a radius of each other, it makes graphs where no table of layer
    pairs is at hand (:class:`pcgnn.tracking.RadiusGraph`).

    The azimuth jumps by :math:`2\pi` where nothing happens in the detector. It enters as cosines
    and sines of :math:`\phi, 2\phi, 4\phi, \dots`, so that hits on both sides of the jump are
    neighbours. All inputs are then brought to width 1.

    Args:
        features: features per hit.
        dimensions: D, of the learned space.
        latent: width of the hidden layers.
        layers: number of hidden layers.
        azimuth: column of the features that holds phi/pi; None if there is none.
        harmonics: how many multiples of the azimuth enter.
        normalize: put all hits on the unit sphere.
        norm: layer norm in the MLP.

    **Shapes:** x (N, features) -> (N, D); edges may be there, and are not looked at.

    Raises:
        ConfigError: widths or numbers below 1, or no such column.

    Example:
        >>> HitEmbedding(3, latent=64, layers=2).num_parameters
        5640
    """

    task: ClassVar[str] = "embedding"

    def __init__(
        self,
        features: int,
        *,
        dimensions: int = 8,
        latent: int = 256,
        layers: int = 4,
        azimuth: int | None = 1,
        harmonics: int = 4,
        normalize: bool = False,
        norm: bool = True,
    ) -> None:
        super().__init__()
        if min(features, dimensions, latent, layers, harmonics) < 1:
            raise ConfigError("widths, layers and harmonics must be at least 1")
        if azimuth is not None and not 0 <= azimuth < features:
            raise ConfigError(
                f"azimuth = {azimuth}, and there are {features} features",
                remedy="give the column of phi/pi, or None",
            )
        self.config = {
            "features": features,
            "dimensions": dimensions,
            "latent": latent,
            "layers": layers,
            "azimuth": azimuth,
            "harmonics": harmonics,
            "normalize": normalize,
            "norm": norm,
        }
        self.azimuth, self.harmonics, self.normalize = azimuth, harmonics, normalize
        inputs = features if azimuth is None else features - 1 + 2 * harmonics
        self.hit_norm = InputNorm(inputs)
        self.network = mlp([inputs, *[latent] * layers, dimensions], norm=norm)

    def forward(self, batch: Any) -> Tensor:
        """Compute the coordinates of a PyG batch (or a single graph), with edges or without.

        Raises:
            DataError: if there are no hits or their features are of another number.
        """
        x = getattr(batch, "x", None)
        if x is None:
            raise DataError("the graph has no x", remedy="make it with pcgnn.tracking.build_graphs")
        return self.forward_tensors(x)

    def forward_tensors(
        self, x: Tensor, edge_index: Tensor | None = None, edge_attr: Tensor | None = None
    ) -> Tensor:
        """Compute the coordinates from plain tensors.

        Raises:
            DataError: if shapes do not fit.
        """
        expected = (x.shape[0], self.config["features"])
        if tuple(x.shape) != expected:
            raise DataError(f"x has the shape {tuple(x.shape)}, not {expected}")
        found: Tensor = self.network(self.hit_norm(self._inputs(x)))
        return functional.normalize(found, dim=1) if self.normalize else found

    def logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the coordinates, shape (N, D)."""
        return self.forward_tensors(x)

    def _inputs(self, x: Tensor) -> Tensor:
        if self.azimuth is None:
            return x
        before, phi, after = x.tensor_split([self.azimuth, self.azimuth + 1], 1)
        angles = torch.cat([phi * (math.pi * 2**m) for m in range(self.harmonics)], 1)
        return torch.cat([before, angles.cos(), angles.sin(), after], 1)
