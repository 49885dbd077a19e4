"""Boosted trees under the same clouds, predictions and reports as networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import CheckpointError, ConfigError, DataError, WriteError

pytest.importorskip("xgboost", reason="the extra [trees] is not installed")


def rows(graphs: int, seed: int, classes: int = 2) -> ParticleClouds:
    """Gaussians one width apart along the first of three variables, the others noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, graphs)
    x = rng.normal(size=(graphs, 3))
    x[:, 0] += 2.0 * y
    return ParticleClouds(
        x=torch.tensor(x, dtype=torch.float32), ptr=torch.arange(graphs + 1), y=torch.tensor(y)
    )


def test_two_gaussians_are_told_apart_as_well_as_can_be() -> None:
    trees = pcgnn.fit_trees(rows(4000, 1), rows(2000, 2), rounds=200)
    test = rows(4000, 3)
    report = pcgnn.metrics.tagging_report(test.y, pcgnn.predict(trees, test))
    # means two widths apart: AUC = Phi(2 / sqrt 2)
    assert report.auc.value == pytest.approx(0.9214, abs=0.008)
    assert trees.rounds < 200
    assert int(np.argmin(trees.history["val_loss"])) == trees.rounds - 1
    importance = trees.importance()
    assert next(iter(importance)) == "x0"
    assert sum(importance.values()) == pytest.approx(1)


def test_probabilities_are_calibrated() -> None:
    trees = pcgnn.fit_trees(rows(8000, 1), rows(2000, 2))
    test = rows(8000, 5)
    signal = pcgnn.predict(trees, test).signal
    exact = 1 / (1 + np.exp(-(2 * test.x[:, 0].numpy() - 2)))  # the likelihood ratio
    assert np.abs(signal - exact).mean() < 0.04


def test_three_classes() -> None:
    trees = pcgnn.fit_trees(rows(3000, 1, 3), rows(1000, 2, 3), rounds=100)
    found = pcgnn.predict(trees, rows(1000, 3, 3))
    assert found.probabilities.shape == (1000, 3)
    report = pcgnn.metrics.tagging_report(rows(1000, 3, 3).y, found)
    assert report.accuracy.value > 0.7


def test_a_file_holds_everything(tmp_path: Path) -> None:
    trees = pcgnn.fit_trees(rows(500, 1), rows(200, 2), rounds=20, directory=tmp_path)
    again = pcgnn.load_trees(tmp_path / "trees.json")
    test = rows(100, 3)
    by_path = pcgnn.predict(tmp_path / "trees.json", pcgnn.CloudLoader(test, batch_size=10))
    assert np.array_equal(by_path.probabilities, again.predict(test).probabilities)
    with pytest.raises(DataError, match="all graphs at once"):
        pcgnn.predict(again, [test.batch([0])])
    assert np.array_equal(
        pcgnn.predict(again, test).probabilities, pcgnn.predict(trees, test).probabilities
    )
    assert again.classes == trees.classes
    assert again.history == trees.history
    with pytest.raises(WriteError, match="exists"):
        trees.save(tmp_path / "trees.json")
    same = pcgnn.fit_trees(rows(500, 1), rows(200, 2), rounds=20)
    assert np.array_equal(
        pcgnn.predict(same, test).probabilities, pcgnn.predict(trees, test).probabilities
    )


def test_a_weight_of_two_is_the_same_graph_twice() -> None:
    data = rows(600, 1)
    each = torch.ones(600)
    each[:200] = 2.0
    weighted = ParticleClouds(x=data.x, ptr=data.ptr, y=data.y, weight=each)
    numbers = torch.cat([torch.arange(600), torch.arange(200)])
    doubled = ParticleClouds(x=data.x[numbers], ptr=torch.arange(801), y=data.y[numbers])
    options = {"rounds": 20, "subsample": 1.0}
    test = rows(300, 3)
    plain, a, b = (
        pcgnn.predict(pcgnn.fit_trees(part, **options), test).signal
        for part in (data, weighted, doubled)
    )
    assert np.abs(a - b).mean() < 0.3 * np.abs(a - plain).mean()
    negative = ParticleClouds(x=data.x, ptr=data.ptr, y=data.y, weight=each - 1.5)
    with pytest.raises(DataError, match="400 weights of the train part are negative"):
        pcgnn.fit_trees(negative)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": "pcgnn trees 1"}', "cut", "wrong booster"]
)
def test_damaged_files_are_refused(tmp_path: Path, content: str) -> None:
    pcgnn.fit_trees(rows(200, 1), rounds=3, directory=tmp_path)
    path = tmp_path / "trees.json"
    whole = path.read_text()
    if content == "cut":
        content = whole[: len(whole) // 2]
    elif content == "wrong booster":
        content = json.dumps({**json.loads(whole), "booster": {"version": [1]}})
    path.write_text(content)
    with pytest.raises(CheckpointError):
        pcgnn.load_trees(path)


def test_wrong_input_is_named() -> None:
    clouds = ParticleClouds(
        x=torch.randn(5, 3), ptr=torch.tensor([0, 2, 5]), y=torch.tensor([0, 1])
    )
    with pytest.raises(DataError, match="one row per graph"):
        pcgnn.fit_trees(clouds)
    with pytest.raises(ConfigError, match="rounds"):
        pcgnn.fit_trees(rows(10, 1), rounds=0)
    unlabelled = ParticleClouds(x=torch.randn(5, 3), ptr=torch.arange(6))
    with pytest.raises(DataError, match="no classes"):
        pcgnn.fit_trees(unlabelled)
