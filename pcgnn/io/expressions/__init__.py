"""A small, safe language for cuts, derived columns and features.

Text is parsed into a tree of four node classes and evaluated by a backend: awkward arrays here,
flat tensors elsewhere. Nothing is ever handed to ``eval``.
"""

from pcgnn.io.expressions.awkward_backend import AwkwardBackend
from pcgnn.io.expressions.expression import Backend, Expression, compile_expression
from pcgnn.io.expressions.functions import FUNCTIONS, OPERATORS, REDUCTIONS
from pcgnn.io.expressions.nodes import Call, Name, Node, Number, Reduce

__all__ = [
    "FUNCTIONS",
    "OPERATORS",
    "REDUCTIONS",
    "AwkwardBackend",
    "Backend",
    "Call",
    "Expression",
    "Name",
    "Node",
    "Number",
    "Reduce",
    "compile_expression",
]
