"""Graph construction against the cuts written out for all pairs of hits."""

from __future__ import annotations

import math
from itertools import pairwise

import awkward as ak
import numpy as np
import pytest
import torch
from torch_geometric.data import Batch
from tracking_events import events

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking import Crossing, LayerGeometry, LayerPairCuts, build_graphs, geometry

Pairs = set[tuple[int, int]]


def all_pairs(hits: ak.Array, number: int, cuts: LayerPairCuts) -> Pairs:
    """The definition: every pair of hits on every allowed pair of layers, in plain floats."""
    hit = hits[number].hit
    layout = cuts.geometry
    layer = layout.number(np.asarray(hit.volume), np.asarray(hit.layer))
    x, y, z = (np.asarray(hit[name], np.float64) for name in "xyz")
    r, phi = np.hypot(x, y), np.arctan2(y, x)
    vetoes = {(c.inner, outer): c for c in layout.crossings for outer in c.outer}
    found = set()
    for a, b in layout.pairs:
        for i in np.flatnonzero(layer == a):
            for j in np.flatnonzero(layer == b):
                dr, dz = r[j] - r[i], z[j] - z[i]
                dphi = math.remainder(phi[j] - phi[i], 2 * math.pi)
                if dr == 0:
                    continue
                if cuts.phi_slope_max is not None and not abs(dphi / dr) < cuts.phi_slope_max:
                    continue
                if cuts.z0_max is not None and not abs(z[i] - r[i] * dz / dr) < cuts.z0_max:
                    continue
                deta = math.asinh(z[j] / r[j]) - math.asinh(z[i] / r[i])
                if cuts.dr_max is not None and not math.hypot(deta, dphi) < cuts.dr_max:
                    continue
                ends = (z[i] / r[i], z[j] / r[j])
                if cuts.eta_max is not None and any(
                    abs(math.asinh(e)) >= cuts.eta_max for e in ends
                ):
                    continue
                veto = vetoes.get((a, b))
                if (
                    veto is not None
                    and min(r[i], r[j]) < veto.radius < max(r[i], r[j])
                    and abs(z[i] + dz * (veto.radius - r[i]) / dr) < veto.half_length
                ):
                    continue
                found.add((int(i), int(j)))
    return found


CUTS = {
    "tight": LayerPairCuts.for_pt(1.0),
    "loose": LayerPairCuts.for_pt(0.5, table="trackml"),
    "no z0": LayerPairCuts(2e-3, None),
    "no slope": LayerPairCuts(None, 50.0),
    "all cuts": LayerPairCuts(3e-3, 200.0, eta_max=2.0, dr_max=0.4),
    "some pairs": LayerPairCuts(2e-3, 150.0, pairs=((0, 1), (1, 3), (2, 11), (3, 0))),
}


@pytest.mark.parametrize("name", CUTS)
def test_edges_are_those_of_all_pairs(name: str) -> None:
    hits = events(2, particles=50, noise=60, seed=3)
    graphs = build_graphs(hits, CUTS[name])
    total = 0
    for number, graph in enumerate(graphs):
        edges = graph.hit_index[graph.edge_index].t().tolist()
        assert len({tuple(e) for e in edges}) == len(edges)
        assert {tuple(e) for e in edges} == all_pairs(hits, number, CUTS[name])
        key = graph.edge_index[0] * graph.num_nodes + graph.edge_index[1]
        assert (key.diff() > 0).all()  # sorted
        total += len(edges)
    assert total > 50


def test_turning_the_detector_turns_the_edges_along() -> None:
    # hits on either side of phi = pi must find each other
    hits = events(1, seed=5)
    cuts = LayerPairCuts.for_pt(0.5)
    before = build_graphs(hits, cuts)[0].edge_index
    assert before.shape[1] > 100
    x, y = np.float64(1) * hits.hit.x, np.float64(1) * hits.hit.y
    for angle in (1.0, 2.5, math.pi):
        c, s = math.cos(angle), math.sin(angle)
        turned = ak.with_field(hits, ak.with_field(hits.hit, c * x - s * y, "x"), "hit")
        turned = ak.with_field(turned, ak.with_field(turned.hit, s * x + c * y, "y"), "hit")
        assert torch.equal(build_graphs(turned, cuts)[0].edge_index, before)


