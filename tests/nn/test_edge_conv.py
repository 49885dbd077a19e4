from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.nn import EdgeConv
from pcgnn.nn.edge_conv_formula import edge_conv_formula
from pcgnn.ops import SizePlan, knn

SIZES = {
    "full": [20, 30, 18],  # every particle has its k = 8 neighbours
    "mixed": [1, 2, 5, 30, 9, 8],
    "small": [3, 3],
    "pair": [2],
}


def make(sizes: list[int], **options: object) -> tuple[EdgeConv, Tensor, Tensor, SizePlan]:
    torch.manual_seed(len(sizes))
    layer = EdgeConv(6, (8, 12, 6), 8, **options).double()  # type: ignore[arg-type]
    for norm in layer.norms:
        assert isinstance(norm, nn.BatchNorm1d)
        nn.init.normal_(norm.weight, 1.0, 0.4)
        nn.init.normal_(norm.bias)
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
    plan = SizePlan.from_sizes(sizes)
    x = torch.randn(plan.total, 6, dtype=torch.float64)
    return layer, x, torch.as_tensor(plan.ptr.copy()), plan


def gradients(out: Tensor, layer: EdgeConv, x: Tensor) -> list[Tensor]:
    weight = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view_as(out)
    wanted = [x, *layer.parameters()]
    return list(torch.autograd.grad((out * weight).sum(), wanted))


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("ghost_edges", [False, True])
@pytest.mark.parametrize("reduce", ["mean", "sum", "max"])
@pytest.mark.parametrize("shortcut", ["identity", "linear"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
def test_every_path_is_the_formula(
    sizes: list[int],
    ghost_edges: bool,
    reduce: str,
    shortcut: str,
    training: bool,
    chunked: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer, x, ptr, plan = make(sizes, ghost_edges=ghost_edges, reduce=reduce, shortcut=shortcut)
    layer.train(training)
    if not chunked:
        monkeypatch.setattr(EdgeConv, "_in_chunks", lambda self, x: False)
    table = knn(x, ptr, 8, plan=plan)
    ours, plain = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
    out = layer(ours, ptr, plan=plan)
    expected = edge_conv_formula(layer, plain, table)
    torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-12)
    for a, b in zip(gradients(out, layer, ours), gradients(expected, layer, plain), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
    if not training:
        with torch.no_grad():  # batch norm folded into the linear layers
            folded = layer(x, ptr, plan=plan)
        torch.testing.assert_close(folded, expected.detach(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("values", [1, 150, 10**9])
def test_the_size_of_a_chunk_does_not_matter(
    sizes: list[int], values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x, ptr, plan = make(sizes)
    x.requires_grad_(True)
    reference = layer(x, ptr, plan=plan)
    expected = [reference, *gradients(reference, layer, x)]
    folded = copy.deepcopy(layer).eval()
    with torch.no_grad():
        inference = folded(x, ptr, plan=plan)
    monkeypatch.setattr("pcgnn.nn.edge_chunks._VALUES", values)
    monkeypatch.setattr("pcgnn.nn.edge_conv_folded._CPU_CHUNK", values)
    out = layer(x, ptr, plan=plan)
    for a, b in zip([out, *gradients(out, layer, x)], expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
    with torch.no_grad():
        torch.testing.assert_close(folded(x, ptr, plan=plan), inference, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_running_statistics_are_those_of_the_edges_that_exist(sizes: list[int]) -> None:
    layer, x, ptr, plan = make(sizes)
    table = knn(x, ptr, 8, plan=plan)
    exists = table >= 0
    target = torch.arange(plan.total)[:, None].expand_as(table)[exists]
    edges = torch.cat([x[target], x[table[exists]] - x[target]], 1)
    first = layer.linears[0](edges).detach()
    norm = copy.deepcopy(layer.norms[0])
    norm(first)
    before = int(layer.norms[0].num_batches_tracked)  # type: ignore[arg-type]
    layer(x, ptr, plan=plan)
    ours = layer.norms[0]
    assert isinstance(ours, nn.BatchNorm1d)
    torch.testing.assert_close(ours.running_mean, norm.running_mean, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(ours.running_var, norm.running_var, rtol=1e-11, atol=1e-12)
    assert int(ours.num_batches_tracked) == before + 1  # type: ignore[arg-type]


def test_statistics_keep_their_digits_far_from_zero() -> None:
    """Inputs of mean 1000 and width 1: E[h^2] - E[h]^2 in float32 would lose the width."""
    layer, x, ptr, plan = make(SIZES["mixed"])
    shifted = x + 1000.0
    exact = layer(shifted, ptr, plan=plan)
    single = copy.deepcopy(layer).float()
    close = single(shifted.float(), ptr, plan=plan, pos=x)
    reference = layer(shifted, ptr, plan=plan, pos=x)
    assert exact.isfinite().all()
    torch.testing.assert_close(close.double(), reference, rtol=2e-2, atol=2e-2)


def test_lonely_particles_have_no_message() -> None:
    layer, x, ptr, plan = make([1, 1, 1])
    before = copy.deepcopy(layer.state_dict())
    out = layer(x, ptr, plan=plan)
    torch.testing.assert_close(out, x.relu())
    assert all(torch.equal(before[key], value) for key, value in layer.state_dict().items())


def test_backward_twice_gives_the_same() -> None:
    layer, x, ptr, plan = make(SIZES["mixed"])
    x.requires_grad_(True)
    out = layer(x, ptr, plan=plan).sum()
    (first,) = torch.autograd.grad(out, x, retain_graph=True)
    (second,) = torch.autograd.grad(out, x)
    assert torch.equal(first, second)


def test_derivatives() -> None:
    layer, x, ptr, plan = make([5, 3])
    x.requires_grad_(True)

    def run(values: Tensor) -> Tensor:
        return layer(values, ptr, plan=plan, pos=x.detach())

    assert torch.autograd.gradcheck(run, (x,), eps=1e-7, atol=1e-5)


def test_synchronised_batch_norm_takes_the_plain_path(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x, ptr, plan = make(SIZES["mixed"])
    expected = layer(x, ptr, plan=plan)

    class OtherNorm(nn.BatchNorm1d):
        calls = 0

        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            type(self).calls += 1
            return super().forward(input)

    for i, norm in enumerate(layer.norms):
        other = OtherNorm(norm.num_features).double()  # type: ignore[arg-type]
        other.load_state_dict(norm.state_dict())
        layer.norms[i] = other
    torch.testing.assert_close(layer(x, ptr, plan=plan), expected, rtol=1e-11, atol=1e-12)
    assert OtherNorm.calls == 3


def test_less_memory_is_kept_than_by_the_plain_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept_bytes() -> int:
        layer, x, ptr, plan = make([40, 40, 40])
        x.requires_grad_(True)
        kept: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            out = layer(x, ptr, plan=plan)
        assert out.requires_grad
        return sum(kept.values())

    chunked = kept_bytes()
    monkeypatch.setattr(EdgeConv, "_in_chunks", lambda self, x: False)
    assert chunked < 0.65 * kept_bytes()


def test_it_says_what_it_is_and_refuses_what_it_cannot_be() -> None:
    assert str(EdgeConv(7, (64, 32), 16)) == "EdgeConv(7 -> 64-32, k=16, mean, linear shortcut)"
    assert "identity shortcut, ghost edges" in str(EdgeConv(8, (8,), 4, ghost_edges=True))
    with pytest.raises(ConfigError, match="identity shortcut needs equal widths"):
        EdgeConv(7, (8,), 4, shortcut="identity")
    with pytest.raises(ConfigError, match="at least 1"):
        EdgeConv(7, (), 4)
    with pytest.raises(ConfigError, match="'mean', 'sum' or 'max'"):
        EdgeConv(7, (8,), 4, reduce="median")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'auto', 'linear' or 'identity'"):
        EdgeConv(7, (8,), 4, shortcut="none")  # type: ignore[arg-type]
