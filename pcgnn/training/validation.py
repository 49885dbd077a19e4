"""Validation numbers on the device: gathered over processes, computed once per epoch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributed import all_gather, get_world_size, is_available, is_initialized

__all__ = [
    "accuracy",
    "auc",
    "gather_rows",
    "ratio_numbers",
    "weighted_auc",
    "weighted_quantiles",
]


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks.

    Processes may hold different numbers of rows. Without a process group the input comes back.

    **Shapes** input (n_rank, ...); output (sum of n_rank, ...), the same on every rank.
    """
    if not (is_available() and is_initialized()) or get_world_size() == 1:
        return rows
    rows = rows.contiguous()
    counts = [rows.new_zeros(1, dtype=torch.long) for _ in range(get_world_size())]
    all_gather(counts, rows.new_full((1,), rows.shape[0], dtype=torch.long))
    sizes = [int(count) for count in counts]
    padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
    padded[: rows.shape[0]] = rows
    parts = [torch.empty_like(padded) for _ in sizes]
    all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def weighted_auc(score: Tensor, positive: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""Area under the ROC curve, exact with ties and weights (the Mann-Whitney form).

    .. math:: A = \frac{\sum_{s,b} w_s w_b\,([x_s > x_b] + \tfrac12 [x_s = x_b])}
                       {\sum_s w_s \sum_b w_b}

    Args:
        score: larger means more signal-like.
        positive: True for signal.
        weight: one weight per graph.

    Returns:
        a float64 scalar on the same device; NaN if one of the two classes is missing.

    **Shapes** all inputs (G,).

    Example:
        >>> weighted_auc(torch.tensor([0.1, 0.2, 0.2]), torch.tensor([False, True, False]))
        tensor(0.7500, dtype=torch.float64)
    """
    weight = torch.ones_like(score) if weight is None else weight
    weight = weight.double()
    signal, background = weight * positive, weight * ~positive
    _, group = torch.unique(score, return_inverse=True)
    length = score.shape[0]
    below = torch.zeros(length + 1, dtype=torch.float64, device=score.device)
    below.index_add_(0, group + 1, background)
    tied = below[1:].index_select(0, group)
    lower = below.cumsum(0).index_select(0, group)
    return (signal * (lower + 0.5 * tied)).sum() / (signal.sum() * background.sum())


def auc(probabilities: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """AUC of two classes, or the mean of the one-versus-rest AUCs of several.

    **Shapes** probabilities (G, C), target (G,), weight (G,).
    """
    classes = probabilities.shape[1]
    if classes == 2:
        return weighted_auc(probabilities[:, 1], target == 1, weight)
    values = [weighted_auc(probabilities[:, c], target == c, weight) for c in range(classes)]
    return torch.stack(values).nanmean()


def accuracy(probabilities: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Weighted part of the graphs whose largest probability is that of their class."""
    right = (probabilities.argmax(dim=1) == target).double()
    if weight is None:
        return right.mean()
    weight = weight.double()
    return (weight * right).sum() / weight.sum()


def weighted_quantiles(values: Tensor, weight: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Quantiles of each column, of entries with weights.

    Entries stand at the middle of their share of the sum of weights, with straight lines between;
    equal weights give the definition of Hazen. Weights below 0 count 0; without a weight above 0
    there is no quantile, NaN.

    **Shapes** values and weight (G, T); output (levels, T).

    Example:
        >>> values = torch.tensor([[1.0], [2.0], [3.0]])
        >>> weighted_quantiles(values, torch.ones(3, 1), (0.5,))
        tensor([[2.]])
    """
    weight = weight.clamp(min=0)
    order = torch.where(weight > 0, values, torch.inf).argsort(0)
    values, weight = values.gather(0, order), weight.gather(0, order)
    place = (weight.cumsum(0) - weight / 2) / weight.sum(0)
    wanted = torch.stack([torch.full_like(place[0], level) for level in levels], 1)
    last = ((weight > 0).sum(0)[:, None] - 1).clamp(min=0)
    after = torch.searchsorted(place.t().contiguous(), wanted).minimum(last)
    before = (after - 1).clamp(min=0)
    columns = values.t(), place.t()
    low, high = (columns[0].gather(1, index) for index in (before, after))
    begin, end = (columns[1].gather(1, index) for index in (before, after))
    step = torch.where(end > begin, end - begin, 1.0)
    share = ((wanted - begin) / step).clamp(0, 1)
    return (low + share * (high - low)).t()


def ratio_numbers(
    prediction: Tensor, truth: Tensor, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """Resolution (a - b)/(2c) and bias c - 1 of R = prediction / truth.

    a, b and c are the 84% and 16% quantiles and the median; truths of 0 are left out; of several
    targets the means are given.

    **Shapes** prediction and truth (G, T), weight (G,).
    """
    usable = truth != 0
    each = usable.double() if weight is None else usable * weight.double()[:, None]
    ratio = prediction.double() / torch.where(usable, truth, 1.0)
    low, middle, high = weighted_quantiles(ratio, each, (0.16, 0.5, 0.84))
    return {
        "resolution": ((high - low) / (2 * middle)).mean(),
        "bias": (middle - 1.0).mean(),
    }
