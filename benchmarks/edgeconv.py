"""One EdgeConv block 64-64-64 on 64 features per constituent, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import networks, peers
from benchmarks.dense import dense_knn
from benchmarks.equality import Check, compare
from benchmarks.jets import TensorJets, resampled, tensors, typical_batch
from benchmarks.pyg_network import Block
from benchmarks.results import Table, timing_table
from benchmarks.timing import measure

__all__ = ["block_tables"]

K, WIDTH = 16, 64
WEAVER = "weaver-core EdgeConvBlock, padded"


class Blocks:
    """The same block three times, with the same weights, on the same jets.

    Args:
        jets: sizes of the jets; the features are random.
        dtype: of everything.
    """

    def __init__(self, jets: TensorJets, dtype: torch.dtype) -> None:
        from pcgnn.nn import EdgeConv, neighbour_edges
        from pcgnn.ops import SizePlan

        torch.manual_seed(7)
        self.jets = jets
        self.x = torch.randn(int(jets.ptr[-1]), WIDTH, dtype=dtype)
        self.upstream = torch.randn(int(jets.ptr[-1]), WIDTH, dtype=dtype)
        self.graph = jets.graph()
        self.plan = SizePlan.from_sizes(jets.sizes.numpy())
        self.plain = Block(K, WIDTH, (WIDTH,) * 3).to(dtype)
        self.own = EdgeConv(WIDTH, (WIDTH,) * 3, K).to(dtype)
        with torch.no_grad():
            for depth in range(3):
                self.own.linears[depth].weight.copy_(self.plain.conv.nn[3 * depth].weight)
        table = dense_knn(self.x.double(), jets.ptr, K)
        self.edges = neighbour_edges(table, jets.ptr, self.plan)
        target = torch.arange(len(table)).repeat_interleave(K)
        self.edge_index = torch.stack([table.reshape(-1), target])[:, table.reshape(-1) >= 0]

    def _run(self, module: nn.Module, forward: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        module.zero_grad(set_to_none=True)
        x = self.x.detach().requires_grad_(True)
        out = forward(x)
        out.backward(self.upstream)
        assert x.grad is not None
        return {"output": out.detach(), "input gradient": x.grad}

    def own_step(self, *, given: bool) -> dict[str, Tensor]:
        """Ours; neighbours given, or searched in the features."""
        edges = self.edges if given else None
        found = self._run(
            self.own, lambda x: self.own(x, self.jets.ptr, plan=self.plan, edges=edges)
        )
        grads = {f"weight {d}": linear.weight.grad for d, linear in enumerate(self.own.linears)}
        return {**found, **grads}

    def plain_step(self, *, given: bool) -> dict[str, Tensor]:
        """torch_geometric's EdgeConv with the shortcut."""

        def forward(x: Tensor) -> Tensor:
            if given:
                return torch.relu(self.plain.conv(x, self.edge_index) + x)
            return self.plain(x, x, self.graph, self.jets.ptr)  # type: ignore[no-any-return]

        found = self._run(self.plain, forward)
        layers = self.plain.conv.nn
        return {**found, **{f"weight {d}": layers[3 * d].weight.grad for d in range(3)}}

    def dense_step(self) -> Callable[[], object] | peers.Missing:
        """weaver-core's block with its own neighbour search, padded to the longest jet."""
        module = peers.weaver("nn.model.ParticleNet")
        if isinstance(module, peers.Missing):
            return module
        block = module.EdgeConvBlock(K, WIDTH, (WIDTH,) * 3)
        with torch.no_grad():
            for depth in range(3):
                weight = self.plain.conv.nn[3 * depth].weight
                block.convs[depth].weight.copy_(weight[:, :, None, None])
        holder = TensorJets(self.upstream, self.x, self.jets.ptr, self.jets.y)
        features, upstream, mask = holder.padded()

        def run() -> None:
            block.zero_grad(set_to_none=True)
            x = features.detach().requires_grad_(True)
            out = block(x.detach().masked_fill(~mask, 1e9), x).masked_fill(~mask, 0.0)
            out.backward(upstream)

        return run


def check_block() -> list[Check]:
    """Output and all gradients in float64, training mode, jets with n <= k included."""
    blocks = Blocks(tensors(resampled(64, seed=13)), torch.float64)
    return [
        compare(
            f"block with neighbours {word}: output and gradients, training mode, float64, PyG",
            blocks.own_step(given=given),
            blocks.plain_step(given=given),
            tolerance=1e-9,
        )
        for given, word in ((True, "given"), (False, "searched"))
    ]


def block_tables(quick: bool) -> list[Table]:
    """The block with the neighbours given, and with the neighbours searched."""
    jets = typical_batch(64 if quick else 256)
    blocks = Blocks(jets, torch.float32)
    options: dict[str, Any] = {
        "repeats": 3 if quick else 9,
        "wall_repeats": 2 if quick else 5,
    }
    given: dict[str, Callable[[], object]] = {
        networks.OURS: lambda: blocks.own_step(given=True),
        "PyG EdgeConv": lambda: blocks.plain_step(given=True),
    }
    searched: dict[str, Callable[[], object]] = {
        networks.OURS: lambda: blocks.own_step(given=False),
        networks.PLAIN: lambda: blocks.plain_step(given=False),
    }
    absent: dict[str, str] = {}
    dense = blocks.dense_step()
    if isinstance(dense, peers.Missing):
        absent[WEAVER] = str(dense)
    else:
        searched[WEAVER] = dense
    common: dict[str, Any] = {"ours": networks.OURS, "items": jets.num_jets}
    small = int((jets.sizes <= K).sum())
    return [
        timing_table(
            f"block 64-64-64, training step, neighbours given, batch {jets.num_jets}",
            measure(given, **options),
            checks=check_block(),
            targets={"PyG EdgeConv": 1.5},
            notes=[f"{small} jets have no more than k = {K} constituents"],
            **common,
        ),
        timing_table(
            f"block 64-64-64, training step, neighbours searched in 64-D, batch {jets.num_jets}",
            measure(searched, **options),
            targets={networks.PLAIN: 1.5, WEAVER: 5.0},
            absent=absent,
            **common,
        ),
    ]
