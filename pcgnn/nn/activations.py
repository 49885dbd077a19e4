"""Activations and initialisations of weights, by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError

__all__ = [
    "Activation",
    "Initialisation",
    "activation_gain",
    "check_initialisation",
    "initialise",
    "make_activation",
]

Activation: TypeAlias = Literal[
    "relu", "leaky-relu", "elu", "selu", "gelu", "silu", "tanh", "softplus"
]
Initialisation: TypeAlias = Literal[
    "default", "glorot-uniform", "glorot-normal", "he-uniform", "he-normal"
]

_SLOPE = 0.01


class _Entry(NamedTuple):
    make: Callable[[], nn.Module]
    gain: float


# gains 1 / sqrt(E[f(z)^2]) with z from N(0, 1): of the piecewise linear ones exact, of the others
# by quadrature
_ENTRIES: dict[str, _Entry] = {
    "relu": _Entry(nn.ReLU, math.sqrt(2)),
    "leaky-relu": _Entry(lambda: nn.LeakyReLU(_SLOPE), math.sqrt(2 / (1 + _SLOPE**2))),
    "elu": _Entry(nn.ELU, 1.2451983),
    "selu": _Entry(nn.SELU, 1.0),
    "gelu": _Entry(nn.GELU, 1.5335304),
    "silu": _Entry(nn.SiLU, 1.6765325),
    "tanh": _Entry(nn.Tanh, 1.5925374),
    "softplus": _Entry(nn.Softplus, 1.0418668),
}


def make_activation(name: Activation) -> nn.Module:
    """Make the activation of a name.

    Args:
        name: "relu", "leaky-relu" (slope 0.01), "elu", "selu", "gelu", "silu", "tanh" or
            "softplus".

    Raises:
        ConfigError: if there is none of that name.

    Example:
        >>> make_activation("silu")
        SiLU()
    """
    return _entry(name).make()


def activation_gain(name: Activation | None) -> float:
    r"""Return by how much weights must grow to make up for what an activation takes away.

    .. math::
        g = \Big(\int f(z)^2\, \frac{e^{-z^2/2}}{\sqrt{2\pi}}\, dz\Big)^{-1/2}

    the factor that keeps the second moment of normally distributed values: sqrt(2) for "relu", 1
    without an activation.

    Raises:
        ConfigError: if there is no activation of that name.

    Example:
        >>> round(activation_gain("relu") ** 2, 6)
        2.0
    """
    return 1.0 if name is None else _entry(name).gain


def check_initialisation(name: str) -> None:
    """Refuse a name that is of no initialisation.

    Raises:
        ConfigError: naming those there are.
    """
    if name not in get_args(Initialisation):
        raise ConfigError(
            f"no such initialisation: {name!r}",
            remedy=f"use one of {', '.join(get_args(Initialisation))}",
        )


@torch.no_grad()
def initialise(
    weight: Tensor, name: Initialisation, activation: Activation | None = None
) -> Tensor:
    r"""Fill a weight with random numbers, in place.

    With the gain g of the activation behind it, the variance is

    .. math::
        \sigma^2 = \frac{2 g^2}{n_{in} + n_{out}} \;\text{(Glorot)}, \qquad
        \sigma^2 = \frac{g^2}{n_{in}} \;\text{(He)}

    normal, or uniform within :math:`\pm\sqrt{3}\,\sigma`. See Glorot and Bengio, `AISTATS 2010
    <https://proceedings.mlr.press/v9/glorot10a.html>`__ (whose g is 1), and He et al.,
    `arXiv:1502.01852 <https://arxiv.org/abs/1502.01852>`__ (for ReLU, where it is sqrt(2)).

    Args:
        weight: weight of a linear layer or of a convolution, whose n are per pixel of the kernel
            times its pixels.
        name: "glorot-uniform", "glorot-normal", "he-uniform", "he-normal", or "default", which
            leaves it as it is.
        activation: what follows the layer; None for nothing.

    **Shapes:** (n_out, n_in, ...) -> the same.

    Raises:
        ConfigError: if there is no such initialisation or activation.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> weight = initialise(torch.empty(400, 200), "he-normal", "relu")
        >>> round(float(weight.var()), 3)  # 2 / 200
        0.01
    """
    check_initialisation(name)
    gain = activation_gain(activation)
    if name == "default":
        return weight
    field = weight[0, 0].numel()  # 1 of a linear layer
    outputs, inputs = weight.size(0) * field, weight.size(1) * field
    count = (inputs + outputs) / 2 if name.startswith("glorot") else inputs
    sigma = gain / math.sqrt(count)
    if name.endswith("normal"):
        return weight.normal_(0.0, sigma)
    return weight.uniform_(-math.sqrt(3) * sigma, math.sqrt(3) * sigma)


def _entry(name: str) -> _Entry:
    try:
        return _ENTRIES[name]
    except KeyError:
        raise ConfigError(
            f"no such activation: {name!r}", remedy=f"use one of {', '.join(_ENTRIES)}"
        ) from None
