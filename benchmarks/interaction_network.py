"""Interaction networks on hit graphs: training step and inference, time and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.children import call
from benchmarks.equality import Check, compare
from benchmarks.hit_events import pixel_events
from benchmarks.pyg_interaction import plain_copy
from benchmarks.results import Table, timing_table
from benchmarks.rss import peak_of
from benchmarks.timing import measure

SUBJECT = "interaction networks on hit graphs: training step (binary cross entropy) and inference"

OURS = "pcgnn"
CHUNKED = "pcgnn, chunk=16,384"
PLAIN = "PyG MessagePassing on [x_i, x_j, e]"
CHUNK = 16_384

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "interaction network, 6,448 parameters": ("interaction-network", {}),
    "recurrent interaction network, latent 64, 8 steps": (
        "recurrent-interaction-network",
        {"latent": 64, "steps": 8},
    ),
}


def graph_of(kind: str, *, dtype: torch.dtype = torch.float32) -> Any:
    """The graph of a bundled event of pixel hits.

    Args:
        kind: "selected" for particles above 1 GeV alone, "all" for all hits of the file, "small"
            for a lower number of edges.
        dtype: of the features.
    """
    from pcgnn.tracking import LayerPairCuts, build_graphs

    cuts = LayerPairCuts.for_pt(2.0 if kind == "small" else 1.0)
    selection = None if kind == "all" else "ideal"
    graph = build_graphs(pixel_events(1), cuts, truth_selection=selection)[0]
    graph.x, graph.edge_attr = graph.x.to(dtype), graph.edge_attr.to(dtype)
    return graph


def networks(name: str, *, dtype: torch.dtype = torch.float32) -> dict[str, nn.Module]:
    """The variants of one network, all with the same seeded weights."""
    import pcgnn

    architecture, options = NETWORKS[name]
    torch.manual_seed(0)
    own = pcgnn.create_model(architecture, features=("r", "phi", "z"), **options).to(dtype)
    chunked = pcgnn.create_model(architecture, features=("r", "phi", "z"), **options, chunk=CHUNK)
    chunked = chunked.to(dtype)
    chunked.load_state_dict(own.state_dict())
    return {OURS: own, CHUNKED: chunked, PLAIN: plain_copy(own)}


def step(network: nn.Module, graph: Any, *, training: bool) -> Callable[[], Tensor]:
    """Forward and backward in training mode, or a forward pass in evaluation mode."""

    def train_once() -> Tensor:
        network.train()
        network.zero_grad(set_to_none=True)
        logits: Tensor = network(graph)
        binary_cross_entropy_with_logits(logits, graph.y.to(logits.dtype)).backward()
        return logits

    @torch.inference_mode()
    def infer_once() -> Tensor:
        network.eval()
        logits: Tensor = network(graph)
        return logits

    return train_once if training else infer_once


def checks(name: str) -> list[Check]:
    """Logits and gradients in training mode, float64, of each variant against the plain form."""
    graph = graph_of("small", dtype=torch.float64)
    results = {}
    for row, network in networks(name, dtype=torch.float64).items():
        logits = step(network, graph, training=True)()
        gradients = [p.grad.reshape(-1) for p in network.parameters() if p.grad is not None]
        results[row] = {"logits": logits.detach(), "weight gradients": torch.cat(gradients)}
    return [
        compare(
            f"{name}: logits and gradients of {row} in float64 against PyG",
            results[row],
            results[PLAIN],
            tolerance=1e-9,
        )
        for row in (OURS, CHUNKED)
    ]


def step_peak(*, name: str, row: str, kind: str, training: bool) -> float:
    """MB needed by one step of one network, the first of its process."""
    graph = graph_of(kind)
    return peak_of(step(networks(name)[row], graph, training=training))


def table_of(name: str, kind: str, *, training: bool, quick: bool, allocator: str) -> Table:
    """Time and memory of one network on one graph."""
    graph = graph_of(kind)
    found = networks(name)
    heavy = "recurrent" in name
    what = "training step" if training else "inference"
    hits = {
        "selected": "particles above 1 GeV, by truth",
        "small": "particles above 2 GeV, by truth",
        "all": "all hits of the file",
    }[kind]
    table = timing_table(
        f"{name}, {what}, {graph.num_edges:,} edges",
        measure(
            {row: step(network, graph, training=training) for row, network in found.items()},
            repeats=3 if quick else 5 if heavy else 11,
            wall_repeats=1,
        ),
        ours=OURS,
        items=graph.num_edges,
        unit="edges",
        checks=checks(name) if training else [],
        notes=[
            f"{graph.num_nodes:,} hits of one bundled event of pixel hits ({hits}), float32; "
            "peak MB: resident memory above that before the first step, one process per figure"
        ],
    )
    ratio = f"MB / {OURS}"
    table.columns += ["peak MB", ratio]
    peaks = {
        row: call(
            "benchmarks.interaction_network:step_peak",
            allocator,
            name=name,
            row=row,
            kind=kind,
            training=training,
        )
        for row in found
    }
    for line in table.rows:
        line["peak MB"] = peaks[line["variant"]]
        line[ratio] = peaks[line["variant"]] / peaks[OURS]
    return table


def run(*, quick: bool, scratch: str, allocator: str = "default") -> list[dict[str, Any]]:
    small, large = NETWORKS
    cases = [(small, "small" if quick else "selected"), (large, "small" if quick else "selected")]
    cases += [] if quick else [(small, "all")]
    return [
        table_of(name, kind, training=training, quick=quick, allocator=allocator).as_json()
        for name, kind in cases
        for training in (True, False)
    ]
