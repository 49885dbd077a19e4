from __future__ import annotations

import pytest
import torch
from model_inputs import collate, jets
from torch import Tensor

from pcgnn.errors import ConfigError
from pcgnn.models import ParticleNet, create_model

# counted by hand for 7 features and 2 classes: batch norms have 2 parameters per channel, edge
# layers no bias, a shortcut per block, dense layers a bias
FULL = (
    2 * 7
    + (14 * 64 + 64 * 64 * 2 + 3 * 128 + 7 * 64 + 128)
    + (128 * 128 * 3 + 3 * 256 + 64 * 128 + 256)
    + (256 * 256 * 3 + 3 * 512 + 128 * 256 + 512)
    + (256 * 256 + 256 + 256 * 2 + 2)
)
LITE = (
    2 * 7
    + (14 * 32 + 32 * 32 * 2 + 3 * 64 + 7 * 32 + 64)
    + (64 * 64 * 3 + 3 * 128 + 32 * 64 + 128)
    + (64 * 128 + 128 + 128 * 2 + 2)
)


@pytest.mark.parametrize(("name", "count"), [("particlenet", FULL), ("particlenet-lite", LITE)])
def test_parameters_are_those_of_the_paper(name: str, count: int) -> None:
    model = create_model(name, features=7)
    assert model.num_parameters == count
    assert count == {"particlenet": 366_160, "particlenet-lite": 26_416}[name]


def dense_particlenet(model: ParticleNet, x: Tensor, pos: Tensor) -> Tensor:
    """ParticleNet of one jet with n > k, from the formulas of the paper, in evaluation."""

    def norm(h: Tensor, module: torch.nn.Module | None) -> Tensor:
        assert isinstance(module, torch.nn.BatchNorm1d)
        spread = torch.sqrt(module.running_var + module.eps)  # type: ignore[operator]
        return (h - module.running_mean) / spread * module.weight + module.bias

    h, near = norm(x, model.input_norm), pos
    for block in model.blocks:
        distance = ((near[:, None] - near[None]) ** 2).sum(-1)
        distance.fill_diagonal_(float("inf"))
        table = distance.argsort(dim=1)[:, : block.k]  # type: ignore[misc]
        own = h[:, None].expand(-1, table.size(1), -1)
        message = torch.cat([own, h[table] - own], dim=2)
        for linear, bn in zip(block.linears, block.norms, strict=True):  # type: ignore[arg-type]
            message = torch.relu(norm(message @ linear.weight.t(), bn))
        shortcut = norm(h @ block.shortcut.weight.t(), block.shortcut_norm)  # type: ignore
        h = torch.relu(shortcut + message.mean(1))
        near = h
    out = h.mean(0)
    for layer in model.classifier:
        if isinstance(layer, torch.nn.Linear):
            out = layer.weight @ out + layer.bias
        elif isinstance(layer, torch.nn.ReLU):
            out = out.clamp(min=0)
    return out


@pytest.mark.parametrize("name", ["particlenet", "particlenet-lite"])
def test_against_an_independent_dense_network(name: str) -> None:
    torch.manual_seed(2)
    model = create_model(name, features=7).double()
    assert isinstance(model, ParticleNet)
    data = jets([17, 40, 63, 128])
    with torch.no_grad():
        for _ in range(5):
            model(collate(data))
        model.eval()
        ours = model(collate(data))
        plain = torch.stack([dense_particlenet(model, d.x, d.pos) for d in data])
    torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-11)
    with torch.enable_grad():
        composed = model(collate(data)).detach()
    torch.testing.assert_close(composed, plain, rtol=1e-9, atol=1e-11)


def test_fusion_sees_every_block() -> None:
    torch.manual_seed(0)
    model = ParticleNet(7, blocks=[(3, (8,)), (3, (12,))], fusion=32)
    assert model.fusion is not None
    assert model.fusion.weight.shape == (32, 20)
    out = model(collate(jets([9, 12]), torch.float32))
    out.sum().backward()
    assert model.fusion.weight.grad is not None
    assert (model.fusion.weight.grad[:, :8].abs().sum() > 0).all()


def test_it_learns_what_only_neighbours_tell() -> None:
    """Two classes of jets that differ only in whether near particles have equal charge."""
    generator = torch.Generator().manual_seed(0)

    def batch(count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        y = torch.arange(count) % 2
        pairs = torch.randn(count, 10, 1, 2, generator=generator)
        pos = pairs + 0.01 * torch.randn(count, 10, 2, 2, generator=generator)
        charge = torch.randint(0, 2, (count, 10, 1), generator=generator) * 2.0 - 1
        second = torch.where(y[:, None, None] == 1, charge, -charge)
        x = torch.cat([charge, second], 2)
        # an equal number of both charges in every jet, so that the sum tells nothing
        x[:, 5:] = -x[:, :5]
        return x.reshape(-1, 1), pos.reshape(-1, 2), torch.arange(count + 1) * 20, y

    torch.manual_seed(0)
    model = ParticleNet(1, blocks=[(1, (16, 16))], classifier=[(16, 0.0)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(30):
        x, pos, ptr, y = batch(64)
        loss = torch.nn.functional.cross_entropy(model.forward_tensors(x=x, pos=pos, ptr=ptr), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, pos, ptr, y = batch(256)
    with torch.no_grad():
        right = model.eval().forward_tensors(x=x, pos=pos, ptr=ptr).argmax(1) == y
    assert right.double().mean() > 0.98


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one EdgeConv block"):
        ParticleNet(7, blocks=[])
    with pytest.raises(ConfigError, match="features and classes"):
        ParticleNet(0)


def test_readouts_pool_the_particles_of_the_last_block() -> None:
    torch.manual_seed(0)
    plain = create_model("particlenet-lite", features=7, classifier=[]).double().eval()
    sums = (
        create_model("particlenet-lite", features=7, classifier=[], readout="sum").double().eval()
    )
    sums.load_state_dict(plain.state_dict())
    sizes = [12, 30, 9]
    batch = collate(jets(sizes))
    bias = plain.classifier[0].bias
    with torch.no_grad():
        mean, total = plain(batch) - bias, sums(batch) - bias
    torch.testing.assert_close(total, mean * torch.tensor(sizes)[:, None])
    several = create_model("particlenet-lite", features=7, readout=["max", "attention"])
    assert several.num_parameters == LITE + 64 * 128 + 64 + 1
    with pytest.raises(ConfigError, match="pooling"):
        create_model("particlenet-lite", features=7, readout="median")
