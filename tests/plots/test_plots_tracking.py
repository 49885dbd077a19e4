"""Figures of tracking: what is drawn are the hits, edges, tracks and numbers given."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import awkward as ak
import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from pcgnn import plots
from pcgnn.errors import BackendError, ConfigError, DataError
from pcgnn.metrics import clopper_pearson, edge_report, loss_ledger, track_report
from pcgnn.metrics.tracks.resolution_report import TrackResolution
from pcgnn.tracking import HitGraph, HitGraphs

RADII = np.array([32.0, 72.0, 116.0, 172.0])
PT = np.array([0.6, 1.5, 3.0, 8.0])
PHI = np.array([0.3, 1.7, 3.0, -1.2])
ETA = np.array([0.1, -0.8, 1.1, 0.5])


def make_event(seed: int) -> dict[str, Any]:
    """Four straight particles of four hits each and six hits of noise, all shuffled."""
    rng = np.random.default_rng(seed)
    r = np.concatenate([np.tile(RADII, 4), rng.choice(RADII, 6)])
    phi = np.concatenate([np.repeat(PHI, 4), rng.uniform(-3, 3, 6)])
    z = r * np.concatenate([np.sinh(np.repeat(ETA, 4)), rng.uniform(-2, 2, 6)])
    order = rng.permutation(22)
    hit = {
        "x": r * np.cos(phi),
        "y": r * np.sin(phi),
        "z": z,
        "layer": np.searchsorted(RADII, r),
        "particle_id": np.repeat([1, 2, 3, 4, 0], [4, 4, 4, 4, 6]),
    }
    particle = {"particle_id": [1, 2, 3, 4], "pt": PT, "eta": ETA, "vx": 0 * PT, "vy": 0 * PT}
    return {
        "hit": ak.zip({name: column[order] for name, column in hit.items()}),
        "particle": ak.zip({name: np.asarray(column) for name, column in particle.items()}),
    }


@pytest.fixture(scope="module")
def hits() -> ak.Array:
    events = [make_event(seed) for seed in (1, 2)]
    return ak.Array({name: [event[name] for event in events] for name in ("hit", "particle")})


def labels_of(hits: ak.Array) -> np.ndarray:
    """Particle 1 and 2 whole, half of 3 with noise (a fake), particle 4 not at all."""
    labels = []
    for event in range(len(hits)):
        pid = np.asarray(hits[event].hit.particle_id)
        label = np.where(pid == 1, 0, np.where(pid == 2, 1, -1))
        label[np.flatnonzero(pid == 3)[:2]] = 2
        label[np.flatnonzero(pid == 0)[:1]] = 2
        labels.append(label)
    return np.concatenate(labels)


def lines_of(ax: Axes, colour: str | None = None) -> list[np.ndarray]:
    """Polylines of the line collections on the axes, of one colour if asked for."""
    found: list[np.ndarray] = []
    for item in ax.collections:
        if isinstance(item, LineCollection):
            colours = [to_hex(c) for c in item.get_colors()]
            for k, segment in enumerate(item.get_segments()):
                if colour is None or colours[k % len(colours)] == to_hex(colour):
                    found.append(np.asarray(segment))
    return found


def legend_texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def hit_columns(hits: ak.Array, event: int) -> dict[str, np.ndarray]:
    table = hits[event].hit
    return {name: np.asarray(table[name]) for name in table.fields}


def expected_line(hits: ak.Array, event: int, particle: int, plane: str) -> np.ndarray:
    c = hit_columns(hits, event)
    chosen = np.flatnonzero(c["particle_id"] == particle)
    r = np.hypot(c["x"], c["y"])
    chosen = chosen[np.argsort(r[chosen])]
    first, second = (c["x"], c["y"]) if plane == "xy" else (c["z"], r)
    return np.stack([first[chosen], second[chosen]], axis=1)


def test_event_display_joins_the_hits_of_particles_from_inside_out(hits: ak.Array) -> None:
    figure = plots.event_display(hits, event=1, truth=True, pt_min=1.0)
    for ax, plane in zip(figure.axes, ("xy", "rz"), strict=True):
        drawn = lines_of(ax)
        assert len(drawn) == 3  # the fourth particle has 0.6 GeV
        for line, particle in zip(drawn, (2, 3, 4), strict=True):
            np.testing.assert_allclose(line, expected_line(hits, 1, particle, plane))
    xy, rz = figure.axes
    assert xy.get_aspect() == 1.0
    assert (xy.get_xlabel(), xy.get_ylabel()) == ("x [mm]", "y [mm]")
    assert (rz.get_xlabel(), rz.get_ylabel()) == ("z [mm]", "r [mm]")
    c = hit_columns(hits, 1)
    np.testing.assert_array_equal(xy.lines[0].get_xydata(), np.stack([c["x"], c["y"]], axis=1))
    assert legend_texts(rz) == ["hits (22)", "true particles (3)"]
    assert "Event 1" in xy.get_title(loc="left")
    assert "1 GeV" in xy.get_title(loc="left")


def test_event_display_colours_by_the_rule_and_shows_what_is_missed(hits: ak.Array) -> None:
    labels = labels_of(hits)
    figure = plots.event_display(hits, labels, event=1, rule="perfect", pt_min=1.0)
    from pcgnn.plots._event import STATUS_COLOURS

    xy, rz = figure.axes
    report = track_report(hits[1:2], labels[22:], rule="perfect", pt_min=1.0)
    assert (report.particles.matched.sum(), report.fake_rate.passed) == (1, 1)
    matched = lines_of(xy, STATUS_COLOURS["matched"])
    np.testing.assert_allclose(matched, [expected_line(hits, 1, 2, "xy")])
    (fake,) = lines_of(rz, STATUS_COLOURS["fake"])
    c = hit_columns(hits, 1)
    r = np.hypot(c["x"], c["y"])
    index = np.flatnonzero(labels[22:] == 2)
    index = index[np.argsort(r[index])]
    np.testing.assert_allclose(fake, np.stack([c["z"][index], r[index]], axis=1))
    missed = lines_of(xy, STATUS_COLOURS["missed"])
    np.testing.assert_allclose(missed, [expected_line(hits, 1, k, "xy") for k in (3, 4)])
    # the track of the particle of 0.6 GeV is left out like the particle itself
    assert legend_texts(rz) == [
        "hits (22)", "matched tracks (1)", "fake tracks (1)", "missed particles (2)",
    ]  # fmt: skip


def test_tracks_as_labels_lists_or_records_are_the_same_picture(hits: ak.Array) -> None:
    labels = labels_of(hits)
    lists = [
        [np.flatnonzero(labels[22 * e : 22 * e + 22] == k).tolist() for k in range(3)]
        for e in (0, 1)
    ]
    records = ak.Array([[{"hit_index": track} for track in event] for event in lists])
    jagged = ak.unflatten(labels, 22)
    reference = lines_of(plots.event_display(hits, labels, event=1).axes[0])
    assert len(reference) == 3
    for tracks in (lists, records, jagged, [labels[:22], labels[22:]]):
        drawn = lines_of(plots.event_display(hits, tracks, event=-1).axes[0])
        assert all(np.array_equal(a, b) for a, b in zip(drawn, reference, strict=True))
    under = plots.event_display(hits, labels, truth=True)
    assert len(lines_of(under.axes[0], "0.75")) == 4
    assert "tracks (3)" in legend_texts(under.axes[1])


def test_event_without_truth_and_thinned_hits(hits: ak.Array) -> None:
    blind = hits[["hit"]]
    blind["hit"] = blind.hit[["x", "y", "z", "layer"]]
    figure = plots.event_display(blind, labels_of(hits), max_hits=8, r_max=100.0, z_max=50.0)
    assert len(lines_of(figure.axes[0])) == 3
    assert figure.axes[0].lines[0].get_xdata().size == 8  # each third of 22
    assert legend_texts(figure.axes[1])[0] == "hits (22, one in 3 drawn)"
    assert figure.axes[0].get_xlim() == (-100, 100)
    assert figure.axes[1].get_xlim() == (-50, 50)
    for options in ({"truth": True}, {"tracks": labels_of(hits), "rule": "acts"}):
        with pytest.raises(DataError, match="truth"):
            plots.event_display(blind, **options)
    with pytest.raises(DataError, match="pT of the tracks is not known"):
        plots.event_display(blind, labels_of(hits), pt_min=1.0)


def test_event_display_refuses_what_it_cannot_draw(hits: ak.Array) -> None:
    with pytest.raises(DataError, match="no event 2"):
        plots.event_display(hits, event=2)
    with pytest.raises(DataError, match="read_hits"):
        plots.event_display({"x": [1.0]})
    with pytest.raises(ConfigError, match="no"):
        plots.event_display(hits, rule="acts")
    with pytest.raises(DataError, match="tracks: shape"):
        plots.event_display(hits, np.zeros(3, int))
    with pytest.raises(ConfigError, match="graphs"):
        plots.event_display(hits, scores=[0.1])
    with pytest.raises(ConfigError, match="max_hits"):
        plots.event_display(hits, max_hits=0)


def make_graphs(hits: ak.Array) -> HitGraphs:
    """Per event: edges of neighbouring radii between all particles, noise left out."""
    graphs = []
    for event in range(len(hits)):
        c = hit_columns(hits, event)
        index = np.flatnonzero(c["particle_id"] > 0)
        layer, pid = c["layer"][index], c["particle_id"][index]
        inner, outer = np.nonzero(layer[None, :] == layer[:, None] + 1)
        graphs.append(
            HitGraph(
                x=torch.zeros(index.size, 3),
                pos=torch.tensor(np.stack([c[k][index] for k in "xyz"], axis=1)),
                edge_index=torch.tensor(np.stack([inner, outer])),
                y=torch.tensor((pid[inner] == pid[outer]).astype(np.float32)),
                edge_mask=torch.tensor((pid[inner] != 1) | (pid[outer] != 1)),
                hit_index=torch.tensor(index),
                event=torch.tensor([event]),
                true_edges=torch.tensor([12]),
            )
        )
    description = {"truth": "consecutive", "selection": "no noise", "edges": "all"}
    return HitGraphs(graphs, description, {}, np.array([0, 22, 44]))


def test_event_display_draws_the_edges_that_pass(hits: ak.Array) -> None:
    graphs = make_graphs(hits)
    scores = [graph.y.numpy() * 0.6 for graph in graphs]
    figure = plots.event_display(hits, graphs=graphs, scores=scores, event=1, threshold=0.5)
    drawn = lines_of(figure.axes[1])
    true = graphs[1].edge_index[:, graphs[1].y > 0]
    assert len(drawn) == true.shape[1] == 12
    pos = graphs[1].pos.numpy()[true.numpy()]
    expected = np.stack([pos[..., 2], np.hypot(pos[..., 0], pos[..., 1])], axis=-1).swapaxes(0, 1)
    np.testing.assert_allclose(drawn, expected)
    assert "edges (12)" in legend_texts(figure.axes[1])
    everything = plots.event_display(hits, graphs=graphs, event=0)
    assert len(lines_of(everything.axes[0])) == graphs[0].edge_index.shape[1] == 48
    with pytest.raises(DataError, match="is of event 1"):
        plots.event_display(hits, graphs=graphs.take([0]), event=1)


def test_event_display_3d_holds_lines_and_texts(hits: ak.Array) -> None:
    pytest.importorskip("plotly")
    labels = labels_of(hits)
    figure = plots.event_display_3d(hits, labels, event=1, rule="perfect", pt_min=1.0)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["hits (22)", "matched (1)", "fake (1)", "missed (2)"]
    c = hit_columns(hits, 1)
    background = traces["hits (22)"]
    np.testing.assert_allclose(background.x, c["z"])
    np.testing.assert_allclose(background.y, c["x"])
    np.testing.assert_allclose(background.z, c["y"])
    missed = traces["missed (2)"]
    gaps = np.isnan(missed.x)
    assert np.flatnonzero(gaps).tolist() == [4, 9]  # one after each line of four hits
    for k, particle in enumerate((3, 4)):
        line = np.stack([missed.y, missed.z], axis=1)[5 * k : 5 * k + 4]
        np.testing.assert_allclose(line, expected_line(hits, 1, particle, "xy"))
        assert f"particle {particle}, 4 hits" in missed.text[5 * k]
        assert f"pT = {PT[particle - 1]:.2f} GeV" in missed.text[5 * k]
    text = traces["matched (1)"].text[0]
    assert "track 1, 4 hits, matched" in text
    assert "particle 2" in text
    assert figure.layout.scene.xaxis.title.text == "z [mm]"
    assert figure.layout.scene.aspectmode == "data"
    plain = plots.event_display_3d(hits, labels, truth=True)
    assert [t.name for t in plain.data if t.showlegend is not False] == [
        "hits (22)", "tracks (3)", "true particles (4)",
    ]  # fmt: skip
    assert sum(int(np.isnan(t.x).sum()) for t in plain.data if t.legendgroup == "track") == 3


def test_3d_needs_plotly_and_says_so(hits: ak.Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(BackendError, match=r"plotly.*pip install 'pcgnn\[notebooks\]'"):
        plots.event_display_3d(hits)


def test_plots_load_neither_plotly_nor_torch() -> None:
    code = "import sys, pcgnn.plots; print({'plotly', 'torch'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_hit_graph_tells_true_false_kept_and_lost(hits: ak.Array) -> None:
    graph = make_graphs(hits)[0]
    rng = np.random.default_rng(0)
    scores = rng.uniform(size=48)
    true = graph.y.numpy() > 0
    judged = graph.edge_mask.numpy()
    kept = scores >= 0.4
    (ax,) = plots.hit_graph(graph, scores, 0.4).axes
    counts = {
        "true, kept": (true & judged & kept).sum(),
        "true, lost": (true & judged & ~kept).sum(),
        "false, kept": (~true & judged & kept).sum(),
        "false, rejected": (~true & judged & ~kept).sum(),
        "not judged (soft particles)": (~judged).sum(),
    }
    assert min(counts.values()) > 0
    groups = {item.get_label(): item for item in ax.collections}
    assert len({to_hex(item.get_colors()[0]) for item in groups.values()}) == 5
    for name, number in counts.items():
        assert len(groups[name].get_segments()) == number
        assert f"{name} ({number})" in legend_texts(ax)
    pos = graph.pos.numpy()[graph.edge_index.numpy()]
    lost = np.flatnonzero(true & judged & ~kept)
    expected = pos[:, lost, :2].swapaxes(0, 1)
    np.testing.assert_allclose(groups["true, lost"].get_segments(), expected)
    assert ax.get_title(loc="left") == "48 of 48 edges"
    assert ax.get_aspect() == 1.0


def test_hit_graph_views_windows_and_choices(hits: ak.Array) -> None:
    graph = make_graphs(hits)[0]
    x, y, z = graph.pos.numpy().T
    inner, outer = graph.edge_index.numpy()
    phi = np.arctan2(y, x)
    window = (2.5, 2 * np.pi - 1.0)  # over pi: particle 3 at 3.0 and particle 4 at -1.2
    inside = np.isin(phi[inner].round(6), [3.0, -1.2])
    (ax,) = plots.hit_graph(graph, view="phi-r", phi=window).axes
    segments = np.concatenate([item.get_segments() for item in ax.collections])
    assert len(segments) == inside.sum() == 24
    assert (segments[:, 0, 0] >= 2.5).all()
    assert (segments[:, 0, 0] <= window[1]).all()
    # no edge goes the long way around
    assert (np.abs(segments[:, 1, 0] - segments[:, 0, 0]) <= np.pi).all()
    turned = (segments[:, :, 0] + np.pi) % (2 * np.pi) - np.pi
    found = sorted(map(tuple, turned.round(6)))
    assert found == sorted(
        zip(phi[inner[inside]].round(6), phi[outer[inside]].round(6), strict=True)
    )
    assert ax.get_title(loc="left").startswith("24 of 48 edges, $\\phi$ from 2.5 to 5.28 rad")
    assert (ax.get_xlabel(), ax.get_ylabel()) == (r"$\phi$ [rad]", "r [mm]")
    (ax,) = plots.hit_graph(graph, view="rz", max_edges=10).axes
    segments = np.concatenate([item.get_segments() for item in ax.collections])
    assert len(segments) == 10
    ends = np.stack([z, np.hypot(x, y)], axis=1)
    everything = {
        tuple(np.r_[ends[a], ends[b]].round(6)) for a, b in zip(inner, outer, strict=True)
    }
    assert {tuple(segment.ravel().round(6)) for segment in segments} <= everything
    assert ax.get_title(loc="left") == "10 of 48 edges (random choice of 48)"


def test_hit_graph_without_truth_or_scores(hits: ak.Array) -> None:
    graph = make_graphs(hits)[0]
    (ax,) = plots.hit_graph(graph).axes
    assert [text.split(" (")[0] for text in legend_texts(ax)] == [
        "true", "not judged", "false",
    ]  # fmt: skip
    blind = HitGraph(pos=graph.pos, edge_index=graph.edge_index)
    scores = np.linspace(0, 1, 48)
    assert legend_texts(plots.hit_graph(blind, scores, 0.75).axes[0]) == [
        f"kept ({(scores >= 0.75).sum()})", f"rejected ({(scores < 0.75).sum()})",
    ]  # fmt: skip
    assert legend_texts(plots.hit_graph(blind).axes[0]) == ["edges (48)"]
    for options, error, message in (
        ({"view": "yz"}, ConfigError, "view"),
        ({"phi": (1.0, 1.0)}, ConfigError, "phi"),
        ({"phi": (0.5, 0.6)}, DataError, "no edges"),
        ({"max_edges": 0}, ConfigError, "max_edges"),
        ({"scores": [0.1]}, DataError, "1 scores for 48 edges"),
        ({"scores": np.full(48, np.nan)}, DataError, "NaN"),
    ):
        with pytest.raises(error, match=message):
            plots.hit_graph(graph, **options)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="one HitGraph"):
        plots.hit_graph(hits)


def edge_sample(seed: int = 0, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.25
    return y, np.where(y, rng.beta(5, 1, n), rng.beta(1, 4, n)).round(3)


def error_bars(ax: Axes) -> list[ErrorbarContainer]:
    return [item for item in ax.containers if isinstance(item, ErrorbarContainer)]


def bar_ends(bar: ErrorbarContainer, axis: int) -> np.ndarray:
    """(points, 2) ends of the bars along x (0) or y (1)."""
    for item in bar.lines[2]:
        segments = np.asarray(item.get_segments())
        if (
            np.ptp(segments[:, :, 1 - axis]) == 0
            or (segments[:, 0, 1 - axis] == segments[:, 1, 1 - axis]).all()
        ):
            return segments[:, :, axis]
    raise AssertionError("no such bars")


def test_edge_curves_are_the_counted_purities_and_the_working_point() -> None:
    y, score = edge_sample()
    report = edge_report(y, score, threshold=0.6, truth="consecutive; hits: pT >= 1 GeV")
    figure = plots.edge_curves(report, minimum_efficiency=0.4)
    left, right = figure.axes
    efficiency, purity = right.lines[0].get_data()
    assert efficiency.min() >= 0.4
    assert efficiency.max() == 1.0
    assert len(efficiency) > 50
    for e, p in list(zip(efficiency, purity, strict=True))[::20]:
        # count by hand: the tightest cut that keeps this share of the true edges
        cut = np.sort(score[y])[::-1][round(e * y.sum()) - 1]
        assert e == pytest.approx((score[y] >= cut).mean())
        assert p == pytest.approx(y[score >= cut].mean())
    kept = score >= 0.6
    (bar,) = error_bars(right)
    x, p = (float(v[0]) for v in bar.lines[0].get_data())
    assert (x, p) == pytest.approx((kept[y].mean(), y[kept].mean()))
    down, up = clopper_pearson(y[kept].sum(), kept.sum())
    np.testing.assert_allclose(bar_ends(bar, 1)[0], [down, up])
    down, up = clopper_pearson(kept[y].sum(), y.sum())
    np.testing.assert_allclose(bar_ends(bar, 0)[0], [down, up])
    (mark,) = error_bars(left)
    x, rejection = (float(v[0]) for v in mark.lines[0].get_data())
    assert (x, rejection) == pytest.approx((kept[y].mean(), 1 / kept[~y].mean()))
    assert any(str(report.purity) in text for text in legend_texts(right))
    assert str(report.auc) in legend_texts(left)[0]
    dotted = [line for line in right.lines if line.get_linestyle() == ":"]
    assert dotted[0].get_ydata()[0] == pytest.approx(y.mean())
    assert left.get_title(loc="left").startswith("True edges: consecutive\nHits: $p_T$")


def test_edge_curves_band_is_clopper_pearson() -> None:
    y, score = edge_sample(1, 300)
    report = edge_report(y, score)
    right = plots.edge_curves(report).axes[1]
    band = right.collections[0].get_paths()[0].vertices
    efficiency, purity = right.lines[0].get_data()
    for e, p in list(zip(efficiency, purity, strict=True))[::10]:
        true = round(e * y.sum())
        ends = clopper_pearson(true, round(true / p))
        at = band[np.isclose(band[:, 0], e)][:, 1]
        assert all(np.isclose(at, end).any() for end in ends)


def test_edge_curves_of_graphs_and_of_several(hits: ak.Array) -> None:
    graphs = make_graphs(hits)
    rng = np.random.default_rng(3)
    scores = [rng.uniform(0, 0.7, 48) + 0.3 * graph.y.numpy() for graph in graphs]
    direct = graphs.report(scores, threshold=0.6)
    right = plots.edge_curves(graphs, scores, threshold=0.6).axes[1]
    assert any(str(direct.purity) in text for text in legend_texts(right))
    pair = {"A": direct, "B": edge_report(*edge_sample())}
    left, right = plots.edge_curves(pair, threshold=0.8).axes
    assert [text.split(":")[0] for text in legend_texts(right)] == ["A", "B"]
    x = [bar.lines[0].get_xdata()[0] for bar in error_bars(right)]
    assert x == [report.at_threshold(0.8).efficiency.value for report in pair.values()]
    assert left.get_title(loc="left") == ""  # two truths
    with pytest.raises(ConfigError, match="scores beside EdgeReport"):
        plots.edge_curves(direct, scores)
    with pytest.raises(DataError, match="no curve"):
        plots.edge_curves(edge_report([1, 1], [0.2, 0.3]))
    with pytest.raises(DataError, match="cannot draw"):
        plots.edge_curves("report")
    with pytest.raises(ConfigError, match="minimum_efficiency"):
        plots.edge_curves(direct, minimum_efficiency=1.0)


def test_edge_scores_are_histograms_of_the_scores() -> None:
    y, score = edge_sample()
    (ax,) = plots.edge_scores(edge_report(y, score, threshold=0.3), bins=20).axes
    outlines = [patch for patch in ax.patches if not patch.get_fill()]
    for chosen, outline, name in zip((~y, y), outlines, ("false", "true"), strict=True):
        expected = np.histogram(score[chosen], outline.get_data().edges)[0]
        np.testing.assert_allclose(outline.get_data().values, expected / chosen.sum())
        assert f"{name} ({chosen.sum():,} edges)" in legend_texts(ax)
        bar = error_bars(ax)[("false", "true").index(name)]
        half = np.diff(bar_ends(bar, 1), axis=1)[:, 0] / 2
        np.testing.assert_allclose(half, np.sqrt(expected[expected > 0]) / chosen.sum())
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "Edge score"
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [0.3]
    report = edge_report(y, score)
    with pytest.raises(ConfigError, match="2 reports"):
        plots.edge_scores({"a": report, "b": report})


def track_sample(seed: int, efficiency: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Particles of four hits; a lost one has its hits in pairs, some pairs with noise (fakes)."""
    rng = np.random.default_rng(seed)
    n = 400
    pt = 1 + rng.exponential(2, n)
    eta = rng.uniform(-3, 3, n)
    radius = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0, 90, n))
    found = rng.random(n) < efficiency
    pid = np.repeat(np.arange(1, n + 1), 4)
    label = np.where(np.repeat(found, 4), pid, -1)
    fake = np.flatnonzero(~found)[::3]
    for track, k in enumerate(fake):  # two hits of its own and one of noise
        label[4 * k : 4 * k + 2] = 1000 + track
    hits = {
        "particle_id": np.concatenate([pid, np.zeros(fake.size, int)]),
        "pt": np.concatenate([np.repeat(pt, 4), np.zeros(fake.size)]),
        "eta": np.concatenate([np.repeat(eta, 4), np.zeros(fake.size)]),
        "vertex_radius": np.concatenate([np.repeat(radius, 4), np.zeros(fake.size)]),
    }
    return hits, np.concatenate([label, 1000 + np.arange(fake.size)])


