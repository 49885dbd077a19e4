"""Pairs of modules as a sorted table that edges are looked up in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError

__all__ = ["ModulePairs", "code_parts", "module_code"]

Index = NDArray[np.int64]

_MODULES = 1 << 32


def module_code(layer: NDArray[np.integer], module: NDArray[np.integer]) -> Index:
    """One number for layer and module.

    **Shapes:** (N,), (N,) -> (N,)
    """
    return layer.astype(np.int64) * _MODULES + module.astype(np.int64)


def code_parts(code: Index) -> tuple[Index, Index]:
    """Layer and module of each number of :func:`module_code`.

    **Shapes:** (N,) -> (N,), (N,)
    """
    layer, module = np.divmod(code, _MODULES)
    return layer, module


class ModulePairs:
    """Which modules are connected.

    Args:
        pairs: inner layer, module, outer layer, module.

    Raises:
        ConfigError: no pairs.

    **Shapes:** pairs (P, 4)
    """

    def __init__(self, pairs: Index) -> None:
        if pairs.ndim != 2 or pairs.shape[1] != 4 or pairs.shape[0] == 0:
            raise ConfigError("a module map needs pairs of (layer, module, layer, module)")
        inner = module_code(pairs[:, 0], pairs[:, 1])
        outer = module_code(pairs[:, 2], pairs[:, 3])
        self.modules = np.unique(np.concatenate([inner, outer]))
        self.keys = np.unique(
            np.searchsorted(self.modules, inner) * self.modules.size
            + np.searchsorted(self.modules, outer)
        )

    def among(
        self, layer: Index, module: NDArray[np.integer]
    ) -> Callable[[Index, Index], NDArray[np.bool_]]:
        """For the hits of an event, a function that says which edges join connected modules.

        **Shapes:** (N,), (N,) -> ((E,), (E,) -> (E,))
        """
        code = module_code(layer, module)
        place = np.minimum(np.searchsorted(self.modules, code), self.modules.size - 1)
        known = self.modules[place] == code

        def connected(source: Index, target: Index) -> NDArray[np.bool_]:
            key = place[source] * self.modules.size + place[target]
            row = np.minimum(np.searchsorted(self.keys, key), self.keys.size - 1)
            found: NDArray[np.bool_] = (self.keys[row] == key) & known[source] & known[target]
            return found

        return connected
