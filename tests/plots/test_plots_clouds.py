"""Figures of clouds and trainings, and the style itself."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.image import imread

from pcgnn import plots
from pcgnn.errors import ConfigError, DataError, WriteError
from pcgnn.plots._histogram import shape
from pcgnn.plots.style import HepFigure


def clouds(jets: int = 30, **changes: Any) -> SimpleNamespace:
    rng = np.random.default_rng(0)
    sizes = rng.integers(3, 9, jets)
    ptr = np.concatenate([[0], np.cumsum(sizes)])
    n = int(ptr[-1])
    pt = rng.exponential(20, n) + 1
    eta, phi = rng.normal(0.5, 0.2, n), rng.normal(np.pi, 0.2, n)  # across the seam of phi
    p4 = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], 1)
    described = (
        SimpleNamespace(name="log_pt", expression="log(part_pt)", shift=1.7, scale=0.7),
        SimpleNamespace(name="dphi", expression="part_dphi", shift=0.0, scale=1.0),
        SimpleNamespace(name="charge", expression="part_charge", shift=0.0, scale=1.0),
    )
    charge = rng.integers(-1, 2, n)
    x = np.stack([(np.log(pt) - 1.7) * 0.7, phi, charge], 1).astype(np.float32)
    content: dict[str, Any] = {
        "x": x,
        "ptr": ptr,
        "p4": p4,
        "y": np.arange(jets) % 2,
        "weight": None,
        "classes": ("QCD", "top"),
        "features": SimpleNamespace(features=described, names=("log_pt", "dphi", "charge")),
        "pt": pt,
    }
    return SimpleNamespace(**{**content, **changes})


def outlines(ax: Any) -> list[Any]:
    return [patch for patch in ax.patches if not patch.get_fill()]


@pytest.mark.parametrize("weighted", [False, True])
def test_features_draw_physical_values_per_class(weighted: bool) -> None:
    weight = np.linspace(0.5, 2, 30) if weighted else None
    sample = clouds(weight=weight)
    figure = plots.features(sample, bins=10)
    axes = figure.axes
    assert axes[0].get_xlabel() == r"$\ln(p_T/\mathrm{GeV})$"
    assert axes[1].get_xlabel() == r"$\Delta\phi$ [rad]"
    label = np.repeat(sample.y, np.diff(sample.ptr))
    w = np.repeat(np.ones(30) if weight is None else weight, np.diff(sample.ptr))
    log_pt = np.log(sample.pt)
    for number, outline in enumerate(outlines(axes[0])):
        values, edges, _ = outline.get_data()
        inside = np.clip(log_pt, edges[0], np.nextafter(edges[-1], 0))  # nothing is lost outside
        mask = label == number
        expected = np.histogram(inside[mask], edges, weights=w[mask])[0] / w[mask].sum()
        np.testing.assert_allclose(values, expected, atol=0.02)
        assert values.sum() == pytest.approx(1)
    charges = outlines(axes[2])[0].get_data()
    np.testing.assert_array_equal(charges.edges, [-1.5, -0.5, 0.5, 1.5])
    mask = label == 0
    x_charge = sample.x[mask, 2]
    expected = [(w[mask] * (x_charge == c)).sum() / w[mask].sum() for c in (-1, 0, 1)]
    np.testing.assert_allclose(charges.values, expected, rtol=1e-6)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["QCD", "top"]


def test_features_as_the_network_sees_them() -> None:
    sample = clouds()
    ax = plots.features(sample, raw=False).axes[0]
    assert ax.get_xlabel() == "log_pt (network input)"
    _, edges, _ = outlines(ax)[0].get_data()
    ends = np.quantile(sample.x[:, 0].astype(float), [0.002, 0.998])
    np.testing.assert_allclose(edges[[0, -1]], ends)


def test_features_of_a_large_sample_take_evenly_spaced_jets() -> None:
    sample = clouds(40)
    figure = plots.features(sample, max_jets=10)
    particles = np.diff(sample.ptr)[::4].sum()
    assert figure.get_suptitle() == f"10 jets, {particles} particles"


def test_features_without_labels_or_definition() -> None:
    figure = plots.features(clouds(y=None, features=None))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["all jets"]
    assert figure.axes[0].get_xlabel() == "feature 0"
    per_particle = clouds()
    per_particle.y = np.repeat(per_particle.y, np.diff(per_particle.ptr))
    assert len(outlines(plots.features(per_particle).axes[0])) == 2


def test_features_refuse_what_they_cannot_draw() -> None:
    with pytest.raises(DataError, match="no features"):
        plots.features(clouds(x=None))
    with pytest.raises(DataError, match="y: shape"):
        plots.features(clouds(y=np.zeros(5)))
    with pytest.raises(DataError, match="no particles"):
        plots.features(clouds(ptr=np.array([0])))


@pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")
def test_real_clouds_are_taken() -> None:
    torch = pytest.importorskip("torch")
    from pcgnn.data import ParticleClouds

    sample = clouds()
    real = ParticleClouds(
        x=torch.tensor(sample.x),
        p4=torch.tensor(sample.p4),
        ptr=torch.tensor(sample.ptr),
        y=torch.tensor(sample.y),
    )
    assert len(outlines(plots.features(real).axes[0])) == 2
    assert "8 particles" in plots.jet_display(real, 0).axes[0].get_title(loc="left")


def test_shape_counts_outside_values_in_the_edge_bins() -> None:
    share, error = shape(np.array([-9.0, 0.5, 2.5, 99.0]), np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(share, [0.5, 0, 0.5])
    np.testing.assert_allclose(error, [np.sqrt(2) / 4, 0, np.sqrt(2) / 4])


def test_jet_display_draws_every_particle_around_the_axis() -> None:
    sample = clouds()
    begin, end = sample.ptr[3:5]
    ax, bar = plots.jet_display(sample, 3, radius=0.8).axes
    (marks,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    order = np.argsort(-sample.pt[begin:end], kind="stable")
    p4 = sample.p4[begin:end]
    total = p4.sum(axis=0)
    axis_eta = np.arctanh(total[3] / np.linalg.norm(total[1:]))
    eta = np.arctanh(p4[:, 3] / np.linalg.norm(p4[:, 1:], axis=1))
    # the angle to the axis from a rotation, not from a difference of azimuths
    turned = (p4[:, 1] + 1j * p4[:, 2]) * np.conj(total[1] + 1j * total[2])
    expected = np.stack([eta - axis_eta, np.angle(turned)], axis=1)[order]
    np.testing.assert_allclose(marks.get_offsets(), expected, atol=1e-12)
    area = np.asarray(marks.get_sizes()) - 12
    np.testing.assert_allclose(
        area / area.sum(), np.sort(sample.pt[begin:end])[::-1] / (sample.pt[begin:end].sum())
    )
    np.testing.assert_allclose(marks.get_array(), np.sort(sample.pt[begin:end])[::-1])
    assert (ax.get_xlabel(), ax.get_ylabel()) == (r"$\Delta\eta$", r"$\Delta\phi$ [rad]")
    assert "GeV" in bar.get_ylabel()
    title = ax.get_title(loc="left")
    assert f"jet 3 (top), {end - begin} particles" in title
    assert f"{np.hypot(total[1], total[2]):.0f} GeV" in title


def test_jet_display_edges_in_every_form() -> None:
    sample = clouds()
    i = 5
    begin, end = sample.ptr[i : i + 2]
    n = end - begin
    table = np.stack([(np.arange(n) + 1) % n, np.full(n, -1)], axis=1)
    everything = np.full((sample.ptr[-1], 2), -1)
    everything[begin:end, 0] = begin + table[:, 0]
    pairs = np.stack([np.arange(n), table[:, 0]])
    drawn = []
    for edges in (table, everything, pairs):
        ax = plots.jet_display(sample, i, edges=edges).axes[0]
        (lines,) = [c for c in ax.collections if isinstance(c, LineCollection)]
        drawn.append(np.array(lines.get_segments()))
    assert drawn[0].shape == (n, 2, 2)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])
    for edges, message in [
        (np.zeros((n, 1)), "integers"),
        (np.zeros((n + 3, 1), int), "rows"),
        (np.array([[0], [n]]), "in a jet of"),
    ]:
        with pytest.raises(DataError, match=message):
            plots.jet_display(sample, i, edges=edges)


def test_jet_display_by_charge() -> None:
    sample = clouds()
    begin, end = sample.ptr[-2:]
    ax, bar = plots.jet_display(sample, -1, colour_by="charge").axes
    (marks,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    order = np.argsort(-sample.pt[begin:end], kind="stable")
    np.testing.assert_array_equal(marks.get_array(), sample.x[begin:end, 2][order])
    assert "charge" in bar.get_ylabel()
    with pytest.raises(ConfigError, match="no particle charge"):
        plots.jet_display(clouds(features=None), colour_by="charge")


def test_jet_display_refuses() -> None:
    for changes, i, message in [
        ({"p4": None}, 0, "no four-vectors"),
        ({}, 30, "there is no jet 30"),
        ({"ptr": np.array([0, 0, 4])}, 0, "no particles"),
    ]:
        with pytest.raises(DataError, match=message):
            plots.jet_display(clouds(**changes), i)
    with pytest.raises(ConfigError, match="colour_by"):
        plots.jet_display(clouds(), colour_by="mass")


HISTORY: dict[str, list[Any]] = {
    "epoch": [0, 1, 2, 3],
    "train_loss": [0.7, 0.5, 0.4, 0.3],
    "val_loss": [0.7, 0.45, None, 0.5],
    "val_auc": [0.8, 0.9, 0.95, 0.96],
    "lr": [1e-4, 1e-3, 1e-3, 1e-5],
    "device": ["cpu"] * 4,
}


def test_history_draws_the_columns_and_marks_the_best_epoch() -> None:
    figure = plots.history(HISTORY)
    loss, auc, rate = figure.axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), HISTORY["train_loss"])
    np.testing.assert_array_equal(loss.lines[1].get_data(), [[1, 2, 4], [0.7, 0.45, 0.5]])
    np.testing.assert_array_equal(auc.lines[0].get_ydata(), HISTORY["val_auc"])
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), HISTORY["lr"])
    assert rate.get_yscale() == "log"
    assert rate.get_xlabel() == "Epoch"
    assert [ax.get_ylabel() for ax in figure.axes] == ["Loss", "AUC", "Learning rate"]
    for ax in figure.axes:
        assert ax.lines[-1].get_xdata()[0] == 2  # lowest validation loss, counted from 1
    legend = loss.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][-1] == "best epoch (2)"


def test_history_from_rows_results_and_other_monitors() -> None:
    rows = [
        dict(zip(HISTORY, values, strict=True)) for values in zip(*HISTORY.values(), strict=True)
    ]
    by_rows = plots.history(rows, monitor="val_auc").axes[0]
    assert by_rows.lines[-1].get_xdata()[0] == 4
    result = SimpleNamespace(history=HISTORY, best_epoch=0)
    assert plots.history(result).axes[0].lines[-1].get_xdata()[0] == 1


@pytest.mark.parametrize("thing", [{}, 3, {"speed": [1.0]}, {"val_loss": [1.0], "lr": [1.0, 2.0]}])
def test_history_refuses(thing: object) -> None:
    with pytest.raises(DataError, match="history"):
        plots.history(thing)


def test_the_style_stays_inside() -> None:
    before = dict(mpl.rcParams)
    figure = plots.history(HISTORY)
    figure.canvas.draw()
    assert dict(mpl.rcParams) == before
    with plots.style():
        assert mpl.rcParams["xtick.direction"] == "in"
        assert mpl.rcParams["font.size"] == 13
    # drawn outside of the style, late ticks still have it
    axes = figure.axes[0]
    assert axes.xaxis.get_major_ticks()[0].get_tickdir() == "in"


def test_no_pyplot_figure_is_left_behind() -> None:
    plots.history(HISTORY)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_a_figure_shows_itself_in_a_notebook() -> None:
    figure = plots.history(HISTORY)
    assert isinstance(figure, HepFigure)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_save_writes_whole_files(tmp_path: Path) -> None:
    figure = plots.history(HISTORY)
    plots.save(figure, tmp_path / "h.png", dpi=100)
    assert imread(tmp_path / "h.png").shape[1] > 500
    plots.save(figure, tmp_path / "h.pdf")
    assert (tmp_path / "h.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(WriteError, match=r"h\.png"):
        plots.save(figure, tmp_path / "h.png")
    plots.save(figure, tmp_path / "h.png", overwrite=True)
    for name in ("h.xyz", "h"):
        with pytest.raises(WriteError, match="cannot be written as"):
            plots.save(figure, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h.pdf", "h.png"]
