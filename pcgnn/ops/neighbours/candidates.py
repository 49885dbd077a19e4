"""From candidates found by a library to the exact neighbours in the order all backends share."""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.ops.neighbours.bucketed import knn_bucketed
from pcgnn.ops.ragged import SizePlan, gather_ranges, graph_index

__all__ = ["nearest_of_candidates"]


def nearest_of_candidates(
    candidates: Tensor, x: Tensor, ptr: Tensor, k: int, plan: SizePlan
) -> Tensor:
    """Choose the k nearest among candidates, equidistant ones by the lowest index.

    A library orders equidistant neighbours as it likes and may leave some of them out at the last
    place. So the distances are computed anew, by direct differences, and the graphs in which a tie
    could reach beyond the candidates are done again with dense blocks.

    Args:
        candidates: more than k + 1 of the nearest particles of each particle, in any order, where
            that many exist; itself, particles of other graphs and -1 among them do no harm.
        x: coordinates.
        ptr: offsets of the graphs.
        k: number of neighbours.
        plan: sizes of the graphs.

    **Shapes:** candidates (N, c), x (N, D), ptr (G + 1,) -> (N, k), int64.
    """
    inf = float("inf")
    graph = graph_index(ptr, plan.total)
    own = torch.arange(plan.total, device=x.device)[:, None]
    candidates = candidates.sort(dim=1)[0]
    safe = candidates.clamp(min=0)
    valid = (candidates >= 0) & (safe != own)
    valid &= graph.index_select(0, safe.view(-1)).view_as(safe) == graph[:, None]
    distances = x.new_zeros(candidates.shape)
    for d in range(x.size(1)):
        column = x[:, d].contiguous()
        step = column.index_select(0, safe.view(-1)).view_as(safe) - column[:, None]
        distances += step * step
    distances.masked_fill_(~valid, inf)
    distances, order = distances.sort(dim=1, stable=True)
    chosen = safe.gather(1, order)

    table = torch.full((plan.total, k), -1, dtype=torch.long, device=x.device)
    keep = min(k, candidates.size(1))
    table[:, :keep] = chosen[:, :keep].masked_fill(distances[:, :keep] == inf, -1)

    sizes = ptr.diff().index_select(0, graph)
    needed = (sizes - 1).clamp(max=k)
    found = (distances < inf).sum(1)
    last = distances.gather(1, (found - 1).clamp(min=0)[:, None])[:, 0]
    kth = distances.gather(1, (needed - 1).clamp(min=0, max=candidates.size(1) - 1)[:, None])[:, 0]
    # all others are among the candidates, or the farthest candidate is truly farther than the k-th
    margin = 1 + 8 * torch.finfo(x.dtype).eps
    settled = (found >= sizes - 1) | ((found > needed) & (last > kth * margin))
    if bool(settled.all()):
        return table
    graphs = torch.unique(graph[~settled])
    again = SizePlan.from_sizes(plan.sizes[graphs.cpu().numpy()])
    rows = gather_ranges(ptr, graphs, again.total)
    offsets = torch.zeros(again.num_graphs + 1, dtype=torch.long, device=x.device)
    torch.cumsum(ptr.diff().index_select(0, graphs), 0, out=offsets[1:])
    local = knn_bucketed(x.index_select(0, rows), offsets, k, again, "direct")
    back = rows.index_select(0, local.clamp(min=0).view(-1)).view_as(local)
    return table.index_copy_(0, rows, back.masked_fill(local < 0, -1))
