"""ParticleNet as one writes it with torch_geometric alone, and its weights under published names.

Layers are ``torch_geometric.nn.EdgeConv`` with the mean over neighbours, plus the shortcut of the
published network. The neighbours come from torch-cluster where it is there, else from pcgnn (which
only helps this side).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import EdgeConv, global_mean_pool

from benchmarks import peers

__all__ = ["ARCHITECTURES", "NEIGHBOURS_FROM", "Block", "PlainParticleNet", "knn_edges"]

ARCHITECTURES = {
    "particlenet": {
        "convolutions": ((16, (64, 64, 64)), (16, (128, 128, 128)), (16, (256, 256, 256))),
        "hidden": 256,
    },
    "particlenet-lite": {
        "convolutions": ((7, (32, 32, 32)), (7, (64, 64, 64))),
        "hidden": 128,
    },
}
NEIGHBOURS_FROM = "pcgnn" if isinstance(peers.torch_cluster(), peers.Missing) else "torch-cluster"


@torch.no_grad()
def knn_edges(x: Tensor, k: int, batch: Tensor, ptr: Tensor) -> Tensor:
    """Edges (source, target) from the k nearest particles of the same jet."""
    cluster = peers.torch_cluster()
    if not isinstance(cluster, peers.Missing):
        return cluster.knn_graph(x, k, batch, loop=False)  # type: ignore[no-any-return]
    from pcgnn.ops import knn

    table = knn(x, ptr, k)
    target = torch.arange(x.shape[0]).repeat_interleave(k)
    source = table.reshape(-1)
    return torch.stack([source, target])[:, source >= 0]


class Block(nn.Module):
    """relu(EdgeConv(x) + shortcut(x)), as in 1902.08570."""

    def __init__(self, k: int, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.k = k
        layers: list[nn.Module] = []
        for before, after in zip((2 * inputs, *widths[:-1]), widths, strict=True):
            layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
        self.conv = EdgeConv(nn.Sequential(*layers), aggr="mean")
        self.shortcut = (
            nn.Identity()
            if inputs == widths[-1]
            else nn.Sequential(
                nn.Linear(inputs, widths[-1], bias=False), nn.BatchNorm1d(widths[-1])
            )
        )

    def forward(self, x: Tensor, coordinates: Tensor, batch: Tensor, ptr: Tensor) -> Tensor:
        """Features (N, inputs) -> (N, widths[-1]), neighbours in ``coordinates``."""
        edges = knn_edges(coordinates.detach(), self.k, batch, ptr)
        return torch.relu(self.conv(x, edges) + self.shortcut(x))


class PlainParticleNet(nn.Module):
    """The whole network on a torch_geometric batch with x, pos, batch and ptr."""

    def __init__(self, name: str, *, inputs: int = 7, classes: int = 2) -> None:
        super().__init__()
        convolutions, hidden = ARCHITECTURES[name]["convolutions"], ARCHITECTURES[name]["hidden"]
        self.norm = nn.BatchNorm1d(inputs)
        self.blocks = nn.ModuleList()
        width = inputs
        for k, widths in convolutions:  # type: ignore[attr-defined]
            self.blocks.append(Block(k, width, widths))
            width = widths[-1]
        self.head = nn.Sequential(
            nn.Linear(width, hidden),  # type: ignore[arg-type]
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, classes),  # type: ignore[arg-type]
        )

    def forward(self, batch: Batch) -> Tensor:
        """Logits (G, classes)."""
        x = self.norm(batch.x)
        coordinates = batch.pos
        for block in self.blocks:
            x = coordinates = block(x, coordinates, batch.batch, batch.ptr)
        return self.head(global_mean_pool(x, batch.batch, size=batch.num_graphs))

    def published_state(self) -> dict[str, Tensor]:
        """The weights under the names, and in the shapes, of weaver-core's ParticleNet."""
        state: dict[str, Tensor] = _prefixed("bn_fts", self.norm)
        for number, block in enumerate(self.blocks):
            prefix = f"edge_convs.{number}"
            layers = block.conv.nn
            for depth in range(len(layers) // 3):
                weight = layers[3 * depth].weight
                state[f"{prefix}.convs.{depth}.weight"] = weight[:, :, None, None]
                state |= _prefixed(f"{prefix}.bns.{depth}", layers[3 * depth + 1])
            if isinstance(block.shortcut, nn.Sequential):
                state[f"{prefix}.sc.weight"] = block.shortcut[0].weight[:, :, None]
                state |= _prefixed(f"{prefix}.sc_bn", block.shortcut[1])
        state |= _prefixed("fc.0.0", self.head[0])
        state |= _prefixed("fc.1", self.head[3])
        return {name: tensor.detach().clone() for name, tensor in state.items()}


def _prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}
