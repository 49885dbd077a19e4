"""Layer-wise relevance propagation, as a change of the backward pass of ordinary layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError
from pcgnn.nn.conditioning import Conditions
from pcgnn.nn.dense import Dense
from pcgnn.nn.readout import Readout

__all__ = ["RelevanceRule", "check_relevance", "relevance"]

RelevanceRule: TypeAlias = Literal["epsilon", "gamma"]

# with f(0) = 0, so that relevance passes through them as it is
_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Tanh)
# a batch norm in evaluation and a dropout are linear; containers do nothing of their own
_PASSING = (nn.Dropout, nn.BatchNorm1d, nn.Sequential, nn.ModuleList, Dense, nn.Identity)
_POOLINGS = ("sum", "mean", "max", "min")


def check_relevance(network: nn.Module) -> None:
    """Refuse a network with layers that have no rule.

    Raises:
        ConfigError: names the first such layer.
    """
    for name, layer in network.named_modules():
        if layer is network or isinstance(layer, (nn.Linear, *_ACTIVATIONS, *_PASSING)):
            continue
        # without parameters nothing is conditioned
        if isinstance(layer, Conditions) and not layer.number:
            continue
        if isinstance(layer, Readout):
            wrong = [pooling for pooling in layer.names if pooling not in _POOLINGS]
            if not wrong:
                continue
            what = f"the readout {wrong[0]!r}"
        else:
            what = f"the layer {type(layer).__name__}"
        raise ConfigError(
            f"{what} ({name}) has no rule for relevance",
            remedy="explain a dense network or a deep set, or take integrated-gradients",
        )


@contextmanager
def relevance(
    network: nn.Module,
    *,
    rule: RelevanceRule = "epsilon",
    epsilon: float = 1e-9,
    gamma: float = 0.25,
) -> Iterator[None]:
    r"""Let gradients through a network be those by which inputs times gradients are relevances.

    From "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance
    Propagation" (Bach et al., PLoS ONE 10 (2015) e0130140). From the outputs j of a linear layer to
    its inputs i, by the rule "epsilon",

    .. math::
        R_i = \sum_j \frac{x_i w_{ij}}{z_j + \epsilon\, \mathrm{sign}(z_j)} R_j, \qquad
        z_j = \sum_i x_i w_{ij} + b_j

    by the rule "gamma" with :math:`w + \gamma \max(w, 0)` in place of w, in all layers but the
    first. Activations pass the relevance on as it is. Relevance is conserved but for what biases
    and ε take. Sums, means and maxima over particles need no rule: they are linear, or choose.

    Outputs stay what they are. Inside, :math:`x\, \partial F / \partial x` is the relevance of x.

    Args:
        network: the network, in evaluation.
        rule: "epsilon" or "gamma".
        epsilon: ε, in units of the largest |z| of the layer.
        gamma: γ of the rule "gamma".

    Raises:
        ConfigError: a layer that has no rule, or an unknown rule.

    Example:
        >>> layer = nn.Sequential(nn.Linear(2, 1, bias=False))
        >>> x = torch.ones(1, 2, requires_grad=True)
        >>> with relevance(layer, epsilon=0.0):
        ...     out = layer(x)
        >>> (gradient,) = torch.autograd.grad(out.sum(), x)
        >>> bool(torch.isclose((x * gradient).sum(), out.sum()))
        True
    """
    if rule not in get_args(RelevanceRule):
        raise ConfigError(f"no such rule: {rule!r}", remedy="choose 'epsilon' or 'gamma'")
    if epsilon < 0 or gamma < 0:
        raise ConfigError(f"epsilon = {epsilon} and gamma = {gamma} must not be negative")
    check_relevance(network)
    linears = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    first = linears[0] if linears else None

    def through_linear(layer: nn.Module, inputs: tuple[Tensor, ...], z: Tensor) -> Tensor:
        assert isinstance(layer, nn.Linear)
        seen = z
        if rule == "gamma" and layer is not first:
            bias = None if layer.bias is None else _raised(layer.bias, gamma)
            seen = functional.linear(inputs[0], _raised(layer.weight, gamma), bias)
        floor = epsilon * seen.detach().abs().amax()
        bottom = seen.detach() + floor * torch.where(seen >= 0, 1.0, -1.0)
        return _with_gradient(seen, _ratio(z.detach(), bottom), z)

    def through_activation(layer: nn.Module, inputs: tuple[Tensor, ...], a: Tensor) -> Tensor:
        z = inputs[0]
        return _with_gradient(z, _ratio(a.detach(), z.detach()), a)

    handles: list[Any] = []
    try:
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                handles.append(layer.register_forward_hook(through_linear))
            elif isinstance(layer, _ACTIVATIONS):
                # in place it would change the input that the rule needs
                handles.append(layer.register_forward_hook(through_activation))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _raised(weight: Tensor, gamma: float) -> Tensor:
    return weight + gamma * weight.clamp(min=0)


def _ratio(top: Tensor, bottom: Tensor) -> Tensor:
    usable = bottom.abs() > torch.finfo(bottom.dtype).tiny
    return torch.where(usable, top / torch.where(usable, bottom, 1.0), 0.0)


def _with_gradient(of: Tensor, factor: Tensor, value: Tensor) -> Tensor:
    """The value, with the gradient of another tensor times a factor."""
    changed = of * factor
    return changed + (value - changed).detach()
