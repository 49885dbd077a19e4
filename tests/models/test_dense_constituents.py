"""The dense network on constituents: its table, its frame, and its published size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pcgnn.errors import ConfigError
from pcgnn.models import create_model
from pcgnn.models.dense_constituents import _aligned
from pcgnn.nn import leading_table, momentum_order
from pcgnn.ops.lorentz import boost


def drawn(sizes: list[int], seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(seed)
    momentum = random.normal(size=(sum(sizes), 3)) * 20
    energy = np.sqrt((momentum**2).sum(1, keepdims=True) + 0.02)
    p4 = torch.from_numpy(np.concatenate([energy, momentum], axis=1))
    return p4, torch.tensor([0, *np.cumsum(sizes)])


def test_the_table_holds_the_leading_particles() -> None:
    sizes = [3, 7, 1]
    p4, ptr = drawn(sizes)
    table = leading_table(p4, momentum_order(p4, ptr, 11), ptr, 5)
    for graph in range(3):
        rows = p4[ptr[graph] : ptr[graph + 1]].numpy()
        rows = rows[np.argsort(-np.hypot(rows[:, 1], rows[:, 2]))][:5]
        wanted = np.zeros((5, 4))
        wanted[: len(rows)] = rows
        np.testing.assert_array_equal(table[graph], wanted)


def test_the_frame_keeps_masses_and_forgets_the_direction() -> None:
    p4, ptr = drawn([6, 9])
    jets = torch.stack([p4[:6].sum(0), p4[6:].sum(0)])
    turned = _aligned(jets[:, None], jets)[:, 0]
    assert turned[:, 2:].abs().max() < 1e-10
    np.testing.assert_allclose(turned[:, 1], torch.hypot(jets[:, 1], jets[:, 2]), rtol=1e-12)
    square = torch.tensor([1.0, -1, -1, -1], dtype=torch.float64)
    np.testing.assert_allclose((turned**2 * square).sum(1), (jets**2 * square).sum(1), rtol=1e-9)
    torch.manual_seed(1)
    model = create_model("dense-constituents", features=4, classes=1, widths=[16]).double().eval()
    reference = model.forward_tensors(p4=p4, ptr=ptr)
    beta = torch.tensor([[0.0, 0.0, 0.6]], dtype=torch.float64)
    angle = torch.tensor(0.7, dtype=torch.float64)
    around = torch.eye(4, dtype=torch.float64)
    around[1:3, 1:3] = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    moved = boost(p4 @ around.T, beta.expand(len(p4), 3))
    again = model.forward_tensors(p4=moved, ptr=ptr)
    np.testing.assert_allclose(again.detach(), reference.detach(), rtol=1e-9)


def test_its_size_is_that_of_the_recipe() -> None:
    model = create_model("dense-constituents", features=4, classes=1)
    widths = [800, 2048, 1024, 512, 256, 128]
    weights = sum(a * b + b for a, b in zip(widths, [*widths[1:], 1], strict=True))
    norms = 2 * sum(widths)
    assert model.num_parameters == weights + norms
    with pytest.raises(ConfigError, match="widths"):
        create_model("dense-constituents", features=4, widths=[])
