"""Activations and initialisations by name: what they compute, how wide they make the weights."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import nn

from pcgnn.errors import ConfigError
from pcgnn.nn import Dense, activation_gain, dense_layers, initialise, make_activation
from pcgnn.nn.activations import Activation, Initialisation

Z = torch.linspace(-12, 12, 240_001, dtype=torch.float64)
FORMULAS = {
    "relu": lambda z: z.clamp(min=0),
    "leaky-relu": lambda z: torch.where(z > 0, z, 0.01 * z),
    "elu": lambda z: torch.where(z > 0, z, z.exp() - 1),
    "selu": lambda z: 1.0507009873554805 * torch.where(z > 0, z, 1.6732632423543772 * z.expm1()),
    "gelu": lambda z: z * (1 + torch.erf(z / 2**0.5)) / 2,
    "silu": lambda z: z / (1 + (-z).exp()),
    "tanh": lambda z: 1 - 2 / ((2 * z).exp() + 1),
    "softplus": lambda z: (1 + z.exp()).log(),
}


def test_every_name_has_a_formula_here() -> None:
    assert list(FORMULAS) == list(get_args(Activation))


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_and_their_gains(name: Activation) -> None:
    values = FORMULAS[name](Z)
    torch.testing.assert_close(make_activation(name)(Z), values, rtol=1e-9, atol=1e-12)
    density = (-Z * Z / 2).exp() / math.sqrt(2 * math.pi)
    second_moment = torch.trapezoid(values**2 * density, Z)
    assert activation_gain(name) == pytest.approx(float(second_moment) ** -0.5, rel=1e-6)


@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize("shape", [(300, 500), (500, 300)])
@pytest.mark.parametrize("name", get_args(Initialisation)[1:])
def test_variances(name: Initialisation, shape: tuple[int, int], activation: Activation) -> None:
    torch.manual_seed(0)
    weight = initialise(torch.empty(shape, dtype=torch.float64), name, activation)
    gain = {None: 1.0, "relu": 2**0.5, "tanh": activation_gain("tanh")}[activation]
    outputs, inputs = shape
    if name.startswith("glorot"):
        variance = gain**2 * 2 / (inputs + outputs)
    else:
        variance = gain**2 / inputs
    count = weight.numel()
    # spread of a sample variance: sqrt((kurtosis - 1) / n), kurtosis 3 or 9 / 5; within 5 of it
    uniform = name.endswith("uniform")
    spread = math.sqrt(((9 / 5 if uniform else 3) - 1) / count)
    assert abs(float(weight.square().mean()) / variance - 1) < 5 * spread
    assert abs(float(weight.mean())) < 5 * math.sqrt(variance / count)
    largest = float(weight.abs().max())
    if uniform:
        assert 0.999 * math.sqrt(3 * variance) < largest <= math.sqrt(3 * variance)
    else:
        assert largest > 3.5 * math.sqrt(variance)


@pytest.mark.parametrize("activation", list(FORMULAS))
def test_a_deep_network_keeps_its_second_moment(activation: Activation) -> None:
    """With the gain one layer gives what it was given; without it ten relus lose a factor 1000."""
    torch.manual_seed(0)
    network = dense_layers([400] * 11, activation=activation, initialisation="he-normal").double()
    with torch.no_grad():
        out = network(torch.randn(200, 400, dtype=torch.float64))
    assert 0.3 < float(out.square().mean()) / activation_moment(activation) < 3


def activation_moment(name: Activation) -> float:
    """Second moment that an activation passes on of normal values of width ``gain``."""
    density = (-Z * Z / 2).exp() / math.sqrt(2 * math.pi)
    moment = 1.0
    for _ in range(10):
        wide = FORMULAS[name](Z * activation_gain(name) * math.sqrt(moment))
        moment = float(torch.trapezoid(wide**2 * density, Z))
    return moment


def test_default_leaves_the_weights_of_torch() -> None:
    torch.manual_seed(0)
    reference = nn.Linear(7, 5)
    torch.manual_seed(0)
    ours = Dense(7, 5).linear
    assert torch.equal(ours.weight, reference.weight)
    assert torch.equal(ours.bias, reference.bias)
    assert not Dense(7, 5, initialisation="he-uniform").linear.bias.any()


@pytest.mark.parametrize("training", [True, False])
def test_a_stack_of_dense_layers_is_the_layers_in_a_row(training: bool) -> None:
    torch.manual_seed(0)
    network = dense_layers([3, 8, 5], activation="silu", norm=True, out=2).double()
    x = torch.randn(50, 3, dtype=torch.float64)
    network(x)
    network.train(training)
    h = x
    for layer in list(network)[:-1]:
        h = h @ layer.linear.weight.t() + layer.linear.bias
        h = h / (1 + (-h).exp())
        norm = layer.norm
        mean = h.mean(0) if training else norm.running_mean
        var = h.var(0, unbiased=False) if training else norm.running_var
        h = (h - mean) / (var + norm.eps).sqrt() * norm.weight + norm.bias
    expected = network[-1].linear(h)
    torch.testing.assert_close(network(x), expected, rtol=1e-10, atol=1e-10)


def test_wrong_names_and_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"activation: 'swish'.*relu, leaky-relu.*softplus"):
        make_activation("swish")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"initialisation: 'xavier'.*default, glorot-uniform"):
        initialise(torch.empty(2, 2), "xavier")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no such activation"):
        initialise(torch.empty(2, 2), "default", "swish")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 inputs"):
        Dense(0, 3)
    with pytest.raises(ConfigError, match="dropout = 1"):
        Dense(2, 3, dropout=1.0)