@pytest.mark.parametrize("against", ["pt", "eta", "vertex_radius"])
def test_track_efficiency_shows_counts_in_bins(against: str) -> None:
    samples = {"GNN": track_sample(0, 0.9), "Kalman": track_sample(0, 0.7)}
    reports = {
        name: track_report(*sample, rule="perfect", pt_min=1.0, eta_max=4.0)
        for name, sample in samples.items()
    }
    top, bottom = plots.track_efficiency(reports, against).axes
    edges = None
    for number, (name, (hits, labels)) in enumerate(samples.items()):
        report = reports[name]
        bar = error_bars(top)[number]
        ends = bar_ends(bar, 0)
        edges = np.append(ends[:, 0], ends[-1, 1])
        # particles counted without the report
        values = hits[against][:1600:4]
        found = (labels[:1600].reshape(-1, 4) == np.arange(1, 401)[:, None]).all(axis=1)
        total = np.histogram(values, edges)[0]
        passed = np.histogram(values[found], edges)[0]
        assert total.sum() == report.n_particles == 400
        assert total.min() >= 10
        np.testing.assert_allclose(bar.lines[0].get_ydata(), passed / total)
        expected = np.stack(clopper_pearson(passed, total), axis=1)
        np.testing.assert_allclose(bar_ends(bar, 1), expected, atol=1e-12)
        fakes = np.flatnonzero(~found)[::3]
        fake = np.histogram(values[fakes], edges)[0]
        tracks = fake + passed
        shown = tracks > 0
        np.testing.assert_allclose(
            error_bars(bottom)[number].lines[0].get_ydata(), fake[shown] / tracks[shown]
        )
        assert f"{name} (400 particles)" in legend_texts(top)
        assert f"{name} ({tracks.sum()} tracks)" in legend_texts(bottom)
    assert (
        bottom.get_xlabel()
        == {
            "pt": "Particle $p_T$ [GeV]",
            "eta": r"Particle $\eta$",
            "vertex_radius": "Production radius [mm]",
        }[against]
    )
    assert (top.get_ylabel(), bottom.get_ylabel()) == ("Efficiency", "Fake rate")
    title = top.get_title(loc="left")
    assert title == r"perfect; $p_T$ $\geq$ 1 GeV, $|\eta|$ < 4, $\geq$ 3 hits"
    # points of two series stand apart inside their bin
    a, b = (bar.lines[0].get_xdata() for bar in error_bars(top))
    assert ((edges[:-1] < a) & (a < b) & (b < edges[1:])).all()


