"""Neighbours by scipy's k-d tree: for large graphs in few dimensions on a CPU.

One tree holds all graphs of a batch: the graph is one more coordinate, its values so far apart
that a particle of another graph is always farther than one of the same graph.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pcgnn.errors import BackendError, DataError
from pcgnn.ops.neighbours.candidates import nearest_of_candidates
from pcgnn.ops.ragged import SizePlan

__all__ = ["knn_tree", "pairs_in_tree", "require_cpu"]

# Candidates asked for beyond the k + 1 needed, so that most ties at the k-th distance are settled.
_SPARE = 4

FloatArray = npt.NDArray[np.float64]


def require_cpu(x: Tensor, backend: str) -> None:
    """Refuse tensors that are not on the CPU.

    Raises:
        BackendError: if they are not.
    """
    if x.device.type != "cpu":
        raise BackendError(
            f"the neighbour backend {backend!r} runs on the CPU only, the coordinates are on "
            f"{x.device}",
            remedy="use backend='bucketed'",
        )


def knn_tree(x: Tensor, ptr: Tensor, k: int, plan: SizePlan) -> Tensor:
    """Find the k nearest other particles of the same graph with one k-d tree.

    **Shapes:** x (N, D), ptr (G + 1,) -> (N, k), int64, -1 where a graph has too few particles.
    """
    from scipy.spatial import cKDTree

    require_cpu(x, "tree")
    if plan.max_size < 2 or k == 0:
        return torch.full((plan.total, k), -1, dtype=torch.long)
    points = _with_graph(x, plan, gap=0.0)
    wanted = min(k + 1 + _SPARE, plan.total)
    _, found = cKDTree(points).query(points, wanted)
    candidates = torch.from_numpy(np.asarray(found, dtype=np.int64).reshape(plan.total, wanted))
    return nearest_of_candidates(candidates, x, ptr, k, plan)


def pairs_in_tree(x: Tensor, plan: SizePlan, r: float) -> tuple[Tensor, Tensor]:
    """Find the ordered pairs of a graph within r, and some just beyond it by rounding.

    **Shapes:** x (N, D) -> two of (E,): neighbour and particle, in no order.
    """
    from scipy.spatial import cKDTree

    require_cpu(x, "tree")
    if plan.max_size < 2:
        return torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    wider = r * (1 + 8 * torch.finfo(x.dtype).eps)
    points = _with_graph(x, plan, gap=2 * wider)
    pairs = torch.from_numpy(cKDTree(points).query_pairs(wider, output_type="ndarray"))
    first, second = pairs[:, 0].long(), pairs[:, 1].long()
    return torch.cat([first, second]), torch.cat([second, first])


def _with_graph(x: Tensor, plan: SizePlan, gap: float) -> FloatArray:
    """Return the coordinates with the graph as one more, in steps larger than any distance.

    Raises:
        DataError: if a coordinate is NaN or infinite.
    """
    values = x.numpy().astype(np.float64)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        graph = int(np.searchsorted(plan.ptr, row, side="right")) - 1
        raise DataError(
            f"particle {row - int(plan.ptr[graph])} of graph {graph} has a NaN or infinite "
            "coordinate"
        )
    spread = values.max(axis=0) - values.min(axis=0)
    step = 2.0 * float(np.sqrt((spread**2).sum())) + gap + 1.0
    graph_of = np.repeat(np.arange(plan.num_graphs), plan.sizes)
    return np.column_stack([values, step * graph_of])
