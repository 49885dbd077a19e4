from __future__ import annotations

import numpy as np
import pytest

from pcgnn import plots
from pcgnn.errors import DataError
from pcgnn.metrics import CombinationTable

RNG = np.random.default_rng(0)


def test_shares_are_drawn_where_they_belong() -> None:
    weights = {"combination": RNG.random((6, 3)), "rest frame": RNG.random((6, 4))}
    table = CombinationTable.of("lbn", weights)
    left, right, bar = plots.combinations(table, title="LBN").axes
    for ax, (kind, values) in zip((left, right), table.kinds.items(), strict=True):
        (image,) = ax.images
        np.testing.assert_array_equal(np.asarray(image.get_array()), values)
        assert tuple(image.get_extent()) == (0.5, values.shape[1] + 0.5, 6.5, 0.5)
        assert kind in ax.get_xlabel().lower()
        assert image.get_clim() == (0, max(v.max() for v in table.kinds.values()))
    assert "p_T" in left.get_ylabel()
    assert [text.get_text() for text in left.get_yticklabels()] == list(table.ranks)
    assert "Share" in bar.get_ylabel()


def test_signs_have_colours_of_their_own() -> None:
    table = CombinationTable.of("lola", {"combination": RNG.normal(size=(40, 5))}, shared=True)
    ax, _ = plots.combinations(table).axes
    low, high = ax.images[0].get_clim()
    assert low == -high
    assert ax.get_yticklabels()[-1].get_text() == "40+"
    with pytest.raises(DataError, match="combinations"):
        plots.combinations("lola")  # type: ignore[arg-type]
