"""Attention over edges against the formula written out hit by hit in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models import create_model
from pcgnn.nn import EdgeAttention


def graph(hits: int = 12, edges: int = 40, width: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """The last two hits have no edges."""
    torch.manual_seed(hits + edges)
    x = torch.randn(hits, width, dtype=torch.float64)
    edge_index = torch.randint(0, hits - 2, (2, edges))
    return x, edge_index, torch.randn(edges, width, dtype=torch.float64)


def dense(layer: EdgeAttention, x: Tensor, edge_index: Tensor, edge: Tensor) -> Tensor:
    """For every hit: list its edges with their other ends, and attend head by head."""
    x, edge = layer.hit_norm(x), layer.edge_norm(edge)
    width, heads = layer.width, layer.heads
    size = width // heads
    query, key, value = layer.query(x), layer.key(x), layer.value(x)
    # weights of arriving and of leaving edges
    key_in, key_out = layer.edge_key.weight.split(width)
    value_in, value_out = layer.edge_value.weight.split(width)
    rows = []
    for hit in range(x.shape[0]):
        scores, values = [], []
        for number, (inner, outer) in enumerate(edge_index.t().tolist()):
            if outer == hit:
                scores.append(query[hit] * (key[inner] + key_in @ edge[number]))
                values.append(value[inner] + value_in @ edge[number])
            if inner == hit:
                scores.append(query[hit] * (key[outer] + key_out @ edge[number]))
                values.append(value[outer] + value_out @ edge[number])
        if not scores:
            rows.append(torch.zeros(width, dtype=x.dtype))
            continue
        parts = []
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            score = torch.stack([s[own].sum() / math.sqrt(size) for s in scores])
            share = torch.softmax(score, 0)
            parts.append((share[:, None] * torch.stack(values)[:, own]).sum(0))
        rows.append(torch.cat(parts))
    return layer.out(torch.stack(rows))


@pytest.mark.parametrize("heads", [1, 2, 8])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("chunk", [None, 1, 7, 1000])
def test_it_is_the_dense_formula(heads: int, norm: bool, chunk: int | None) -> None:
    x, edge_index, edge = graph()
    layer = EdgeAttention(8, heads, norm=norm).double()
    inputs = [x.requires_grad_(), edge.requires_grad_(), *layer.parameters()]
    ours = layer(x, edge_index, edge, chunk=chunk)
    plain = dense(layer, x, edge_index, edge)
    assert torch.allclose(ours, plain, rtol=1e-12, atol=1e-12)
    weight = torch.randn_like(plain)
    for a, b in zip(
        torch.autograd.grad((ours * weight).sum(), inputs),
        torch.autograd.grad((plain * weight).sum(), inputs),
        strict=True,
    ):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(
            layer(x, edge_index, edge, chunk=chunk), plain, rtol=1e-12, atol=1e-12
        )


def test_numbering_and_order_do_not_matter_but_directions_do() -> None:
    x, edge_index, edge = graph()
    layer = EdgeAttention(8, 2).double()
    before = layer(x, edge_index, edge)
    order, swapped = torch.randperm(12), torch.randperm(40)
    place = order.argsort()
    after = layer(x[order], place[edge_index[:, swapped]], edge[swapped])
    assert torch.allclose(after, before[order], rtol=1e-12, atol=1e-12)
    turned = layer(x, edge_index.flip(0), edge)
    assert (turned - before)[:10].abs().max() > 1e-3


def test_hits_without_edges_gather_nothing() -> None:
    x, edge_index, edge = graph()
    layer = EdgeAttention(8, 4, norm=True).double()
    out = layer(x, edge_index, edge)
    assert torch.equal(out[10:], layer.out.bias.expand(2, -1))
    # one edge alone is attended to with all weight, whatever its score
    single = layer(x, edge_index[:, :1], edge[:1])
    inner, outer = edge_index[:, 0]
    value, by_edge = layer.value(layer.hit_norm(x)), layer.edge_value(layer.edge_norm(edge[:1]))
    assert torch.allclose(single[outer], layer.out(value[inner] + by_edge[0, :8]))
    assert torch.allclose(single[inner], layer.out(value[outer] + by_edge[0, 8:]))


@pytest.mark.parametrize("chunk", [None, 4])
def test_graphs_without_edges_or_hits(chunk: int | None) -> None:
    x, edge_index, edge = graph()
    layer = EdgeAttention(8, 2).double()
    out = layer(x, edge_index[:, :0], edge[:0], chunk=chunk)
    assert torch.equal(out, layer.out.bias.expand(12, -1))
    assert layer(x[:0], edge_index[:, :0], edge[:0], chunk=chunk).shape == (0, 8)
    network = create_model("edge-attention-network", features=3, latent=8, steps=2, chunk=chunk)
    nothing = network.forward_tensors(torch.randn(4, 3), edge_index[:, :0], torch.randn(0, 4))
    assert nothing.shape == (0,)


def test_large_scores_stay_finite() -> None:
    x, edge_index, edge = graph()
    layer = EdgeAttention(8, 2).double()
    out = layer(1e6 * x, edge_index, 1e6 * edge)
    assert torch.isfinite(out).all()


def test_wrong_sizes_are_refused() -> None:
    for width, heads in ((8, 3), (8, 0), (0, 1)):
        with pytest.raises(ConfigError, match="heads"):
            EdgeAttention(width, heads)
    with pytest.raises(ConfigError, match="heads"):
        create_model("edge-attention-network", features=3, latent=16, heads=5)
    for name in ("edge-attention-network", "edge-filter"):
        for bad in ({"latent": 0}, {"layers": 0}, {"chunk": 0}):
            with pytest.raises(ConfigError):
                create_model(name, features=3, **bad)
    assert str(EdgeAttention(8, 2)) == "EdgeAttention(8, heads=2, norm=False)"
