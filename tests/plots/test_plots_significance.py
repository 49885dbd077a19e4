"""Figures of significance scans and of studies over masses show the numbers they are given."""

from __future__ import annotations

import numpy as np
import pytest

from pcgnn import plots
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import MassResult, MassStudy, significance_scan


def scan(shift: float, systematic: float = 0.3):  # type: ignore[no-untyped-def]
    random = np.random.default_rng(4)
    y = np.arange(6000) % 2
    score = random.normal(size=6000) + shift * y
    return significance_scan(y, score, signal=40, background=900, systematic=systematic)


@pytest.mark.parametrize("against", ["background", "signal", "threshold"])
def test_significance_marks_the_best_cut(against: str) -> None:
    scans = {"cross entropy": scan(1.5), "asimov": scan(2.0)}
    figure = plots.significance(scans, against=against, simple=True)
    ax = figure.axes[0]
    points = [line for line in ax.lines if line.get_marker() == "o"]
    for point, each in zip(points, scans.values(), strict=True):
        assert point.get_xdata()[0] == getattr(each, against)[each.best]
        assert point.get_ydata()[0] == each.best_significance
    assert "30%" in ax.get_ylabel()
    bands = [band.get_paths()[0].vertices for band in ax.collections]
    assert len(bands) == 2
    assert max(bands[0][:, 1]) >= scans["cross entropy"].best_significance
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(f"{scans['asimov'].best_significance:.2f}" in text for text in texts)


def test_mass_study_puts_points_at_the_masses() -> None:
    rows = [
        MassResult(name, unseen, mass, seed, value + 0.01 * seed, 0.01, 0.9, 0.8)
        for name, value in (("single", 0.6), ("pnn", 0.8))
        for unseen, masses in ((False, (500.0, 1000.0, 1500.0)), (True, (1000.0,)))
        for mass in masses
        for seed in (1, 2)
    ]
    study = MassStudy(rows)
    ax = plots.mass_study(study, title="toy").axes[0]
    drawn = [container.lines[0] for container in ax.containers]
    assert len(drawn) == 4
    np.testing.assert_allclose(np.asarray(drawn[0].get_ydata(), float), [0.615] * 3)
    places = np.asarray(drawn[0].get_xdata(), float)
    np.testing.assert_allclose(places, [500, 1000, 1500], atol=30)
    assert drawn[1].get_markerfacecolor() == "white"
    assert ax.get_xlabel() == "mass [GeV]"
    with pytest.raises(ConfigError, match="metric"):
        plots.mass_study(study, metric="loss")


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="against"):
        plots.significance(scan(1.0), against="mass")
    with pytest.raises(DataError, match="cannot draw"):
        plots.significance({"a": 3})  # type: ignore[dict-item]
