"""Figures of scans and range tests: what is drawn are their numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcgnn import plots
from pcgnn.errors import ConfigError
from pcgnn.training import LRRange, Scan, ScanTrial


def make_scan(monitor: str = "val_loss", complete: int = 6) -> Scan:
    trials = [
        ScanTrial(
            number=number,
            parameters={
                "fit.lr": 10.0 ** (-number - 1),
                "model.width": [8, 8] if number % 2 else [4],
            },
            state="complete" if number < complete else "pruned",
            value=0.5 + 0.1 * (number - 2) ** 2,
            reports={0: 1.0},
            best_epoch=0,
            seconds=1.0,
            error=None,
            directory=Path(f"trial-{number}"),
        )
        for number in range(8)
    ]
    failed = ScanTrial(8, trials[0].parameters, "failed", None, {}, None, None, "why", Path("x"))
    return Scan((*trials, failed), monitor, ("fit.lr", "model.width"), Path("scan"))


@pytest.mark.parametrize(("monitor", "best"), [("val_loss", np.minimum), ("val_auc", np.maximum)])
def test_history_shows_values_and_the_best_so_far(monitor: str, best: np.ufunc) -> None:
    found = make_scan(monitor)
    (ax,) = plots.scan_history(found).axes
    pruned, complete, line = ax.lines
    values = [trial.value for trial in found.trials[:6]]
    assert complete.get_ydata().tolist() == values
    assert line.get_ydata().tolist() == best.accumulate(values).tolist()
    assert pruned.get_xdata().tolist() == [6, 7]
    assert ax.get_ylabel() == ("validation loss" if monitor == "val_loss" else "validation AUC")


def test_importance_is_drawn_from_the_largest_down(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = {"fit.lr": 0.8, "model.width": 0.2}
    monkeypatch.setattr(Scan, "importance", lambda self, method: shares)
    (ax,) = plots.scan_importance(make_scan()).axes
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.8]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["model.width", "fit.lr"]


def test_slices_have_one_panel_per_parameter() -> None:
    found = make_scan()
    rate, width = plots.scan_slices(found).axes
    assert rate.get_xscale() == "log"
    assert rate.lines[1].get_xdata().tolist() == [10.0 ** (-n - 1) for n in range(6)]
    assert [text.get_text() for text in width.get_xticklabels()] == ["[4]", "[8, 8]"]
    assert width.lines[1].get_xdata().tolist() == [0, 1, 0, 1, 0, 1]
    star = rate.lines[2]
    assert star.get_xdata().tolist() == [1e-3]
    assert len(plots.scan_slices(found, ["model.width"]).axes) == 1
    with pytest.raises(ConfigError, match="not varied"):
        plots.scan_slices(found, ["depth"])


@pytest.mark.parametrize("draw", [plots.scan_history, plots.scan_slices])
def test_nothing_complete_cannot_be_drawn(draw) -> None:
    with pytest.raises(ConfigError, match="no trial is complete"):
        draw(make_scan(complete=0))


def test_range_test_shows_loss_and_the_rates_that_it_found() -> None:
    lr = np.logspace(-5, 0, 60)
    loss = 1.0 - 0.5 / (1 + 1e-2 / lr) + np.where(lr > 0.3, 40 * lr, 0)
    found = LRRange(lr, loss, loss)
    (ax,) = plots.lr_range(found).axes
    assert np.array_equal(ax.lines[1].get_ydata(), loss)
    marks = [line.get_xdata()[0] for line in ax.lines[2:]]
    assert marks == [found.suggestion, found.steepest, found.lowest]
    assert found.lowest == pytest.approx(0.3, rel=0.25)
    assert found.suggestion == pytest.approx(0.1, rel=0.25)
    # of 1/(1 + a/x) in ln x the slope is largest at a
    assert found.steepest == pytest.approx(1e-2, rel=0.25)
    assert ax.get_xscale() == "log"
    assert ax.get_ylim()[1] < 2
