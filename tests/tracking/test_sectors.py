"""Sectors put together are the whole, edge for edge."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import torch
from tracking_events import events

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking import LayerPairCuts, build_graphs, find_tracks, merge_sectors, split_sectors


@pytest.mark.parametrize(("phi", "z"), [(1, 1), (8, 1), (5, 3), (32, 2)])
@pytest.mark.parametrize("overlap", [0.0, 0.2])
def test_merging_gives_the_whole_graph(phi: int, z: int, overlap: float) -> None:
    graphs = build_graphs(events(3, seed=4), LayerPairCuts.for_pt(0.5))
    sectors = split_sectors(graphs, phi=phi, z=z, phi_overlap=overlap, z_overlap=500 * overlap)
    assert sum(int(part.owned.sum()) for part in sectors) == graphs.num_nodes
    values = [
        graph.edge_index.double().mul(torch.tensor([[1.0], [3.0]])).sum(0) for graph in graphs
    ]
    of_sectors = [
        part.hit_index[part.edge_index].double().mul(torch.tensor([[1.0], [3.0]])).sum(0)
        for part in sectors
    ]
    merged, scores = merge_sectors(sectors, [part.numpy() for part in of_sectors])
    assert len(merged) == len(graphs)
    assert scores is not None
    assert merged.description == graphs.description
    for number, (ours, whole) in enumerate(zip(merged, graphs, strict=True)):
        assert sorted(ours.keys()) == sorted(whole.keys())
        for name in whole.keys():  # noqa: SIM118 - a graph iterates over keys and values
            assert torch.equal(ours[name], whole[name]), name
        assert np.array_equal(scores[number], values[number].numpy())


def test_sectors_overlap_by_what_was_asked_for() -> None:
    graphs = build_graphs(events(1, seed=4), LayerPairCuts.for_pt(1.0))
    sectors = split_sectors(graphs, phi=4, phi_overlap=0.3)
    assert len(sectors) == 4
    everything = torch.atan2(graphs[0].pos[:, 1], graphs[0].pos[:, 0])
    for number, part in enumerate(sectors):
        centre = -np.pi + (number + 0.5) * np.pi / 2
        away = torch.remainder(everything - centre + np.pi, 2 * np.pi) - np.pi
        wanted = set(torch.nonzero(away.abs() < np.pi / 4 + 0.29).flatten().tolist())
        assert wanted <= set(part.hit_index.tolist())
        own = torch.atan2(part.pos[part.owned, 1], part.pos[part.owned, 0])
        off = torch.remainder(own - centre + np.pi, 2 * np.pi) - np.pi
        assert (off.abs() <= np.pi / 4 + 1e-6).all()


def test_tracks_of_sectors_are_those_of_the_whole() -> None:
    hits = events(2, seed=8)
    graphs = build_graphs(hits, LayerPairCuts.for_pt(0.5))
    sectors = split_sectors(graphs, phi=6)
    whole = find_tracks(graphs, [graph.y.numpy() for graph in graphs], hits=hits)
    parts = find_tracks(sectors, [graph.y.numpy() for graph in sectors], hits=hits)
    assert np.array_equal(parts, whole)
    assert whole.max() > 20


def test_what_cannot_be_cut_or_merged_is_refused() -> None:
    hits = events(1, seed=8)
    graphs = build_graphs(hits, LayerPairCuts.for_pt(0.5))
    with pytest.raises(ConfigError, match="sector"):
        split_sectors(graphs, phi=0)
    with pytest.raises(DataError, match="whole, directed"):
        split_sectors(split_sectors(graphs))
    with pytest.raises(DataError, match="whole, directed"):
        split_sectors(build_graphs(hits, LayerPairCuts.for_pt(0.5), undirected=True))
    with pytest.raises(DataError, match="not sectors"):
        merge_sectors(graphs)


def test_missing_sectors_are_noticed() -> None:
    sectors = split_sectors(build_graphs(events(1, seed=4), LayerPairCuts.for_pt(0.5)), phi=8)
    with pytest.raises(DataError, match="sectors are missing"):
        merge_sectors(sectors[:3])


def test_an_event_without_hits_stays_an_event() -> None:
    hits = events(3, seed=4)
    empty = hits[1:2]
    empty["hit"] = empty.hit[:, :0]
    graphs = build_graphs(ak.concatenate([hits[:1], empty, hits[2:]]), LayerPairCuts.for_pt(0.5))
    merged, _ = merge_sectors(split_sectors(graphs, phi=4))
    assert [graph.x.shape[0] for graph in merged] == [graph.x.shape[0] for graph in graphs]
    assert graphs[1].x.shape[0] == 0
