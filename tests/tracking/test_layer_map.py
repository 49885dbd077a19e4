"""Learned pairs of layers against the true edges written out, and beside the table of cuts."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import awkward as ak
import numpy as np
import pytest
import torch
from tracking_events import events

import pcgnn
from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking import (
    HitGraphs,
    LayerMap,
    LayerPairCuts,
    PairWindow,
    build_graphs,
    edge_maker,
)


def with_modules(hits: ak.Array, sectors: int = 16) -> ak.Array:
    """Modules by azimuth."""
    phi = np.arctan2(hits.hit.y, hits.hit.x)
    module = ak.values_astype((phi + np.pi) / (2 * np.pi) * sectors, np.int64)
    return ak.with_field(hits, ak.with_field(hits.hit, module, "module"), "hit")


def true_edges(hits: ak.Array, pt_min: float) -> list[dict[str, object]]:
    """Consecutive hits on different layers, hit by hit."""
    found: list[dict[str, object]] = []
    for event in hits:
        particle, order = np.asarray(event.hit.particle_id), np.asarray(event.hit.order)
        x, y, z = (np.asarray(event.hit[name], np.float64) for name in "xyz")
        place = list(zip(event.hit.volume.to_list(), event.hit.layer.to_list(), strict=True))
        module = np.asarray(event.hit.module) if "module" in event.hit.fields else None
        for p, pt in zip(event.particle.particle_id, event.particle.pt, strict=True):
            mine = sorted(np.flatnonzero(particle == p), key=lambda i: (order[i], i))
            for i, j in pairwise(mine if pt >= pt_min else []):
                if place[i] == place[j]:
                    continue
                r1, r2 = math.hypot(x[i], y[i]), math.hypot(x[j], y[j])
                dphi = math.remainder(math.atan2(y[j], x[j]) - math.atan2(y[i], x[i]), 2 * math.pi)
                found.append(
                    {
                        "pair": (place[i], place[j]),
                        "modules": None if module is None else (module[i], module[j]),
                        "slope": dphi / (r2 - r1),
                        "z0": z[i] - r1 * (z[j] - z[i]) / (r2 - r1),
                    }
                )
    return found


def efficiency(graphs: HitGraphs) -> float:
    score = torch.cat([graph.y for graph in graphs])
    return float(graphs.report(score).construction_efficiency.value)


def test_pairs_and_windows_are_those_of_the_true_edges() -> None:
    hits = events(6, particles=80, noise=20, seed=1)
    layer_map = LayerMap.learn(hits, pt_min=1.0, min_count=40, quantile=1.0, margin=0.25)
    edges = true_edges(hits, 1.0)
    by_pair: dict[object, list[dict[str, object]]] = {}
    for edge in edges:
        by_pair.setdefault(edge["pair"], []).append(edge)
    enough = {pair: mine for pair, mine in by_pair.items() if len(mine) >= 40}
    assert len(enough) > 3
    assert len(enough) < len(by_pair)
    found = {(layer_map.layers[w.inner], layer_map.layers[w.outer]): w for w in layer_map.windows}
    assert set(found) == set(enough)
    for pair, mine in enough.items():
        window = found[pair]
        assert window.count == len(mine)
        for name, limits in (("slope", window.phi_slope), ("z0", window.z0)):
            low = min(edge[name] for edge in mine)
            high = max(edge[name] for edge in mine)
            width = high - low
            assert limits == pytest.approx((low - width / 4, high + width / 4), rel=1e-5)
    assert set(layer_map.layers) == {
        (v, n)
        for event in hits
        for v, n in zip(event.hit.volume.to_list(), event.hit.layer.to_list(), strict=True)
    }


def test_edges_are_those_of_all_pairs() -> None:
    layer_map = LayerMap.learn(with_modules(events(6, seed=2)), min_count=2, level="module")
    hits = with_modules(events(1, particles=40, noise=60, seed=3))
    for maker in (layer_map, LayerMap(layer_map.layers, layer_map.windows)):
        graph = build_graphs(hits, maker)[0]
        x, y, z = (np.asarray(hits[0].hit[name], np.float64) for name in "xyz")
        r, phi = np.hypot(x, y), np.arctan2(y, x)
        module = hits[0].hit.module.to_list()
        numbers = {layer: n for n, layer in enumerate(maker.layers)}
        layer = [numbers[v, n] for v, n in zip(hits[0].hit.volume, hits[0].hit.layer, strict=True)]
        connected = None if maker.modules is None else set(maker.modules)
        expected = set()
        for window in maker.windows:
            for i in np.flatnonzero(np.array(layer) == window.inner):
                for j in np.flatnonzero(np.array(layer) == window.outer):
                    slope = math.remainder(phi[j] - phi[i], 2 * math.pi) / (r[j] - r[i])
                    z0 = z[i] - r[i] * (z[j] - z[i]) / (r[j] - r[i])
                    key = (layer[i], module[i], layer[j], module[j])
                    if (
                        window.phi_slope[0] < slope < window.phi_slope[1]
                        and window.z0[0] < z0 < window.z0[1]
                        and (connected is None or key in connected)
                    ):
                        expected.add((int(i), int(j)))
        found = {tuple(pair) for pair in graph.hit_index[graph.edge_index].t().tolist()}
        assert found == expected
        assert len(expected) > 50


def test_all_that_was_learned_from_is_found_again() -> None:
    hits = with_modules(events(3, seed=4))
    for level in ("layer", "module"):
        maker = LayerMap.learn(hits, min_count=1, quantile=1.0, margin=0.01, level=level)  # type: ignore[arg-type]
        graphs = build_graphs(hits, maker, truth="consecutive")
        assert efficiency(graphs) == 1.0
        assert maker.pt == 1.0
        assert f"{len(maker.windows)} layer pairs" in repr(graphs)
        edges = true_edges(hits, 1.0)
        assert sum(int(graph.true_edges) for graph in graphs) == len(edges)
        if level == "module":
            numbers = {layer: n for n, layer in enumerate(maker.layers)}
            expected = {
                (
                    numbers[edge["pair"][0]],
                    edge["modules"][0],
                    numbers[edge["pair"][1]],
                    edge["modules"][1],
                )  # type: ignore[index]
                for edge in edges
            }
            assert set(maker.modules or ()) == expected


def test_pairs_point_the_way_most_particles_go() -> None:
    # three particles from layer 1 to layer 2 (mm, straight), one that comes back
    radius = {1: 30.0, 2: 70.0}
    rows = [(p, layer, order) for p in (1, 2, 3) for order, layer in enumerate((1, 2))]
    rows += [(4, layer, order) for order, layer in enumerate((2, 1))]
    angle = {p: 0.3 * p for p in (1, 2, 3, 4)}
    hit = ak.zip(
        {
            "x": [[radius[n] * math.cos(angle[p] + 0.01 * o) for p, n, o in rows]],
            "y": [[radius[n] * math.sin(angle[p] + 0.01 * o) for p, n, o in rows]],
            "z": [[radius[n] * 0.1 * p for p, n, o in rows]],
            "layer": [[n for p, n, o in rows]],
            "particle_id": [[p for p, n, o in rows]],
            "order": [[o for p, n, o in rows]],
        }
    )
    particle = ak.zip({"particle_id": [[1, 2, 3, 4]], "pt": [[2.0, 2.0, 2.0, 2.0]]})
    hits = ak.Array({"hit": hit, "particle": particle})
    layer_map = LayerMap.learn(hits, min_count=4, quantile=1.0)
    assert layer_map.layers == ((None, 1), (None, 2))
    assert layer_map.allowed_pairs == ((0, 1),)
    # the one that comes back is the same line, so that its edge lies in the windows as well
    assert layer_map.windows[0].count == 4
    graphs = build_graphs(hits, layer_map, truth="consecutive")
    assert efficiency(graphs) == 1.0
    assert (graphs[0].layer[graphs[0].edge_index] == torch.tensor([[0], [1]])).all()


@pytest.mark.parametrize("level", ["layer", "module"])
def test_plain_values_give_the_same_map(level: str) -> None:
    hits = with_modules(events(3, seed=5))
    layer_map = LayerMap.learn(hits, level=level, min_count=2)  # type: ignore[arg-type]
    again = LayerMap.from_dict(json.loads(json.dumps(layer_map.to_dict())))
    assert again == layer_map
    assert str(again) == str(layer_map)
    one, two = build_graphs(hits, layer_map), build_graphs(hits, again)
    assert one.data_hash() == two.data_hash()
    record = json.loads(json.dumps(one.provenance["graphs"]))
    assert record["edge_maker"] == "layer-map"
    if level == "layer":
        assert edge_maker("layer-map", record["cuts"]) == layer_map
    else:
        assert record["cuts"]["modules"]["pairs"] == len(layer_map.modules or ())
        with pytest.raises(ConfigError, match="to_dict"):
            edge_maker("layer-map", record["cuts"])


def test_undirected_edges_keep_the_sign_of_the_distance() -> None:
    hits = events(2, seed=2)
    maker = LayerMap.learn(hits)
    one, both = build_graphs(hits, maker)[0], build_graphs(hits, maker, undirected=True)[0]
    half = one.edge_index.shape[1]
    assert half > 50
    assert torch.equal(both.edge_index[:, half:], one.edge_index.flip(0))
    assert torch.equal(both.edge_attr[half:, :3], -one.edge_attr[:, :3])
    assert torch.equal(both.edge_attr[half:, 3], one.edge_attr[:, 3])
    assert int(both.true_edges) == 2 * int(one.true_edges)


def test_fewer_edges_than_the_table_at_the_same_efficiency() -> None:
    # learned from six events with 200 pile-up collisions, judged on two others
    hits = pcgnn.read_hits(pcgnn.datasets.bundled("tracks"))
    layer_map = LayerMap.learn(hits[:6], pt_min=1.0, layers="generic_pixels")
    table = LayerPairCuts.for_pt(1.0)
    learned = build_graphs(hits[28:], layer_map, truth="consecutive", pt_min=1.0)
    usual = build_graphs(hits[28:], table, truth="consecutive", pt_min=1.0)
    assert sum(int(graph.true_edges) for graph in learned) == sum(
        int(graph.true_edges) for graph in usual
    )
    assert efficiency(learned) > max(efficiency(usual), 0.985)
    assert learned.num_edges < 0.8 * usual.num_edges


def test_wrong_input_is_named() -> None:
    hits = events(2, particles=20)
    bare = ak.Array({"hit": hits.hit[["x", "y", "z", "volume", "layer"]]})
    with pytest.raises(DataError, match=r"learned from truth.*entry 0"):
        LayerMap.learn(bare)
    with pytest.raises(DataError, match=r"no module.*hit\.module"):
        LayerMap.learn(hits, level="module")
    with pytest.raises(DataError, match="pT >= 900 GeV"):
        LayerMap.learn(hits, pt_min=900.0)
    with pytest.raises(DataError, match="1000 true edges or more"):
        LayerMap.learn(hits, min_count=1000)
    module_map = LayerMap.learn(with_modules(hits), level="module", min_count=1)
    with pytest.raises(DataError, match=r"hits have no module.*entry 0"):
        build_graphs(hits, module_map)
    window = [0, 1, [-1e-3, 1e-3], [-100.0, 100.0], 7]
    good = {"layers": [[8, 2], [8, 4]], "windows": [window]}
    assert LayerMap.from_dict(good).allowed_pairs == ((0, 1),)
    for bad in (
        lambda: LayerMap.learn(hits, quantile=0.0),
        lambda: LayerMap.learn(hits, margin=-0.1),
        lambda: LayerMap.learn(hits, min_count=0),
        lambda: LayerMap.learn(hits, pt_min=-1.0),
        lambda: LayerMap.learn(hits, level="volume"),  # type: ignore[arg-type]
        lambda: LayerMap.learn(hits, layers="moon"),
        lambda: LayerMap.from_dict({"layers": []}),
        lambda: LayerMap.from_dict({**good, "size": 1}),
        lambda: LayerMap.from_dict({**good, "windows": [window, window]}),
        lambda: LayerMap.from_dict({**good, "windows": [[0, 5, *window[2:]]]}),
        lambda: LayerMap.from_dict({**good, "modules": []}),
        lambda: PairWindow(0, 1, (1.0, 1.0), (-1.0, 1.0)),
        lambda: PairWindow(0, 1, (-1.0, math.nan), (-1.0, 1.0)),
    ):
        with pytest.raises(ConfigError):
            bad()
