"""Detector layers numbered from 0, and the pairs of layers an edge may join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError

__all__ = ["GEOMETRIES", "Crossing", "LayerGeometry", "geometry"]


@dataclass(frozen=True)
class Crossing:
    """Edges from ``inner`` to one of ``outer`` that cross a barrel layer in between are dropped.

    A particle on such a straight line would have left a hit on that layer first.

    Args:
        inner: number of the inner layer.
        outer: numbers of the outer layers.
        radius: of the layer in between, mm.
        half_length: of the layer in between, mm.
    """

    inner: int
    outer: tuple[int, ...]
    radius: float
    half_length: float


@dataclass(frozen=True)
class LayerGeometry:
    """Which hits lie on which layer, and which pairs of layers are allowed.

    Args:
        name: for the record.
        layers: (volume, layer) as the detector numbers them -> number of the layer from 0. Hits
            on other layers are not part of the graph. The volume is None for detectors that
            number their layers throughout.
        pairs: allowed pairs (inner, outer) of layer numbers.
        crossings: see :class:`Crossing`.

    Raises:
        ConfigError: a pair names a layer that does not exist, or pairs repeat.

    Example:
        >>> geometry("generic_pixels").number(np.array([8, 8, 13]), np.array([2, 4, 2]))
        array([ 0,  1, -1])
    """

    name: str
    layers: Mapping[tuple[int | None, int], int]
    pairs: tuple[tuple[int, int], ...]
    crossings: tuple[Crossing, ...] = ()
    _table: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = set(self.layers.values())
        if not self.layers or min(numbers) < 0:
            raise ConfigError(f"geometry {self.name!r}: layers are numbered from 0")
        if missing := {n for pair in self.pairs for n in pair} - numbers:
            raise ConfigError(
                f"geometry {self.name!r}: pairs name the layers {sorted(missing)}, which are not "
                "among its layers"
            )
        if len(set(self.pairs)) != len(self.pairs) or any(a == b for a, b in self.pairs):
            raise ConfigError(f"geometry {self.name!r}: a pair repeats or joins a layer to itself")
        volumes = {volume is None for volume, _ in self.layers}
        if len(volumes) > 1:
            raise ConfigError(f"geometry {self.name!r}: some layers have a volume, others do not")
        size = (max(v or 0 for v, _ in self.layers) + 1, max(n for _, n in self.layers) + 1)
        table = np.full(size, -1, dtype=np.int64)
        for (volume, layer), number in self.layers.items():
            table[volume or 0, layer] = number
        object.__setattr__(self, "_table", table)

    @property
    def has_volumes(self) -> bool:
        """Whether layers are named by volume and layer."""
        return next(iter(self.layers))[0] is not None

    @property
    def count(self) -> int:
        """Number of layers."""
        return max(self.layers.values()) + 1

    def number(
        self, volume: NDArray[np.integer] | None, layer: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        """Number the layers of hits; -1 for hits outside of this geometry.

        Args:
            volume: volume of each hit, or None where the detector has none.
            layer: layer of each hit.

        Raises:
            ConfigError: the geometry needs volumes and there are none, or it names layers alone and
                one of them is in several volumes.

        **Shapes:** (N,), (N,) -> (N,)
        """
        if self.has_volumes and volume is None:
            raise ConfigError(
                f"geometry {self.name!r} names layers by volume and layer, the hits have no volume",
                remedy="map the volume when reading, or give a geometry by layers alone, for the "
                "toy detector layers='toy_barrel'",
            )
        rows, columns = self._table.shape
        layer = np.asarray(layer, dtype=np.int64)
        first = np.zeros_like(layer) if not self.has_volumes else np.asarray(volume, dtype=np.int64)
        if not self.has_volumes and volume is not None:
            self._refuse_mixing(np.asarray(volume), layer)
        inside = (first >= 0) & (first < rows) & (layer >= 0) & (layer < columns)
        if inside.all():
            numbers: NDArray[np.int64] = self._table[first, layer]
            return numbers
        found = np.full(layer.shape, -1, dtype=np.int64)
        found[inside] = self._table[first[inside], layer[inside]]
        return found

    def _refuse_mixing(self, volume: NDArray[np.integer], layer: NDArray[np.integer]) -> None:
        """A layer number that repeats from volume to volume does not name a layer."""
        numbers = np.array([number for _, number in self.layers], dtype=np.int64)
        chosen = np.isin(layer, numbers)
        pairs = np.unique(np.stack([layer[chosen], volume[chosen]]), axis=1)
        several = pairs[0, 1:][pairs[0, 1:] == pairs[0, :-1]]
        if several.size:
            found = pairs[1][pairs[0] == several[0]].tolist()
            raise ConfigError(
                f"geometry {self.name!r} names layers without volume, and the hits have layer "
                f"{several[0]} in the volumes {found}",
                remedy="name layers by (volume, layer): LayerGeometry(name, layers, pairs)",
            )

    @classmethod
    def by_layer(cls, pairs: tuple[tuple[int, int], ...], name: str = "custom") -> LayerGeometry:
        """A detector that numbers its layers throughout, given by the allowed pairs.

        Example:
            >>> LayerGeometry.by_layer(((0, 1), (1, 2))).count
            3
        """
        numbers = sorted({n for pair in pairs for n in pair})
        return cls(name, {(None, n): n for n in numbers}, tuple(pairs))


def _pixels(name: str, crossings: tuple[Crossing, ...] = ()) -> LayerGeometry:
    """Pixel layers as numbered for TrackML: barrel 0-3, negative disks 4-10, positive 11-17.

    The allowed pairs are those of 2103.16701: neighbours within barrel and endcaps, and every
    barrel layer to the first disk of either side.
    """
    layers: dict[tuple[int | None, int], int] = {(8, 2 * n + 2): n for n in range(4)}
    layers |= {(7, 14 - 2 * n): 4 + n for n in range(7)}
    layers |= {(9, 2 + 2 * n): 11 + n for n in range(7)}
    pairs = [*pairwise(range(4)), *pairwise(range(4, 11)), *pairwise(range(11, 18))]
    pairs += [(barrel, disk) for disk in (4, 11) for barrel in range(4)]
    return LayerGeometry(name, layers, tuple(pairs), crossings)


def _barrel(name: str) -> LayerGeometry:
    """The ten barrel layers, four of pixels, four of short and two of long strips."""
    order: list[tuple[int | None, int]] = [(8, 2), (8, 4), (8, 6), (8, 8)]
    order += [(13, 2), (13, 4), (13, 6), (13, 8), (17, 2), (17, 4)]
    return LayerGeometry(name, {key: n for n, key in enumerate(order)}, tuple(pairwise(range(10))))


# Published for TrackML. Not for the Generic detector: there 5% of all true edges skip a layer so.
_CROSSINGS = (Crossing(0, (4, 11), 71.563, 490.975), Crossing(1, (4, 11), 115.378, 490.975))

GEOMETRIES = {
    "generic_pixels": _pixels("generic_pixels"),
    "trackml_pixels": _pixels("trackml_pixels", _CROSSINGS),
    "generic_barrel": _barrel("generic_barrel"),
    "trackml_barrel": _barrel("trackml_barrel"),
    # the barrel of the toy detector of pcgnn.simulation; its disks count on from 10
    "toy_barrel": LayerGeometry.by_layer(tuple(pairwise(range(10))), "toy_barrel"),
}


def geometry(name: str | LayerGeometry) -> LayerGeometry:
    """Find a geometry by its name.

    Raises:
        ConfigError: no geometry of that name.
    """
    if isinstance(name, LayerGeometry):
        return name
    if name not in GEOMETRIES:
        raise ConfigError(
            f"no geometry is called {name!r}", remedy=f"choose one of {sorted(GEOMETRIES)}"
        )
    return GEOMETRIES[name]
