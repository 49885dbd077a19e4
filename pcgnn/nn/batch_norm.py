"""Batch norm: of a batch of a single row, and its running statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["RowNorm", "batch_norm", "linear_and_norm", "update_running"]

RowNorm = nn.BatchNorm1d | nn.SyncBatchNorm


def batch_norm(x: Tensor, norm: RowNorm) -> Tensor:
    """Normalise the columns of x; too few rows to have a spread use the running statistics.

    A batch without rows or with a single one says nothing about a spread: it is normalised as in
    evaluation and leaves the running statistics alone (torch refuses it in training).

    **Shapes:** (rows, C) -> (rows, C).
    """
    if norm.training and x.size(0) < 2 and isinstance(norm, nn.BatchNorm1d):
        if norm.running_mean is None or norm.running_var is None:
            return x
        return functional.batch_norm(
            x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
        )
    out: Tensor = norm(x)
    return out


def linear_and_norm(x: Tensor, linear: nn.Linear, norm: RowNorm) -> Tensor:
    """Apply a linear layer and the batch norm after it, in evaluation as one linear layer.

    In evaluation a batch norm is a fixed scale and offset per column, which go into weight and
    bias: one pass over the rows instead of two.

    **Shapes:** (rows, C) -> (rows, out).
    """
    if norm.training or norm.running_mean is None or norm.running_var is None:
        return batch_norm(linear(x), norm)
    gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
    offset = -norm.running_mean if linear.bias is None else linear.bias - norm.running_mean
    return functional.linear(x, linear.weight * gain[:, None], offset * gain + norm.bias)


@torch.no_grad()
def update_running(norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Move the running statistics towards those of a batch, as torch's batch norm does.

    Args:
        norm: the batch norm, with a momentum.
        mean: mean of the batch, shape (C,).
        variance: biased variance of the batch, shape (C,); the running one is unbiased.
        count: number of rows they were taken over.
    """
    if norm.running_mean is None or norm.running_var is None or norm.momentum is None:
        return
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), norm.momentum)
    unbiased = variance.to(norm.running_var.dtype) * (count / max(count - 1, 1))
    norm.running_var.lerp_(unbiased, norm.momentum)
