"""Labels of a small event that can be read off: floors, noise on a layer, particles that curl."""

from __future__ import annotations

import awkward as ak
import numpy as np

from pcgnn.tracking import LayerPairCuts, RadiusGraph, build_graphs

# particle 1 has exactly the floor, 2 is below, 3 above and passes layer 8 before layer 6
HITS = {
    "x": [32.0, 72.0, 116.0, 32.1, 72.1, 116.1, 32.2, 72.2, 172.2, 116.2, 32.3, 32.4],
    "layer": [2, 4, 6, 2, 4, 6, 2, 4, 8, 6, 2, 2],
    "particle_id": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 0, 0],
    "order": [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, -1, -1],
}
PT = {1: 1.0, 2: 0.5, 3: 2.0}
CUTS = LayerPairCuts(1.0, 1e4)


def hits() -> ak.Array:
    size = len(HITS["x"])
    hit = {name: np.array(values) for name, values in HITS.items()}
    hit["y"] = np.zeros(size)
    hit["z"] = np.arange(size) * 0.01
    hit["volume"] = np.full(size, 8)
    particle = {"particle_id": np.array(list(PT)), "pt": np.array(list(PT.values()))}
    return ak.Array(
        [{"hit": ak.to_list(ak.zip(hit)), "particle": ak.to_list(ak.zip(particle)), "event_id": 0}]
    )


def pairs(graph, chosen) -> set[tuple[int, int]]:  # type: ignore[no-untyped-def]
    return {tuple(e) for e in graph.hit_index[graph.edge_index[:, chosen]].t().tolist()}


def test_a_particle_at_the_floor_counts() -> None:
    (graph,) = build_graphs(hits(), CUTS, pt_min=1.0)
    assert pairs(graph, graph.y.bool()) == {
        (0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 9), (9, 8),
    }  # fmt: skip
    # the edges of particle 2 are neither signal nor background
    assert pairs(graph, ~graph.edge_mask) == {(3, 4), (4, 5)}
    assert int(graph.true_edges) == 5
    assert graph.hit_y.tolist() == [1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0]


def test_soft_particles_as_background_and_as_signal() -> None:
    (background,) = build_graphs(hits(), CUTS, pt_min=1.0, low_pt="background")
    assert not pairs(background, background.y.bool()) & {(3, 4), (4, 5)}
    assert background.edge_mask.all()
    assert int(background.true_edges) == 5
    (signal,) = build_graphs(hits(), CUTS, pt_min=1.0, low_pt="signal")
    assert pairs(signal, signal.y.bool()) >= {(3, 4), (4, 5)}
    assert int(signal.true_edges) == 7


def test_consecutive_goes_by_the_order_on_the_particle_not_by_distance() -> None:
    """Particle 3 is on layer 8 before layer 6: 4 -> 8 -> 6, of which 6 -> 8 is the allowed pair."""
    (graph,) = build_graphs(hits(), CUTS, pt_min=1.0, truth="consecutive")
    assert pairs(graph, graph.y.bool() & graph.edge_mask) == {(0, 1), (1, 2), (6, 7), (9, 8)}
    assert int(graph.true_edges) == 5  # (7, 8) skips a layer and is true all the same


def test_ideal_keeps_the_particle_at_the_floor_and_no_noise() -> None:
    (graph,) = build_graphs(hits(), CUTS, pt_min=1.0, truth_selection="ideal")
    assert graph.hit_index.tolist() == [0, 1, 2, 6, 7, 8, 9]


def test_one_hit_per_layer_does_not_thin_noise() -> None:
    (graph,) = build_graphs(hits(), CUTS, pt_min=1.0, one_hit_per_layer=True)
    assert graph.hit_index.tolist() == list(range(12))


def test_graphs_in_the_space_of_selected_hits_say_so() -> None:
    ideal = build_graphs(hits(), CUTS, pt_min=1.0, truth_selection="ideal")
    space = [graph.pos.numpy() for graph in ideal]
    graphs = build_graphs(hits(), RadiusGraph(100.0, space=space, graphs=ideal), pt_min=1.0)
    assert graphs.num_nodes == 7
    assert "TRUTH-SELECTED" in graphs.description["selection"]
    assert graphs.description["truth_selection"] == "ideal"
    every = build_graphs(hits(), CUTS, pt_min=1.0)
    vectors = [graph.pos.numpy() for graph in every]
    graphs = build_graphs(hits(), RadiusGraph(100.0, space=vectors, graphs=every), pt_min=1.0)
    assert graphs.description["truth_selection"] is None
    assert "noise and soft particles included" in graphs.description["selection"]
