"""The tagging report against plain counting and scikit-learn; bad input is named."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import awkward as ak
import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score

from pcgnn.errors import ConfigError, DataError
from pcgnn.io.prediction import Prediction
from pcgnn.metrics import clopper_pearson, compare, tagging_report


def binary(n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return y, np.where(y == 1, rng.beta(2, 1, n), rng.beta(1, 2, n))


def three(n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    p = rng.dirichlet((1, 1, 1), n)
    p[np.arange(n), y] += 0.4
    return y, p / p.sum(axis=1, keepdims=True)


def test_binary_numbers_by_plain_counting() -> None:
    y, score = binary()
    report = tagging_report(y, score, threshold=0.6)
    tagged = score >= 0.6
    assert report.accuracy.passed == (tagged == (y == 1)).sum()
    assert report.accuracy.total == len(y) == len(report)
    expected = clopper_pearson((tagged == (y == 1)).sum(), len(y))
    np.testing.assert_allclose(report.accuracy.interval, expected)
    assert report.tagging_efficiency.counts == f"{(tagged & (y == 1)).sum():,} / {y.sum():,}"
    assert report.mistag_rate.passed == (tagged & (y == 0)).sum()
    np.testing.assert_array_equal(report.confusion.counts, confusion_matrix(y, tagged))
    np.testing.assert_allclose(
        report.confusion.normalised, confusion_matrix(y, tagged, normalize="true")
    )
    assert report.auc.value == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    for efficiency in (0.3, 0.5):
        threshold = np.sort(score[y == 1])[::-1][int(np.ceil(efficiency * y.sum())) - 1]
        passed = int((score[y == 0] >= threshold).sum())
        rejection = report.rejection(efficiency)
        assert rejection.passed == passed
        assert rejection.value == pytest.approx((y == 0).sum() / passed)
        lower, upper = clopper_pearson(passed, int((y == 0).sum()))
        assert rejection.interval == pytest.approx((1 / upper, 1 / lower))
    assert report.rejection(0.5) == report.of("signal").working_points[1].rejection


def test_all_kinds_of_arrays_give_one_report() -> None:
    y, score = binary(200)
    expected = tagging_report(y, score).to_dict()
    two = np.stack([1 - score, score], axis=1)
    prediction = Prediction(
        two, np.zeros(200), np.arange(200), ("a.root",), "jets", ("background", "signal")
    )
    needs_gradient = torch.tensor(two, requires_grad=True)
    for labels, scores in [
        (y.tolist(), score.tolist()),
        (y.astype(np.float32), two),
        (y == 1, score),
        (torch.tensor(y), needs_gradient),
        (ak.Array(y), ak.Array(score)),
        (torch.tensor(y), prediction),
    ]:
        assert tagging_report(labels, scores).to_dict() == expected


def test_half_precision_probabilities_are_taken() -> None:
    y, score = binary(200)
    two = torch.tensor(np.stack([1 - score, score], axis=1)).to(torch.bfloat16)
    expected = roc_auc_score(y, two[:, 1].float().numpy())
    assert tagging_report(y, two).auc.value == pytest.approx(expected)


def test_class_names_come_from_the_prediction() -> None:
    y, score = binary(200)
    prediction = SimpleNamespace(
        probabilities=np.stack([1 - score, score], axis=1), classes=("QCD", "top")
    )
    report = tagging_report(y, prediction)
    assert report.classes == ("QCD", "top")
    assert report.of("top").auc == report.auc
    assert tagging_report(y, prediction, classes=("a", "b")).classes == ("a", "b")
    assert "tagged 'top'" in str(report)


def test_three_classes_one_against_the_rest() -> None:
    y, p = three()
    report = tagging_report(y, p, classes=("light", "b", "c"))
    assert report.accuracy.value == pytest.approx(accuracy_score(y, p.argmax(1)))
    for label, name in enumerate(report.classes):
        alone = tagging_report(y == label, p[:, label])
        part = report.of(name)
        assert part.auc == alone.auc
        assert part.rejection(0.5) == alone.rejection(0.5) == report.rejection(0.5, name)
        assert part.mistag_rate == alone.mistag_rate
    assert report.auc.value == pytest.approx(
        roc_auc_score(y, p, multi_class="ovr", average="macro"), abs=1e-12
    )
    recall = np.diag(confusion_matrix(y, p.argmax(1), normalize="true"))
    assert report.macro_efficiency.value == pytest.approx(recall.mean())
    with pytest.raises(ConfigError, match="which one is the signal"):
        _ = report.roc
    with pytest.raises(ConfigError, match="unknown"):
        report.rejection(0.5, "tau")


def test_macro_auc_error_is_the_spread_of_toys() -> None:
    toys = [tagging_report(*three(300, seed)).auc for seed in range(200)]
    spread = np.std([toy.value for toy in toys])
    assert np.mean([toy.error for toy in toys]) == pytest.approx(spread, rel=0.15)


def test_absent_class_is_left_out_and_named() -> None:
    y, p = three()
    keep = y != 2
    report = tagging_report(y[keep], p[keep], classes=("light", "b", "c"))
    assert list(report.one_vs_rest) == ["light", "b"]
    assert "Without jets here: c" in str(report)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))
    with pytest.raises(ConfigError, match="no jets"):
        report.of("c")


def test_weights_enter_everything() -> None:
    y, score = binary()
    w = np.random.default_rng(3).normal(1, 0.8, len(y))  # some negative
    report = tagging_report(y, score, weight=w)
    right = (score >= 0.5) == (y == 1)
    assert report.accuracy.value == pytest.approx(w[right].sum() / w.sum())
    assert report.accuracy.passed == right.sum()
    signal = y == 1
    assert report.counts[1].n_eff == pytest.approx(w[signal].sum() ** 2 / (w[signal] ** 2).sum())
    cell = w[signal & (score >= 0.5)].sum() / w[signal].sum()
    assert report.confusion.normalised[1, 1] == pytest.approx(cell)
    assert report.tagging_efficiency.value == pytest.approx(cell)
    np.testing.assert_allclose(
        report.confusion.efficiency(1, 1).interval, report.tagging_efficiency.interval
    )
    text = str(report)
    assert "sum of weights" in text
    assert "N_eff" in text


def test_printed_report_states_what_it_is_made_of() -> None:
    y, score = binary(400)
    report = tagging_report(y, score, threshold=0.7, classes=("QCD", "top"))
    text = str(report)
    expected = [
        "400 jets, no weights",
        f"{(y == 1).sum()}",
        "score >= 0.7",
        str(report.auc),
        str(report.rejection(0.3)),
        report.rejection(0.3).counts,
        report.accuracy.counts,
        "68.27%",
        "DeLong",
    ]
    for part in expected:
        assert part in text
    assert len(repr(report).splitlines()) == 1


def test_no_background_passing_is_a_lower_limit_everywhere() -> None:
    y, score = np.repeat([0, 1], 50), np.linspace(0, 1, 100)
    report = tagging_report(y, score)
    rejection = report.rejection(0.3)
    assert rejection.is_lower_limit
    assert rejection.value == pytest.approx(1 / clopper_pearson(0, 50)[1])
    assert f"> {rejection.value:.1f}" in str(report)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["one_vs_rest"]["signal"]["working_points"][0]["rejection"]["is_lower_limit"]
    assert report.auc.lower < 1


def test_seed_makes_the_bootstrap_repeatable() -> None:
    y, score = binary(300)
    one, same, other = (
        tagging_report(y, score, auc_error="bootstrap", seed=seed).auc for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other


def test_compare_shows_each_report() -> None:
    reports = {name: tagging_report(*binary(500, seed)) for seed, name in enumerate(["A", "Bee"])}
    lines = compare(reports).splitlines()
    assert len(lines) == 4
    for line, (name, report) in zip(lines[2:], reports.items(), strict=True):
        assert line.startswith(name)
        for part in (report.accuracy, report.auc, report.rejection(0.3), report.rejection(0.5)):
            assert str(part) in line
    many = tagging_report(*three())
    assert str(many.rejection(0.5, "class 1")) in compare({"x": many}, "class 1")
    with pytest.raises(ConfigError, match="no reports"):
        compare({})


Y, S = [0, 1, 1], [0.1, 0.2, 0.9]
P3 = [[0.2, 0.3, 0.5]] * 3
BAD: list[tuple[Any, Any, dict[str, Any], str]] = [
    (Y, S[:2], {}, "3 labels but 2 scores"),
    (Y, [0.1, np.nan, 0.9], {}, "1 of 3 are NaN or infinite, the first at index 1"),
    (Y, [0.1, np.inf, 0.9], {}, "NaN or infinite"),
    ([1, 1, 1], S, {}, "only the class 'signal'"),
    ([0, 0, 0], S, {"classes": ("QCD", "top")}, "only the class 'QCD'"),
    ([0, 1, 0.5], S, {}, "label 0.5 at index 2 is not an integer"),
    ([0, 1, np.nan], S, {}, "is not an integer"),
    ([0, 1, 2], S, {}, "label 2 at index 2 is outside 0 to 1"),
    ([0, 1, -1], S, {}, "label -1"),
    (["a", "b", "a"], S, {}, "not numeric"),
    ([[1, 0], [0, 1], [0, 1]], S, {}, "one label per jet"),
    ([], [], {}, "no jets"),
    (Y, [[0.1], [0.2], [0.9]], {}, "score: shape"),
    (Y, [[0.1, 0.9], [0.2], [1.0]], {}, "cannot be made an array"),
    (Y, [[1.0, 3.0], [0.2, 0.8], [0.5, 0.5]], {}, "no set of probabilities"),
    (Y, [[-0.5, 1.5], [0.2, 0.8], [0.5, 0.5]], {}, "no set of probabilities"),
    (Y, P3, {"classes": ("a", "b")}, "3 columns for 2 classes"),
    (Y, S, {"classes": ("a", "b", "c")}, "one score per jet cannot tell 3 classes"),
    (Y, S, {"classes": ("a", "a")}, "not all different"),
    (Y, S, {"weight": [1, 1]}, "weight: shape"),
    (Y, S, {"weight": [1, 1, np.nan]}, "weight: 1 of 3 are NaN"),
    (Y, S, {"weight": [1, 1, -1]}, "weights of class 'signal' sum to 0"),
    (Y, S, {"weight": [-1, 1, 1]}, "negative weights are allowed, but"),
    (Y, np.ma.masked_array(S, [0, 1, 0]), {}, "masked"),
    (Y, np.array(S) + 1j, {}, "not numeric"),
    (Y, None, {}, "score"),
]


@pytest.mark.parametrize(("y", "score", "options", "message"), BAD)
def test_bad_input_is_named(y: Any, score: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        tagging_report(y, score, **options)


@pytest.mark.parametrize(
    "options", [{"threshold": float("nan")}, {"signal_efficiencies": [0.0]}, {"level": 2.0}]
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        tagging_report(Y, S, **options)


def test_metrics_need_no_torch() -> None:
    code = "import sys; from pcgnn.metrics import tagging_report; tagging_report([0, 1], [0.1, 1])"
    code += "; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]
