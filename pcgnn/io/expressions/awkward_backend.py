"""Evaluation on NumPy columns (one value per entry) and jagged awkward arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.errors import ExpressionError
from pcgnn.io.expressions.functions import FUNCTIONS, OPERATORS, REDUCTIONS

__all__ = ["AwkwardBackend"]


def _delta_phi(a: Any, b: Any) -> Any:
    difference = np.subtract(a, b)
    turns = np.rint(np.divide(difference, 2 * np.pi))
    return np.subtract(difference, np.multiply(turns, 2 * np.pi))


def _where(condition: Any, a: Any, b: Any) -> Any:
    if any(isinstance(value, ak.Array) for value in (condition, a, b)):
        condition, a, b = ak.broadcast_arrays(condition, a, b)
        return ak.where(condition, a, b)
    return np.where(condition, a, b)


_BY_OTHER_NAME: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "abs": np.abs,
        "asin": np.arcsin,
        "acos": np.arccos,
        "atan": np.arctan,
        "atan2": np.arctan2,
        "asinh": np.arcsinh,
        "acosh": np.arccosh,
        "atanh": np.arctanh,
        "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
        "delta_phi": _delta_phi,
        "where": _where,
    }
)


class AwkwardBackend:
    """Evaluates in double precision on whole columns.

    One value per entry is a NumPy array, one per particle a jagged ``ak.Array``; mixing them
    repeats the entry's value for its particles. Every number is converted to float64 first, so
    integer columns neither overflow nor wrap around (exact up to 2**53). What is not defined
    gives NaN or infinity as in IEEE arithmetic, and a comparison with NaN is false.

    Example:
        >>> from pcgnn.io.expressions import compile_expression
        >>> pt = ak.Array([[3.0, 4.0], [5.0]])
        >>> compile_expression("sum(pt) > 6").evaluate({"pt": pt}, AwkwardBackend())
        array([ True, False])
    """

    def call(self, name: str, *args: Any) -> Any:
        """Apply an elementwise function or operator."""
        signature = OPERATORS.get(name) or FUNCTIONS[name]
        values = [
            _condition(value) if kind == "condition" else _number(value)
            for kind, value in zip(signature.arguments, args, strict=True)
        ]
        function = _BY_OTHER_NAME.get(name) or getattr(np, name)
        with np.errstate(all="ignore"):
            try:
                return function(*values)
            except ValueError as error:
                raise ExpressionError(
                    f"{name} joins collections with different numbers of particles"
                ) from error

    def reduce(self, name: str, value: Any) -> Any:
        """Reduce over the particles of each jet."""
        if not (isinstance(value, ak.Array) and value.ndim == 2):
            raise ExpressionError(
                f"{name}() reduces over the particles of a jet, but its argument has one value "
                "per entry"
            )
        convert = _condition if REDUCTIONS[name].arguments[0] == "condition" else _number
        layout = ak.to_packed(convert(value)).layout
        offsets, content = np.asarray(layout.offsets), np.asarray(layout.content.data)
        with np.errstate(all="ignore"):
            return _REDUCTIONS[name](content, offsets)


def _number(value: Any) -> Any:
    if isinstance(value, ak.Array):
        return ak.values_astype(value, np.float64)
    if isinstance(value, np.ndarray) and value.ndim > 1:
        raise ExpressionError(f"a column with {value.ndim} dimensions cannot be used here")
    return np.asarray(value, dtype=np.float64)[()]


def _condition(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value if value.dtype == np.bool_ else _number(value) != 0
    if isinstance(value, ak.Array):
        return ak.values_astype(value, np.bool_)
    return bool(value)


def _segments(
    ufunc: np.ufunc, empty: float
) -> Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Make a reduction over ranges; ``reduceat`` alone gets empty ranges wrong."""

    def reduce(
        content: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        result = np.full(len(offsets) - 1, empty, dtype=content.dtype)
        filled = offsets[1:] > offsets[:-1]
        if filled.any():
            result[filled] = ufunc.reduceat(content, offsets[:-1][filled])
        return result

    return reduce


_sum = _segments(np.add, 0)
_REDUCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "sum": _sum,
        "mean": lambda content, offsets: _sum(content, offsets) / np.diff(offsets),
        "min": _segments(np.minimum, np.inf),
        "max": _segments(np.maximum, -np.inf),
        "any": _segments(np.logical_or, False),
        "all": _segments(np.logical_and, True),
        "count": lambda content, offsets: _sum(content.astype(np.float64), offsets),
    }
)
