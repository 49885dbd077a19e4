"""Convolutions: what initialisations make of their weights, sizes they leave."""

from __future__ import annotations

import pytest
import torch

from pcgnn.errors import ConfigError
from pcgnn.nn import ImageConv, ResidualBlock, initialise


@pytest.mark.parametrize(
    ("name", "variance"),
    [("he-normal", 2 / (32 * 9)), ("glorot-uniform", 2 * 2 / (9 * (32 + 64)))],
)
def test_initialisations_count_the_pixels_of_the_kernel(name: str, variance: float) -> None:
    torch.manual_seed(0)
    weight = initialise(torch.empty(64, 32, 3, 3), name, "relu")  # type: ignore[arg-type]
    assert float(weight.var()) == pytest.approx(variance, rel=0.03)


def test_a_network_of_these_layers_keeps_the_size_of_its_values() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 32, 24, 24)
    layer = ImageConv(32, 32, initialisation="he-normal")
    inner = layer(x)[:, :, 2:-2, 2:-2].detach()
    assert float(inner.square().mean()) == pytest.approx(1.0, rel=0.15)


@pytest.mark.parametrize("side", [8, 9])
def test_strides_round_up(side: int) -> None:
    x = torch.randn(2, 3, side, side)
    assert ImageConv(3, 4, kernel=5)(x).shape == (2, 4, side, side)
    assert ImageConv(3, 4, stride=2)(x).shape[2:] == (-(-side // 2),) * 2
    assert ResidualBlock(3, 4, stride=2)(x).shape[2:] == (-(-side // 2),) * 2


def test_even_kernels_and_empty_layers_are_refused() -> None:
    with pytest.raises(ConfigError, match="kernel = 2"):
        ImageConv(1, 1, kernel=2)
    with pytest.raises(ConfigError, match="0 to 1 channels"):
        ImageConv(0, 1)
