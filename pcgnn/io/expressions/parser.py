"""From text to nodes: Python's own parser, then a whitelist.

Three fences stand one behind the other: a limit on the length and an alphabet without quotes,
brackets, braces, colons or backslashes; Python's parser; and a walk that translates the few
allowed syntax nodes and refuses all others, with the position.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
import unicodedata
import warnings
from collections.abc import Iterable

from pcgnn.errors import ExpressionError
from pcgnn.io.expressions.functions import CONSTANTS, FUNCTIONS, OPERATORS, REDUCTIONS
from pcgnn.io.expressions.kinds import kind_of
from pcgnn.io.expressions.nodes import Call, Name, Node, Number, Reduce

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "did_you_mean", "error_at", "parse"]

MAX_LENGTH = 4000
"""Characters of an expression."""
MAX_DEPTH = 100
"""Levels of an expression's tree."""
_LARGEST_INTEGER = 2**53  # above it a float skips integers

_FORBIDDEN = re.compile(r"[^0-9A-Za-z_ .,+\-*/%()<>=!&|~]")
_HINTS = {
    "^": "a power is written **",
    "[": "subscripts are not allowed; sum(), max(), any()... reduce over particles",
    "{": "braces are not allowed",
    ":": "neither lambda, slices nor := are allowed",
    "'": "strings are not allowed",
    '"': "strings are not allowed",
    "#": "comments are not allowed",
    "@": "matrix products are not allowed",
    "?": "write where(condition, a, b)",
}

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Mod: "remainder",
    ast.Pow: "power",
    ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or",
}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
_REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: "attributes (a.b) are not allowed; branches like Jet.PT are written Jet_PT",
    ast.Lambda: "lambda is not allowed",
    ast.IfExp: "if ... else is not allowed; write where(condition, a, b)",
    ast.Tuple: "tuples are not allowed; did you mean to call a function?",
    ast.Starred: "* in front of an argument is not allowed",
    ast.GeneratorExp: "comprehensions are not allowed; sum(), any()... reduce over particles",
    ast.Await: "await is not allowed",
    ast.Yield: "yield is not allowed",
    ast.YieldFrom: "yield is not allowed",
}


def parse(text: str) -> Node:
    """Translate an expression into nodes.

    Args:
        text: the expression.

    Returns:
        The root node.

    Raises:
        ExpressionError: if the text is not in the language; the message points at the place.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"an expression is text, not {type(text).__name__}: {text!r:.80}")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"an expression of {len(text)} characters is too long, at most {MAX_LENGTH}: "
            f"{text[:40]}...",
            remedy="split it into derived columns",
        )
    text = re.sub(r"[\t\r\n]", " ", text)
    if not text.strip():
        raise ExpressionError("the expression is empty")
    _check_alphabet(text)
    padded = text.lstrip()
    body = _python_tree(padded, text)
    return _Translator(text, len(text) - len(padded)).node(body, 0)


def error_at(problem: str, text: str, column: int) -> ExpressionError:
    """Make an ExpressionError that shows the place.

    Args:
        problem: what is wrong.
        text: the whole expression.
        column: position in it, from 0.

    Returns:
        The error, to be raised.
    """
    column = min(max(column, 0), len(text))
    start = max(0, column - 60)
    shown = text[start : start + 100]
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return ExpressionError(
        f"{problem}, at column {column + 1} of the expression\n"
        f"    {printable}\n    {' ' * (column - start)}^"
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give a bracket with the nearest known names, or an empty text."""
    choices = list(dict.fromkeys(known))
    matches = difflib.get_close_matches(name, choices, n=3, cutoff=0.6)
    if not matches:
        lowered = {choice.lower(): choice for choice in choices}
        matches = [lowered[name.lower()]] if name.lower() in lowered else []
    return f" (did you mean {' or '.join(matches)}?)" if matches else ""


