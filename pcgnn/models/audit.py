"""Checks a model can be put to: does it stay on its device, does its score depend on company."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pcgnn.errors import DataError
from pcgnn.models.base import CloudModel
from pcgnn.nn.edge_conv import EdgeConv
from pcgnn.ops.neighbours import knn
from pcgnn.ops.ragged import SizePlan, gather_ranges, graph_index

__all__ = ["DeviceDiscipline", "NeighbourFlips", "neighbour_flips"]


class DeviceDiscipline(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Context that fails when an operation leaves the device or waits for it.

    Inside, no operation may return a tensor on another device than ``device``, and none may have a
    result whose size or value the host must wait for (``item``, ``nonzero``, masks as indices,
    ``unique``, ``repeat_interleave`` without ``output_size``). Meant for ``meta`` tensors, on which
    a model runs without a GPU just as it would on one.

    Args:
        device: the only device allowed.

    Raises:
        DataError: at the first operation that breaks a rule, naming it.

    Example:
        >>> with DeviceDiscipline("meta"):
        ...     _ = torch.zeros(2, device="meta") + 1
    """

    _WAITING = frozenset(
        {
            "_local_scalar_dense",
            "_unique2",
            "equal",
            "is_nonzero",
            "item",
            "masked_select",
            "nonzero",
            "unique_consecutive",
            "unique_dim",
        }
    )

    def __init__(self, device: str | torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = torch.device(device)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one operation and look at what it returns."""
        options = dict(kwargs or {})
        name = str(func.overloadpacket.__name__)
        if name in self._WAITING:
            raise DataError(f"{name} makes the host wait for the device")
        if name == "repeat_interleave" and options.get("output_size") is None:
            raise DataError("repeat_interleave without output_size makes the host wait")
        out = func(*args, **options)
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor) and leaf.device.type != self.device.type:
                raise DataError(f"{name} made a tensor on {leaf.device}, not on {self.device}")
        return out


@dataclass(frozen=True)
class NeighbourFlips:
    """How many graphs found other neighbours in other company.

    Attributes:
        flipped: graphs in which the neighbours of a particle changed in some block.
        total: graphs looked at.
        largest_shift: largest change of a logit of any graph.
    """

    flipped: int
    total: int
    largest_shift: float

    @property
    def share(self) -> float:
        """Share of the graphs that flipped."""
        return self.flipped / max(self.total, 1)

    def __str__(self) -> str:
        return (
            f"{self.flipped} of {self.total} graphs ({100 * self.share:.2f}%) have near-tied "
            f"neighbours that flip; largest change of a logit {self.largest_shift:.2g}"
        )


@torch.no_grad()
def neighbour_flips(model: CloudModel, batch: Any, parts: int = 2) -> NeighbourFlips:
    """Count the graphs whose neighbours depend on the other graphs of the batch.

    Features after the first block carry the rounding of matrix products, which depends on the place
    of a row in the batch. Two neighbours whose distances agree to that rounding may then swap. The
    batch is run once as it is and once backwards in several parts, and the neighbours of every
    EdgeConv block are compared as sets, graph by graph.

    Args:
        model: a model with EdgeConv blocks; used in evaluation mode and left as it was.
        batch: a PyG batch.
        parts: into how many parts the second run is cut; as many as graphs puts each alone.

    Example:
        >>> from torch_geometric.data import Batch, Data
        >>> from pcgnn.models import create_model
        >>> graphs = [Data(x=torch.randn(n, 7), pos=torch.randn(n, 2)) for n in (30, 40)]
        >>> neighbour_flips(create_model("particlenet-lite", features=7),
        ...                 Batch.from_data_list(graphs)).total
        2
    """
    training = model.training
    model.eval()
    try:
        ptr: Tensor = batch.ptr
        plan = getattr(batch, "plan", None) or SizePlan.from_ptr(ptr)
        tensors = {name: getattr(batch, name) for name in sorted(model.needs)}
        logits, tables = _run(model, tensors, ptr, plan)
        backwards = torch.arange(plan.num_graphs - 1, -1, -1, device=ptr.device)
        flipped = torch.zeros(plan.num_graphs, dtype=torch.bool, device=ptr.device)
        shifts = [logits.new_zeros(())]
        for graphs in backwards.tensor_split(parts):
            if graphs.numel() == 0:
                continue
            part = SizePlan.from_sizes(plan.sizes[graphs.cpu().numpy()])
            rows = gather_ranges(ptr, graphs, part.total)
            offsets = torch.as_tensor(part.ptr.copy(), device=ptr.device)
            fewer = {name: tensor.index_select(0, rows) for name, tensor in tensors.items()}
            other_logits, other_tables = _run(model, fewer, offsets, part)
            shift = (other_logits - logits.index_select(0, graphs)).abs().max()
            shifts.append(shift)
            graph = graph_index(offsets, part.total)
            for table, other in zip(tables, other_tables, strict=True):
                changed = (table.index_select(0, rows) != other).any(1)
                hit = torch.bincount(graph[changed], minlength=part.num_graphs) > 0
                flipped[graphs[hit]] = True
        largest = float(torch.stack(shifts).max())  # NaN if any is
        return NeighbourFlips(int(flipped.sum()), plan.num_graphs, largest)
    finally:
        model.train(training)


def _run(
    model: CloudModel, tensors: Mapping[str, Tensor], ptr: Tensor, plan: SizePlan
) -> tuple[Tensor, list[Tensor]]:
    """Return the logits and, per EdgeConv block, the neighbours counted within their graph."""
    tables: list[Tensor] = []
    start = ptr.index_select(0, graph_index(ptr, plan.total))[:, None]

    def note(layer: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        assert isinstance(layer, EdgeConv)
        pos = options.get("pos")
        found = knn(args[0] if pos is None else pos, ptr, layer.k, plan=plan)
        tables.append(torch.where(found < 0, found, found - start).sort(1)[0])

    layers = [module for module in model.modules() if isinstance(module, EdgeConv)]
    handles = [layer.register_forward_pre_hook(note, with_kwargs=True) for layer in layers]
    try:
        return model.forward_tensors(ptr=ptr, plan=plan, **tensors), tables
    finally:
        for handle in handles:
            handle.remove()
