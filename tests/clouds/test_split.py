"""Splits: disjoint, exhaustive, stratified, reproducible."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cloud_makers import flat
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgnn.data import ParticleClouds
from pcgnn.errors import DataError


def numbered(classes: np.ndarray, **columns: object) -> ParticleClouds:
    count = len(classes)
    return ParticleClouds(
        x=torch.arange(count, dtype=torch.float64)[:, None],
        ptr=torch.arange(count + 1),
        y=torch.from_numpy(classes.astype(np.int64)),
        levels={"y": "graph"},
        number=torch.arange(count),
        **columns,
    )


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=12, max_size=120),
    weights=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    seed=st.integers(0, 2**31),
    stratify=st.booleans(),
)
def test_fractions_are_disjoint_and_exhaustive(
    labels: list[int], weights: list[int], seed: int, stratify: bool
) -> None:
    fractions = tuple(w / sum(weights) for w in weights)
    clouds = numbered(np.array(labels))
    parts = clouds.split(fractions, seed=seed, stratify=stratify)
    numbers = [part.number.tolist() for part in parts]
    assert sorted(flat(numbers)) == list(range(len(labels)))
    for part, fraction, own in zip(parts, fractions, numbers, strict=True):
        assert own == sorted(own)  # the original order
        assert abs(len(part) - fraction * len(labels)) <= 1
        assert part.x[:, 0].tolist() == own
        if stratify:
            for label in range(4):
                share = labels.count(label) * len(part) / len(labels)
                assert abs((part.y == label).sum().item() - share) <= 2
    again = clouds.split(fractions, seed=seed, stratify=stratify)
    assert [part.number.tolist() for part in again] == numbers


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_counts_are_exact_and_may_leave_a_rest(counts: list[int], seed: int) -> None:
    clouds = numbered(np.arange(120) % 2)
    parts = clouds.split(tuple(counts), seed=seed)
    numbers = flat(part.number.tolist() for part in parts)
    assert [len(part) for part in parts] == counts
    assert len(set(numbers)) == len(numbers)
    for part in parts:
        assert abs(int(part.y.sum()) - len(part) / 2) <= 1


def test_seeds_differ_and_mix() -> None:
    clouds = numbered(np.arange(1000) // 500)
    a, b = (clouds.split((0.5, 0.5), seed=s)[0].number.numpy() for s in (0, 1))
    assert 150 < np.intersect1d(a, b).size < 350
    # not the first half of each class
    assert 200 < (a % 500 < 250).sum() < 300
    plain = clouds.split((0.5, 0.5), seed=0, stratify=False)[0]
    assert 430 < (plain.number < 500).sum() * 2 < 570


def test_by_column() -> None:
    split = np.array([2, 0, 1, 0, 0, 2])
    clouds = numbered(np.zeros(6), split=torch.from_numpy(split), value=torch.rand(6))
    train, val, test = clouds.split(column="split")
    assert train.number.tolist() == [1, 3, 4]
    assert val.number.tolist() == [2]
    assert test.number.tolist() == [0, 5]
    with pytest.raises(DataError, match="whole number"):
        clouds.split(column="value")
    with pytest.raises(DataError, match="no per-graph column 'splt'"):
        clouds.split(column="splt")


def test_stratify_by_column() -> None:
    kind = np.arange(60) % 5
    clouds = numbered(np.zeros(60), kind=torch.from_numpy(kind))
    for part in clouds.split((30, 10), stratify="kind"):
        assert np.bincount(part.kind.numpy(), minlength=5).tolist() == [len(part) // 5] * 5


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((0.5, 0.4), "sum to 1"),
        ((5, 6), "exceed"),
        ((0.999, 0.001), "empty"),
        ((5, 0), "empty"),
        ((), "fractions or numbers"),
        (("a",), "fractions or numbers"),
        ((True, 3), "fractions or numbers"),
        ((-1, 3), "empty"),
        ((float("nan"), 1.0), "fractions or numbers"),
    ],
)
def test_refusals(parts: tuple[object, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        numbered(np.zeros(10)).split(parts)


def test_parts_or_column() -> None:
    clouds = numbered(np.zeros(10))
    with pytest.raises(DataError, match="either"):
        clouds.split()
    with pytest.raises(DataError, match="either"):
        clouds.split((5, 5), column="number")
