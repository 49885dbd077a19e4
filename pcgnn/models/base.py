"""What every network on particle clouds has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pcgnn.errors import DataError
from pcgnn.ops.order import canonical_order, inverse_order
from pcgnn.ops.ragged import SizePlan

__all__ = ["Cloud", "CloudModel"]


@dataclass(frozen=True, eq=False)
class Cloud:
    """The tensors of a batch of graphs, checked and complete.

    Attributes:
        ptr: offsets of the graphs, shape (G + 1,).
        plan: sizes of the graphs, on the host.
        tensors: those of ``x``, ``pos`` and ``p4`` that the model needs, N rows each.
    """

    ptr: Tensor
    plan: SizePlan
    tensors: Mapping[str, Tensor]

    @property
    def x(self) -> Tensor:
        """Features, shape (N, F)."""
        return self.tensors["x"]

    @property
    def pos(self) -> Tensor:
        """Coordinates for neighbours, shape (N, D)."""
        return self.tensors["pos"]

    @property
    def p4(self) -> Tensor:
        """Four-vectors E, px, py, pz in GeV, shape (N, 4)."""
        return self.tensors["p4"]


class CloudModel(nn.Module, ABC):
    """Base of the networks that give each graph of a batch, or each particle, its scores.

    A subclass lists what it ``needs``, fills ``config`` with its constructor arguments and computes
    :meth:`logits` from a :class:`Cloud`. The base checks the input, makes the size plan where the
    batch brings none, and puts the particles of each graph into a canonical order, so that no score
    depends on how they were listed.

    Attributes:
        task: what the logits are of.
        needs: which of the tensors x, pos and p4 the model reads.
        ordered: whether the model wants the particles in the order given (by pT) instead of the
            canonical one.
        per_particle: whether the logits are of the particles instead of the graphs, (N, ...).
        one_row: whether the model takes graphs of one row only, which are variables of the graph.
        name: name in the registry it was created under.
        config: constructor arguments, plain and JSON-able.
        frame: Lorentz transformation (4, 4) of the four-vectors that a model adds to its input,
            such as beams; None leaves them as they are. A symmetry holds if they move along.

    **Shapes:** batch of G graphs -> (G, classes) logits.
    """

    task: ClassVar[str] = "classification"
    needs: ClassVar[frozenset[str]]
    ordered: ClassVar[bool] = False
    one_row: ClassVar[bool] = False
    per_particle: ClassVar[bool] = False
    name: str = ""
    config: dict[str, Any]
    frame: Tensor | None = None

    @property
    def has_beams(self) -> bool:
        """Whether the model adds four-vectors to its input that ``frame`` transforms."""
        return False

    @abstractmethod
    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""

    def forward(self, batch: Any) -> Tensor:
        """Compute the logits of a PyG batch.

        Args:
            batch: a :class:`torch_geometric.data.Batch` (or a single ``Data``) with the tensors
                the model needs. Its ``plan`` spares the device a question, if it has one.

        Raises:
            DataError: if a tensor is missing, shapes do not fit, or a graph is empty.
        """
        tensors = {name: getattr(batch, name, None) for name in self.needs}
        found = next((t for t in tensors.values() if isinstance(t, Tensor)), None)
        if found is None:
            raise DataError(f"the batch has none of {sorted(self.needs)}, which the model needs")
        ptr = getattr(batch, "ptr", None)
        if ptr is None:
            ptr = _offsets(getattr(batch, "batch", None), found)
        return self.forward_tensors(ptr=ptr, plan=getattr(batch, "plan", None), **tensors)

    def forward_tensors(
        self,
        *,
        ptr: Tensor,
        x: Tensor | None = None,
        pos: Tensor | None = None,
        p4: Tensor | None = None,
        plan: SizePlan | None = None,
    ) -> Tensor:
        """Compute the logits from plain tensors.

        Args:
            ptr: offsets of the graphs, shape (G + 1,).
            x: features, shape (N, F).
            pos: coordinates for neighbours, shape (N, D).
            p4: four-vectors E, px, py, pz in GeV, shape (N, 4).
            plan: sizes of the graphs on the host; without it the device is asked for them.

        Raises:
            DataError: if a tensor is missing, shapes do not fit, a graph is empty, or has several
                rows where the model takes one.
        """
        given = {"x": x, "pos": pos, "p4": p4}
        names = sorted(self.needs)
        tensors = {name: tensor for name in names if (tensor := given[name]) is not None}
        if len(tensors) < len(names):
            missing = [name for name in names if name not in tensors]
            raise DataError(
                f"the model needs {', '.join(missing)}, which the input does not have",
                remedy="make the clouds with the features the model was created for",
            )
        plan = plan if plan is not None else SizePlan.from_ptr(ptr)
        _check(tensors, ptr, plan)
        if self.one_row and plan.total != plan.num_graphs:
            raise DataError(
                f"{plan.num_graphs} graphs have {plan.total} rows, the model takes one per graph",
                remedy='make the clouds with one row per graph, for example features="high-level"',
            )
        features = self.config.get("features")
        if x is not None and "x" in tensors and isinstance(features, int) and x.size(1) != features:
            raise DataError(
                f"the model was made for {features} features per particle, x has {x.size(1)}",
                remedy="make the clouds with the features the model was created for",
            )
        if self.ordered:
            return self.logits(Cloud(ptr, plan, tensors))
        order = canonical_order(ptr, plan.total, *tensors.values())
        tensors = {name: t.index_select(0, order) for name, t in tensors.items()}
        logits = self.logits(Cloud(ptr, plan, tensors))
        return logits.index_select(0, inverse_order(order)) if self.per_particle else logits

    @property
    def num_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def __repr__(self) -> str:
        title = f"{self.name or type(self).__name__} ({self.num_parameters:,} parameters)"
        arguments = ", ".join(f"{key}={value}" for key, value in self.config.items())
        layers = "\n".join(
            f"  ({name}): " + str(child).replace("\n", "\n  ")
            for name, child in self.named_children()
        )
        return f"{title}\n  {arguments}\n{layers}"


def _offsets(batch: Tensor | None, tensor: Tensor) -> Tensor:
    """Offsets of a batch that has only the graph of each particle, or of a single graph."""
    if batch is None:
        return torch.arange(2, device=tensor.device) * tensor.size(0)
    counts = torch.bincount(batch)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _check(tensors: Mapping[str, Tensor], ptr: Tensor, plan: SizePlan) -> None:
    if plan.num_graphs != ptr.numel() - 1:
        raise DataError(f"the plan is of {plan.num_graphs} graphs, ptr of {ptr.numel() - 1}")
    for name, tensor in tensors.items():
        if tensor.dim() != 2 or not tensor.dtype.is_floating_point:
            raise DataError(
                f"{name} must be floating point of two axes, got {tensor.dtype} "
                f"{tuple(tensor.shape)}"
            )
        if tensor.size(0) != plan.total:
            raise DataError(
                f"{name} has {tensor.size(0)} rows, the graphs have {plan.total} particles"
            )
        if tensor.device != ptr.device:
            raise DataError(
                f"{name} is on {tensor.device}, ptr on {ptr.device}", remedy="batch.to(device)"
            )
    if plan.num_graphs and plan.min_size == 0:
        graph = int(np.argmin(plan.sizes))
        empty = int((plan.sizes == 0).sum())
        raise DataError(
            f"graph {graph} has no particles ({empty} of {plan.num_graphs} graphs are empty)",
            remedy="drop empty graphs when the clouds are made",
        )
