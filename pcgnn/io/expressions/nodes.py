"""The four kinds of nodes an expression is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Call", "Name", "Node", "Number", "Reduce", "walk"]


@dataclass(frozen=True)
class Number:
    """A literal; always a float."""

    value: float
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Name:
    """A quantity looked up when the expression is evaluated."""

    name: str
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """An elementwise function or operator (operators go by NumPy's names: ``add``, ``less``)."""

    function: str
    arguments: tuple[Node, ...]
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Reduce:
    """A reduction over the particles of each jet."""

    function: str
    argument: Node
    column: int = field(default=0, compare=False)


Node: TypeAlias = Number | Name | Call | Reduce


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it."""
    yield node
    if isinstance(node, Call):
        for argument in node.arguments:
            yield from walk(argument)
    elif isinstance(node, Reduce):
        yield from walk(node.argument)
