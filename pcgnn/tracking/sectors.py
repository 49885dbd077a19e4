"""Events cut into sectors in azimuth and z, and put together again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking.graphs import HitGraph, HitGraphs
from pcgnn.tracking.scores import GraphScores

__all__ = ["merge_sectors", "split_sectors"]

_OF_HITS = ("x", "pos", "layer", "hit_index", "particle_id", "pt", "hit_y")
_OF_EDGES = ("edge_attr", "y", "edge_mask")
_OF_EVENTS = ("event", "event_id", "true_edges")


def split_sectors(
    graphs: HitGraphs,
    *,
    phi: int = 8,
    z: int = 1,
    phi_overlap: float = 0.1,
    z_overlap: float = 100.0,
) -> HitGraphs:
    """Cut each graph into phi times z sectors that overlap.

    Every hit is owned by one sector. A sector holds the hits it owns, those within the overlap, and
    the outer ends of the edges of its own hits, with all edges between them. So every edge is whole
    in the sector that owns its inner hit, and :func:`merge_sectors` gives back the same graph
    whatever the overlap; the overlap is the surroundings a network sees.

    Args:
        graphs: whole events.
        phi: number of sectors in azimuth.
        z: number of slices along z, of equally many hits.
        phi_overlap: rad, on either side.
        z_overlap: mm, on either side.

    Returns:
        phi times z graphs per event, with ``owned`` (N,). Those without hits are left out, but an
        event without any hits keeps one.

    Raises:
        ConfigError: less than one sector, or a negative overlap.
        DataError: the graphs are sectors already, or undirected.
    """
    if phi < 1 or z < 1 or phi_overlap < 0 or z_overlap < 0:
        raise ConfigError("there is at least one sector, and no overlap is negative")
    if any("owned" in graph for graph in graphs) or graphs.description.get("undirected"):
        raise DataError("sectors are cut from whole, directed graphs", remedy="cut them only once")
    made: list[HitGraph] = []
    for graph in graphs:
        made += _cut(graph, phi, z, phi_overlap, z_overlap)
    about = f"{phi} x {z} sectors, overlap {phi_overlap:g} rad and {z_overlap:g} mm"
    description = {**graphs.description, "sectors": about}
    return HitGraphs(made, description, graphs.provenance, graphs.offsets)


def _cut(graph: HitGraph, phi: int, z: int, phi_overlap: float, z_overlap: float) -> list[HitGraph]:
    angle = torch.atan2(graph.pos[:, 1].double(), graph.pos[:, 0].double())
    along = graph.pos[:, 2].double()
    width = 2 * torch.pi / phi
    column = ((angle + torch.pi) / width).long().clamp(0, phi - 1)
    if along.numel():
        levels = torch.linspace(0, 1, z + 1, dtype=torch.float64, device=along.device)[1:-1]
        bounds = torch.quantile(along, levels) if z > 1 else along.new_empty(0)
    else:
        bounds = along
    row = torch.bucketize(along, bounds)
    infinite = along.new_tensor([torch.inf])
    low, high = torch.cat([-infinite, bounds]), torch.cat([bounds, infinite])
    source, target = graph.edge_index
    made = []
    for c in range(phi):
        centre = -torch.pi + (c + 0.5) * width
        away = torch.remainder(angle - centre + torch.pi, 2 * torch.pi) - torch.pi
        beside = away.abs() <= width / 2 + phi_overlap
        for s in range(z):
            owned = (column == c) & (row == s)
            near = (along >= low[s] - z_overlap) & (along <= high[s] + z_overlap)
            inside = owned | (beside & near)
            inside[target[owned[source]]] = True
            if bool(owned.any()):
                made.append(_part(graph, inside, owned))
    if not made:
        nothing = torch.zeros_like(angle, dtype=torch.bool)
        made.append(_part(graph, nothing, nothing))
    return made


def _part(graph: HitGraph, inside: Tensor, owned: Tensor) -> HitGraph:
    number = torch.cumsum(inside, 0) - 1
    kept = inside[graph.edge_index].all(0)
    part = HitGraph(edge_index=number[graph.edge_index[:, kept]], owned=owned[inside])
    part.whole_hits = torch.tensor([owned.numel()], device=owned.device)
    for names, chosen in ((_OF_HITS, inside), (_OF_EDGES, kept)):
        for name in names:
            if name in graph:
                part[name] = graph[name][chosen]
    for name in _OF_EVENTS:
        if name in graph:
            part[name] = graph[name]
    return part


def merge_sectors(graphs: HitGraphs, scores: Any = None) -> tuple[HitGraphs, GraphScores | None]:
    """Put sectors together to whole events, edge for edge as before they were cut.

    Args:
        graphs: all sectors of the events, from :func:`split_sectors`.
        scores: of their edges; each edge takes that of the sector that owns its inner hit.

    Returns:
        The whole graphs and their scores (None without scores).

    Raises:
        DataError: the graphs are no sectors, or some of an event's are missing.
    """
    if not all("owned" in graph for graph in graphs):
        raise DataError("the graphs are not sectors", remedy="cut them with split_sectors")
    sizes = [int(graph.edge_index.shape[1]) for graph in graphs]
    found = None if scores is None else GraphScores.of(scores, sizes)
    events = [int(graph.event) for graph in graphs]
    whole, values = [], []
    for event in sorted(set(events)):
        numbers = [number for number, of in enumerate(events) if of == event]
        parts = [graphs[number] for number in numbers]
        graph, mine, order = _join(parts)
        whole.append(graph)
        if found is not None:
            flat = np.concatenate([found[number] for number in numbers])
            values.append(flat[mine.cpu().numpy()][order.cpu().numpy()])
    description = {k: v for k, v in graphs.description.items() if k != "sectors"}
    merged = HitGraphs(whole, description, graphs.provenance, graphs.offsets)
    return merged, None if found is None else GraphScores.join(values)


def _join(parts: list[HitGraph]) -> tuple[HitGraph, Tensor, Tensor]:
    """The whole graph, which edges of all parts were taken, and their order in it."""
    owned = torch.cat([part.owned for part in parts])
    index = torch.cat([part.hit_index for part in parts])[owned]
    hits, place = index.sort()
    if hits.numel() != int(parts[0].whole_hits):
        raise DataError(
            f"event {int(parts[0].event)}: its sectors own {hits.numel()} of "
            f"{int(parts[0].whole_hits)} hits: sectors are missing, or there are some twice",
            remedy="merge all sectors that split_sectors made of an event",
        )
    graph = HitGraph()
    for name in _OF_HITS:
        if name in parts[0]:
            graph[name] = torch.cat([part[name] for part in parts])[owned][place]
    mine = torch.cat([part.owned[part.edge_index[0]] for part in parts])
    edges = torch.cat([part.hit_index[part.edge_index] for part in parts], 1)[:, mine]
    edges = torch.searchsorted(hits, edges.contiguous())
    order = (edges[0] * max(hits.numel(), 1) + edges[1]).argsort()
    graph.edge_index = edges[:, order]
    for name in _OF_EDGES:
        if name in parts[0]:
            graph[name] = torch.cat([part[name] for part in parts])[mine][order]
    for name in _OF_EVENTS:
        if name in parts[0]:
            graph[name] = parts[0][name]
    return graph, mine, order
