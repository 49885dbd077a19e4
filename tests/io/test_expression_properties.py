"""Random expressions against Python's own arithmetic on every single number."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgnn.errors import ExpressionError
from pcgnn.io.expressions import AwkwardBackend, compile_expression

JETS = [[1.5, -2.25, 7.0], [0.125], [3.0, 3.0]]
EVENT = [0.5, -4.0, 11.0]
ENV = {"a": ak.Array(JETS), "e": np.array(EVENT)}

Scalar = Callable[[float, float], Any]
Pair = tuple[str, Scalar]

leaves: st.SearchStrategy[Pair] = st.one_of(
    st.just(("a", lambda a, e: a)),
    st.just(("e", lambda a, e: e)),
    st.integers(0, 9).map(lambda n: (str(n), lambda a, e: float(n))),
    st.floats(0.01, 100).map(lambda x: (repr(x), lambda a, e: x)),
)


def binary(symbol: str, function: Callable[[Any, Any], Any]) -> Callable[[Pair, Pair], Pair]:
    def combine(left: Pair, right: Pair) -> Pair:
        return (
            f"({left[0]} {symbol} {right[0]})",
            lambda a, e: function(left[1](a, e), right[1](a, e)),
        )

    return combine


def unary(pattern: str, function: Callable[[Any], Any]) -> Callable[[Pair], Pair]:
    def apply(inner: Pair) -> Pair:
        return pattern.format(inner[0]), lambda a, e: function(inner[1](a, e))

    return apply


def extend(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    options = [
        st.builds(binary(symbol, function), inner, inner)
        for symbol, function in (("+", operator.add), ("-", operator.sub), ("*", operator.mul))
    ]
    options += [
        st.builds(unary(pattern, function), inner)
        for pattern, function in (
            ("(-{})", operator.neg),
            ("abs({})", abs),
            ("atan({})", math.atan),
            ("tanh({})", math.tanh),
            ("sqrt(abs({}))", lambda x: math.sqrt(abs(x))),
        )
    ]
    return st.one_of(options)


numbers = st.recursive(leaves, extend, max_leaves=12)
comparisons = st.one_of(
    [
        st.builds(binary(symbol, function), numbers, numbers)
        for symbol, function in (
            ("<", operator.lt),
            ("<=", operator.le),
            (">", operator.gt),
            (">=", operator.ge),
            ("==", operator.eq),
            ("!=", operator.ne),
        )
    ]
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(binary("&", lambda x, y: x and y), inner, inner),
        st.builds(binary("|", lambda x, y: x or y), inner, inner),
        st.builds(unary("~{}", operator.not_), inner),
    ),
    max_leaves=5,
)


def evaluate(text: str) -> list[Any]:
    """Values per particle, whatever the level of the result."""
    result = compile_expression(text).evaluate(ENV, AwkwardBackend())
    return list(ak.to_list(ak.broadcast_arrays(result, ENV["a"])[0]))


def plainly(function: Scalar) -> list[Any]:
    return [[function(a, e) for a in jet] for jet, e in zip(JETS, EVENT, strict=True)]


def close(found: list[Any], expected: list[Any]) -> bool:
    pairs = [
        (x, y)
        for jet, other in zip(found, expected, strict=True)
        for x, y in zip(jet, other, strict=True)
    ]
    # NumPy's tanh and atan may differ from libm's by an ulp, which differences can enlarge
    return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-6) or x == y for x, y in pairs)


@settings(max_examples=120, deadline=None)
@given(numbers)
def test_arithmetic(pair: Pair) -> None:
    text, function = pair
    expected = plainly(function)
    if all(abs(x) < 1e6 for jet in expected for x in jet):
        assert close(evaluate(text), expected)


exact = st.recursive(
    st.one_of(
        st.just(("a", lambda a, e: a)),
        st.just(("e", lambda a, e: e)),
        st.integers(0, 9).map(lambda n: (str(n), lambda a, e: float(n))),
    ),
    lambda inner: st.one_of(
        st.builds(binary("+", operator.add), inner, inner),
        st.builds(binary("*", operator.mul), inner, inner),
        st.builds(unary("abs({})", abs), inner),
    ),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(exact, exact, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
def test_comparisons_are_exact(left: Pair, right: Pair, symbol: str) -> None:
    functions = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    }
    text, function = binary(symbol, functions[symbol])(left, right)
    assert evaluate(text) == plainly(function)


@settings(max_examples=40, deadline=None)
@given(conditions)
def test_conditions_give_booleans_and_obey_de_morgan(pair: Pair) -> None:
    text, _ = pair
    found = evaluate(text)
    assert all(isinstance(x, bool) for jet in found for x in jet)
    assert evaluate(f"~~{text}") == found
    assert evaluate(f"~({text} & (e > 0)) == (~{text} | ~(e > 0))") == [
        [True] * len(jet) for jet in JETS
    ]


@settings(max_examples=100, deadline=None)
@given(numbers)
def test_reductions(pair: Pair) -> None:
    text, function = pair
    if "a" not in compile_expression(text).names:
        return
    expected = plainly(function)
    if any(abs(x) > 1e6 for jet in expected for x in jet):
        return
    backend = AwkwardBackend()
    for name, python in (("sum", math.fsum), ("min", min), ("max", max)):
        found = compile_expression(f"{name}({text})").evaluate(ENV, backend)
        np.testing.assert_allclose(found, [python(jet) for jet in expected], rtol=1e-9, atol=1e-5)
    found = compile_expression(f"count({text} > 1000000)").evaluate(ENV, backend)
    np.testing.assert_array_equal(found, 0)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        compile_expression(text)
    except ExpressionError:
        return


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *("a", "e", "1", "2.5", "(", ")", ",", " ", "+", "-", "*", "/", "%", "**"),
                *("<", ">", "=", "!", "&", "|", "~", "sum", "abs", "where", "and", "or", "not"),
                *("if", "else", "lambda", "in", "is", "for", ".", "True", "None", "await"),
            ]
        ),
        max_size=25,
    ).map("".join)
)
def test_any_mixture_of_words_is_evaluated_or_refused(text: str) -> None:
    try:
        compile_expression(text).evaluate(ENV, AwkwardBackend())
    except ExpressionError:
        return
