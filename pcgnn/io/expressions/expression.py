"""Compiled expressions and their evaluation by a backend."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from pcgnn.errors import ExpressionError
from pcgnn.io.expressions.functions import Kind
from pcgnn.io.expressions.kinds import kind_of
from pcgnn.io.expressions.nodes import Call, Name, Node, Number, Reduce, walk
from pcgnn.io.expressions.parser import did_you_mean, error_at, parse

__all__ = ["Backend", "Expression", "compile_expression"]


class Backend(Protocol):
    """What evaluates expressions on one kind of array.

    ``call`` gets every name of ``OPERATORS`` and ``FUNCTIONS`` with arrays or Python floats,
    ``reduce`` every name of ``REDUCTIONS`` with a particle-level array.
    """

    def call(self, name: str, *args: Any) -> Any:
        """Apply an elementwise function or operator."""

    def reduce(self, name: str, value: Any) -> Any:
        """Reduce over the particles of each jet."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression; made by :func:`compile_expression`.

    Args:
        text: the expression as written.
        tree: its root node.
        names: the quantities it needs.
    """

    text: str
    tree: Node
    names: frozenset[str]

    @property
    def kind(self) -> Kind:
        """What it gives: "number", "condition", or "any" where a bare column decides."""
        return kind_of(self.tree)

    def evaluate(self, env: Mapping[str, Any], backend: Backend) -> Any:
        """Compute the value.

        Args:
            env: value of each name; only the names in use are looked up.
            backend: implements the functions for the values' kind of array.

        Returns:
            Whatever the backend gives; a float if the expression is a bare number.

        Raises:
            ExpressionError: if a name is not in ``env`` (with the nearest that is) or the
                backend refuses a combination (with the position).
        """
        self.require(env)
        return self._value(self.tree, env, backend)

    def require(self, known: Collection[str]) -> None:
        """Check that all names are known.

        Args:
            known: the names there are.

        Raises:
            ExpressionError: naming the first unknown one, its place and the nearest known ones.
        """
        for node in walk(self.tree):
            if isinstance(node, Name) and node.name not in known:
                near = did_you_mean(node.name, known)
                raise error_at(f"unknown name {node.name}{near}", self.text, node.column)

    def _value(self, node: Node, env: Mapping[str, Any], backend: Backend) -> Any:
        match node:
            case Number(value=value):
                return value
            case Name(name=name):
                return env[name]
            case Call(function=name, arguments=arguments):
                values = [self._value(argument, env, backend) for argument in arguments]
                try:
                    return backend.call(name, *values)
                except ExpressionError as error:
                    raise self._located(error, node) from error
            case Reduce(function=name, argument=argument):
                value = self._value(argument, env, backend)
                try:
                    return backend.reduce(name, value)
                except ExpressionError as error:
                    raise self._located(error, node) from error

    def _located(self, error: ExpressionError, node: Node) -> ExpressionError:
        return error_at(error.problem, self.text, node.column)

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=512)
def _compiled(text: str) -> Expression:
    tree = parse(text)
    names = frozenset(node.name for node in walk(tree) if isinstance(node, Name))
    return Expression(text, tree, names)


def compile_expression(text: str) -> Expression:
    """Parse an expression of the safe language.

    Numbers (all evaluated as floats), names, ``+ - * / ** %``, comparisons (also chained),
    ``& | ~`` (``and or not`` mean the same), the functions of ``FUNCTIONS`` and, over the
    particles of a jet, ``REDUCTIONS``. A column used as a condition is true where it is not 0.

    Args:
        text: for example ``"(jet_pt > 550) & (abs(jet_eta) < 2) & (sum(part_pt) > 500)"``.

    Returns:
        The parsed expression; equal texts give the same object.

    Raises:
        ExpressionError: with the position of whatever is not allowed.

    Example:
        >>> sorted(compile_expression("hypot(px, py) > 2 * m").names)
        ['m', 'px', 'py']
    """
    return _compiled(text) if isinstance(text, str) else Expression("", parse(text), frozenset())