def test_track_efficiency_options() -> None:
    hits, labels = track_sample(2, 0.8)
    options: dict[str, Any] = {"pt_min": 1.0, "truth_selection": "no noise"}
    report = track_report(hits, labels, rule="acts", **options)
    figure = plots.track_efficiency(
        report, "eta", rates=("particle_efficiency", "duplicate_rate"), bins=[-4, 0, 4]
    )
    top, bottom = figure.axes
    binned = report.vs("eta", [-4, 0, 4], of="particle_efficiency")
    assert error_bars(top)[0].lines[0].get_ydata().tolist() == [
        each.value for each in binned.efficiency
    ]
    assert bottom.get_ylabel() == "Duplicate rate"
    assert "selected by truth: no noise" in top.get_title(loc="left")
    other = track_report(hits, labels, rule="perfect", pt_min=2.0)
    title = plots.track_efficiency({"a": report, "b": other}).axes[0].get_title(loc="left")
    assert "acts" not in title
    assert "1 GeV" not in title
    assert [ax.get_ylabel() for ax in plots.track_efficiency(report, "hits").axes] == ["Efficiency"]
    assert (
        len(error_bars(plots.track_efficiency(report, bins=4).axes[0])[0].lines[0].get_xdata()) == 4
    )
    none = track_report(hits, np.full(labels.size, -1), rule="perfect", pt_min=1.0)
    assert len(plots.track_efficiency(none).axes) == 1  # no tracks, no fake rate
    with pytest.raises(ConfigError, match="choose from"):
        plots.track_efficiency(report, rates=("purity",))
    with pytest.raises(ConfigError, match="choose one of"):
        plots.track_efficiency(report, "charge")
    with pytest.raises(DataError, match="cannot draw"):
        plots.track_efficiency({})


