"""AUC and accuracy against scikit-learn and against counting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, roc_auc_score

from pcgnn.training.validation import (
    accuracy,
    auc,
    gather_rows,
    ratio_numbers,
    weighted_auc,
    weighted_quantiles,
)


@pytest.fixture
def scored():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 400)
    # Rounding makes many ties.
    score = np.round(rng.normal(y, 1.0), 1)
    return y, score, rng.uniform(0.1, 3.0, 400)


@pytest.mark.parametrize("weights", [False, True])
def test_auc_with_ties_equals_scikit_learn(scored, weights):
    y, score, weight = scored
    ours = weighted_auc(
        torch.tensor(score), torch.tensor(y) == 1, torch.tensor(weight) if weights else None
    )
    theirs = roc_auc_score(y, score, sample_weight=weight if weights else None)
    assert ours.item() == pytest.approx(theirs, rel=1e-12)


def test_auc_equals_counting_pairs(scored):
    y, score, weight = (part[:60] for part in scored)
    won = total = 0.0
    for i in np.flatnonzero(y == 1):
        for j in np.flatnonzero(y == 0):
            pair = weight[i] * weight[j]
            total += pair
            won += pair * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
    ours = weighted_auc(torch.tensor(score), torch.tensor(y) == 1, torch.tensor(weight))
    assert ours.item() == pytest.approx(won / total, rel=1e-12)


def test_auc_of_one_class_is_undefined():
    assert weighted_auc(torch.rand(5), torch.ones(5, dtype=torch.bool)).isnan()


def test_many_classes_one_versus_rest():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 300)
    p = rng.dirichlet(np.ones(3), 300) + 0.5 * np.eye(3)[y]
    p /= p.sum(1, keepdims=True)
    ours = auc(torch.tensor(p), torch.tensor(y))
    theirs = roc_auc_score(y, p, multi_class="ovr", average="macro")
    assert ours.item() == pytest.approx(theirs, rel=1e-12)


def test_accuracy(scored):
    y, score, weight = scored
    p = torch.stack([torch.zeros(400), torch.tensor(score).float() - 0.5], 1).softmax(1)
    ours = accuracy(p, torch.tensor(y), torch.tensor(weight))
    predicted = (score > 0.5).astype(int)
    assert ours.item() == pytest.approx(accuracy_score(y, predicted, sample_weight=weight))


def test_one_process_gathers_nothing():
    rows = torch.rand(3, 2)
    assert gather_rows(rows) is rows


def test_quantiles_without_weight_are_undefined():
    none = weighted_quantiles(torch.rand(5, 1), torch.zeros(5, 1), (0.16, 0.5))
    assert none.shape == (2, 1)
    assert none.isnan().all()
    # of two targets the one that has truths keeps its quantiles
    weight = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 2.0]])
    found = weighted_quantiles(torch.tensor([[1.0, 3.0], [1.0, 4.0], [1.0, 5.0]]), weight, (0.25,))
    assert found[0, 0].isnan()
    assert found[0, 1].item() == pytest.approx(3.5)  # places 1/8, 3/8 and 3/4
    numbers = ratio_numbers(torch.ones(4, 1), torch.zeros(4, 1))
    assert all(value.isnan() for value in numbers.values())