def test_truth_is_counted_as_written() -> None:
    hits = events(2, seed=7)
    cuts = LayerPairCuts.for_pt(1.0)
    allowed = set(cuts.geometry.pairs)
    for truth in ("same_particle", "consecutive"):
        for low_pt in ("ignore", "background", "signal"):
            graphs = build_graphs(hits, cuts, truth=truth, low_pt=low_pt)  # type: ignore[arg-type]
            for event, graph in zip(hits, graphs, strict=True):
                particle = np.asarray(event.hit.particle_id)
                order = np.asarray(event.hit.order)
                layer = cuts.geometry.number(
                    np.asarray(event.hit.volume), np.asarray(event.hit.layer)
                )
                pt = {
                    int(p): float(v)
                    for p, v in zip(event.particle.particle_id, event.particle.pt, strict=True)
                }
                expected = 0
                true = set()
                for p in pt:
                    mine = [int(i) for i in np.flatnonzero(particle == p)]
                    if truth == "same_particle":
                        pairs = {
                            (i, j) for i in mine for j in mine if (layer[i], layer[j]) in allowed
                        }
                    else:
                        mine.sort(key=lambda i: (order[i], i))
                        pairs = {(i, j) for i, j in pairwise(mine) if layer[i] != layer[j]}
                    if low_pt == "signal" or pt[p] >= 1.0:
                        expected += len(pairs)
                        true |= pairs
                assert int(graph.true_edges) == expected
                assert expected > 20
                for (i, j), y, counted in zip(
                    graph.hit_index[graph.edge_index].t().tolist(),
                    graph.y.tolist(),
                    graph.edge_mask.tolist(),
                    strict=True,
                ):
                    if truth == "same_particle":
                        assert y * counted == ((i, j) in true)
                    soft = particle[i] == particle[j] > 0 and pt[int(particle[i])] < 1.0
                    if low_pt == "ignore" and truth == "same_particle":
                        assert counted == (not soft)
                    elif low_pt != "ignore":
                        assert counted


def test_features_are_the_published_ones() -> None:
    hits = events(1, seed=2)
    graph = build_graphs(hits, LayerPairCuts.for_pt(0.5))[0]
    x, y, z = graph.pos.double().t()
    r, phi = torch.hypot(x, y), torch.atan2(y, x)
    assert torch.allclose(graph.x.double(), torch.stack([r / 1000, phi / math.pi, z / 1000], 1))
    i, j = graph.edge_index
    dphi = torch.remainder(phi[j] - phi[i] + math.pi, 2 * math.pi) - math.pi
    deta = torch.asinh(z[j] / r[j]) - torch.asinh(z[i] / r[i])
    plain = torch.stack(
        [(r[j] - r[i]) / 1000, dphi / math.pi, (z[j] - z[i]) / 1000, torch.hypot(deta, dphi)], 1
    )
    assert torch.allclose(graph.edge_attr.double(), plain, atol=1e-6)


def test_undirected_edges_keep_the_sign_of_the_distance() -> None:
    hits = events(1, seed=2)
    cuts = LayerPairCuts.for_pt(0.5)
    one, both = build_graphs(hits, cuts)[0], build_graphs(hits, cuts, undirected=True)[0]
    half = one.edge_index.shape[1]
    assert torch.equal(both.edge_index[:, half:], one.edge_index.flip(0))
    assert torch.equal(both.edge_attr[half:, :3], -one.edge_attr[:, :3])
    assert torch.equal(both.edge_attr[half:, 3], one.edge_attr[:, 3])
    assert torch.equal(both.y, one.y.repeat(2))
    assert int(both.true_edges) == 2 * int(one.true_edges)


def test_selections_by_truth_are_made_only_when_asked_for_and_said() -> None:
    hits = events(2, seed=4)
    cuts = LayerPairCuts.for_pt(1.0)
    plain = build_graphs(hits, cuts)
    assert plain.num_nodes == int(ak.sum(ak.num(hits.hit)))
    assert "noise and soft particles included" in repr(plain)
    ideal = build_graphs(hits, cuts, truth_selection="ideal")
    assert "TRUTH-SELECTED" in repr(ideal)
    for graph in ideal:
        assert (graph.particle_id > 0).all()
        assert (graph.pt >= 1.0).all()
    pt = [
        dict(zip(e.particle.particle_id.to_list(), e.particle.pt.to_list(), strict=True))
        for e in hits
    ]
    kept = sum(
        p > 0 and pt[n][p] >= 1.0 for n, e in enumerate(hits) for p in e.hit.particle_id.to_list()
    )
    assert ideal.num_nodes == kept
    single = build_graphs(hits, cuts, truth_selection="ideal", one_hit_per_layer=True)
    for graph in single:
        pairs = list(zip(graph.particle_id.tolist(), graph.layer.tolist(), strict=True))
        assert len(pairs) == len(set(pairs))
    assert single.num_nodes < ideal.num_nodes
    # the same hits and edges as cutting them out of the whole graph
    whole = plain[0]
    hard = (whole.pt >= 1.0) & (whole.particle_id > 0)
    inside = hard[whole.edge_index].all(0)
    expected = whole.hit_index[whole.edge_index[:, inside]]
    assert torch.equal(ideal[0].hit_index[ideal[0].edge_index], expected)


