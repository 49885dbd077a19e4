"""Where the hits of events and objects stand, for losses over whole events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pcgnn.errors import DataError

__all__ = ["EventPlan", "same_object_pairs"]

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EventPlan:
    """The hits that count, event by event, and the objects they are of.

    How many objects there are decides about sizes of tensors, which the host must know. Made before
    a batch goes to its device, it spares a training step from waiting; made from targets that are
    there already, it waits once. Hits without weight are left out; so are events that have no
    others.

    Attributes:
        rows: hits that count, event after event, (M,).
        event: event of each of them, counted from 0 without gaps, (M,).
        object: object of each of them, K for those of none, (M,).
        object_event: event of each object, (K,).
        hits: first hit of each event, (events + 1); on the host.
        objects: first object of each event, (events + 1); on the host.
    """

    rows: Tensor
    event: Tensor
    object: Tensor
    object_event: Tensor
    hits: tuple[int, ...]
    objects: tuple[int, ...]

    @classmethod
    def of(cls, target: Tensor, weight: Tensor | None = None) -> EventPlan:
        """Make the plan of a batch.

        Args:
            target: event and particle of each hit; the particle is 0 for none of interest.
            weight: how much each hit counts; None for 1.

        Raises:
            DataError: the target has another shape or type.

        **Shapes:** target (N, 2) int64, weight (N,)

        Example:
            >>> plan = EventPlan.of(torch.tensor([[0, 7], [0, 0], [0, 7], [1, 7]]))
            >>> plan.object.tolist(), plan.hits, plan.objects
            ([0, 2, 0, 1], (0, 3, 4), (0, 1, 2))
        """
        if target.dim() != 2 or target.shape[1] != 2 or target.is_floating_point():
            raise DataError(
                f"the target has the type {target.dtype} and the shape {tuple(target.shape)}, not "
                "whole numbers (N, 2): event and particle of each hit"
            )
        table = target.detach().cpu().numpy().astype(np.int64, copy=False)
        rows = np.arange(len(table))
        if weight is not None:
            rows = np.flatnonzero(weight.detach().cpu().numpy() > 0)
        rows = rows[np.argsort(table[rows, 0], kind="stable")]
        names, event = np.unique(table[rows, 0], return_inverse=True)
        particle = table[rows, 1]
        of_one = np.flatnonzero(particle > 0)
        order = of_one[np.lexsort((particle[of_one], event[of_one]))]
        first = np.ones(order.size, dtype=bool)
        first[1:] = (np.diff(event[order]) != 0) | (np.diff(particle[order]) != 0)
        number = np.full(rows.size, np.count_nonzero(first), dtype=np.int64)
        number[order] = np.cumsum(first) - 1
        object_event = event[order[first]]

        def offsets(of: Index) -> tuple[int, ...]:
            return (0, *np.cumsum(np.bincount(of, minlength=names.size)).tolist())

        def tensor(values: Index) -> Tensor:
            return torch.from_numpy(values.astype(np.int64)).to(target.device)

        return cls(
            tensor(rows),
            tensor(event),
            tensor(number),
            tensor(object_event),
            offsets(event),
            offsets(object_event),
        )

    @property
    def num_events(self) -> int:
        """Number of events with hits that count."""
        return len(self.hits) - 1

    @property
    def num_objects(self) -> int:
        """Number of objects K of all events."""
        return self.objects[-1]

    def mean(self, values: Tensor, event: Tensor, weight: Tensor) -> Tensor:
        """The mean over events of a weighted mean in each of them; 0 where an event has none.

        Args:
            values: of hits, objects or pairs.
            event: their events.
            weight: their weights.

        **Shapes:** all (n,) -> ()
        """
        if self.num_events == 0:
            return values.sum() * 0
        nothing = values.new_zeros(self.num_events)
        total = nothing.index_add(0, event, weight)
        found = nothing.index_add(0, event, weight * values)
        return (found / total.clamp(min=torch.finfo(values.dtype).tiny)).mean()

    def to(self, device: Any, non_blocking: bool = False) -> EventPlan:
        """The same plan with its tensors on a device."""
        return replace(
            self,
            rows=self.rows.to(device, non_blocking=non_blocking),
            event=self.event.to(device, non_blocking=non_blocking),
            object=self.object.to(device, non_blocking=non_blocking),
            object_event=self.object_event.to(device, non_blocking=non_blocking),
        )


def same_object_pairs(number: Index, objects: int) -> Index:
    """All pairs of different hits of one object, each once.

    Args:
        number: object of each hit; hits of none have numbers from ``objects`` on.
        objects: how many objects there are.

    **Shapes:** (M,) -> (2, P)

    Example:
        >>> same_object_pairs(np.array([0, 1, 0, 2, 0]), 2).tolist()
        [[0, 0, 2], [2, 4, 4]]
    """
    order = np.argsort(number, kind="stable")
    order = order[: np.count_nonzero(number < objects)]
    ends = np.cumsum(np.bincount(number[order], minlength=objects))
    later = ends[number[order]] - np.arange(order.size) - 1
    first = np.repeat(np.arange(order.size), later)
    begin = np.cumsum(later) - later
    second = first + 1 + np.arange(first.size) - np.repeat(begin, later)
    return np.stack([order[first], order[second]])
