from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pcgnn.errors import ConfigError, DataError
from pcgnn.io import Prediction


def make(**changes: Any) -> Prediction:
    arguments: dict[str, Any] = {
        "probabilities": np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], dtype=np.float32),
        "file": [0, 0, 1],
        "entry": [4, 9, 0],
        "files": ("a.root", "b.root"),
        "tree": "jets",
        "classes": ("background", "signal"),
    }
    return Prediction(**{**arguments, **changes})


def test_what_it_holds() -> None:
    p = make()
    assert len(p) == 3
    np.testing.assert_array_equal(p.signal, [0.75, 0.5, 0.0])
    assert (p.file.dtype, p.entry.dtype) == (np.dtype(np.int32), np.dtype(np.int64))
    np.testing.assert_array_equal(np.asarray(p), p.probabilities)
    assert np.asarray(p, dtype=np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(p, copy=True), p.probabilities)
    assert "3 rows" in repr(p)
    assert "signal" in repr(p)


def test_no_rows_are_fine() -> None:
    assert len(make(probabilities=np.zeros((0, 2)), file=[], entry=[])) == 0


def test_signal_needs_two_classes() -> None:
    p = make(probabilities=np.full((3, 3), 1 / 3), classes=("b", "c", "light"))
    with pytest.raises(ConfigError, match="3 classes"):
        _ = p.signal


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": np.full(3, 0.5)}, "shape"),
        ({"classes": ("one",)}, "shape"),
        ({"file": [0, 0]}, "file has the shape"),
        ({"entry": [1]}, "entry has the shape"),
        ({"file": [0, 0, 2]}, "2 files"),
        ({"file": [0, -1, 0]}, "-1"),
        ({"entry": [0, -5, 1]}, "-5"),
        ({"probabilities": np.array([[0.5, 0.5], [0.9, 0.9], [1, 0]])}, "row 1"),
        ({"probabilities": np.array([[0.5, 0.5], [0.5, 0.5], [np.nan, 0]])}, "row 2"),
        ({"probabilities": np.array([[1.5, -0.5], [0.5, 0.5], [0.5, 0.5]])}, "row 0"),
    ],
)
def test_what_does_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make(**changes)