def make_ledger(**options: Any) -> Any:
    """Five particles of four hits: lost at each of the stages, and one found."""
    pid = np.repeat(np.arange(1, 6), 4)
    hits = {"particle_id": pid, "pt": np.full(20, 2.0), "eta": np.zeros(20)}
    selected = pid != 1
    chain = np.stack([np.arange(19), np.arange(1, 20)])
    chain = chain[:, pid[chain[0]] == pid[chain[1]]]
    edges = chain[:, ~np.isin(pid[chain[0]], [1, 2])]
    score = np.where(pid[edges[0]] == 3, 0.1, 0.9)
    tracks = np.where(pid == 5, 7, -1)
    return loss_ledger(
        hits,
        pt_min=1.0,
        selected=selected,
        edge_index=edges,
        edge_score=score,
        threshold=0.5,
        tracks=tracks,
        **options,
    )


def test_ledger_is_a_waterfall_that_adds_up() -> None:
    losses = make_ledger(truth_selection="ideal")
    assert [row.lost for row in losses.rows] == [1, 1, 1, 1]
    (ax,) = plots.ledger(losses).axes
    kept, lost = ax.containers
    assert [bar.get_width() for bar in kept] == [5, 4, 3, 2, 1, 1]
    assert [bar.get_width() for bar in lost] == [0, 1, 1, 1, 1, 0]
    for above, bar, gone in zip(kept[:-2], kept[1:-1], lost[1:-1], strict=True):
        assert gone.get_x() == bar.get_width()  # what is lost begins where what is kept ends
        assert bar.get_width() + gone.get_width() == above.get_width()
    assert sum(bar.get_width() for bar in lost) + kept[-1].get_width() == 5
    low, high = clopper_pearson(1, 5)
    texts = [text.get_text() for text in ax.texts]
    assert texts[0] == "5"
    assert texts[1].startswith("$-$1: (")
    numbers = [float(n) for n in re.findall(r"\d+\.?\d*", texts[1].split("(")[1])]
    assert numbers[0] == pytest.approx(20)
    assert numbers[1:] == pytest.approx([100 * (high - 0.2), 100 * (0.2 - low)], abs=0.6)
    assert texts[-1].startswith("1: (")
    ticks = [label.get_text() for label in ax.get_yticklabels()]
    assert ticks == ["all particles", *(row.stage for row in losses.rows), "found"]
    assert ax.get_xlabel() == "Particles"
    assert "selected by truth: ideal" in ax.get_title(loc="left")
    with pytest.raises(DataError, match="cannot draw"):
        plots.ledger({"lost": 3})  # type: ignore[arg-type]