def _check_alphabet(text: str) -> None:
    found = _FORBIDDEN.search(text)
    if found is not None:
        character = found.group()
        if character.isascii() and character.isprintable():
            problem = f"the character {character} is not allowed"
        else:
            name = unicodedata.name(character, f"U+{ord(character):04X}")
            problem = f"the character {name} is not allowed, only plain ASCII is"
        hint = _HINTS.get(character)
        raise error_at(f"{problem}{': ' + hint if hint else ''}", text, found.start())
    for wrong, hint in (
        ("&&", "write &"),
        ("||", "write |"),
        ("//", "write floor(a / b)"),
        ("<<", "shifts are not allowed"),
        (">>", "shifts are not allowed"),
        ("->", "it has no meaning here"),
    ):
        if wrong in text:
            raise error_at(f"{wrong} is not allowed: {hint}", text, text.index(wrong))
    for pattern, hint in (
        (r"!(?!=)", "! is not allowed: write ~ for not"),
        (r"(?<![<>=!])=(?!=)", "= is not allowed: write == to compare"),
    ):
        match = re.search(pattern, text)
        if match:
            raise error_at(hint, text, match.start())


def _python_tree(stripped: str, text: str) -> ast.expr:
    offset = len(text) - len(stripped)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "1or 2" and the like warn; the result is what counts
            return ast.parse(stripped, mode="eval").body
    except SyntaxError as error:
        raise error_at(
            f"cannot be understood ({error.msg})", text, (error.offset or 1) - 1 + offset
        ) from None
    except (ValueError, MemoryError, RecursionError):
        raise error_at("is nested too deeply or has a number that is too long", text, 0) from None


def _chain(tree: ast.BinOp) -> list[ast.expr]:
    """Give the operands of ``a | b | c | ...``, which Python nests to the left."""
    operands = [tree.right]
    left = tree.left
    while isinstance(left, ast.BinOp) and type(left.op) is type(tree.op):
        operands.append(left.right)
        left = left.left
    return [left, *reversed(operands)]


