"""Whether a node gives a number or a condition, as far as can be told without data."""

from __future__ import annotations

from pcgnn.io.expressions.functions import FUNCTIONS, OPERATORS, REDUCTIONS, Kind
from pcgnn.io.expressions.nodes import Call, Name, Node, Number, Reduce

__all__ = ["kind_of"]


def kind_of(node: Node) -> Kind:
    """Say whether a node gives a number or a condition; a bare name may be either."""
    match node:
        case Number():
            return "number"
        case Name():
            return "any"
        case Reduce(function=name):
            return REDUCTIONS[name].result
        case Call(function="where", arguments=arguments):
            kinds = {kind_of(argument) for argument in arguments[1:]}
            return kinds.pop() if len(kinds) == 1 else "any"
        case Call(function=name):
            return (OPERATORS.get(name) or FUNCTIONS[name]).result
