"""Networks on jet images: their formula written out, the symmetries of the images, options."""

from __future__ import annotations

import pytest
import torch
from model_inputs import collate, jets, relative
from torch import Tensor
from torch.nn import functional

from pcgnn.errors import ConfigError
from pcgnn.models import JetImageCNN, JetImageResNet, create_model
from pcgnn.nn import ImageConv
from pcgnn.ops import jet_images
from pcgnn.ops.lorentz import boost, from_pt_eta_phi_mass, rotate

SIZES = [30, 1, 12, 45]


def massless(sizes: list[int]) -> list[object]:
    """Jets whose particles lie close together, so that most are inside the window."""
    data = jets(sizes)
    for d in data:
        pt = d.p4[:, 1].hypot(d.p4[:, 2])
        d.p4 = from_pt_eta_phi_mass(pt, d.pos[:, 0], d.pos[:, 1], torch.zeros_like(pt))
    return list(data)


def applied(layer: ImageConv, x: Tensor, *, stride: int = 1) -> Tensor:
    """Convolution, and batch norm by its running statistics."""
    conv, norm = layer.conv, layer.norm
    x = functional.conv2d(x, conv.weight, conv.bias, stride, conv.kernel_size[0] // 2)
    if norm is None:
        return x
    columns = (slice(None), None, None)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    x = (x - norm.running_mean[columns]) / (norm.running_var[columns] + norm.eps).sqrt()
    return x * norm.weight[columns] + norm.bias[columns]


def test_the_cnn_is_its_formula() -> None:
    torch.manual_seed(1)
    model = JetImageCNN(
        7, 3, pixels=12, channels=["pt", "multiplicity"], blocks=[[4, 5], [6]], classifier=[8]
    ).double()
    batch = collate(massless(SIZES))  # type: ignore[arg-type]
    x = jet_images(
        batch.p4, batch.ptr, pixels=12, channels=["pt", "multiplicity"], intensity="sqrt"
    )
    first, second, _, third, _ = model.blocks
    x = applied(second, applied(first, x).clamp(min=0)).clamp(min=0)
    x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
    x = applied(third, x).clamp(min=0).unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
    hidden, last = model.classifier
    x = hidden.linear(x.reshape(len(SIZES), -1)).clamp(min=0)
    torch.testing.assert_close(model(batch), last.linear(x))


def test_the_resnet_is_its_formula() -> None:
    torch.manual_seed(1)
    model = JetImageResNet(7, 3, pixels=9, widths=[4, 6], depth=2).double()
    batch = collate(massless(SIZES))  # type: ignore[arg-type]
    for _ in range(3):
        model(batch)  # running statistics that are not trivial
    model.eval()
    x = jet_images(batch.p4, batch.ptr, pixels=9, intensity="sqrt")
    x = applied(model.stem, x).clamp(min=0)
    strides = [1, 1, 2, 1]
    for block, stride in zip(model.blocks, strides, strict=True):
        around = x if block.shortcut is None else applied(block.shortcut, x, stride=stride)
        inner = applied(block.first, x, stride=stride).clamp(min=0)
        x = (applied(block.second, inner) + around).clamp(min=0)
    assert x.shape == (len(SIZES), 6, 5, 5)
    assert [block.shortcut is None for block in model.blocks] == [True, True, False, True]
    (last,) = model.classifier
    torch.testing.assert_close(model(batch), last.linear(x.mean((2, 3))))


@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_turns_boosts_along_the_beam_and_mirrors_change_no_score(name: str) -> None:
    torch.manual_seed(2)
    model = create_model(name, features=7).double().eval()
    batch = collate(massless(SIZES))  # type: ignore[arg-type]
    along = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    with torch.no_grad():
        before = model(batch)
        for moved in (
            rotate(batch.p4, along, 2.5),
            boost(batch.p4, 0.7 * along),
            batch.p4 * torch.tensor([1.0, 1.0, -1.0, 1.0]),
        ):
            after = model.forward_tensors(ptr=batch.ptr, plan=batch.plan, p4=moved)
            assert relative(after, before) < 1e-9
        across = rotate(batch.p4, along.roll(1), 0.5)
        after = model.forward_tensors(ptr=batch.ptr, plan=batch.plan, p4=across)
        assert relative(after, before) > 1e-3


def test_options_that_make_no_network_are_refused() -> None:
    with pytest.raises(ConfigError, match="4 blocks"):
        JetImageCNN(7, pixels=8, blocks=[[4]] * 4)
    with pytest.raises(ConfigError, match="4 pixels a side"):
        JetImageResNet(7, pixels=4, widths=[4, 4, 4])
    with pytest.raises(ConfigError, match="kernel = 4"):
        JetImageCNN(7, kernel=4)
    with pytest.raises(ConfigError, match="charge"):
        create_model("cnn", features=7, channels=["charge"])
    with pytest.raises(ConfigError, match="dropout = 1"):
        JetImageResNet(7, dropout=1)
