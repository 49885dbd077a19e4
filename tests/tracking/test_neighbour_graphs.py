"""Radius and nearest-neighbour graphs against distances of all pairs in float64."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest
import torch
from tracking_events import events

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking import (
    HitGraphs,
    LayerPairCuts,
    NearestGraph,
    RadiusGraph,
    build_graphs,
    edge_maker,
)
from pcgnn.tracking.neighbour_search import nearest_pairs, pairs_within


def coordinates(hits: ak.Array, number: int) -> dict[str, np.ndarray]:
    x, y, z = (np.asarray(hits[number].hit[name], np.float64) for name in "xyz")
    r = np.hypot(x, y)
    return {
        "x": x,
        "y": y,
        "z": z,
        "r": r,
        "phi": np.arctan2(y, x),
        "eta": np.arcsinh(z / r),
        "theta": np.arctan2(r, z),
    }


def table(points: np.ndarray, azimuths: tuple[int, ...] = ()) -> np.ndarray:
    """All distances, infinite on the diagonal."""
    step = points[:, None] - points[None]
    for column in azimuths:
        step[..., column] = np.abs((step[..., column] + np.pi) % (2 * np.pi) - np.pi)
    distance = np.sqrt((step**2).sum(-1))
    np.fill_diagonal(distance, np.inf)
    return distance


def outward(found: np.ndarray, away: np.ndarray) -> set[tuple[int, int]]:
    """Pairs where the table is True in either order, from the smaller distance to the larger."""
    pairs = {(min(i, j), max(i, j)) for i, j in np.argwhere(found).tolist()}
    return {(i, j) if away[i] <= away[j] else (j, i) for i, j in pairs}


def chosen(distance: np.ndarray, k: int | None, radius: float | None) -> np.ndarray:
    """Which others each hit asks for."""
    found = np.isfinite(distance)
    if k is not None:
        rank = distance.argsort(1).argsort(1)
        found &= rank < k
    return found if radius is None else found & (distance <= radius)


def edges_of(graphs: HitGraphs, number: int) -> set[tuple[int, int]]:
    graph = graphs[number]
    pairs = [tuple(pair) for pair in graph.hit_index[graph.edge_index].t().tolist()]
    assert len(set(pairs)) == len(pairs)
    key = graph.edge_index[0] * graph.num_nodes + graph.edge_index[1]
    assert (key.diff() > 0).all()  # sorted
    return set(pairs)


RADII = [
    (60.0, ("x", "y", "z"), None),
    (60.0, ("x", "y", "z"), 4),
    (0.15, ("eta", "phi"), None),
    (0.4, ("phi", "eta"), 3),
    (4.0, ("phi",), None),  # more than half a turn: all pairs
    (5.0, ("r", "theta"), 2),
]


@pytest.mark.parametrize(("radius", "space", "limit"), RADII)
def test_radius_graphs_are_those_of_all_distances(
    radius: float, space: tuple[str, ...], limit: int | None
) -> None:
    hits = events(2, particles=30, noise=40, seed=2)
    graphs = build_graphs(hits, RadiusGraph(radius, space=space, max_neighbours=limit))
    azimuths = tuple(n for n, name in enumerate(space) if name == "phi")
    for number in range(2):
        named = coordinates(hits, number)
        distance = table(np.stack([named[name] for name in space], 1), azimuths)
        away = np.hypot(named["r"], named["z"])
        expected = outward(chosen(distance, limit, radius), away)
        assert edges_of(graphs, number) == expected
        assert len(expected) > 40


@pytest.mark.parametrize("space", [("x", "y", "z"), ("eta", "phi")])
def test_nearest_graphs_are_those_of_all_distances(space: tuple[str, ...]) -> None:
    hits = events(2, particles=30, noise=40, seed=3)
    graphs = build_graphs(hits, NearestGraph(5, space=space, pairs_outward="radius"))
    for number in range(2):
        named = coordinates(hits, number)
        azimuths = tuple(n for n, name in enumerate(space) if name == "phi")
        distance = table(np.stack([named[name] for name in space], 1), azimuths)
        expected = outward(chosen(distance, 5, None), named["r"])
        assert edges_of(graphs, number) == expected
        degree = torch.bincount(graphs[number].edge_index.reshape(-1))
        assert (degree >= 5).all()


@pytest.mark.parametrize("dimensions", [1, 3, 12])
def test_the_search_survives_points_in_one_place(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    points = rng.integers(0, 3, (60, dimensions)).astype(float)
    points[:20] = 1.0
    period = np.zeros(dimensions)
    distance = table(points)
    source, target = pairs_within(points, period, 1.0)
    assert {(min(p), max(p)) for p in zip(source, target, strict=True)} == {
        (i, j) for i, j in np.argwhere(distance <= 1.0) if i < j
    }
    for k in (1, 5, 59, 100):
        source, target = nearest_pairs(points, period, k)
        assert (source != target).all()
        assert len(set(zip(source.tolist(), target.tolist(), strict=True))) == source.size
        for hit in range(60):
            # equidistant ones may be exchanged: what is fixed are the distances
            mine = np.sort(distance[hit, target[source == hit]])
            assert np.array_equal(mine, np.sort(distance[hit])[: min(k, 59)])


def test_vectors_in_whatever_form_give_the_same_edges() -> None:
    hits = events(3, particles=20, noise=20, seed=4)
    sizes = ak.to_numpy(ak.num(hits.hit))
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(int(sizes.sum()), 6)).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    parts = np.split(flat, offsets[1:-1])
    forms = {
        "flat": flat,
        "tensor": torch.from_numpy(flat),
        "list": parts,
        "scores": SimpleNamespace(values=flat, offsets=offsets),
    }
    for made in (lambda s: RadiusGraph(1.5, space=s), lambda s: NearestGraph(3, space=s)):
        found = {name: build_graphs(hits, made(form)) for name, form in forms.items()}
        for number in range(3):
            distance = table(parts[number].astype(np.float64))
            named = coordinates(hits, number)
            limits = (3, None) if "nearest" in repr(found["flat"]) else (None, 1.5)
            expected = outward(chosen(distance, *limits), np.hypot(named["r"], named["z"]))
            assert len(expected) > 10
            for graphs in found.values():
                assert edges_of(graphs, number) == expected
        assert "given vectors of 6 dimensions" in repr(found["flat"])


def test_vectors_of_the_hits_of_graphs() -> None:
    hits = events(4, particles=20, noise=20, seed=5)
    seeds = build_graphs(hits, LayerPairCuts.barrel(layers="generic_barrel"), pt_min=1.0)
    assert seeds.num_nodes < int(ak.sum(ak.num(hits.hit)))
    rng = np.random.default_rng(2)
    vectors = [rng.normal(size=(int(size), 3)) for size in seeds.sizes]
    graphs = build_graphs(hits, NearestGraph(2, space=vectors, graphs=seeds))
    for number, (seed, graph) in enumerate(zip(seeds, graphs, strict=True)):
        assert torch.equal(graph.hit_index, seed.hit_index)
        named = coordinates(hits, number)
        away = np.hypot(named["r"], named["z"])[seed.hit_index.numpy()]
        local = outward(chosen(table(vectors[number]), 2, None), away)
        index = seed.hit_index.tolist()
        assert edges_of(graphs, number) == {(index[i], index[j]) for i, j in local}
    # of some of the events, in the numbers of those
    part = seeds.take([2, 0])
    some = build_graphs(
        hits[part.events],
        NearestGraph(2, space=[vectors[0], vectors[2]], graphs=seeds.take([0, 2]).compact()),
    )
    assert [edges_of(some, n) for n in (0, 1)] == [edges_of(graphs, n) for n in (0, 2)]
    with pytest.raises(DataError, match="compact"):
        build_graphs(
            hits[part.events],
            NearestGraph(2, space=[vectors[2], vectors[0]], graphs=part),
        )


def test_turning_the_detector_turns_the_edges_along() -> None:
    hits = events(1, seed=5)
    maker = RadiusGraph(0.1, space=("eta", "phi"))
    before = build_graphs(hits, maker)[0].edge_index
    assert before.shape[1] > 100
    x, y = np.float64(1) * hits.hit.x, np.float64(1) * hits.hit.y
    for angle in (1.0, math.pi):
        c, s = math.cos(angle), math.sin(angle)
        turned = ak.with_field(hits, ak.with_field(hits.hit, c * x - s * y, "x"), "hit")
        turned = ak.with_field(turned, ak.with_field(turned.hit, s * x + c * y, "y"), "hit")
        assert torch.equal(build_graphs(turned, maker)[0].edge_index, before)


@pytest.mark.parametrize("maker", [RadiusGraph(150.0), NearestGraph(4, space=("eta", "phi"))])
def test_truth_is_counted_as_written(maker: RadiusGraph | NearestGraph) -> None:
    hits = events(2, seed=7)
    for truth in ("same_particle", "consecutive"):
        graphs = build_graphs(hits, maker, truth=truth, pt_min=1.0)  # type: ignore[arg-type]
        for event, graph in zip(hits, graphs, strict=True):
            particle, order = np.asarray(event.hit.particle_id), np.asarray(event.hit.order)
            place = list(zip(event.hit.volume.to_list(), event.hit.layer.to_list(), strict=True))
            pt = dict(zip(event.particle.particle_id, event.particle.pt, strict=True))
            true = set()
            for p in (p for p in pt if pt[p] >= 1.0):
                mine = [int(i) for i in np.flatnonzero(particle == p)]
                mine.sort(key=lambda i: (order[i], i))
                if truth == "same_particle":
                    true |= {frozenset(pair) for pair in itertools.combinations(mine, 2)}
                else:
                    true |= {
                        frozenset(pair)
                        for pair in itertools.pairwise(mine)
                        if place[pair[0]] != place[pair[1]]
                    }
            assert int(graph.true_edges) == len(true) > 100
            pairs = [frozenset(p) for p in graph.hit_index[graph.edge_index].t().tolist()]
            found = [p in true for p in pairs]
            assert [bool(y * m) for y, m in zip(graph.y, graph.edge_mask, strict=True)] == found
        report = graphs.report(torch.cat([graph.y for graph in graphs]))
        assert report.construction_efficiency.passed == sum(
            int(g.y[g.edge_mask].sum()) for g in graphs
        )
        assert 0 < report.construction_efficiency.value < 1


@pytest.mark.parametrize("maker", [RadiusGraph(40.0, max_neighbours=3), NearestGraph(3)])
def test_undirected_edges_keep_the_sign_of_the_distance(maker: RadiusGraph | NearestGraph) -> None:
    hits = events(1, seed=2)
    one, both = build_graphs(hits, maker)[0], build_graphs(hits, maker, undirected=True)[0]
    half = one.edge_index.shape[1]
    assert torch.equal(both.edge_index[:, half:], one.edge_index.flip(0))
    assert torch.equal(both.edge_attr[half:, :3], -one.edge_attr[:, :3])
    assert torch.equal(both.edge_attr[half:, 3], one.edge_attr[:, 3])
    assert (both.edge_attr[:, 3] >= 0).all()
    distance = both.pos.double().norm(dim=1)
    inner, outer = both.edge_index[:, :half]
    assert (distance[inner] <= distance[outer] * (1 + 1e-6)).all()
    assert int(both.true_edges) == 2 * int(one.true_edges)


def test_events_of_few_hits() -> None:
    hits = events(3, particles=10, noise=5)
    for count in (0, 1, 2, 3):
        few = ak.with_field(hits, hits.hit[:, :count], "hit")
        for maker in (NearestGraph(10), RadiusGraph(1e6), RadiusGraph(1e6, max_neighbours=7)):
            graphs = build_graphs(few, maker)
            # more neighbours asked for than there are: all pairs
            assert [g.edge_index.shape[1] for g in graphs] == [count * (count - 1) // 2] * 3


def test_only_hits_on_layers_take_part() -> None:
    hits = events(1, seed=9)
    every = build_graphs(hits, NearestGraph(2))[0]
    barrel = build_graphs(hits, NearestGraph(2, layers="generic_barrel"))[0]
    assert every.num_nodes == len(hits[0].hit)
    assert barrel.hit_index.tolist() == np.flatnonzero(np.asarray(hits[0].hit.volume) == 8).tolist()
    assert barrel.layer.max() == 3
    assert set(every.layer.tolist()) == {
        4096 * v + n for v, n in zip(hits[0].hit.volume, hits[0].hit.layer, strict=True)
    }


def test_wrong_input_is_named() -> None:
    hits = events(2, particles=10)
    total = int(ak.sum(ak.num(hits.hit)))
    good = np.zeros((total, 3), np.float32)
    broken = good.copy()
    broken[-1, 1] = np.nan
    size = len(hits[1].hit)
    for bad in (
        lambda: RadiusGraph(0.0),
        lambda: RadiusGraph(-1.0),
        lambda: RadiusGraph(math.nan),
        lambda: RadiusGraph(1.0, max_neighbours=0),
        lambda: NearestGraph(0),
        lambda: NearestGraph(2, space=("x", "pt")),
        lambda: NearestGraph(2, space=("x", "x")),
        lambda: NearestGraph(2, pairs_outward="sideways"),  # type: ignore[arg-type]
        lambda: NearestGraph(2, layers="moon"),
        lambda: NearestGraph(2, pt=-1.0),
        lambda: NearestGraph(2, graphs=build_graphs(hits, NearestGraph(2))),
        lambda: edge_maker("guess", {}),
        lambda: edge_maker("radius", {"radius": 1.0, "size": 2}),
        lambda: edge_maker("nearest", NearestGraph(2, space=good).to_dict()),
        lambda: build_graphs(hits, {"radius": 1.0}),  # type: ignore[arg-type]
    ):
        with pytest.raises(ConfigError):
            bad()
    with pytest.raises(DataError, match=f"{total - 1} vectors do not fit the {total} hits"):
        build_graphs(hits, NearestGraph(2, space=good[1:]))
    with pytest.raises(DataError, match="do not fit"):
        build_graphs(hits, NearestGraph(2, space=[good[:3], good[3:]]))
    with pytest.raises(DataError, match=rf"vector {size - 1} is NaN or infinite.*entry 1"):
        build_graphs(hits, RadiusGraph(1.0, space=broken))
    seeds = build_graphs(hits, LayerPairCuts.for_pt(1.0))
    with pytest.raises(DataError, match=rf"vector {size - 1} is NaN or infinite.*entry 1"):
        RadiusGraph(1.0, space=broken, graphs=seeds)
    with pytest.raises(DataError, match="different dimensions"):
        NearestGraph(2, space=[good, good[:, :2]])
    with pytest.raises(DataError, match="one vector"):
        NearestGraph(2, space=good[:, 0])
    axis = ak.with_field(hits, ak.with_field(hits.hit, hits.hit.x * 0, "x"), "hit")
    axis = ak.with_field(axis, ak.with_field(axis.hit, axis.hit.y * 0, "y"), "hit")
    with pytest.raises(DataError, match=r"hit 0 lies on the beam axis.*entry 0"):
        build_graphs(axis, NearestGraph(2, space=("eta", "phi")))


@pytest.mark.parametrize(
    "maker",
    [
        RadiusGraph(0.1, space=("eta", "phi"), max_neighbours=5, pt=0.9),
        NearestGraph(4, layers="generic_pixels", pairs_outward="radius"),
        LayerPairCuts.for_pt(1.0),
    ],
)
def test_edge_makers_are_made_again_from_the_record(
    maker: RadiusGraph | NearestGraph | LayerPairCuts,
) -> None:
    hits = events(1, seed=1)
    graphs = build_graphs(hits, maker)
    about = graphs.provenance["graphs"]
    again = build_graphs(hits, edge_maker(about["edge_maker"], about["cuts"]))
    assert again.data_hash() == graphs.data_hash()
    assert again.description == graphs.description
    assert str(maker) in about["edges"]
