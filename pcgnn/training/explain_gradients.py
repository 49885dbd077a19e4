"""Attributions from gradients: saliency, gradient times input, Taylor, integrated gradients."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from pcgnn.errors import BackendError

__all__ = ["GRADIENT_METHODS", "GradientMethod", "attribute"]

GradientMethod: TypeAlias = Literal[
    "integrated-gradients", "gradient", "gradient-x-input", "taylor"
]
GRADIENT_METHODS: tuple[str, ...] = get_args(GradientMethod)

# Rows of particles that go through the model at once: copies of a batch along a path.
_ROWS = 10_000
_GRAPHS = 200


def attribute(
    method: str,
    forward: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    baselines: tuple[Tensor, ...],
    steps: int,
    *,
    examples: int | None = None,
) -> tuple[Tensor, ...]:
    """Attribution to each number of the inputs.

    Args:
        method: one of ``GRADIENT_METHODS``.
        forward: maps inputs of S copies of a batch, one after the other, to one number per graph
            and copy, (S G,).
        inputs: (N, F) each.
        baselines: (F,) each.
        steps: points of the Gauss-Legendre quadrature of "integrated-gradients".
        examples: graphs, where they and not the rows tell what goes through the model at once.

    Raises:
        BackendError: Captum is not installed.

    **Shapes:** inputs (N, F) -> attributions (N, F).
    """
    captum = _captum()
    inputs = tuple(x.detach().requires_grad_() for x in inputs)  # else Captum warns
    if method == "integrated-gradients":
        # One row of Captum's is one particle here: rows of a path step stay together.
        rows = len(inputs[0])
        most = _ROWS * rows // sum(len(x) for x in inputs)
        if examples is not None:
            most = _GRAPHS * rows // max(examples, 1)
        found = captum.IntegratedGradients(forward).attribute(
            inputs,
            baselines=tuple(b.expand_as(x) for x, b in zip(inputs, baselines, strict=True)),
            n_steps=steps,
            internal_batch_size=max(rows, most),
        )
    elif method == "gradient-x-input":
        found = captum.InputXGradient(forward).attribute(inputs)
    else:
        found = captum.Saliency(forward).attribute(inputs, abs=False)
        if method == "taylor":
            found = tuple(g * (x - b) for g, x, b in zip(found, inputs, baselines, strict=True))
    return tuple(part.detach() for part in found)


def norm_or_sum(method: str, values: tuple[Tensor, ...]) -> Tensor:
    """Attribution to each particle: the sum, of gradients the Euclidean norm.

    **Shapes:** (N, F) each -> (N,)
    """
    joined = torch.cat([value.double() for value in values], 1)
    return joined.norm(dim=1) if method == "gradient" else joined.sum(1)


def _captum() -> Any:
    try:
        return importlib.import_module("captum.attr")
    except ImportError as error:
        raise BackendError(
            "explanations from gradients need Captum, which is not installed",
            remedy="pip install 'pcgnn[explain]'",
        ) from error
