"""Which edges are true, by a definition that has a name.

``same_particle``
    both hits stem from one particle and lie on an allowed pair of layers (the definition of
    2103.16701). Modules that overlap give a particle several hits on a layer, and all pairs count.
    Where edges are not bound to pairs of layers, all pairs of hits of the particle are true, also
    those on one layer.
``consecutive``
    the two hits follow each other along their particle, on whatever two different layers.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError

__all__ = ["Truth", "check_truth", "count_true", "is_true", "sequence"]

Truth = Literal["same_particle", "consecutive"]
Index = NDArray[np.int64]


def check_truth(truth: str) -> None:
    """Raise a ConfigError unless the definition is known."""
    if truth not in get_args(Truth):
        raise ConfigError(
            f"no truth definition {truth!r}", remedy=f"choose one of {list(get_args(Truth))}"
        )


def sequence(particle: Index, along: NDArray[np.floating | np.integer]) -> Index:
    """Number the hits of each particle along it, from 0; -1 for noise.

    Args:
        particle: particle of each hit, 0 for none.
        along: what grows along a particle: order, time or path length.

    **Shapes:** (N,), (N,) -> (N,)
    """
    order = np.lexsort((along, particle))
    sorted_particle = particle[order]
    first = np.concatenate([[True], sorted_particle[1:] != sorted_particle[:-1]])
    starts = np.flatnonzero(first)
    number = np.arange(order.size) - np.repeat(starts, np.diff(np.append(starts, order.size)))
    out = np.empty(order.size, dtype=np.int64)
    out[order] = number
    out[particle <= 0] = -1
    return out


def is_true(
    source: Index, target: Index, particle: Index, place: Index | None, layer: Index
) -> NDArray[np.bool_]:
    """Which edges are true.

    Args:
        source: inner hits of the edges.
        target: outer hits of the edges.
        particle: particle of each hit, 0 for none.
        place: :func:`sequence` for ``consecutive``, None for ``same_particle``.
        layer: layer of each hit.

    **Shapes:** (E,), (E,), (N,), (N,), (N,) -> (E,)
    """
    true: NDArray[np.bool_] = (particle[source] == particle[target]) & (particle[source] > 0)
    if place is not None:
        true &= np.abs(place[target] - place[source]) == 1
        true[true] = layer[source[true]] != layer[target[true]]
    return true


def count_true(
    particle: Index,
    layer: Index,
    pairs: tuple[tuple[int, int], ...] | None,
    place: Index | None,
    counted: NDArray[np.bool_],
) -> int:
    """Count all true edges of an event, whether in a graph or not.

    Args:
        particle: particle of each hit, 0 for none.
        layer: layer of each hit.
        pairs: allowed pairs of layers, for ``same_particle``; None for all pairs of hits.
        place: :func:`sequence` for ``consecutive``, None for ``same_particle``.
        counted: hits whose particles count (pT floor).

    **Shapes:** all (N,)
    """
    use = counted & (particle > 0)
    particle, layer = particle[use], layer[use]
    if particle.size == 0:
        return 0
    if place is not None:
        order = np.lexsort((place[use], particle))
        same = particle[order[1:]] == particle[order[:-1]]
        return int(np.count_nonzero(same & (layer[order[1:]] != layer[order[:-1]])))
    _, number = np.unique(particle, return_inverse=True)
    if pairs is None:
        count = np.bincount(number)
        return int((count * (count - 1) // 2).sum())
    layers = int(layer.max()) + 1
    # hits of each particle on each layer: the pairs are products of these numbers
    hits = np.bincount(number * layers + layer, minlength=(int(number.max()) + 1) * layers)
    hits = hits.reshape(-1, layers)
    return int(sum(np.dot(hits[:, a], hits[:, b]) for a, b in pairs if a < layers and b < layers))
