"""Attributions from leaving particles out: local linear models of the output."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pcgnn.data import ParticleClouds

__all__ = ["LocalModel", "leave_out"]

# Particles that go through the model at once.
_ROWS = 20_000
# Width of the neighbourhood in the distance 1 - sqrt(share of particles kept).
_WIDTH = 0.25
# Ridge in units of the sum of the weights of the samples.
_RIDGE = 1e-4


class LocalModel:
    """A linear model of the output in which particles are there.

    Attributes:
        particles: what each particle adds to the output, (N,).
        baseline: the output without any particle, extrapolated, (G,).
        quality: share of the weighted variance of the output that the model describes, (G,).
    """

    def __init__(self, particles: Tensor, baseline: Tensor, quality: Tensor) -> None:
        self.particles, self.baseline, self.quality = particles, baseline, quality


def leave_out(
    forward: Callable[[ParticleClouds], Tensor],
    clouds: ParticleClouds,
    samples: int,
    rng: np.random.Generator,
) -> LocalModel:
    r"""Fit local linear models, one per graph, all at once.

    From "Why Should I Trust You?" (LIME, `arXiv:1602.04938 <https://arxiv.org/abs/1602.04938>`__):
    each sample keeps a random share of the particles, s between 0.2 and 1; weights fall with the
    distance from the whole graph, :math:`w = \exp(-(1 - \sqrt{s})^2 / \sigma^2)`, and

    .. math::  F(\text{kept}) \approx b + \sum_{i\ \text{kept}} A_i

    is fitted by least squares with a small ridge. A particle that is left out is not there: it is
    no particle of zeros. A graph keeps at least one; one of a single particle gives it nothing.

    Args:
        forward: outputs of clouds, one per graph.
        clouds: the graphs.
        samples: samples per graph.
        rng: random numbers.
    """
    sizes = clouds.ptr.diff().numpy()
    graph = np.repeat(np.arange(len(sizes)), sizes)
    share = rng.uniform(0.2, 1.0, (samples, len(sizes)))
    keep = rng.random((samples, len(graph))) < share[:, graph]
    count = np.add.reduceat(keep, clouds.ptr[:-1].numpy(), axis=1)
    keep |= (count == 0)[:, graph]  # nothing kept: all of it, once more
    keep[0] = True
    together = max(1, _ROWS // len(graph))
    outputs = torch.cat(
        [
            forward(_subsets(clouds, keep[begin : begin + together], graph))
            for begin in range(0, samples, together)
        ]
    ).view(samples, len(sizes))
    return _fit(outputs.double().cpu(), keep, sizes, graph)


def _subsets(
    clouds: ParticleClouds, keep: NDArray[np.bool_], graph: NDArray[np.int64]
) -> ParticleClouds:
    """The kept particles of each sample, samples one after the other."""
    sample, row = np.nonzero(keep)
    graphs = len(clouds)
    sizes = np.bincount(sample * graphs + graph[row], minlength=len(keep) * graphs)
    ptr = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)]))
    rows = torch.from_numpy(row)
    tensors = {
        name: value.index_select(0, rows)
        for name in ("x", "pos", "p4")
        if (value := getattr(clouds, name)) is not None
    }
    return ParticleClouds(
        **tensors, ptr=ptr, features=clouds.features, provenance=clouds.provenance
    )


def _fit(
    outputs: Tensor, keep: NDArray[np.bool_], sizes: NDArray[np.int64], graph: NDArray[np.int64]
) -> LocalModel:
    """Weighted least squares of all graphs, padded to the largest: (M, G) outputs."""
    samples, graphs = outputs.shape
    width = int(sizes.max())
    place = np.arange(len(graph)) - (np.cumsum(sizes) - sizes)[graph]
    design = torch.zeros(graphs, samples, width, dtype=torch.float64)
    design[torch.from_numpy(graph), :, torch.from_numpy(place)] = torch.from_numpy(
        keep.T.astype(np.float64)
    )
    kept = design.sum(2) / torch.from_numpy(sizes)[:, None]
    weight = torch.exp(-(((1 - kept.sqrt()) / _WIDTH) ** 2))
    weight = weight / weight.sum(1, keepdim=True)
    y = outputs.t()
    centre = (weight[..., None] * design).sum(1)
    middle = (weight * y).sum(1)
    x = (design - centre[:, None]) * weight.sqrt()[..., None]
    away = (y - middle[:, None]) * weight.sqrt()
    normal = x.transpose(1, 2) @ x + _RIDGE * torch.eye(width, dtype=torch.float64)
    solution = torch.linalg.solve(normal, (x * away[..., None]).sum(1))
    left = (away - (x @ solution[..., None]).squeeze(2)).square().sum(1)
    spread = away.square().sum(1)
    varies = spread > 1e-20 * y.square().amax(1)  # else it is rounding
    quality = torch.where(varies, 1 - left / torch.where(varies, spread, 1.0), 1.0)
    found = solution[torch.from_numpy(graph), torch.from_numpy(place)]
    return LocalModel(found, middle - (centre * solution).sum(1), quality)
