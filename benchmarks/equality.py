"""Do two variants give the same result? Each check is tried on a planted error as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Check", "compare", "relative_difference"]

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Check:
    """Outcome of one comparison and of the same comparison with an error planted.

    Attributes:
        name: what is compared.
        difference: largest difference found, in the units of ``measure``.
        tolerance: the largest difference allowed.
        planted: difference found after one error was planted; must exceed the tolerance.
        measure: how the difference is counted.
    """

    name: str
    difference: float
    tolerance: float
    planted: float
    measure: str = "relative difference"

    @property
    def passed(self) -> bool:
        """Results agree."""
        return self.difference <= self.tolerance

    @property
    def can_fail(self) -> bool:
        """The planted error was caught: the check is worth something."""
        return self.planted > self.tolerance


def relative_difference(ours: Tensors, theirs: Tensors) -> float:
    """Largest |a - b| / (|b| + mean |b|) over all tensors; infinite where shapes or NaNs differ."""
    if ours.keys() != theirs.keys():
        return float("inf")
    worst = 0.0
    for name, a in ours.items():
        b = theirs[name]
        if a.shape != b.shape:
            return float("inf")
        if a.numel() == 0:
            continue
        a, b = a.detach().double(), b.detach().double()
        if not torch.equal(torch.isfinite(a), torch.isfinite(b)):
            return float("inf")
        kept = torch.isfinite(a)
        if not kept.any():
            continue
        a, b = a[kept], b[kept]
        scale = b.abs() + b.abs().mean()
        gap = (a - b).abs()
        worst = max(worst, float(torch.where(gap == 0, 0.0, gap / scale).max()))
    return worst


def _nudge_one(tensors: Tensors, tolerance: float) -> dict[str, Tensor]:
    """A copy in which one element, in the middle of the last tensor, is off by ten tolerances."""
    planted = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    victim = list(planted)[-1]
    flat = planted[victim].double().reshape(-1)
    middle = flat.numel() // 2
    finite = flat[torch.isfinite(flat)]
    scale = float(flat[middle].abs() + finite.abs().mean())
    flat[middle] += 10 * max(tolerance, 1e-12) * (scale or 1.0)
    if not planted[victim].is_floating_point():  # an index: the nearest wrong one
        flat[middle] = planted[victim].reshape(-1)[middle] + 1
    planted[victim] = flat.reshape(planted[victim].shape)
    return planted


def compare(
    name: str,
    ours: Tensors,
    theirs: Tensors,
    *,
    tolerance: float,
    difference: Callable[[Tensors, Tensors], float] = relative_difference,
    plant: Callable[[Tensors], Tensors] | None = None,
    measure: str = "relative difference",
) -> Check:
    """Compare two results, then compare again with an error planted in ours.

    Args:
        name: what is compared.
        ours: named tensors.
        theirs: the same names, in the same order of rows.
        tolerance: largest difference allowed.
        difference: the measure; relative by default.
        plant: makes the wrong copy of ours; by default one element is moved by ten tolerances.
        measure: name of the measure, for the tables.

    Example:
        >>> a = {"x": torch.tensor([1.0, 2.0])}
        >>> check = compare("x", a, a, tolerance=1e-9)
        >>> check.passed, check.can_fail
        (True, True)
    """
    wrong = plant(ours) if plant else _nudge_one(ours, tolerance)
    return Check(
        name=name,
        difference=difference(ours, theirs),
        tolerance=tolerance,
        planted=difference(wrong, theirs),
        measure=measure,
    )
