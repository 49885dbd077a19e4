"""Pairs of layers that particles connect, and the cuts on each, learned from simulated events."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any, ClassVar, Literal

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking.columns import EventHits
from pcgnn.tracking.edge_maker import EdgeMaker
from pcgnn.tracking.event_join import join_event
from pcgnn.tracking.geometry import LayerGeometry, geometry
from pcgnn.tracking.layer_map_learning import learn_pairs
from pcgnn.tracking.modules import ModulePairs

__all__ = ["LayerMap", "Level", "PairWindow"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Level = Literal["layer", "module"]
Layer = tuple[int | None, int]


@dataclass(frozen=True)
class PairWindow:
    r"""What an edge between two layers must fulfil.

    Args:
        inner: number of the inner layer.
        outer: number of the outer layer.
        phi_slope: smallest and largest :math:`\Delta\phi/\Delta r`, 1/mm.
        z0: smallest and largest z0, mm.
        count: true edges it was learned from.

    Raises:
        ConfigError: a window without width, or a number that is not finite.
    """

    inner: int
    outer: int
    phi_slope: tuple[float, float]
    z0: tuple[float, float]
    count: int = 0

    eta_max: ClassVar[None] = None
    dr_max: ClassVar[None] = None

    def __post_init__(self) -> None:
        for name in ("phi_slope", "z0"):
            low, high = (float(value) for value in getattr(self, name))
            object.__setattr__(self, name, (low, high))
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ConfigError(
                    f"layers {self.inner} and {self.outer}: {name} = {[low, high]}",
                    remedy="give a smaller and a larger number",
                )

    @property
    def phi_slope_max(self) -> float:
        """Largest absolute slope, 1/mm."""
        return max(abs(value) for value in self.phi_slope)

    @property
    def z0_max(self) -> float:
        """Largest absolute z0, mm."""
        return max(abs(value) for value in self.z0)

    def keep(self, r1: Array, z1: Array, dr: Array, dphi: Array, dz: Array) -> NDArray[np.bool_]:
        """Whether pairs lie strictly inside of both windows; pairs of equal radius never do.

        **Shapes:** all (E,) -> (E,)
        """
        span, sign = np.abs(dr), np.sign(dr)
        bend, along = dphi * sign, (z1 * dr - r1 * dz) * sign
        passed: NDArray[np.bool_] = (bend > self.phi_slope[0] * span) & (
            bend < self.phi_slope[1] * span
        )
        passed &= (along > self.z0[0] * span) & (along < self.z0[1] * span)
        return passed


@dataclass(frozen=True)
class LayerMap(EdgeMaker):
    r"""Pairs of layers that consecutive hits of particles connect, each with its own cuts.

    The "module map" of tracking pipelines (`arXiv:2103.00916 <https://arxiv.org/abs/2103.00916>`__)
    on the level of layers, or of modules. From simulated events, :meth:`learn` takes the pairs of
    different layers on which a particle above a pT floor left one hit after the other, and for each
    pair the range of

    .. math::
        \frac{\Delta\phi}{\Delta r}, \qquad z_0 = z_1 - r_1 \frac{z_2 - z_1}{r_2 - r_1}

    It needs no table of the detector: layers and pairs are those that are seen. An edge joins hits
    on a pair that lie inside of both ranges; on the level of modules, their two modules must also
    have been connected by a particle. Inner and outer are as most particles pass the two layers.

    Args:
        layers: (volume, layer) of each layer number, the volume None where the detector has none.
        windows: the pairs of layers and their cuts.
        pt: pT floor it was learned for, GeV.
        modules: connected modules: (inner layer number, module, outer layer number, module); None
            on the level of layers.
        learned: how it was learned, in words.

    Raises:
        ConfigError: pairs of layers that do not exist or repeat.

    Example:
        >>> layer_map = LayerMap.learn(training_hits, pt_min=1.0)  # doctest: +SKIP
        >>> graphs = build_graphs(hits, layer_map, truth="consecutive")  # doctest: +SKIP
    """

    kind: ClassVar[str] = "layer-map"

    layers: tuple[Layer, ...]
    windows: tuple[PairWindow, ...]
    pt: float | None = None
    modules: tuple[tuple[int, int, int, int], ...] | None = field(default=None, repr=False)
    learned: str = "given"
    _geometry: LayerGeometry = field(init=False, repr=False, compare=False)
    _module_pairs: ModulePairs | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {layer: number for number, layer in enumerate(self.layers)}
        pairs = tuple((window.inner, window.outer) for window in self.windows)
        object.__setattr__(self, "_geometry", LayerGeometry("learned", numbers, pairs))
        found = None if self.modules is None else ModulePairs(np.array(self.modules))
        object.__setattr__(self, "_module_pairs", found)

    @classmethod
    def learn(
        cls,
        hits: ak.Array,
        *,
        pt_min: float = 1.0,
        min_count: int = 5,
        quantile: float = 0.995,
        margin: float = 0.05,
        level: Level = "layer",
        layers: str | LayerGeometry | None = None,
        progress: bool = False,
    ) -> LayerMap:
        """Learn pairs and cuts from events with truth; judge them on others.

        Args:
            hits: what :func:`pcgnn.read_hits` returns.
            pt_min: pT floor in GeV.
            min_count: pairs (of layers or of modules) that fewer true edges connect are left out.
            quantile: central part of the true edges of a pair that its window is to hold; 1 for all
                of them.
            margin: by which a window is then widened on either side, in parts of its width.
            level: connect "layer" with layer or "module" with module.
            layers: geometry or its name that says which layers take part; None for all of the
                events.
            progress: show progress.

        Raises:
            ConfigError: options out of their range.
            DataError: no truth, no modules, or not a single pair.
        """
        if not (math.isfinite(pt_min) and pt_min >= 0) or min_count < 1:
            raise ConfigError("the pT floor is not negative and min_count at least 1")
        if not 0 < quantile <= 1 or not (math.isfinite(margin) and margin >= 0):
            raise ConfigError("quantile lies in (0, 1], margin is not negative")
        if level not in ("layer", "module"):
            raise ConfigError(f"level = {level!r}", remedy="choose 'layer' or 'module'")
        names, found = learn_pairs(
            hits,
            pt_min=pt_min,
            layers=None if layers is None else geometry(layers),
            modules=level == "module",
            progress=progress,
        )
        modules = None
        if level == "module":
            found, connected = found.connected_modules(min_count)
            modules = tuple((int(a), int(m), int(b), int(n)) for a, m, b, n in connected)
        windows = tuple(PairWindow(*pair) for pair in found.windows(min_count, quantile, margin))
        if not windows:
            raise DataError(
                f"no pair of layers is connected by {min_count} true edges or more",
                remedy="learn from more events, or lower min_count or pt_min",
            )
        about = (
            f"{len(hits)} events, {quantile:.4g} of the true edges of a pair with a margin of "
            f"{margin:g}, at least {min_count} per pair"
        )
        return cls(names, windows, pt_min or None, modules, about)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> LayerMap:
        """From plain values, as :meth:`to_dict` gives them.

        Raises:
            ConfigError: keys that are unknown or missing, or pairs of modules that are not there.
        """
        known = {item.name for item in fields(cls) if item.init}
        if unknown := sorted(set(value) - known):
            raise ConfigError(
                f"a layer map has no {unknown[0]!r}", remedy=f"choose from {sorted(known)}"
            )
        if missing := sorted({"layers", "windows"} - set(value)):
            raise ConfigError(f"a layer map needs {missing[0]!r}", remedy="write it with to_dict")
        modules = value.get("modules")
        if isinstance(modules, Mapping):
            raise ConfigError(
                "descriptions of graphs hold the number of pairs of modules, not the pairs",
                remedy="keep LayerMap.to_dict() in a file",
            )
        return cls(
            layers=tuple((volume, layer) for volume, layer in value["layers"]),
            windows=tuple(
                PairWindow(a, b, tuple(slope), tuple(z0), count)
                for a, b, slope, z0, count in value["windows"]
            ),
            pt=value.get("pt"),
            modules=None if modules is None else tuple((a, m, b, n) for a, m, b, n in modules),
            learned=value.get("learned", "given"),
        )

    @property
    def level(self) -> Level:
        """What is connected: layers or modules."""
        return "layer" if self.modules is None else "module"

    @property
    def allowed_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of layers that are joined."""
        return self._geometry.pairs

    def number(self, hits: EventHits, event: int) -> Index:
        """Number the layers as the map does; -1 for hits on others, which take no part."""
        if self._module_pairs is not None and hits.module is None:
            raise DataError(
                "the hits have no module, which the layer map connects",
                branch="hit.module",
                entry=event,
                remedy="name it in the mapping of read_hits, or learn with level='layer'",
            )
        return self._geometry.number(hits.volume, hits.layer)

    def join(self, hits: EventHits, layer: Index, event: int) -> Index:
        """Join the hits on learned pairs that lie in their windows, (2, E)."""
        windows = {(window.inner, window.outer): window for window in self.windows}
        accept: Callable[[Index, Index], NDArray[np.bool_]] | None = None
        if self._module_pairs is not None and hits.module is not None:
            accept = self._module_pairs.among(layer, hits.module)
        return join_event(hits, layer, self._geometry, lambda a, b: windows[a, b], accept)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for configurations and files."""
        return {
            "layers": [list(layer) for layer in self.layers],
            "windows": [
                [w.inner, w.outer, list(w.phi_slope), list(w.z0), w.count] for w in self.windows
            ],
            "pt": self.pt,
            "modules": None if self.modules is None else [list(pair) for pair in self.modules],
            "learned": self.learned,
        }

    def record(self) -> dict[str, Any]:
        """As :meth:`to_dict`, with the number and a hash of the pairs of modules in their place."""
        plain = self.to_dict()
        if self.modules is not None:
            flat = np.array(list(chain.from_iterable(self.modules)), dtype=np.int64)
            digest = hashlib.sha256(flat.tobytes()).hexdigest()
            plain["modules"] = {"pairs": len(self.modules), "sha256": digest}
        return plain

    def __str__(self) -> str:
        number = f"{len(self.windows)} layer pairs"
        if self.modules is not None:
            number += f", {len(self.modules)} module pairs"
        floor = "" if self.pt is None else f", pT >= {self.pt:g} GeV"
        return f"learned layer map, {number} ({self.learned}{floor})"
