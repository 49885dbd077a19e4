"""The three ParticleNets, with the same weights, and one training or inference step of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch_geometric.data import Batch

from benchmarks import peers
from benchmarks.data_memory import clouds_of
from benchmarks.jets import TensorJets
from benchmarks.pyg_network import ARCHITECTURES, NEIGHBOURS_FROM, PlainParticleNet

__all__ = [
    "OURS",
    "PLAIN",
    "WEAVER",
    "WEAVER_SHIPPED",
    "forwards",
    "plain_network",
    "step",
    "weaver_network",
]

OURS = "pcgnn"
PLAIN = f"PyG EdgeConv (neighbours: {NEIGHBOURS_FROM})"
WEAVER = "weaver-core, padded to the longest jet"
WEAVER_SHIPPED = "weaver-core as shipped, padded to 128, trimming at random"


def plain_network(name: str, *, seed: int = 0, dropout: bool = True) -> PlainParticleNet:
    """The plain network with seeded weights and batch-norm statistics that are not trivial."""
    torch.manual_seed(seed)
    network = PlainParticleNet(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
        if isinstance(module, nn.Dropout) and not dropout:
            module.p = 0.0
    return network


def weaver_network(name: str, state: dict[str, Tensor], *, trim: bool) -> nn.Module | peers.Missing:
    """weaver-core's ParticleNet as published: no fusion layer."""
    module = peers.weaver("nn.model.ParticleNet")
    if isinstance(module, peers.Missing):
        return module
    shape: Any = ARCHITECTURES[name]
    network: nn.Module = module.ParticleNet(
        input_dims=7,
        num_classes=2,
        conv_params=list(shape["convolutions"]),
        fc_params=[(shape["hidden"], 0.1)],
        use_fusion=False,
        use_fts_bn=True,
        use_counts=True,
        trim=trim,
    )
    network.load_state_dict(state)
    if trim:
        network.trimmer._counter.fill_(network.trimmer.warmup_steps)  # past its first steps
    return network


def own_network(name: str, state: dict[str, Tensor], *, ghost_edges: bool = False) -> nn.Module:
    """Our network with the same weights."""
    import pcgnn

    shape: Any = ARCHITECTURES[name]
    k = [neighbours for neighbours, _ in shape["convolutions"]]
    return pcgnn.load_published("particlenet", state, k=k, ghost_edges=ghost_edges).train()


def forwards(
    name: str, jets: TensorJets, *, dropout: bool = True, shipped: bool = True
) -> tuple[dict[str, tuple[nn.Module, Callable[[], Tensor]]], dict[str, str]]:
    """Row name -> network and a function that gives its logits on the same jets.

    Each network gets the jets in the form its own loader delivers.

    Args:
        name: registry name of the architecture.
        jets: the batch; its dtype decides that of the networks.
        dropout: switched off for comparisons in training mode.
        shipped: include weaver-core's random trimming, which drops particles.

    Returns:
        The variants, and the reason where one is missing.
    """
    plain = plain_network(name, dropout=dropout)
    state = plain.published_state()
    own = own_network(name, state)
    for module in own.modules():
        if isinstance(module, nn.Dropout) and not dropout:
            module.p = 0.0
    plain, own = plain.to(jets.x.dtype), own.to(jets.x.dtype)
    batch = clouds_of(jets).batch(torch.arange(jets.num_jets))
    if jets.x.requires_grad:  # clouds hold data, not results of a computation
        batch.x = jets.x
    pyg_batch = Batch.from_data_list(jets.data_list())
    found: dict[str, tuple[nn.Module, Callable[[], Tensor]]] = {
        OURS: (own, lambda: own(batch)),
        PLAIN: (plain, lambda: plain(pyg_batch)),
    }
    absent: dict[str, str] = {}
    for row, trim, length in ((WEAVER, False, None), (WEAVER_SHIPPED, True, 128)):
        if trim and not shipped:
            continue
        dense = weaver_network(name, state, trim=trim)
        if isinstance(dense, peers.Missing):
            absent[row] = str(dense)
            continue
        dense = dense.to(jets.x.dtype)
        points, features, mask = jets.padded(
            None if length is None else max(length, int(jets.sizes.max()))
        )
        found[row] = (dense, _call_dense(dense, points, features, mask))
    return found, absent


def _call_dense(
    network: nn.Module, points: Tensor, features: Tensor, mask: Tensor
) -> Callable[[], Tensor]:
    return lambda: network(points, features, mask)


def step(
    network: nn.Module, logits: Callable[[], Tensor], y: Tensor, *, training: bool
) -> Callable[[], None]:
    """Forward and backward with cross entropy in training mode, or a forward pass in evaluation."""

    def train_once() -> None:
        network.train()
        network.zero_grad(set_to_none=True)
        cross_entropy(logits(), y).backward()

    @torch.inference_mode()
    def infer_once() -> None:
        network.eval()
        logits()

    return train_once if training else infer_once
