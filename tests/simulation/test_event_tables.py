"""What the simulation of events is built of, without Pythia."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pcgnn.errors import ConfigError
from pcgnn.simulation.bundle import round_digits
from pcgnn.simulation.event_chain import EVENT_SAMPLES
from pcgnn.simulation.event_pairs import pairs_in_events
from pcgnn.simulation.event_slices import collisions_of
from pcgnn.simulation.events import _ranges
from pcgnn.simulation.tables import JaggedTable, concatenated


@pytest.mark.parametrize("name", ["stop", "resonance"])
def test_shares(name: str) -> None:
    sample = EVENT_SAMPLES[name]
    shares = sample.shares(0.3)
    signal = [part.process > 0 for part in sample.slices]
    assert sum(shares) == pytest.approx(1)
    assert sum(np.array(shares)[signal]) == pytest.approx(0.3)
    for steps in ([0, 1000], [0, 150, 307, 600, 1000]):
        parts = [collisions_of(shares, a, b) for a, b in pairwise(steps)]
        assert np.sum(parts, axis=0).tolist() == collisions_of(shares, 0, 1000)
        assert [sum(part) for part in parts] == np.diff(steps).tolist()
        assert np.min(parts) >= 0


@pytest.mark.parametrize("collisions", [100, 3_999, 4_000, 4_001, 11_990, 12_000])
def test_no_range_is_short(collisions: int) -> None:
    ranges = _ranges(collisions)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == collisions
    assert all(first[1] == second[0] for first, second in pairwise(ranges))
    assert min(stop - start for start, stop in ranges) >= min(collisions, 4_000)


def test_pairs_are_those_of_a_double_loop() -> None:
    random = np.random.default_rng(2)
    first, second = random.integers(0, 9, 20), np.sort(random.integers(0, 9, 30))
    rows, others = pairs_in_events(first, second)
    plain = [(i, k) for i, a in enumerate(first) for k, b in enumerate(second) if a == b]
    assert list(zip(rows.tolist(), others.tolist(), strict=True)) == plain


def test_tables_keep_lists_together() -> None:
    one = JaggedTable({"a": np.array([1, 2])}, {"x": np.array([10, 20, 21])}, np.array([1, 2]))
    two = JaggedTable({"a": np.array([3])}, {"x": np.zeros(0, dtype=int)}, np.array([0]))
    both = concatenated([one, two, one]).take(np.array([3, 2, 4, 0]))
    assert both.entry["a"].tolist() == [1, 3, 2, 1]
    assert both.listed["x"].tolist() == [10, 20, 21, 10]
    assert both.sizes.tolist() == [1, 0, 2, 1]


def test_rounding() -> None:
    values = np.random.default_rng(1).normal(0, 100, 10_000).astype(np.float32)
    rounded = round_digits(values, 9)
    assert np.abs(rounded / values - 1).max() < 2.0**-10
    assert np.unique(rounded.view(np.uint32) & ((1 << 14) - 1)).tolist() == [0]
    np.testing.assert_array_equal(round_digits(rounded, 9), rounded)
    with pytest.raises(ConfigError, match="digits=23"):
        round_digits(values, 23)
