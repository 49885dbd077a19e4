"""How well pairs of hits within a radius of a learned space are pairs of one particle."""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.losses.pair_hinge import PairPlan

__all__ = ["pair_numbers"]

# largest number of distances held at a time
_BLOCK = 1 << 22


@torch.no_grad()
def pair_numbers(
    output: Tensor,
    target: Tensor,
    weight: Tensor | None,
    radius: float,
    *,
    plan: PairPlan | None = None,
    queries: int = 4096,
) -> dict[str, Tensor]:
    """Efficiency and purity of the pairs within a radius, averaged over events.

    Efficiency: pairs of hits of one particle of interest that are within the radius, of all such
    pairs. Purity: such pairs, of all pairs within the radius. Hits without weight take no part.
    While a network knows nothing, all pairs may be within the radius; purity is therefore taken
    over the pairs of a number of hits, evenly spread over the event, with all others.

    Args:
        output: coordinates of the hits.
        target: event and particle of each hit, the particle 0 for noise.
        weight: 0 for hits that take no part; None if all do.
        radius: in the units of the coordinates.
        plan: of the same target and weight, if there is one already.
        queries: largest number of hits of an event whose pairs are counted for the purity.

    **Shapes:** output (N, D), target (N, 2), weight (N,)

    Example:
        >>> x = torch.tensor([[0.0], [0.5], [0.6], [3.0]])
        >>> found = pair_numbers(x, torch.tensor([[0, 1], [0, 1], [0, 2], [0, 1]]), None, 1.0)
        >>> {name: round(float(value), 3) for name, value in found.items()}
        {'efficiency': 0.333, 'purity': 0.333}
    """
    plan = PairPlan.of(target, weight) if plan is None else plan
    events, x = plan.events, output.index_select(0, plan.events.rows).float()
    first, second = plan.pairs
    near = (x.index_select(0, first) - x.index_select(0, second)).square().sum(1) <= radius**2
    event = events.event.index_select(0, first)
    efficiency = events.mean(near.to(x.dtype), event, torch.ones_like(near, dtype=x.dtype))
    purities = [x.new_zeros(0)]
    for begin, end in zip(events.hits[:-1], events.hits[1:], strict=True):
        right, within = _count(
            x[begin:end], events.object[begin:end], events.num_objects, radius, queries
        )
        purities.append((right / within.clamp(min=1)).reshape(1))
    purity = torch.cat(purities)
    return {"efficiency": efficiency, "purity": purity.sum() / max(purity.numel(), 1)}


def _count(
    x: Tensor, number: Tensor, objects: int, radius: float, queries: int
) -> tuple[Tensor, Tensor]:
    """Pairs of one particle and all pairs within the radius, of some hits with all of an event."""
    hits = x.shape[0]
    step = -(-hits // queries)
    chosen = torch.arange(0, hits, step, device=x.device)
    right = within = torch.zeros((), dtype=torch.float64, device=x.device)
    block = max(1, _BLOCK // max(hits, 1))
    for begin in range(0, chosen.numel(), block):
        rows = chosen[begin : begin + block]
        distance = torch.cdist(
            x.index_select(0, rows), x, compute_mode="donot_use_mm_for_euclid_dist"
        )
        near = distance <= radius
        near[torch.arange(rows.numel(), device=x.device), rows] = False
        mine = number.index_select(0, rows)[:, None]
        right = right + (near & (mine == number) & (mine < objects)).sum()
        within = within + near.sum()
    return right, within
