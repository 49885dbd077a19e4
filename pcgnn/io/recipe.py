"""What to read and select: the options common to all readers, checked and compiled once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from pcgnn.errors import ConfigError, ExpressionError
from pcgnn.io.expressions import Call, Expression, Name, Node, compile_expression
from pcgnn.io.expressions.nodes import walk
from pcgnn.io.records import RESERVED

__all__ = ["Empty", "EventColumns", "Nonfinite", "Particles", "Recipe"]

Particles: TypeAlias = str | Mapping[str, str] | None
EventColumns: TypeAlias = str | Sequence[str] | Mapping[str, str] | None
Nonfinite: TypeAlias = Literal["error", "drop", "keep"]
Empty: TypeAlias = Literal["error", "drop", "keep"]


@dataclass(frozen=True)
class Recipe:
    """Options of a reader; made by :meth:`make`.

    Args:
        particles: pattern, mapping or None.
        event: branch (or pattern of branches) of each event column.
        cut: condition on the entries.
        derived: expression of each derived column, in an order in which they can be computed.
        nonfinite: what to do with NaN and infinities.
        empty: what to do with entries without particles.
    """

    particles: Particles
    event: Mapping[str, str]
    cut: Expression | None
    derived: Mapping[str, Expression]
    nonfinite: Nonfinite
    empty: Empty

    @classmethod
    def make(
        cls,
        particles: Particles = None,
        event: EventColumns = None,
        cut: str | None = None,
        derived: Mapping[str, str] | None = None,
        nonfinite: Nonfinite = "error",
        empty: Empty = "error",
    ) -> Recipe:
        """Check and compile what the user gave.

        Raises:
            ConfigError: for an unknown option or a column named twice.
            ExpressionError: if an expression is not in the language, the cut is no condition,
                or derived columns need each other in a circle.
        """
        for name, value, allowed in (
            ("nonfinite", nonfinite, get_args(Nonfinite)),
            ("empty", empty, get_args(Empty)),
        ):
            if value not in allowed:
                raise ConfigError(f"{name}={value!r} is not one of {', '.join(allowed)}")
        columns = _event_columns(event)
        expressions = {name: _compile(text, name) for name, text in (derived or {}).items()}
        for name in expressions:
            _check_new_name(name, columns)
        condition = None if cut is None else _compile(cut, "the cut")
        if condition is not None and condition.kind == "number":
            raise ExpressionError(
                f"the cut {condition.text!r} is a number, not a condition",
                remedy="compare it with something, as in jet_pt > 550",
            )
        return cls(particles, columns, condition, _in_order(expressions), nonfinite, empty)

    @property
    def names(self) -> frozenset[str]:
        """All names in the cut and the derived columns that are not derived themselves."""
        used = [expression.names for expression in self.derived.values()]
        used += [self.cut.names] if self.cut is not None else []
        return frozenset().union(*used) - frozenset(self.derived)

    def cut_names(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names the cut depends on, and those among them that it asks ``isfinite`` about."""
        if self.cut is None:
            return frozenset(), frozenset()
        needed, guarded = set(self.cut.names), set(_guarded(self.cut.tree))
        for name in reversed(list(self.derived)):  # each before the ones it needs
            if name in needed:
                expression = self.derived[name]
                needed |= expression.names
                guarded |= set(_guarded(expression.tree))
                guarded |= set(expression.names) if name in guarded else set()
        return frozenset(needed - set(self.derived)), frozenset(guarded)

    def to_dict(self) -> dict[str, Any]:
        """Give the options as plain values, to be passed to a reader again."""
        particles = self.particles
        return {
            "particles": dict(particles) if isinstance(particles, Mapping) else particles,
            "event": dict(self.event) or None,
            "cut": None if self.cut is None else self.cut.text,
            "derived": {k: e.text for k, e in self.derived.items()} or None,
            "nonfinite": self.nonfinite,
            "empty": self.empty,
        }


def _event_columns(event: EventColumns) -> dict[str, str]:
    if event is None:
        return {}
    if isinstance(event, Mapping):
        columns = {str(name): str(branch) for name, branch in event.items()}
    else:
        names = [event] if isinstance(event, str) else list(event)
        if not all(isinstance(name, str) for name in names):
            raise ConfigError(f"event={event!r} must hold names of branches")
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ConfigError(f"event names the column {twice.pop()!r} twice")
        columns = {name: name for name in names}
    for name in columns:
        if name in RESERVED:
            raise ConfigError(
                f"an event column cannot be called {name!r}, the records have that field already",
                remedy=f'rename it with a mapping, event={{"my_{name}": "{columns[name]}"}}',
            )
    return columns


def _compile(text: str, name: str) -> Expression:
    try:
        return compile_expression(text)
    except ExpressionError as error:
        raise ExpressionError(f"in {name}: {error.problem}", remedy=error.remedy) from error


def _check_new_name(name: str, columns: Mapping[str, str]) -> None:
    if not re.fullmatch(r"(?!__)[A-Za-z_][0-9A-Za-z_]*", name):
        raise ConfigError(f"a derived column cannot be called {name!r}", remedy="use a plain word")
    if name in columns or name in RESERVED or name == "n_particles":
        raise ConfigError(f"the derived column {name!r} has the name of another column")


def _in_order(expressions: Mapping[str, Expression]) -> dict[str, Expression]:
    """Sort so that each expression comes after those it needs."""
    ordered: dict[str, Expression] = {}
    waiting = dict(expressions)
    while waiting:
        ready = [name for name, e in waiting.items() if not e.names & waiting.keys()]
        if not ready:
            raise ExpressionError(
                f"the derived columns {', '.join(waiting)} need each other in a circle"
            )
        for name in ready:
            ordered[name] = waiting.pop(name)
    return ordered


def _guarded(tree: Node) -> set[str]:
    return {
        below.name
        for node in walk(tree)
        if isinstance(node, Call) and node.function == "isfinite"
        for below in walk(node)
        if isinstance(below, Name)
    }
