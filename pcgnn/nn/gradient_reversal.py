"""A layer that is the identity forward and turns the gradient round backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["reverse_gradient"]


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    r"""Gradient reversal: x forward, :math:`-\lambda\, \partial L / \partial x` backward.

    From "Domain-adversarial training of neural networks" (`arXiv:1505.07818
    <https://arxiv.org/abs/1505.07818>`__). What stands behind it is trained to solve its problem,
    what stands before it to make that impossible.

    Args:
        x: any tensor.
        strength: the :math:`\lambda` above.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> reverse_gradient(x, 0.5).sum().backward()
        >>> x.grad.tolist()
        [-0.5, -0.5]
    """
    result: Tensor = _Reversal.apply(x, strength)  # type: ignore[no-untyped-call]
    return result
