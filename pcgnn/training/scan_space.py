"""What a scan varies: a small language of choices and ranges, in which nothing is executed."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcgnn.errors import ConfigError

__all__ = ["Parameter", "Space", "nested", "numbers_of_text", "parse_space"]

_KINDS = ("choice", "int", "float", "log")
_SECTIONS = ("model", "fit")
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


@dataclass(frozen=True)
class Parameter:
    """One thing that is varied.

    Args:
        name: ``model.<argument>`` or ``fit.<argument>``; further dots lead into mappings.
        kind: ``choice``, ``int`` (both ends included), ``float`` (even) or ``log`` (even in the
            logarithm).
        values: what is chosen from, or lower and upper end.
        step: grid of an ``int`` or ``float``, counted from the lower end.
    """

    name: str
    kind: str
    values: tuple[Any, ...]
    step: float | None = None

    def draw(self, random: np.random.Generator) -> Any:
        """A random value."""
        if self.kind == "choice":
            return self.values[int(random.integers(len(self.values)))]
        low, high = self.values
        if self.step is not None or self.kind == "int":
            grid = self.grid()
            return grid[int(random.integers(len(grid)))]
        if self.kind == "log":
            value = math.exp(random.uniform(math.log(low), math.log(high)))
            return min(max(value, low), high)
        return float(random.uniform(low, high))

    def grid(self) -> list[Any]:
        """All values.

        Raises:
            ConfigError: a range without steps.
        """
        if self.kind == "choice":
            return list(self.values)
        low, high = self.values
        step = 1 if self.kind == "int" and self.step is None else self.step
        if step is None:
            raise ConfigError(
                f"{self.name} is a range without steps, which no grid can have",
                remedy="give a choice, or step: beside the range",
            )
        count = math.floor((high - low) / step + 1e-9) + 1
        found = [low + number * step for number in range(count)]
        return [round(value) for value in found] if self.kind == "int" else found

    def distribution(self) -> Any:
        """The same for Optuna; of choices among lists and mappings it knows the numbers."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        if self.kind == "choice":
            plain = self.values if self._is_plain else range(len(self.values))
            return CategoricalDistribution(list(plain))
        low, high = self.values
        if self.kind == "int":
            step = 1 if self.step is None else int(self.step)
            return IntDistribution(low, low + (high - low) // step * step, step=step)
        if self.kind == "log":
            return FloatDistribution(low, high, log=True)
        return FloatDistribution(low, high, step=self.step)

    def inner(self, value: Any) -> Any:
        """A value as Optuna has it."""
        if self.kind != "choice" or self._is_plain:
            return value
        return self.values.index(value)

    def outer(self, value: Any) -> Any:
        """A value of Optuna as the training wants it."""
        if self.kind != "choice" or self._is_plain:
            return value
        return self.values[int(value)]

    @property
    def _is_plain(self) -> bool:
        return not any(isinstance(value, (list, dict)) for value in self.values)


@dataclass(frozen=True)
class Space:
    """All parameters of a scan."""

    parameters: tuple[Parameter, ...]

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def names(self) -> list[str]:
        """Names in order."""
        return [parameter.name for parameter in self.parameters]

    def draw(self, *seed: int) -> dict[str, Any]:
        """A random point that depends on the seed alone."""
        random = np.random.default_rng(list(seed))
        return {parameter.name: parameter.draw(random) for parameter in self}

    def points(self) -> list[dict[str, Any]]:
        """All points of the grid; the last parameter changes fastest."""
        size = math.prod(len(parameter.grid()) for parameter in self)
        if size > 100_000:
            raise ConfigError(f"the grid has {size:,} points", remedy="take sampler='random'")
        return [
            dict(zip(self.names, values, strict=True))
            for values in itertools.product(*(parameter.grid() for parameter in self))
        ]

    def distributions(self) -> dict[str, Any]:
        """All of them for Optuna."""
        return {parameter.name: parameter.distribution() for parameter in self}

    def inner(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """A point as Optuna has it."""
        return {parameter.name: parameter.inner(point[parameter.name]) for parameter in self}

    def outer(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """A point of Optuna as the training wants it."""
        return {parameter.name: parameter.outer(point[parameter.name]) for parameter in self}

    def record(self) -> dict[str, Any]:
        """Plain values."""
        return {
            p.name: {p.kind: list(p.values)} | ({} if p.step is None else {"step": p.step})
            for p in self
        }


def nested(point: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``{"fit.lr": 0.1}`` -> ``{"model": {}, "fit": {"lr": 0.1}}``.

    Example:
        >>> nested({"fit.schedule_arguments.tau": 3})["fit"]
        {'schedule_arguments': {'tau': 3}}
    """
    found: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    for name, value in point.items():
        section, *path, last = name.split(".")
        place = found[section]
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def parse_space(content: Any) -> Space:
    """A space from plain values.

    Args:
        content: sections ``model`` (arguments of the model) and ``fit`` (arguments of
            :func:`pcgnn.fit`), nested as these are, or names with dots. At the end of each branch
            stands ``{choice: [...]}``, ``{int: [low, high]}``, ``{float: [low, high]}`` (both may
            have ``step``) or ``{log: [low, high]}``; a plain list is a choice.

    Raises:
        ConfigError: anything else, with the name at fault.

    Example:
        >>> parse_space({"fit": {"lr": {"log": [1e-4, 1e-1]}, "batch_size": [32, 64]}}).names
        ['fit.lr', 'fit.batch_size']
    """
    if isinstance(content, Space):
        return content
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(
            "the parameters of a scan are a mapping with the sections model and fit",
            remedy="give for example {'fit': {'lr': {'log': [1e-4, 1e-1]}}}",
        )
    found = list(_walk(content, ""))
    for parameter in found:
        section, dot, _ = parameter.name.partition(".")
        if section not in _SECTIONS or not dot:
            raise ConfigError(
                f"{parameter.name} is in neither of the sections model and fit",
                remedy=f"write fit.{parameter.name} or model.{parameter.name}",
            )
    names = [parameter.name for parameter in found]
    if len(set(names)) < len(names):
        raise ConfigError("a parameter is given twice")
    if not found:
        raise ConfigError("the parameters of the scan are empty")
    return Space(tuple(found))


def _walk(content: Mapping[str, Any], prefix: str) -> Iterator[Parameter]:
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, (list, tuple)):
            yield _parameter(name, {"choice": value})
        elif isinstance(value, Mapping) and any(kind in value for kind in _KINDS):
            yield _parameter(name, value)
        elif isinstance(value, Mapping):
            yield from _walk(value, f"{name}.")
        else:
            raise ConfigError(
                f"{name} = {value!r} varies nothing",
                remedy=f"give a list, or one of {', '.join(_KINDS)} with its range",
            )


def _parameter(name: str, content: Mapping[str, Any]) -> Parameter:
    kinds = [kind for kind in _KINDS if kind in content]
    unknown = set(content) - set(_KINDS) - {"step"}
    if len(kinds) != 1 or unknown:
        raise ConfigError(
            f"{name}: {dict(content)!r}", remedy=f"give one of {', '.join(_KINDS)}, and step"
        )
    kind, values, step = kinds[0], content[kinds[0]], content.get("step")
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ConfigError(f"{name}: {kind} needs a list, not {values!r}")
    if kind == "choice":
        if step is not None:
            raise ConfigError(f"{name}: a choice has no step")
        plain = [_plain(name, value) for value in values]
        if any(a == b for a, b in itertools.combinations(plain, 2)):
            raise ConfigError(f"{name}: a choice is there twice")
        return Parameter(name, kind, tuple(plain))
    values = [_plain(name, value) for value in values]
    if len(values) != 2 or not all(_is_number(value) for value in values):
        raise ConfigError(f"{name}: {kind} needs two numbers, not {list(values)}")
    low, high = values
    if not low < high:
        raise ConfigError(f"{name}: the range {list(values)} is empty")
    if kind == "int" and not all(float(value).is_integer() for value in values):
        raise ConfigError(f"{name}: int needs whole numbers, not {list(values)}")
    if kind == "log" and (low <= 0 or step is not None):
        raise ConfigError(f"{name}: log needs a range above 0 and no step")
    if step is not None and (not _is_number(step) or step <= 0):
        raise ConfigError(f"{name}: the step {step!r} must be a number above 0")
    if step is not None and kind == "int" and not float(step).is_integer():
        raise ConfigError(f"{name}: the step {step!r} must be a whole number")
    whole = int if kind == "int" else float
    return Parameter(name, kind, (whole(low), whole(high)), None if step is None else whole(step))


def numbers_of_text(value: Any) -> Any:
    """Numbers for texts like 1e-4, which YAML does not take for numbers; nested ones too.

    Example:
        >>> numbers_of_text({"lr": "1e-4", "name": "pfn"})
        {'lr': 0.0001, 'name': 'pfn'}
    """
    if isinstance(value, str) and _EXPONENT.fullmatch(value):
        return float(value)
    if isinstance(value, Mapping):
        return {key: numbers_of_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [numbers_of_text(item) for item in value]
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _plain(name: str, value: Any) -> Any:
    value = numbers_of_text(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(name, item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(name, item) for key, item in value.items()}
    raise ConfigError(f"{name}: a {type(value).__name__} cannot be chosen", remedy="plain values")