class _Translator:
    """Walks Python's syntax tree and builds nodes out of what is allowed."""

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset

    def error(self, problem: str, node: ast.expr) -> ExpressionError:
        return error_at(problem, self.text, node.col_offset + self.offset)

    def node(self, tree: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} levels deep", tree)
        column = tree.col_offset + self.offset
        match tree:
            case ast.Constant():
                return self.number(tree)
            case ast.Name(id=name):
                if name in CONSTANTS:
                    return Number(CONSTANTS[name], column)
                if name.startswith("__"):
                    raise self.error(f"names may not start with __: {name}", tree)
                return Name(name, column)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.node(tree.operand, depth + 1)
            case ast.UnaryOp(op=ast.USub()):
                operand = self.node(tree.operand, depth + 1)
                if isinstance(operand, Number):
                    return Number(-operand.value, column)
                return self.call("negative", (operand,), tree)
            case ast.UnaryOp():  # ~ and not
                return self.call("logical_not", (self.node(tree.operand, depth + 1),), tree)
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as op):
                parts = [self.node(part, depth + 1) for part in _chain(tree)]
                return self.join(_BINARY[type(op)], parts, tree)
            case ast.BinOp(left=left, op=op, right=right):
                if type(op) not in _BINARY:
                    raise self.error(f"the operator {type(op).__name__} is not allowed", tree)
                both = (self.node(left, depth + 1), self.node(right, depth + 1))
                return self.call(_BINARY[type(op)], both, tree)
            case ast.BoolOp(op=op, values=values):
                name = "logical_and" if isinstance(op, ast.And) else "logical_or"
                parts = [self.node(value, depth + 1) for value in values]
                return self.join(name, parts, tree)
            case ast.Compare():
                return self.comparison(tree, depth)
            case ast.Call():
                return self.function(tree, depth)
        raise self.error(_REFUSED.get(type(tree), f"{type(tree).__name__} is not allowed"), tree)

    def number(self, tree: ast.Constant) -> Number:
        value = tree.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{value!r} is not a number; only real numbers are allowed", tree)
        if isinstance(value, int) and value > _LARGEST_INTEGER:
            raise self.error("the integer is larger than 2**53 and not exact as a float", tree)
        if not math.isfinite(value):
            raise self.error("the number is too large for a float", tree)
        return Number(float(value), tree.col_offset + self.offset)

    def join(self, name: str, parts: list[Node], tree: ast.expr) -> Node:
        """Join any number of conditions in a tree that is as flat as can be."""
        if len(parts) == 1:
            return parts[0]
        half = len(parts) // 2
        both = (self.join(name, parts[:half], tree), self.join(name, parts[half:], tree))
        return self.call(name, both, tree)

    def comparison(self, tree: ast.Compare, depth: int) -> Node:
        """A chain ``a < b < c`` means ``(a < b) & (b < c)``, as on paper."""
        values = [self.node(value, depth + 1) for value in (tree.left, *tree.comparators)]
        parts: list[Node] = []
        for operator, left, right in zip(tree.ops, values, values[1:], strict=False):
            if type(operator) not in _COMPARE:
                raise self.error("is and in are not allowed; compare with == or <, >", tree)
            parts.append(self.call(_COMPARE[type(operator)], (left, right), tree))
        return self.join("logical_and", parts, tree)

    def function(self, tree: ast.Call, depth: int) -> Node:
        if not isinstance(tree.func, ast.Name):
            if isinstance(tree.func, ast.Attribute):
                raise self.error(_REFUSED[ast.Attribute], tree.func)
            raise self.error("only functions of the language can be called", tree.func)
        name = tree.func.id
        signature = FUNCTIONS.get(name) or REDUCTIONS.get(name)
        if signature is None:
            hint = did_you_mean(name, [*FUNCTIONS, *REDUCTIONS])
            raise self.error(f"unknown function {name}{hint}", tree)
        if tree.keywords:
            raise self.error(f"{name}() takes no keyword arguments", tree)
        expected, got = len(signature.arguments), len(tree.args)
        if got != expected:
            hint = f"; {name}imum(a, b) takes two" if name in ("min", "max") and got == 2 else ""
            raise self.error(f"{name}() takes {expected} argument(s), got {got}{hint}", tree)
        arguments = tuple(self.node(argument, depth + 1) for argument in tree.args)
        if name in REDUCTIONS:
            self.check_kinds(name, arguments, tree)
            return Reduce(name, arguments[0], tree.col_offset + self.offset)
        return self.call(name, arguments, tree)

    def call(self, name: str, arguments: tuple[Node, ...], tree: ast.expr) -> Call:
        self.check_kinds(name, arguments, tree)
        return Call(name, arguments, tree.col_offset + self.offset)

    def check_kinds(self, name: str, arguments: tuple[Node, ...], tree: ast.expr) -> None:
        """Refuse what is almost always forgotten brackets: & binds stronger than comparisons."""
        signature = OPERATORS.get(name) or FUNCTIONS.get(name) or REDUCTIONS[name]
        for wanted, argument in zip(signature.arguments, arguments, strict=True):
            if wanted == "condition" and kind_of(argument) == "number":
                raise error_at(
                    f"{_WORDS.get(name, name)} needs conditions, this is a number; put brackets "
                    "around comparisons, as in (a > 1) & (b < 2)",
                    self.text,
                    argument.column,
                )
            if name in _ORDER and kind_of(argument) == "condition":
                raise error_at(
                    "a condition cannot be compared by size; put brackets around comparisons, "
                    "as in ~(a > 1)",
                    self.text,
                    argument.column,
                )


_ORDER = ("less", "less_equal", "greater", "greater_equal")
_WORDS = {"logical_and": "&", "logical_or": "|", "logical_not": "~"}
