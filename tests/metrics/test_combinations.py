from __future__ import annotations

import numpy as np
import pytest

from pcgnn.errors import DataError
from pcgnn.metrics import CombinationTable


def test_shares_of_each_combination_add_up() -> None:
    weights = np.array([[2.0, -1.0, 0.0], [6.0, 3.0, 0.0]])
    table = CombinationTable.of("net", {"combination": weights}, shared=True)
    np.testing.assert_array_equal(
        table.kinds["combination"], [[0.25, -0.25, 0.0], [0.75, 0.75, 0.0]]
    )
    assert table.leading("combination", 1, 2) == [("2+", 0.75), ("1", -0.25)]
    lines = str(table).splitlines()
    assert lines[1].split() == ["combination", "1", "2", "3"]
    assert lines[-1].split() == ["2+", "75.0", "75.0", "0.0"]
    assert len({len(line) for line in lines[1:]}) == 1


def test_wrong_tables_are_refused() -> None:
    with pytest.raises(DataError, match=r"ranks, combinations"):
        CombinationTable.of("net", {"a": np.ones(3)})
    with pytest.raises(DataError, match="the same"):
        CombinationTable.of("net", {"a": np.ones((3, 1)), "b": np.ones((2, 1))})
    with pytest.raises(DataError, match="the same"):
        CombinationTable.of("net", {})
