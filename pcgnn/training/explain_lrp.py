"""Attributions by layer-wise relevance propagation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.deep_sets import EnergyFlowNetwork, ParticleFlowNetwork
from pcgnn.models.dense_network import DenseNetwork
from pcgnn.models.parametric_network import ParametricNetwork
from pcgnn.nn.relevance import RelevanceRule, check_relevance, relevance

__all__ = ["check_lrp", "propagate"]

_KNOWN = (DenseNetwork, ParametricNetwork, ParticleFlowNetwork, EnergyFlowNetwork)


def check_lrp(network: nn.Module, names: tuple[str, ...], output: str, classes: int) -> None:
    """Refuse networks, inputs and outputs along which relevance is not conserved.

    Raises:
        ConfigError: names what does not fit.
    """
    name = getattr(network, "name", "") or type(network).__name__
    check_relevance(network)
    if not isinstance(network, _KNOWN):
        raise ConfigError(
            f"{name} has no rule for relevance",
            remedy="dense networks and deep sets (dense, pnn, pfn, efn) have one; for others take "
            "integrated-gradients",
        )
    if "p4" in names:
        raise ConfigError(
            "momenta weight the particles of an energy flow network, which has no rule",
            remedy="explain inputs=('pos',)",
        )
    if output == "probability" or (output == "log-odds" and classes != 2):
        raise ConfigError(
            f"the {output} of {classes} classes is no linear function of the logits",
            remedy="explain output='logit'",
        )


def propagate(
    network: nn.Module,
    forward: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    zeros: tuple[Tensor, ...],
    rule: RelevanceRule,
) -> tuple[Tensor, ...]:
    """Relevance of each number of the inputs.

    Args:
        network: the network inside of ``forward``.
        forward: maps the inputs to one number per graph, (G,).
        inputs: (N, F) each.
        zeros: what is zero to the network, behind a standardisation, (F,) each.
        rule: see :func:`pcgnn.nn.relevance.relevance`.

    **Shapes:** inputs (N, F) -> relevances (N, F).
    """
    tracked = tuple(x.detach().requires_grad_() for x in inputs)
    with relevance(network, rule=rule):
        gradients = torch.autograd.grad(forward(*tracked).sum(), tracked)
    return tuple((g * (x - z)).detach() for g, x, z in zip(gradients, inputs, zeros, strict=True))
