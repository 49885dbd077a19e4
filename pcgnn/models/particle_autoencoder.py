"""An autoencoder on particles, whose failure to reproduce a jet tells how unusual it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.activations import Activation, Initialisation
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.edge_conv import EdgeConv
from pcgnn.ops import lorentz
from pcgnn.ops.ragged import graph_index
from pcgnn.ops.segments import segment_reduce
from pcgnn.ops.set_distance import chamfer_distance, transport_distance
from pcgnn.ops.tables import ParticleTables

__all__ = ["ParticleAutoencoder", "SetDistance"]

SetDistance: TypeAlias = Literal["transport", "chamfer"]

# A particle of this share of the jet's momentum, or less, has the smallest logarithm seen.
_SOFTEST = 1e-4


class ParticleAutoencoder(CloudModel):
    r"""Autoencoder on the particles of a jet, for anomaly detection.

    Particles are seen as :math:`(\Delta\eta, \Delta\phi, z)` around the sum of the jet, z the share
    of the summed pT. The encoder is a deep set weighted by z, after EdgeConv blocks if wanted,

    .. math::  h = E\Big(\sum_i z_i \Phi(\hat p_i, \ln z_i),
               \tfrac1n \sum_i \Phi(\hat p_i, \ln z_i)\Big)

    the decoder a dense network from the latent vector h to ``slots`` particles, with shares that
    sum to 1. The output is the distance between the jet and its image: how much it costs to move
    the momentum of one onto the other (energy mover's distance, `arXiv:1902.02346
    <https://arxiv.org/abs/1902.02346>`__, in units of ``radius``), or the Chamfer distance. Trained
    on background alone, as in "QCD or What?" (`arXiv:1808.08979
    <https://arxiv.org/abs/1808.08979>`__) and with graph networks in `arXiv:2105.09274
    <https://arxiv.org/abs/2105.09274>`__, it is large for jets of another kind.

    Args:
        features: features per particle of the clouds; not read.
        latent: width of the latent vector.
        slots: particles of the decoder.
        phi: widths of Phi.
        encoder: widths of the dense layers of E.
        decoder: widths of the dense layers of the decoder.
        blocks: EdgeConv blocks (k, widths) before Phi, with neighbours in eta and phi.
        distance: "transport" or "chamfer".
        power: of the angular distance in the cost; 1 is the energy mover's distance.
        radius: unit of angular distances, the size of the jets.
        blur: see :func:`pcgnn.ops.set_distance.transport_distance`.
        iterations: the same.
        activation: of all layers but the last, see :func:`pcgnn.nn.make_activation`.
        initialisation: of all weights, see :func:`pcgnn.nn.initialise`.

    **Shapes:** p4 (N, 4) E, px, py, pz in GeV -> (G,) distances.

    Raises:
        ConfigError: sizes below 1, a power or radius that is not positive, or an unknown name.

    Example:
        >>> ParticleAutoencoder(7, latent=4).config["latent"]
        4
    """

    task: ClassVar[str] = "reconstruction"
    needs: ClassVar[frozenset[str]] = frozenset({"p4"})

    def __init__(
        self,
        features: int,
        *,
        latent: int = 8,
        slots: int = 32,
        phi: Sequence[int] = (64, 64),
        encoder: Sequence[int] = (64,),
        decoder: Sequence[int] = (128, 128),
        blocks: Sequence[tuple[int, Sequence[int]]] = (),
        distance: SetDistance = "transport",
        power: float = 1.0,
        radius: float = 0.8,
        blur: float = 0.01,
        iterations: int = 20,
        activation: Activation = "relu",
        initialisation: Initialisation = "he-uniform",
    ) -> None:
        super().__init__()
        sizes = [features, latent, slots, iterations, *phi, *encoder, *decoder]
        if min(sizes) < 1 or not phi or not decoder:
            raise ConfigError(
                f"features, latent, slots, iterations and widths = {sizes}",
                remedy="all must be at least 1, with at least one width of phi and decoder",
            )
        if not (power > 0 and radius > 0 and 0 < blur < 1):
            raise ConfigError(
                f"power = {power}, radius = {radius}, blur = {blur}",
                remedy="they are positive, the blur below 1",
            )
        if distance not in get_args(SetDistance):
            raise ConfigError(f"distance = {distance!r}", remedy="choose 'transport' or 'chamfer'")
        self.config = {
            "features": features,
            "latent": latent,
            "slots": slots,
            "phi": list(phi),
            "encoder": list(encoder),
            "decoder": list(decoder),
            "blocks": [[k, list(widths)] for k, widths in blocks],
            "distance": distance,
            "power": power,
            "radius": radius,
            "blur": blur,
            "iterations": iterations,
            "activation": activation,
            "initialisation": initialisation,
        }
        self.slots, self.radius, self.power = slots, radius, power
        self.distance_name, self.blur, self.iterations = distance, blur, iterations
        self.blocks = nn.ModuleList()
        width = 3
        for k, widths in blocks:
            self.blocks.append(EdgeConv(width, widths, k))
            width = widths[-1]
        self.phi = dense_layers([width, *phi], activation=activation, initialisation=initialisation)
        self.encoder = dense_layers(
            [2 * phi[-1], *encoder],
            activation=activation,
            initialisation=initialisation,
            out=latent,
        )
        self.decoder = dense_layers(
            [latent, *decoder],
            activation=activation,
            initialisation=initialisation,
            out=3 * slots,
        )

    def logits(self, cloud: Cloud) -> Tensor:
        """Distance between each graph and its image, shape (G,)."""
        points, share = self.particles(cloud)
        image, weight = self.decode(self.encode(cloud, points, share))
        tables = ParticleTables.of(cloud.ptr, cloud.plan)
        placed = tables.split(tables.spread(torch.cat([points, share[:, None]], 1)))
        order = tables.by_size
        parts = [
            self._distance(part, one, other)
            for part, one, other in zip(
                placed,
                tables.split_graphs(image.flatten(1).index_select(0, order)),
                tables.split_graphs(weight.index_select(0, order)),
                strict=True,
            )
        ]
        if not parts:
            return image.new_zeros(0)
        return tables.to_batch_order(torch.cat(parts)[:, None]).squeeze(1)

    def particles(self, cloud: Cloud) -> tuple[Tensor, Tensor]:
        """Directions in units of the radius and shares of pT: (N, 2) and (N,)."""
        p4 = cloud.p4.double()
        graph = graph_index(cloud.ptr, cloud.plan.total)
        # in units of the largest of the jet: no square overflows
        largest = segment_reduce(p4.abs().amax(1, keepdim=True), cloud.ptr, "max", plan=cloud.plan)
        p4 = p4 / torch.where(largest > 0, largest, 1.0).index_select(0, graph)
        axis = segment_reduce(p4, cloud.ptr, "sum").index_select(0, graph)
        pt = lorentz.pt(p4)
        total = segment_reduce(pt, cloud.ptr, "sum").index_select(0, graph)
        equal = 1 / cloud.ptr.diff().index_select(0, graph).to(pt.dtype)
        share = torch.where(total > 0, pt / torch.where(total > 0, total, 1.0), equal)
        deta = (lorentz.eta(p4) - lorentz.eta(axis)) / self.radius
        dphi = lorentz.delta_phi(lorentz.phi(p4), lorentz.phi(axis)) / self.radius
        # a particle along the beam is far away, not at infinity
        points = torch.stack([deta, dphi], 1).clamp(-5, 5)
        dtype = next(self.parameters()).dtype
        return points.to(dtype), share.to(dtype)

    def encode(self, cloud: Cloud, points: Tensor, share: Tensor) -> Tensor:
        """Latent vector of each graph, shape (G, latent)."""
        soft = 1 + share.clamp(min=_SOFTEST).log()[:, None] / 9.2  # in 0 to 1: ln 1e-4 = -9.2
        x = torch.cat([points, soft], 1)
        for block in self.blocks:
            x = block(x, cloud.ptr, plan=cloud.plan, pos=points)
        seen = self.phi(x)
        if seen.dtype in (torch.bfloat16, torch.float16):
            seen = seen.float()  # a sum in half precision loses the later particles
        hard = segment_reduce(share[:, None] * seen, cloud.ptr, "sum")
        latent: Tensor = self.encoder(torch.cat([hard, segment_reduce(seen, cloud.ptr, "mean")], 1))
        return latent

    def decode(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Image of each graph: directions (G, slots, 2) and shares (G, slots)."""
        out = self.decoder(latent).view(-1, self.slots, 3)
        return out[..., :2], out[..., 2].softmax(1)

    def reconstruct(self, cloud: Cloud) -> tuple[Tensor, Tensor, Tensor]:
        """Images with the latent vectors, for looking.

        Returns:
            directions around the axis in eta and rad (G, slots, 2), shares of pT (G, slots), and
            latent vectors (G, latent).
        """
        latent = self.encode(cloud, *self.particles(cloud))
        image, weight = self.decode(latent)
        return image * self.radius, weight, latent

    def _distance(self, part: Tensor, image: Tensor, weight: Tensor) -> Tensor:
        """Distances of the graphs of one table, shape (graphs,)."""
        points, share = part[..., :2], part[..., 2]
        image = image.view(-1, self.slots, 2).to(points.dtype)
        weight = weight.to(points.dtype)
        away = points[:, :, None] - image[:, None]
        squared = away.square().sum(-1)
        cost = squared if self.power == 2 else (squared + 1e-12) ** (self.power / 2)
        if self.distance_name == "chamfer":
            return chamfer_distance(cost, share, weight)
        return transport_distance(cost, share, weight, blur=self.blur, iterations=self.iterations)
