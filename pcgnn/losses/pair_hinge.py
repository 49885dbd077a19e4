"""Metric learning: hits of a particle close together in a learned space, others apart."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.losses.event_loss import EventLoss
from pcgnn.losses.event_plan import EventPlan, same_object_pairs
from pcgnn.ops import knn
from pcgnn.ops.ragged import SizePlan

__all__ = ["PairHingeLoss", "PairPlan"]


@dataclass(frozen=True, eq=False)
class PairPlan:
    """What :class:`PairHingeLoss` must know on the host.

    Attributes:
        events: the hits that count.
        pairs: all pairs of hits of one particle, as rows of those hits, (2, P).
        sizes: hits of each event.
        ptr: first hit of each event, (events + 1,).
    """

    events: EventPlan
    pairs: Tensor
    sizes: SizePlan
    ptr: Tensor

    @classmethod
    def of(cls, target: Tensor, weight: Tensor | None = None) -> PairPlan:
        """Make the plan of a batch; see :meth:`EventPlan.of`."""
        events = EventPlan.of(target, weight)
        pairs = same_object_pairs(events.object.cpu().numpy(), events.num_objects)
        ptr = torch.tensor(events.hits, device=target.device)
        sizes = SizePlan.from_sizes([b - a for a, b in pairwise(events.hits)])
        return cls(events, torch.from_numpy(pairs).to(target.device), sizes, ptr)

    def to(self, device: Any, non_blocking: bool = False) -> PairPlan:
        """The same plan with its tensors on a device."""
        return PairPlan(
            self.events.to(device, non_blocking),
            self.pairs.to(device, non_blocking=non_blocking),
            self.sizes,
            self.ptr.to(device, non_blocking=non_blocking),
        )


class PairHingeLoss(EventLoss[PairPlan]):
    r"""Hinge loss on pairs of hits, the false ones sought where they are closest.

    As in "Performance of a geometric deep learning pipeline for HL-LHC particle tracking"
    (`arXiv:2103.06995 <https://arxiv.org/abs/2103.06995>`__):

    .. math::
        L = \langle d_{ij}^2 \rangle_{\rm same}
          + \langle \max(0, m^2 - d_{ij}^2) \rangle_{\rm hard}
          + \langle \max(0, m^2 - d_{ij}^2) \rangle_{\rm random}

    with all pairs of hits of one particle of interest, the false ones among the nearest neighbours
    of each hit (hard), and false ones of random partners. False is a pair of different particles or
    with noise. Pairs beyond the margin m count with 0, so that the loss falls as they leave it: a
    mean over those within alone would stay near its first value, and its smallest value on
    validation would say nothing. Means are taken in each event; events are averaged. A pair has the
    product of the weights of its hits; hits without weight take no part. Outside of training the
    random partners are the same every time.

    Args:
        margin: m, from which false pairs cost nothing; the radius of the graphs to be made.
        neighbours: nearest neighbours of each hit that are looked at.
        random: random partners of each hit.
        attractive: factor of the pairs of one particle.
        hard: factor of the false neighbours.
        spread: factor of the random pairs.

    **Shapes**
        - output: (N, D)
        - target: (N, 2), event and particle of each hit, the particle 0 for noise; weight: (N,)
        - result: scalar

    Raises:
        ConfigError: the margin is not positive, or numbers or factors are negative.

    Example:
        >>> loss = PairHingeLoss(neighbours=1, random=0)
        >>> output = torch.tensor([[0.0], [0.5], [0.75]])
        >>> target = torch.tensor([[0, 1], [0, 1], [0, 2]])
        >>> {name: float(v) for name, v in loss.parts(output, target).items()}
        {'attractive': 0.25, 'hard': 0.9375, 'random': 0.0}
    """

    def __init__(
        self,
        margin: float = 1.0,
        neighbours: int = 16,
        random: int = 4,
        attractive: float = 1.0,
        hard: float = 1.0,
        spread: float = 1.0,
    ) -> None:
        super().__init__({"attractive": attractive, "hard": hard, "random": spread})
        if not margin > 0:
            raise ConfigError(f"margin = {margin} must be positive")
        for name, value in {"neighbours": neighbours, "random": random}.items():
            if not value >= 0:
                raise ConfigError(f"{name} = {value} must not be negative")
        self.margin, self.neighbours, self.random = float(margin), int(neighbours), int(random)

    def plan(self, target: Tensor, weight: Tensor | None = None) -> PairPlan:
        """What the loss must know on the host; made before the batch goes to its device."""
        return PairPlan.of(target, weight)

    def parts(
        self,
        output: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        plan: PairPlan | None = None,
    ) -> dict[str, Tensor]:
        """The three terms, without their factors: scalars, averaged over events."""
        if output.dim() != 2 or output.shape[0] != target.shape[0]:
            raise DataError(
                f"outputs of the shape {tuple(output.shape)} are no coordinates of "
                f"{target.shape[0]} hits"
            )
        plan = PairPlan.of(target, weight) if plan is None else plan
        if output.dtype in (torch.float16, torch.bfloat16):
            output = output.float()
        x = output.index_select(0, plan.events.rows)
        one = None
        if weight is not None:
            one = weight.to(x.dtype).index_select(0, plan.events.rows)
        first, second = plan.pairs
        event, squared = plan.events.event, _squared(x, first, second)
        both = torch.ones_like(squared)
        if one is not None:
            both = one.index_select(0, first) * one.index_select(0, second)
        attractive = plan.events.mean(squared, event.index_select(0, first), both)
        near = first.new_zeros((x.shape[0], 0))
        if self.neighbours:
            near = knn(x.detach(), plan.ptr, self.neighbours, plan=plan.sizes)
        return {
            "attractive": attractive,
            "hard": self._false(x, near, one, plan),
            "random": self._false(x, self._partners(x, plan), one, plan),
        }

    def _false(self, x: Tensor, table: Tensor, one: Tensor | None, plan: PairPlan) -> Tensor:
        """Mean hinge of the false pairs of each hit and those in its row, -1 for none."""
        first = torch.arange(x.shape[0], device=x.device)[:, None].expand_as(table).reshape(-1)
        second = table.reshape(-1)
        there, second = second >= 0, second.clamp(min=0)
        events, number = plan.events, plan.events.object
        mine = number.index_select(0, first)
        same = (mine == number.index_select(0, second)) & (mine < events.num_objects)
        hinge = (self.margin**2 - _squared(x, first, second)).clamp(min=0)
        both = (there & ~same & (first != second)).to(x.dtype)
        if one is not None:
            both = both * one.index_select(0, first) * one.index_select(0, second)
        return events.mean(hinge, events.event.index_select(0, first), both)

    def _partners(self, x: Tensor, plan: PairPlan) -> Tensor:
        """Other hits of the event of each hit, (M, random)."""
        event = plan.events.event
        begin, size = plan.ptr.index_select(0, event), plan.ptr.diff().index_select(0, event)
        place = torch.arange(x.shape[0], device=x.device) - begin
        others = (size[:, None] - 1).clamp(min=1)
        if self.training:
            part = torch.rand((x.shape[0], self.random), device=x.device)
            step = 1 + torch.minimum((part * others).long(), others - 1)
        else:
            columns = torch.arange(self.random, device=x.device)
            step = 1 + (7919 * place[:, None] + 104729 * columns) % others
        return begin[:, None] + (place[:, None] + step) % size[:, None]

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return (
            f"margin={self.margin}, neighbours={self.neighbours}, random={self.random}, "
            f"factors={tuple(self.factors.values())}"
        )


def _squared(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return (x.index_select(0, first) - x.index_select(0, second)).square().sum(1)
