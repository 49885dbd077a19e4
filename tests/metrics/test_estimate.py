"""How estimates print and what they hold."""

from __future__ import annotations

import json
import math

import pytest

from pcgnn.metrics import Estimate


@pytest.mark.parametrize(
    ("value", "down", "up", "text"),
    [
        (0.9131, 0.0046, 0.0044, "0.913 +0.004 -0.005"),
        (0.97152, 0.00213, 0.00213, "0.9715 ± 0.0021"),
        (199.2, 13.1, 14.4, "199 +14 -13"),
        (1615.0, 93.4, 93.4, "1620 ± 90"),
        (1615.0, 130.0, 141.0, "1620 +140 -130"),
        (0.5, 0.0097, 0.0097, "0.500 ± 0.010"),
        (1.0, 0.0018, 0.0, "1.0000 +0.0000 -0.0018"),
        (0.5, 0.0, 0.0, "0.5 ± 0"),
    ],
)
def test_rounding_follows_the_errors(value: float, down: float, up: float, text: str) -> None:
    assert str(Estimate(value, value - down, value + up)) == text


def test_format_specification() -> None:
    assert f"{Estimate(0.9131, 0.9085, 0.9175):.2f}" == "0.91 ± 0.00"
    limit = Estimate(543.7, 543.7, math.inf, 0, 1000, is_lower_limit=True)
    assert f"{limit:.1f}" == "> 543.7 (84% CL)"
    assert str(Estimate(12345.0, 12345.0, math.inf, is_lower_limit=True)) == "> 12300 (84% CL)"


def test_errors_and_json() -> None:
    estimate = Estimate(2.0, 1.0, 4.0, 1, 2)
    assert estimate.interval == (1.0, 4.0)
    assert (estimate.error, estimate.error_down, estimate.error_up) == (1.5, 1.0, 2.0)
    assert float(estimate) == 2.0
    for each in (estimate, Estimate(math.nan, 1.0, math.inf)):
        assert json.loads(json.dumps(each.to_dict(), allow_nan=False)) == each.to_dict()