def test_batches_and_splits_keep_events_apart() -> None:
    hits = events(5, particles=20, seed=6)
    graphs = build_graphs(hits, LayerPairCuts.for_pt(0.5))
    batch = graphs.batch([3, 1])
    assert isinstance(batch, Batch)
    assert torch.equal(batch.hit_index, torch.cat([graphs[3].hit_index, graphs[1].hit_index]))
    for part, whole in zip(batch.to_data_list(), (graphs[3], graphs[1]), strict=True):
        assert torch.equal(part.edge_index, whole.edge_index)
        assert torch.equal(part.hit_index, whole.hit_index)
    parts = graphs.split((0.6, 0.2, 0.2), seed=3)
    seen = [int(graph.event_id) for part in parts for graph in part]
    assert sorted(seen) == [100, 101, 102, 103, 104]
    assert [len(part) for part in parts] == [3, 1, 1]
    # hits are counted over all events, whatever part a graph is in
    flat = ak.to_numpy(ak.flatten(hits.hit.x))
    for part in parts:
        edges = part.edges()
        x = torch.cat([graph.pos[graph.edge_index, 0] for graph in part], 1)
        assert np.array_equal(flat[edges.numpy()], x.numpy())
        assert part.selected().sum() == part.num_nodes


def test_events_with_few_hits_give_graphs_without_edges() -> None:
    hits = events(3, particles=10, noise=5)
    for count in (0, 1):
        few = ak.with_field(hits, hits.hit[:, :count], "hit")
        graphs = build_graphs(few, LayerPairCuts.for_pt(1.0))
        assert [graph.edge_index.shape[1] for graph in graphs] == [0, 0, 0]
        assert graphs.num_nodes == 3 * count
        assert [int(graph.true_edges) for graph in graphs] == [0, 0, 0]


def test_hits_without_truth_give_graphs_without_labels() -> None:
    hits = events(1)
    bare = ak.Array({"hit": hits.hit[["x", "y", "z", "volume", "layer"]]})
    graph = build_graphs(bare, LayerPairCuts.for_pt(1.0))[0]
    assert torch.equal(
        graph.edge_index, build_graphs(hits, LayerPairCuts.for_pt(1.0))[0].edge_index
    )
    assert "y" not in graph
    with pytest.raises(ConfigError, match="there is none"):
        build_graphs(bare, LayerPairCuts.for_pt(1.0), truth_selection="ideal")


def test_damaged_hits_are_refused_with_their_place() -> None:
    hits = events(2, particles=10)
    nan = ak.Array([[1.0], [2.0, float("nan")]])
    layer = ak.Array([[2], [2, 4]])
    table = ak.zip({"x": nan, "y": nan, "z": nan, "volume": layer * 0 + 8, "layer": layer})
    with pytest.raises(DataError, match=r"hit 1 has no finite x.*entry 1"):
        build_graphs(ak.Array({"hit": table}), LayerPairCuts.for_pt(1.0))
    with pytest.raises(DataError, match=r"no layer.*hit\.layer"):
        build_graphs(ak.Array({"hit": hits.hit[["x", "y", "z"]]}), LayerPairCuts.for_pt(1.0))
    other = ak.with_field(hits, hits.particle[:, :3], "particle")
    with pytest.raises(DataError, match="particles that the event does not have"):
        build_graphs(other, LayerPairCuts.for_pt(1.0))
    volumeless = ak.with_field(hits, hits.hit[["x", "y", "z", "layer", "particle_id"]], "hit")
    with pytest.raises(ConfigError, match="hits have no volume"):
        build_graphs(volumeless, LayerPairCuts.for_pt(1.0))


