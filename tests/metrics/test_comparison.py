"""Rows of a comparison: means, spreads and errors as by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import Comparison, TrainedTagger, tagging_report


def trained(
    name: str, seed: int, jets: int = 100, size: int = 400, **costs: float
) -> TrainedTagger:
    rng = np.random.default_rng([seed, jets])
    y = np.arange(size) % 2
    score = rng.normal(size=size) + 1.5 * y
    return TrainedTagger(name, jets, seed, tagging_report(y, score), **costs)


def test_means_spreads_and_errors() -> None:
    runs = [trained("a", seed, parameters=10, flops=2e6 * seed) for seed in (1, 2, 3)]
    row = Comparison(runs).rows[0]
    auc = np.array([run.report.auc.value for run in runs])
    assert row.values["auc"] == pytest.approx(auc.mean())
    assert row.spreads["auc"] == pytest.approx(np.sqrt(((auc - auc.mean()) ** 2).sum() / 2))
    width = [run.report.auc.upper - run.report.auc.lower for run in runs]
    assert row.errors["auc"] == pytest.approx(np.mean(width) / 2)
    assert row.cost("flops") == 4e6
    assert row.cost("training_speed") is None
    rejection = np.mean([run.report.rejection(0.3).value for run in runs])
    assert row.values["rejection_0.3"] == pytest.approx(rejection)


def test_rows_are_by_jets_then_in_the_order_given() -> None:
    runs = [trained("b", 1, 200), trained("b", 1), trained("a", 1), trained("a", 1, 200)]
    comparison = Comparison(runs)
    assert [(row.name, row.jets) for row in comparison.rows] == [
        ("b", 100), ("a", 100), ("b", 200), ("a", 200),
    ]  # fmt: skip
    assert math.isnan(comparison.rows[0].spreads["auc"])
    content = json.loads(json.dumps(comparison.to_dict()))
    assert content["rows"][0]["spreads"]["auc"] is None


def test_the_median_training_is_shown() -> None:
    runs = [trained("a", seed) for seed in range(5)]
    best = Comparison(runs).best("a")
    assert best.report.auc.value == np.median([run.report.auc.value for run in runs])
    with pytest.raises(ConfigError, match="no training of 'c'"):
        Comparison(runs).best("c")


def test_the_table_carries_both_errors() -> None:
    comparison = Comparison([trained("a", 1, parameters=1234), trained("a", 2, parameters=1234)])
    row = comparison.rows[0]
    text = comparison.table("markdown").splitlines()[2]
    value, spread, error = (part["auc"] for part in (row.values, row.spreads, row.errors))
    assert f"{value:.4f} ± {spread:.4f} ± {error:.4f}" in text
    assert "1,234" in text
    assert "a" in str(comparison).splitlines()[3]
    with pytest.raises(ConfigError, match="style"):
        comparison.table("html")


def test_trainings_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(DataError, match="no trainings"):
        Comparison([])
    with pytest.raises(DataError, match="twice"):
        Comparison([trained("a", 1), trained("a", 1)])
    with pytest.raises(DataError, match="different sizes"):
        Comparison([trained("a", 1), trained("a", 2, size=300)])