def make_resolution(width: float, seed: int = 0) -> TrackResolution:
    """Residuals that grow with |eta|; no vertex is known."""
    rng = np.random.default_rng(seed)
    eta = rng.uniform(-2, 2, 900)
    scale = width * (1 + np.abs(eta))
    residuals = {name: rng.normal(0.01, scale) for name in ("pt", "phi", "eta")}
    return TrackResolution(residuals, rng.uniform(1, 9, 900), eta, None, "pT >= 1 GeV", 950)


def test_track_resolution_shows_quantiles_and_their_errors() -> None:
    made = {"fit": make_resolution(0.02), "filter": make_resolution(0.01, 1)}
    figure = plots.track_resolution(made, "abs_eta", parameters=["phi", "pt"], bins=[0, 1, 1.5, 2])
    widths, medians = figure.axes[:2], figure.axes[2:]
    for parameter, upper, lower in zip(("phi", "pt"), widths, medians, strict=True):
        for number, item in enumerate(made.values()):
            for b, (low, high) in enumerate(((0, 1), (1, 1.5), (1.5, 2))):
                inside = (np.abs(item.eta) >= low) & (np.abs(item.eta) < high)
                values = np.sort(item.residuals[parameter][inside])
                down, middle, up = np.percentile(values, [15.8655, 50, 84.1345])
                half, n = (up - down) / 2, values.size
                bar = error_bars(upper)[number]
                assert bar.lines[0].get_ydata()[b] == pytest.approx(half)
                ends = bar_ends(bar, 1)[b]
                assert ends == pytest.approx(
                    [half - 0.96 * half / n**0.5, half + 0.96 * half / n**0.5]
                )
                bar = error_bars(lower)[number]
                assert bar.lines[0].get_ydata()[b] == pytest.approx(middle)
                assert np.diff(bar_ends(bar, 1)[b])[0] == pytest.approx(
                    2 * (np.pi / 2 / n) ** 0.5 * half
                )
        assert upper.get_yscale() == "log"
        assert lower.get_xlabel() == r"Particle $|\eta|$"
    assert widths[0].get_ylabel() == r"Width of $\Delta\phi$ [rad]"
    assert legend_texts(widths[0]) == ["fit (900 tracks)", "filter (900 tracks)"]
    assert widths[0].get_title(loc="left") == r"$p_T$ $\geq$ 1 GeV"
    assert len(plots.track_resolution(made["fit"]).axes) == 6  # z0 is not known
    with pytest.raises(ConfigError, match="choose from"):
        plots.track_resolution(made, parameters=["z0"])
    with pytest.raises(ConfigError, match="choose one of"):
        plots.track_resolution(made, "vertex_radius")
    with pytest.raises(DataError, match="cannot draw"):
        plots.track_resolution(3)  # type: ignore[arg-type]


def test_axes_of_the_user_and_style(hits: ak.Array) -> None:
    before = dict(mpl.rcParams)
    figure = Figure()
    ax = figure.subplots()
    assert plots.ledger(make_ledger(), ax=ax, title="demo") is figure
    assert plots.hit_graph(make_graphs(hits)[0], ax=figure.add_subplot()) is figure
    assert plots.edge_scores(edge_report(*edge_sample()), ax=figure.add_subplot()) is figure
    assert ax.get_title(loc="left") == "demo"
    assert dict(mpl.rcParams) == before
