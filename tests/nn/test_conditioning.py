"""Conditioning layers against their formulas."""

from __future__ import annotations

import pytest
import torch

from pcgnn.errors import ConfigError
from pcgnn.nn import Condition

WAYS = ["concatenate", "bias", "scale", "affine"]


def made(how: str) -> Condition:
    torch.manual_seed(1)
    layer = Condition(5, 2, how).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


@pytest.mark.parametrize("how", WAYS)
def test_the_output_is_the_formula(how: str) -> None:
    layer = made(how)
    x, m = torch.randn(6, 5).double(), torch.randn(6, 2).double()
    found = layer(x, m)
    for row in range(6):
        if how == "concatenate":
            assert layer.joint is not None
            wanted = layer.joint.weight @ torch.cat([x[row], m[row]]) + layer.joint.bias
        else:
            wanted = x[row].clone()
            if layer.scale is not None:
                wanted = wanted * (layer.scale.weight @ m[row] + layer.scale.bias)
            if layer.bias is not None:
                wanted = wanted + (layer.bias.weight @ m[row] + layer.bias.bias)
        torch.testing.assert_close(found[row], wanted)


@pytest.mark.parametrize("how", WAYS)
def test_particles_have_the_hypothesis_of_their_graph(how: str) -> None:
    layer = made(how)
    graph = torch.tensor([0, 0, 1, 2, 2, 2])
    x, m = torch.randn(6, 5).double(), torch.randn(3, 2).double()
    torch.testing.assert_close(layer(x, m, graph), layer(x, m[graph]))


@pytest.mark.parametrize("how", ["bias", "scale", "affine"])
def test_it_begins_near_the_identity(how: str) -> None:
    layer = Condition(5, 1, how)  # type: ignore[arg-type]
    x = torch.randn(4, 5)
    offset = 0.0 if how != "bias" else layer(torch.zeros(4, 5), torch.zeros(4, 1))
    torch.testing.assert_close(layer(x, torch.zeros(4, 1)) - offset, x)


def test_wrong_sizes_and_ways_are_refused() -> None:
    with pytest.raises(ConfigError):
        Condition(0, 1)
    with pytest.raises(ConfigError):
        Condition(4, 1, "product")  # type: ignore[arg-type]
