"""Evaluation of expressions on flat arrays: particles as (N,), jets as (G,), NumPy or torch.

A jagged array knows how its values nest; a flat one does not, so every value carries its level.
Where levels meet, the value of a jet is repeated for its particles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pcgnn.data.checks import GRAPH, PARTICLE
from pcgnn.errors import ExpressionError
from pcgnn.io.expressions import FUNCTIONS, OPERATORS, REDUCTIONS

__all__ = ["NUMPY_FUNCTIONS", "Flat", "FlatBackend", "NumpyBackend", "TorchBackend"]

_TWO_PI = 2.0 * np.pi


class Flat(NamedTuple):
    """A value with one entry per particle ("particle") or per jet ("graph")."""

    data: Any
    level: str


class FlatBackend(ABC):
    """Evaluates the expression language on flat arrays; one object per set of offsets.

    Same meaning as the awkward backend: numbers become floating point first, a condition is
    true where a number is not 0, what is not defined gives NaN or infinity (callers of the NumPy
    form silence its warnings with ``np.errstate``, once for many calls).
    """

    def particle(self, data: Any) -> Flat:
        """One value per particle, (N,)."""
        return Flat(data, PARTICLE)

    def event(self, data: Any) -> Flat:
        """One value per jet, (G,)."""
        return Flat(data, GRAPH)

    def call(self, name: str, *args: Any) -> Any:
        """Apply an elementwise function or operator."""
        signature = OPERATORS.get(name) or FUNCTIONS[name]
        level = None
        for value in args:
            if isinstance(value, Flat):
                level = PARTICLE if PARTICLE in (level, value.level) else GRAPH
        values = []
        for kind, value in zip(signature.arguments, args, strict=True):
            array = value
            if isinstance(value, Flat):
                self._check_one_dimensional(value.data)
                array = value.data
                if level == PARTICLE and value.level == GRAPH:
                    array = self.expand(array)
            values.append(self.condition(array) if kind == "condition" else self.number(array))
        result = self._apply(name, values)
        return result if level is None else Flat(result, level)

    def reduce(self, name: str, value: Any) -> Flat:
        """Reduce over the particles of each jet."""
        if not isinstance(value, Flat) or value.level != PARTICLE:
            raise ExpressionError(
                f"{name}() reduces over the particles of a jet, but its argument has one value "
                "per jet"
            )
        self._check_one_dimensional(value.data)
        wanted = REDUCTIONS[name].arguments[0]
        data = self.condition(value.data) if wanted == "condition" else self.number(value.data)
        return Flat(self._reduce(name, data), GRAPH)

    def at_particles(self, value: Any) -> Any:
        """The array of a value, repeated to one number per particle where it has fewer."""
        if not isinstance(value, Flat):
            return self.full(value)
        self._check_one_dimensional(value.data)
        return self.expand(value.data) if value.level == GRAPH else value.data

    @staticmethod
    def _check_one_dimensional(data: Any) -> None:
        if data.ndim != 1:
            raise ExpressionError(f"a column with {data.ndim} dimensions cannot be used here")

    @abstractmethod
    def number(self, value: Any) -> Any:
        """Convert to floating point."""

    @abstractmethod
    def condition(self, value: Any) -> Any:
        """Convert to true and false."""

    @abstractmethod
    def expand(self, array: Any) -> Any:
        """Repeat (G,) to (N,)."""

    @abstractmethod
    def full(self, value: float) -> Any:
        """An (N,) array of one number."""

    @abstractmethod
    def _apply(self, name: str, values: list[Any]) -> Any: ...

    @abstractmethod
    def _reduce(self, name: str, data: Any) -> Any: ...


def _numpy_delta_phi(a: Any, b: Any, out: np.ndarray | None = None) -> Any:
    difference = np.asarray(np.subtract(a, b, out=out))
    turns = np.rint(np.multiply(difference, 1.0 / _TWO_PI))
    np.multiply(turns, _TWO_PI, out=turns)
    return np.subtract(difference, turns, out=out)


def _numpy_clip(x: Any, low: Any, high: Any, out: np.ndarray | None = None) -> Any:
    return np.minimum(np.maximum(x, low, out=out), high, out=out)


NUMPY_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "abs": np.abs,
        "asin": np.arcsin,
        "acos": np.arccos,
        "atan": np.arctan,
        "atan2": np.arctan2,
        "asinh": np.arcsinh,
        "acosh": np.arccosh,
        "atanh": np.arctanh,
        "clip": _numpy_clip,
        "delta_phi": _numpy_delta_phi,
    }
)


class NumpyBackend(FlatBackend):
    """Flat NumPy arrays in double precision.

    Args:
        offsets: offsets of the jets.

    **Shapes:** offsets (G+1,), particle values (N,), jet values (G,)
    """

    def __init__(self, offsets: np.ndarray) -> None:
        self._starts = offsets[:-1] - offsets[0]
        self._sizes = np.diff(offsets)
        self._total = int(offsets[-1] - offsets[0])
        self._filled = bool(self._sizes.all())

    @property
    def sizes(self) -> np.ndarray:
        """Particles per jet, (G,)."""
        return self._sizes

    def reduce_numbers(self, name: str, data: np.ndarray) -> np.ndarray:
        """Reduce an array of one value per particle; ``data`` has the type the reduction needs."""
        return np.asarray(self._reduce(name, data))

    def number(self, value: Any) -> Any:
        """Convert to float64."""
        return np.asarray(value, dtype=np.float64) if isinstance(value, np.ndarray) else value

    def condition(self, value: Any) -> Any:
        """True where not 0."""
        return np.asarray(value) != 0

    def expand(self, array: Any) -> Any:
        """Repeat (G,) to (N,)."""
        return np.repeat(array, self._sizes)

    def full(self, value: float) -> Any:
        """An (N,) array of one number."""
        return np.full(self._total, value, dtype=np.float64)

    def _apply(self, name: str, values: list[Any]) -> Any:
        return (NUMPY_FUNCTIONS.get(name) or getattr(np, name))(*values)

    def _reduce(self, name: str, data: Any) -> Any:
        if name == "count":
            return self._segments(np.add, data.astype(np.float64), 0.0)
        if name == "mean":
            return self._segments(np.add, data, 0.0) / self._sizes
        ufunc, empty = _NUMPY_REDUCTIONS[name]
        return self._segments(ufunc, data, empty)

    def _segments(self, ufunc: np.ufunc, data: np.ndarray, empty: float) -> np.ndarray:
        if self._filled:
            return np.asarray(ufunc.reduceat(data, self._starts)) if self._sizes.size else data[:0]
        filled = self._sizes > 0
        result = np.full(self._sizes.size, empty, dtype=data.dtype)
        if filled.any():
            result[filled] = ufunc.reduceat(data, self._starts[filled])
        return result


_NUMPY_REDUCTIONS: Mapping[str, tuple[np.ufunc, float]] = MappingProxyType(
    {
        "sum": (np.add, 0.0),
        "min": (np.minimum, np.inf),
        "max": (np.maximum, -np.inf),
        "any": (np.logical_or, False),
        "all": (np.logical_and, True),
    }
)


def _torch_delta_phi(a: Any, b: Any) -> Any:
    difference = torch.as_tensor(a - b)
    return difference - torch.round(difference / _TWO_PI) * _TWO_PI


_TORCH: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "power": torch.pow,
        "equal": torch.eq,
        "not_equal": torch.ne,
        "clip": lambda x, low, high: torch.minimum(torch.maximum(x, low), high),
        "delta_phi": _torch_delta_phi,
    }
)


class TorchBackend(FlatBackend):
    """Flat tensors on any device; differentiable where the functions are.

    Args:
        ptr: offsets of the jets.
        total: number of particles N, if known on the host.
        dtype: floating-point type to compute in.

    **Shapes:** ptr (G+1,), particle values (N,), jet values (G,)
    """

    def __init__(
        self, ptr: Tensor, total: int | None = None, dtype: torch.dtype = torch.float64
    ) -> None:
        self._sizes = ptr.diff()
        self._total = int(ptr[-1]) if total is None else total
        self._dtype = dtype
        graphs = torch.arange(self._sizes.numel(), device=ptr.device)
        self._graph = torch.repeat_interleave(graphs, self._sizes, output_size=self._total)

    def number(self, value: Any) -> Tensor:
        """Convert to the floating-point type."""
        return torch.as_tensor(value, dtype=self._dtype, device=self._graph.device)

    def condition(self, value: Any) -> Tensor:
        """True where not 0."""
        return torch.as_tensor(value, device=self._graph.device) != 0

    def expand(self, array: Any) -> Any:
        """Repeat (G,) to (N,)."""
        return array.index_select(0, self._graph)

    def full(self, value: float) -> Tensor:
        """An (N,) tensor of one number."""
        return torch.full((self._total,), value, dtype=self._dtype, device=self._graph.device)

    def _apply(self, name: str, values: list[Any]) -> Any:
        return (_TORCH.get(name) or getattr(torch, name))(*values)

    def _reduce(self, name: str, data: Tensor) -> Tensor:
        zeros = torch.zeros(self._sizes.numel(), dtype=self._dtype, device=data.device)
        if name in ("any", "all", "count"):
            number = self._sum(zeros, data.to(self._dtype))
            if name == "count":
                return number
            return number > 0 if name == "any" else number == self._sizes
        if name == "sum":
            return self._sum(zeros, data)
        if name == "mean":
            return self._sum(zeros, data) / self._sizes
        empty = torch.inf if name == "min" else -torch.inf
        return torch.full_like(zeros, empty).scatter_reduce(0, self._graph, data, "a" + name)

    def _sum(self, zeros: Tensor, data: Tensor) -> Tensor:
        return zeros.index_add(0, self._graph, data)
