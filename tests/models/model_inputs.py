"""Jets as every network may meet them, with all tensors a network may need."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch, Data

from pcgnn.models import CloudModel
from pcgnn.ops import SizePlan

FEATURES = 7


def jets(sizes: list[int], kind: str = "random", seed: int = 0) -> list[Data]:
    """Jets in float64: ``random``, on a calorimeter-like ``grid``, or with ``duplicates``."""
    rng = np.random.default_rng(seed)
    data = []
    for n in sizes:
        p = rng.normal(size=(n, 3)) * 20
        pos = rng.normal(size=(n, 2)) * 0.3
        x = rng.normal(size=(n, FEATURES))
        if kind == "grid":  # eighths are exact in binary: distances tie exactly
            pos = rng.integers(-4, 5, size=(n, 2)) / 8
            x = np.concatenate([x[:, :5].round(), pos], axis=1)
        elif kind == "duplicates":
            source = rng.integers(0, max(n // 2, 1), n)
            p, pos, x = p[source], pos[source], x[source]
        energy = np.sqrt((p**2).sum(1, keepdims=True) + 0.14**2)
        data.append(
            Data(
                x=torch.from_numpy(x),
                pos=torch.from_numpy(pos),
                p4=torch.from_numpy(np.concatenate([energy, p], axis=1)),
            )
        )
    return data


def jets_for(
    model: CloudModel, sizes: list[int], kind: str = "random", seed: int = 0
) -> list[Data]:
    """Jets of these sizes; of one row each where the model takes variables of the jet."""
    return jets([1] * len(sizes) if model.one_row else sizes, kind, seed)


def collate(data: list[Data], dtype: torch.dtype = torch.float64, plan: bool = True) -> Batch:
    batch = Batch.from_data_list(data)
    for name in ("x", "pos", "p4"):
        batch[name] = batch[name].to(dtype)
    if plan:
        batch.plan = SizePlan.from_sizes([d.num_nodes for d in data])
    return batch


def shuffled(data: Data, seed: int) -> Data:
    order = torch.randperm(data.num_nodes, generator=torch.Generator().manual_seed(seed))
    return Data(x=data.x[order], pos=data.pos[order], p4=data.p4[order])


def relative(a: Tensor, b: Tensor) -> float:
    """Largest difference relative to the size of the logits."""
    return float((a - b).abs().max() / b.abs().max().clamp(min=1e-3))


def logits_and_gradients(model: nn.Module, forward: Callable[[], Tensor]) -> list[Tensor]:
    """The logits of two classes in turn and the gradients of all parameters, by cross entropy."""
    model.zero_grad()
    logits = forward()
    functional.cross_entropy(logits, torch.arange(len(logits)) % 2).backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    assert len(gradients) == len(list(model.parameters()))
    return [logits.detach(), *gradients]
