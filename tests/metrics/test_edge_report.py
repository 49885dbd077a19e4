"""Edge figures by plain counting and scikit-learn; three efficiencies kept apart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import clopper_pearson, edge_report


def edges(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.2
    score = np.where(y, rng.beta(4, 2, n), rng.beta(1, 3, n)).round(3)  # with ties
    return y, score.astype(np.float32)


def test_plain_counting() -> None:
    y, score = edges()
    report = edge_report(y, score, threshold=0.4, true_edges=1000)
    kept = score >= 0.4
    pairs = {
        "construction_efficiency": (y.sum(), 1000),
        "graph_purity": (y.sum(), y.size),
        "efficiency": ((y & kept).sum(), y.sum()),
        "purity": ((y & kept).sum(), kept.sum()),
        "cumulative_efficiency": ((y & kept).sum(), 1000),
        "accuracy": ((y == kept).sum(), y.size),
    }
    for name, (passed, total) in pairs.items():
        estimate = getattr(report, name)
        assert (estimate.passed, estimate.total) == (passed, total), name
        np.testing.assert_allclose(estimate.interval, clopper_pearson(passed, total))
    product = report.construction_efficiency.value * report.efficiency.value
    assert report.cumulative_efficiency.value == pytest.approx(product)


def test_curves_of_scikit_learn() -> None:
    y, score = edges()
    report = edge_report(y, score)
    assert report.auc.value == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    curve = report.precision_recall
    precision, recall, threshold = precision_recall_curve(y, score)
    np.testing.assert_allclose(curve.threshold, threshold[::-1])
    np.testing.assert_allclose(curve.efficiency, recall[:-1][::-1])
    np.testing.assert_allclose(curve.purity, precision[:-1][::-1])
    assert curve.average_precision == pytest.approx(average_precision_score(y, score))


@pytest.mark.parametrize("efficiency", [0.1, 0.5, 0.95, 1.0])
def test_threshold_at_efficiency_is_the_tightest(efficiency: float) -> None:
    y, score = edges()
    report = edge_report(y, score)
    threshold = report.threshold_at_efficiency(efficiency)
    assert (score[y] >= threshold).mean() >= efficiency
    assert (score[y] > threshold).mean() < efficiency
    kept = score >= threshold
    purity = report.purity_at_efficiency(efficiency)
    assert (purity.passed, purity.total) == ((y & kept).sum(), kept.sum())
    there = report.at_threshold(threshold)
    assert there.purity == purity
    assert there.to_dict() == edge_report(y, score, threshold=threshold).to_dict()


def test_mask_leaves_out_or_turns_false() -> None:
    y, score = edges()
    mask = np.random.default_rng(1).random(y.size) < 0.7
    left_out = edge_report(y, score, mask=mask)
    assert left_out.accuracy.total == mask.sum()
    assert left_out.efficiency.total == (y & mask).sum()
    assert f"{(~mask).sum():,} of 4,000 edges outside ({(y & ~mask).sum():,} of them true)" in str(
        left_out
    )
    false = edge_report(y, score, mask=mask, low_pt="false")
    assert false.accuracy.total == y.size
    assert (false.true, false.false) == ((y & mask).sum(), (~(y & mask)).sum())
    assert false.purity.passed == (y & mask & (score >= 0.5)).sum()
    assert "counted as false" in str(false)


def test_all_kinds_of_arrays() -> None:
    y, score = edges(500)
    expected = edge_report(y, score, true_edges=200).to_dict()
    pairs = np.zeros((2, 200), int)
    for labels, scores, everything in [
        (y.astype(int), score.tolist(), 200),
        (torch.tensor(y), torch.tensor(score, requires_grad=True), torch.tensor(pairs)),
        (y.astype(np.float32), score, pairs),
    ]:
        assert edge_report(labels, scores, true_edges=everything).to_dict() == expected


def test_one_kind_of_edge_still_has_rates() -> None:
    report = edge_report([1, 1], [0.9, 0.2])
    assert report.efficiency.counts == "1 / 2"
    assert report.to_dict()["auc"] is None
    assert "AUC" not in str(report)
    with pytest.raises(DataError, match="both kinds"):
        _ = report.roc
    nothing_kept = edge_report([0, 0], [0.1, 0.2])
    assert np.isnan(nothing_kept.purity.value)
    assert "undefined" in str(nothing_kept)


def test_text_names_truth_and_construction() -> None:
    y, score = edges(500)
    text = str(edge_report(y, score, true_edges=200, truth="consecutive hits of a particle"))
    for part in ("consecutive hits of a particle", "construction efficiency", "cumulative", "AUC"):
        assert part in text
    assert "construction efficiency" not in str(edge_report(y, score))
    assert "number of all true edges was not given" in str(edge_report(y, score))
    report = edge_report(y, score, true_edges=200)
    assert json.loads(json.dumps(report.to_dict()))["edges"]["true_edges"] == 200


@pytest.mark.parametrize(
    ("y", "score", "options", "message"),
    [
        ([1, 0], [0.5], {}, "score: 1 values for 2 edges"),
        ([1, 2], [0.5, 0.5], {}, "y: 2 at index 1"),
        ([1, 0], [0.5, float("nan")], {}, "score: 1 of 2 are NaN"),
        ([], [], {}, "no edges"),
        ([[1, 0]], [0.5, 0.5], {}, "one value per edge"),
        ([1, 1, 0], [0.5, 0.5, 0.5], {"true_edges": 1}, "2 true edges in the graph but only 1"),
        ([1, 0], [0.5, 0.5], {"true_edges": 1.5}, "number of all true edges"),
        ([1, 0], [0.5, 0.5], {"mask": [True]}, "mask: 1 values"),
        ([1, 0], [0.5, 0.5], {"mask": [0, 3]}, "mask: 3 at index 1"),
    ],
)
def test_bad_data(y: Any, score: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        edge_report(y, score, **options)


def test_bad_options() -> None:
    with pytest.raises(ConfigError, match="low_pt"):
        edge_report([1, 0], [0.5, 0.5], low_pt="drop")
    with pytest.raises(ConfigError, match="threshold"):
        edge_report([1, 0], [0.5, 0.5], threshold=float("nan"))
    with pytest.raises(ConfigError, match="NaN"):
        edge_report([1, 0], [0.5, 0.5]).at_threshold(float("nan"))
    with pytest.raises(ConfigError, match="signal efficiency"):
        edge_report([1, 0], [0.5, 0.5]).threshold_at_efficiency(0.0)
