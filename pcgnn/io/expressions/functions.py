"""The words of the language: what each takes and what it gives.

Backends implement exactly these names. ``number`` stands for a quantity, ``condition`` for true
or false.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

__all__ = ["CONSTANTS", "FUNCTIONS", "OPERATORS", "REDUCTIONS", "Kind", "Signature"]

Kind: TypeAlias = Literal["number", "condition", "any"]


@dataclass(frozen=True)
class Signature:
    """Kinds of the arguments and of the result of a function."""

    arguments: tuple[Kind, ...]
    result: Kind


def _numbers(count: int) -> Signature:
    number: Kind = "number"
    return Signature((number,) * count, number)


_COMPARISON = Signature(("number", "number"), "condition")

OPERATORS: Mapping[str, Signature] = MappingProxyType(
    {
        **dict.fromkeys(
            ("add", "subtract", "multiply", "divide", "power", "remainder"), _numbers(2)
        ),
        "negative": _numbers(1),
        **dict.fromkeys(("less", "less_equal", "greater", "greater_equal"), _COMPARISON),
        **dict.fromkeys(("equal", "not_equal"), Signature(("any", "any"), "condition")),
        **dict.fromkeys(
            ("logical_and", "logical_or"), Signature(("condition", "condition"), "condition")
        ),
        "logical_not": Signature(("condition",), "condition"),
    }
)
"""Operators by the name a backend is called with; ``remainder`` has the sign of the divisor."""

FUNCTIONS: Mapping[str, Signature] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("abs", "sqrt", "log", "log10", "log1p", "exp", "expm1"),
                *("sin", "cos", "tan", "asin", "acos", "atan"),
                *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
                *("sign", "floor", "ceil"),
            ),
            _numbers(1),
        ),
        **dict.fromkeys(("atan2", "hypot", "minimum", "maximum", "delta_phi"), _numbers(2)),
        "clip": _numbers(3),
        "where": Signature(("condition", "any", "any"), "any"),
        "isfinite": Signature(("number",), "condition"),
    }
)
"""Elementwise functions: ``delta_phi(a, b)`` is a - b wrapped to [-pi, pi],
``clip(x, low, high)``, ``where(condition, if_true, if_false)``."""

REDUCTIONS: Mapping[str, Signature] = MappingProxyType(
    {
        **dict.fromkeys(("sum", "mean", "min", "max"), _numbers(1)),
        **dict.fromkeys(("any", "all"), Signature(("condition",), "condition")),
        "count": Signature(("condition",), "number"),
    }
)
"""Reductions over the particles of a jet. ``count`` gives how many times the condition holds.
Without particles: sum and count 0, mean NaN, min +inf, max -inf, any false, all true."""

CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi})
