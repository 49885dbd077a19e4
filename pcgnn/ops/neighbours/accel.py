"""Neighbours by the optional compiled extensions torch-cluster and pyg-lib.

Both are looked for only when asked for by name; neither is needed.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor

from pcgnn.errors import BackendError
from pcgnn.ops.neighbours.candidates import nearest_of_candidates
from pcgnn.ops.ragged import SizePlan, graph_index

__all__ = ["AccelBackend", "available_backends", "knn_accel", "load_extension"]

AccelBackend = Literal["torch-cluster", "pyg-lib"]

_MODULES: dict[str, str] = {
    "torch-cluster": "torch_cluster",
    "torch-scatter": "torch_scatter",
    "pyg-lib": "pyg_lib",
}
_SPARE = 4


def load_extension(backend: str) -> ModuleType:
    """Import the extension behind a backend name.

    Raises:
        BackendError: if it is not installed or does not load with this torch.
    """
    module = _MODULES[backend]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BackendError(
            f"the backend {backend!r} needs the package {module}, which is not installed",
            remedy="pip install --no-build-isolation 'pcgnn[accel]', or use backend='auto'",
        ) from error
    except OSError as error:  # built for another torch: its shared library does not load
        raise BackendError(
            f"{module} is installed but does not load: {error}",
            remedy=f"rebuild it: pip install --no-cache-dir --force-reinstall --no-deps {module}",
        ) from error


def available_backends() -> tuple[str, ...]:
    """Return the names of the optional extensions that can be used here."""
    found = []
    for backend in _MODULES:
        try:
            load_extension(backend)
        except BackendError:
            continue
        found.append(backend)
    return tuple(found)


def knn_accel(x: Tensor, ptr: Tensor, k: int, plan: SizePlan, backend: AccelBackend) -> Tensor:
    """Find the k nearest other particles of the same graph with a compiled extension.

    **Shapes:** x (N, D), ptr (G + 1,) -> (N, k), int64, -1 where a graph has too few particles.

    Raises:
        BackendError: if the extension is missing or has no such operation.
    """
    extension: Any = load_extension(backend)
    if plan.max_size < 2 or k == 0:
        return torch.full((plan.total, k), -1, dtype=torch.long, device=x.device)
    wanted = k + 1 + _SPARE
    if backend == "torch-cluster":
        batch = graph_index(ptr, plan.total)
        pairs = extension.knn(x, x, wanted, batch, batch)
    else:
        operations: Any = getattr(extension, "ops", None)
        if not hasattr(operations, "knn"):
            raise BackendError("this pyg-lib has no knn", remedy="install pyg-lib 0.6 or later")
        pairs = operations.knn(x, x, wanted, ptr, ptr)
    candidates = _as_table(pairs[0], pairs[1], plan.total, wanted)
    return nearest_of_candidates(candidates, x, ptr, k, plan)


def _as_table(query: Tensor, neighbour: Tensor, total: int, width: int) -> Tensor:
    """Turn pairs grouped by query into one row per query, -1 where there are fewer."""
    query, order = query.sort(stable=True)
    neighbour = neighbour.index_select(0, order)
    counts = torch.bincount(query, minlength=total)
    starts = counts.cumsum(0) - counts
    rank = torch.arange(query.numel(), device=query.device) - starts.index_select(0, query)
    table = torch.full((total, width), -1, dtype=torch.long, device=query.device)
    table.view(-1).index_copy_(0, query * width + rank, neighbour)
    return table
