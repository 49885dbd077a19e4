"""Features of some four-vectors and of their pairs, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.nn.lorentz_layer import signed_log
from pcgnn.ops.lorentz import delta_phi, eta, mass, mass_squared, momentum, phi, pt

__all__ = ["VectorFeatures", "list_vector_features"]

Function = Callable[[Tensor], Tensor]


class _Entry(NamedTuple):
    """A feature (graphs, K, 4) -> (graphs, K), or of pairs -> (graphs, K, K)."""

    compute: Function
    scale: bool  # whether it grows with the momenta, in GeV
    pairs: bool = False


def _beta(p4: Tensor) -> Tensor:
    energy = p4[..., 0]
    return momentum(p4) / torch.where(energy > 0, energy, 1.0)


def _gamma(p4: Tensor) -> Tensor:
    m = mass(p4)
    massive = m > 0
    return torch.where(massive, p4[..., 0] / torch.where(massive, m, 1.0), 0.0)


def _cosines(p4: Tensor) -> Tensor:
    length = momentum(p4)[..., None]
    n = p4[..., 1:] / torch.where(length > 0, length, 1.0)
    return n @ n.transpose(1, 2)


def _distances(p4: Tensor) -> Tensor:
    e, f = eta(p4), phi(p4)
    away = e[:, :, None] - e[:, None]
    around = delta_phi(f[:, :, None], f[:, None])
    squared = away.square() + around.square()
    apart = squared > 0
    return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)


def _pair_masses(p4: Tensor) -> Tensor:
    return mass(p4[:, :, None] + p4[:, None])


_ENTRIES: dict[str, _Entry] = {
    "E": _Entry(lambda p4: p4[..., 0], True),
    "px": _Entry(lambda p4: p4[..., 1], True),
    "py": _Entry(lambda p4: p4[..., 2], True),
    "pz": _Entry(lambda p4: p4[..., 3], True),
    "p": _Entry(momentum, True),
    "pt": _Entry(pt, True),
    "eta": _Entry(eta, False),
    "phi": _Entry(phi, False),
    "m": _Entry(mass, True),
    "m2": _Entry(mass_squared, True),
    "beta": _Entry(_beta, False),
    "gamma": _Entry(_gamma, True),
    "pair_cos": _Entry(_cosines, False, pairs=True),
    "pair_dr": _Entry(_distances, False, pairs=True),
    "pair_m": _Entry(_pair_masses, True, pairs=True),
}


def list_vector_features() -> list[str]:
    """Return the names of the features of four-vectors.

    Example:
        >>> "pair_cos" in list_vector_features()
        True
    """
    return list(_ENTRIES)


class VectorFeatures(nn.Module):
    r"""Computes features of K four-vectors per graph, side by side.

    ``E``, ``px``, ``py``, ``pz``, ``p``, ``pt``, ``m`` in GeV, ``m2`` in GeV^2, ``eta``, ``phi`` in
    rad, ``beta`` and ``gamma`` (0 without mass) of each four-vector; of each pair ``pair_cos``, the
    cosine of the angle between the momenta (0 if one has none), ``pair_dr``, the distance in eta
    and phi, and ``pair_m``, the mass of both in GeV.

    Args:
        names: which of them.
        count: number of four-vectors K.
        compress: whether those that grow with the momenta pass through
            :math:`\mathrm{sign}(v) \ln(1 + |v|)`.

    **Shapes:** (graphs, count, 4) -> (graphs, out_features), feature after feature, with count
    columns each or count (count - 1) / 2 for pairs.

    Raises:
        ConfigError: an unknown name, none at all, or none for this number of four-vectors.

    Example:
        >>> VectorFeatures(["E", "pt", "eta", "phi", "m", "pair_cos"], 50).out_features
        1475
    """

    places: Tensor

    def __init__(self, names: Sequence[str], count: int, *, compress: bool = True) -> None:
        super().__init__()
        unknown = [name for name in names if name not in _ENTRIES]
        if unknown or len(set(names)) < len(names):
            raise ConfigError(
                f"features {list(names)}",
                remedy=f"each once, of {', '.join(_ENTRIES)}",
            )
        self.names, self.count, self.compress = list(names), count, compress
        pairs = count * (count - 1) // 2
        self.out_features = sum(pairs if _ENTRIES[n].pairs else count for n in names)
        if self.out_features < 1:
            raise ConfigError(
                f"no features: {list(names)} of {count} four-vectors", remedy="name some"
            )
        first, second = torch.triu_indices(count, count, 1)
        self.register_buffer("places", first * count + second, persistent=False)

    def forward(self, p4: Tensor) -> Tensor:
        """Compute the features."""
        columns = []
        for name in self.names:
            entry = _ENTRIES[name]
            values = entry.compute(p4)
            if entry.pairs:
                values = values.flatten(1).index_select(1, self.places)
            columns.append(signed_log(values) if entry.scale and self.compress else values)
        return torch.cat(columns, 1)

    def extra_repr(self) -> str:
        """Names and number of columns."""
        return f"{self.names}, count={self.count}, out_features={self.out_features}"
