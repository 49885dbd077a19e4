"""Attributions in hit graphs: complete, local to what an edge can see, in the order given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pcgnn.errors import ConfigError
from pcgnn.models import create_model
from pcgnn.tracking.graphs import HitGraph, HitGraphs
from pcgnn.training import explain

pytest.importorskip("captum", reason="needs the extra explain")


def graphs(count: int = 2) -> HitGraphs:
    found = []
    for seed in range(count):
        generator = torch.Generator().manual_seed(seed)
        hits, edges = 20 + seed, 50
        # two halves that no edge joins
        half = torch.randint(0, 2, (edges,), generator=generator)
        ends = torch.randint(0, 10, (2, edges), generator=generator) + 10 * half
        found.append(
            HitGraph(
                x=torch.randn(hits, 3, generator=generator, dtype=torch.float64),
                edge_index=ends,
                edge_attr=torch.randn(edges, 4, generator=generator, dtype=torch.float64),
            )
        )
    description = {"features": ["r", "phi", "z"]}
    return HitGraphs(found, description, {}, np.cumsum([0, *(20 + s for s in range(count))]))


def model(name: str = "interaction-network"):
    torch.manual_seed(3)
    return create_model(name, features=3).double().eval()


@pytest.mark.parametrize("name", ["interaction-network", "edge-filter", "hit-network"])
def test_integrated_gradients_are_complete(name: str) -> None:
    data, ours = graphs(), model(name)
    why = explain(ours, data, steps=200)
    with torch.no_grad():
        outputs = [float(ours(graph).mean()) for graph in data]
    np.testing.assert_allclose(why.output, outputs)
    change = why.output - why.baseline
    assert np.abs(change).min() > 1e-4
    np.testing.assert_allclose(why.total, change, rtol=0.02, atol=1e-5)
    assert why.values["x"].shape == (41, 3)
    assert why.values["edge_attr"].shape == (100, 4)
    np.testing.assert_allclose(why.edges, why.values["edge_attr"].sum(1))
    assert why.features["x"] == ("r", "phi", "z")


def test_an_edge_depends_on_its_half_of_the_graph_alone() -> None:
    data = graphs(1)
    for edge in (0, 7):
        why = explain(model(), data, target=[[edge]], method="gradient")
        mine = int(data[0].edge_index[0, edge] >= 10)
        hits = np.arange(20) // 10 == mine
        assert np.abs(why.values["x"][hits]).max() > 0
        assert (why.values["x"][~hits] == 0).all()
        inside = (why.edge_index[0] // 10) == mine
        assert (why.values["edge_attr"][~inside] == 0).all()
        assert why.edges[edge] == why.edges.max()  # its own features move it most


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="not explained by 'lime'"):
        explain(model(), graphs(), method="lime")
    with pytest.raises(ConfigError, match="each of the 2 graphs"):
        explain(model(), graphs(), target=3)
    with pytest.raises(ConfigError, match="no edge or hit 99 of 50"):
        explain(model(), graphs(1), target=[99])
    with pytest.raises(ConfigError, match="no score of an edge or a hit"):
        explain(model("hit-embedding"), graphs())
