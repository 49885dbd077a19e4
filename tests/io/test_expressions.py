from __future__ import annotations

import math
import pickle
from typing import Any

import awkward as ak
import numpy as np
import pytest

from pcgnn.errors import ExpressionError
from pcgnn.io.expressions import (
    FUNCTIONS,
    OPERATORS,
    REDUCTIONS,
    AwkwardBackend,
    Call,
    Name,
    Number,
    Reduce,
    compile_expression,
)

PT = [[3.0, 4.0, 1.0], [], [5.0]]
ENV: dict[str, Any] = {
    "x": np.array([1.0, -2.0, 0.5]),
    "n": np.array([3, 200, 7], dtype=np.uint8),
    "flag": np.array([1, 0, 2], dtype=np.int32),
    "yes": np.array([True, False, True]),
    "pt": ak.values_astype(ak.Array(PT), np.float32),
    "q": ak.Array([[1, -1, 0], [], [1]]),
    "other": ak.Array([[1.0], [2.0], [3.0]]),
    "table": np.ones((3, 2)),
}


def value(text: str) -> Any:
    result = compile_expression(text).evaluate(ENV, AwkwardBackend())
    return result.tolist() if hasattr(result, "tolist") else result


def test_tree_and_names() -> None:
    expression = compile_expression("sum(pt) - 2 * x")
    assert expression.names == {"pt", "x"}
    assert expression.tree == Call(
        "subtract",
        (Reduce("sum", Name("pt")), Call("multiply", (Number(2.0), Name("x")))),
    )
    assert str(expression) == expression.text == "sum(pt) - 2 * x"
    assert pickle.loads(pickle.dumps(expression)) == expression


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + 1", [2, -1, 1.5]),
        ("-x ** 2", [-1, -4, -0.25]),
        ("2 ** -1", 0.5),
        ("x % 2", [1, 0, 0.5]),
        ("-7 % 3", 2),
        ("n - 5", [-2, 195, 2]),
        ("n * n", [9, 40000, 49]),
        ("1_000 * x", [1000, -2000, 500]),
        ("+x", [1, -2, 0.5]),
        ("0 < x < 1", [False, False, True]),
        ("1 > x > -3 > -4", [False, True, True]),
        ("(x > 0) & (n > 5)", [False, False, True]),
        ("x > 0 and n > 5", [False, False, True]),
        ("(x > 0) | yes", [True, False, True]),
        ("~(x > 0)", [False, True, False]),
        ("not flag", [False, True, False]),
        ("flag & yes", [True, False, True]),
        ("(x > 0) + (n > 5)", [1, 1, 2]),
        ("where(x > 0, n, -1)", [3, -1, 7]),
        ("where(x > 0, pt, 0)", [[3, 4, 1], [], [5]]),
        ("clip(x, -1, 0.75)", [0.75, -1, 0.5]),
        ("minimum(x, 0)", [0, -2, 0]),
        ("maximum(pt, 3.5)", [[3.5, 4, 3.5], [], [5]]),
        ("pt / x", [[3, 4, 1], [], [10]]),
        ("sum(pt)", [8, 0, 5]),
        ("max(pt)", [4, -math.inf, 5]),
        ("min(pt)", [1, math.inf, 5]),
        ("any(pt > 3.5)", [True, False, True]),
        ("all(pt > 3.5)", [False, True, True]),
        ("count(pt > 2)", [2, 0, 1]),
        ("count(q)", [2, 0, 1]),
        ("sum(pt * q)", [-1, 0, 5]),
        ("sum(pt > 2)", [2, 0, 1]),
        ("sum(pt) > max(pt) + x", [True, True, False]),
        ("floor(x) + ceil(x) + sign(x)", [3, -5, 2]),
        ("hypot(3, 4)", 5),
        ("isfinite(log(x))", [True, False, True]),
        ("sqrt(x) > 0", [True, False, True]),
        ("pi", math.pi),
        ("10 ** 10 ** 10", math.inf),
        ("flag == 2", [False, False, True]),
        ("flag != 2", [True, True, False]),
        ("\tx\n+ 1 ", [2, -1, 1.5]),
    ],
)
def test_values(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_mean_of_nothing_is_nan() -> None:
    mean = value("mean(pt)")
    assert mean[0] == pytest.approx(8 / 3)
    assert math.isnan(mean[1])


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "exp", "tanh", "atan", "asinh", "expm1"])
def test_functions_against_math(name: str) -> None:
    expected = [getattr(math, name)(v) for v in ENV["x"]]
    assert value(f"{name}(x)") == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("a", "b"), [(3.0, -3.0), (-3.0, 3.0), (0.5, 0.2), (3.14, -3.14), (0.0, 7.0), (-9.0, 9.0)]
)
def test_delta_phi_against_the_angle_between_unit_vectors(a: float, b: float) -> None:
    expected = math.atan2(math.sin(a - b), math.cos(a - b))
    assert value(f"delta_phi({a}, {b})") == pytest.approx(expected, abs=1e-14)


def test_every_word_is_implemented() -> None:
    backend = AwkwardBackend()
    for name, signature in {**OPERATORS, **FUNCTIONS}.items():
        arguments = [
            np.array([True, False]) if kind == "condition" else np.array([0.25, 0.5])
            for kind in signature.arguments
        ]
        result = backend.call(name, *arguments)
        assert result.shape == (2,), name
        if signature.result == "condition":
            assert result.dtype == np.bool_, name
    for name in REDUCTIONS:
        assert backend.reduce(name, ENV["pt"]).shape == (3,), name


def test_kinds() -> None:
    assert compile_expression("x > 1").kind == "condition"
    assert compile_expression("x + 1").kind == "number"
    assert compile_expression("x").kind == "any"
    assert compile_expression("where(x, 1, 2)").kind == "number"


def test_long_conditions_are_flat() -> None:
    text = " | ".join(f"(flag == {i})" for i in range(200, 400)) + " | (flag == 2)"
    assert value(text) == [False, False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(x)", "per entry"),
        ("sum(sum(pt))", "per entry"),
        ("pt + other", "different numbers of particles"),
        ("table > 1", "2 dimensions"),
        ("ptt > 1", r"did you mean pt"),
        ("PT > 1", r"did you mean pt"),
    ],
)
def test_errors_when_evaluated_show_the_place(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as error:
        value(text)
    assert "^" in str(error.value)
    assert text in str(error.value)


def test_caret_points_at_the_culprit() -> None:
    with pytest.raises(ExpressionError) as error:
        compile_expression("  abs(x) + foo(y)")
    lines = str(error.value).splitlines()
    assert lines[1].index("foo") == lines[2].index("^")


def test_caret_of_long_expressions_stays_in_view() -> None:
    with pytest.raises(ExpressionError) as error:
        compile_expression("x + " * 80 + "foo(y) + x")
    lines = str(error.value).splitlines()
    assert lines[1].index("foo") == lines[2].index("^")
    assert max(map(len, lines)) < 140