def test_hits_on_unknown_layers_are_left_out_and_never_all_of_them() -> None:
    hits = events(2, particles=20, seed=3)
    barrel = LayerGeometry("barrel", {(8, 2): 0, (8, 4): 1}, ((0, 1),))
    graphs = build_graphs(hits, LayerPairCuts(2e-3, 150.0, layers=barrel))
    for event, graph in zip(hits, graphs, strict=True):
        known = (np.asarray(event.hit.volume) == 8) & np.isin(np.asarray(event.hit.layer), (2, 4))
        assert graph.hit_index.tolist() == np.flatnonzero(known).tolist()
        assert 0 < graph.num_nodes < len(event.hit)
    elsewhere = LayerGeometry("elsewhere", {(30, 2): 0, (30, 4): 1}, ((0, 1),))
    with pytest.raises(DataError, match=r"none of the \d+ hits.*elsewhere.*hit\.layer"):
        build_graphs(hits, LayerPairCuts(2e-3, 150.0, layers=elsewhere))
    with pytest.raises(DataError, match="no events"):
        build_graphs(hits[:0], LayerPairCuts.for_pt(1.0))
    with pytest.raises(ConfigError, match="joined by str"):
        build_graphs(hits, "layer-pairs")  # type: ignore[arg-type]


def test_tables_and_geometries() -> None:
    published = {0.5: (0.0085, 500), 0.9: (0.0072, 375), 1.0: (0.007, 350), 1.5: (0.006, 275)}
    for pt, (slope, z0) in published.items():
        cuts = LayerPairCuts.for_pt(pt, table="trackml")
        assert (cuts.phi_slope_max, cuts.z0_max) == (slope, z0)
    # between two entries the looser one
    assert LayerPairCuts.for_pt(1.2).phi_slope_max == LayerPairCuts.for_pt(1.0).phi_slope_max
    pixels = geometry("trackml_pixels")
    assert pixels.count == 18
    assert len(pixels.pairs) == 23
    assert pixels.number(np.array([7, 7, 8, 9]), np.array([14, 2, 8, 2])).tolist() == [4, 10, 3, 11]
    assert len(geometry("generic_barrel").pairs) == 9
    for bad in (
        lambda: LayerPairCuts.for_pt(0.1),
        lambda: LayerPairCuts.for_pt(1.0, table="atlas"),
        lambda: LayerPairCuts(-1.0, 100.0),
        lambda: LayerPairCuts(1e-3, 100.0, pairs=((0, 99),)),
        lambda: LayerPairCuts(1e-3, 100.0, layers="moon"),
        lambda: LayerGeometry("twice", {(None, 0): 0, (None, 1): 1}, ((0, 1), (0, 1))),
        lambda: LayerGeometry("mixed", {(None, 0): 0, (8, 1): 1}, ()),
    ):
        with pytest.raises(ConfigError):
            bad()
    veto = Crossing(0, (1,), 50.0, 100.0)
    own = LayerGeometry("own", {(8, 2): 0, (9, 2): 1}, ((0, 1),), (veto,))
    hits = events(1, seed=8)
    cuts = LayerPairCuts(5e-3, 300.0, layers=own)
    edges = build_graphs(hits, cuts)[0]
    found = {tuple(e) for e in edges.hit_index[edges.edge_index].t().tolist()}
    assert found == all_pairs(hits, 0, cuts)


def test_undirected_graphs_are_reported_edge_by_edge() -> None:
    hits = events(2, seed=5)
    one_way = build_graphs(hits, LayerPairCuts.for_pt(0.5))
    both = build_graphs(hits, LayerPairCuts.for_pt(0.5), undirected=True)
    rng = np.random.default_rng(0)
    scores = [rng.random(int(graph.num_edges)) for graph in one_way]
    shift = [rng.normal(0, 0.1, part.size) for part in scores]
    twice = [np.concatenate([s + d, s - d]) for s, d in zip(scores, shift, strict=True)]
    reference, found = one_way.report(scores), both.report(twice)
    for name in ("construction_efficiency", "efficiency", "purity"):
        ours, theirs = getattr(found, name), getattr(reference, name)
        assert (ours.passed, ours.total) == (theirs.passed, theirs.total)


def test_a_layer_in_several_volumes_needs_them_in_the_geometry() -> None:
    alone = LayerGeometry.by_layer(((2, 4), (4, 6)))
    with pytest.raises(ConfigError, match=r"layer \d+ in the volumes \[7, 8"):
        build_graphs(events(1, seed=5), LayerPairCuts(1e-3, 150.0, layers=alone, pt=1.0))
    # numbers that run through the detector are fine, whatever the volumes
    numbers = alone.number(np.array([7, 8, 8]), np.array([2, 4, 6]))
    assert numbers.tolist() == [2, 4, 6]
