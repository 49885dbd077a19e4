"""ParticleNet, full and Lite: a training step and inference, neighbours and all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks import networks
from benchmarks.edgeconv import block_tables
from benchmarks.equality import Check, compare
from benchmarks.jets import resampled, tensors, typical_batch
from benchmarks.results import Table, timing_table
from benchmarks.timing import measure

SUBJECT = "ParticleNet: training step (forward + backward, cross entropy) and inference"

BATCH = 256
NEIGHBOURS = 16  # of the full network; the dense peer needs larger jets than that to agree


def check_dense(name: str) -> list[Check]:
    """Logits in evaluation mode, float64, against weaver-core, jets with more than k particles."""
    jets = tensors(resampled(64, seed=11, min_size=NEIGHBOURS + 2), torch.float64).blurred()
    found, _ = networks.forwards(name, jets, shipped=False)
    if networks.WEAVER not in found:
        return []
    logits = {}
    for row in (networks.OURS, networks.WEAVER):
        network, forward = found[row]
        network.eval()
        with torch.no_grad():
            logits[row] = {"logits": forward()}
    return [
        compare(
            f"{name}: logits in evaluation mode, float64, against weaver-core",
            logits[networks.OURS],
            logits[networks.WEAVER],
            tolerance=1e-9,
        )
    ]


def check_plain(name: str) -> Check:
    """Logits, input gradients, weight gradients in training mode, float64, small jets included."""
    jets = tensors(resampled(64, seed=12), torch.float64).blurred()
    jets.x.requires_grad_(True)
    found, _ = networks.forwards(name, jets, dropout=False, shipped=False)
    results = {}
    for row in (networks.OURS, networks.PLAIN):
        network, forward = found[row]
        network.train()
        network.zero_grad(set_to_none=True)
        jets.x.grad = None
        logits = forward()
        cross_entropy(logits, jets.y).backward()
        results[row] = {
            "logits": logits,
            "input gradient": jets.x.grad,
            "weight gradients": _norms(network),
        }
    return compare(
        f"{name}: logits and gradients in training mode, float64, against PyG",
        results[networks.OURS],
        results[networks.PLAIN],
        tolerance=1e-9,
    )


def _norms(network: nn.Module) -> Tensor:
    """Norms of all weight gradients in one order: parameters go by other names elsewhere."""
    return torch.stack([p.grad.norm() for p in network.parameters() if p.grad is not None]).sort()[
        0
    ]


def table_of(name: str, *, training: bool, quick: bool) -> Table:
    """Time one network on one batch of real jets."""
    batch = 32 if quick else BATCH
    jets = typical_batch(batch)
    found, absent = networks.forwards(name, jets, shipped=training)
    steps: dict[str, Callable[[], object]] = {
        row: networks.step(network, forward, jets.y, training=training)
        for row, (network, forward) in found.items()
    }
    heavy = name == "particlenet"
    what = "training step" if training else "inference"
    targets = {networks.WEAVER: 5.0, networks.PLAIN: 1.3} if training and heavy else {}
    return timing_table(
        f"{name}, {what}, batch {batch}",
        measure(
            steps,
            repeats=3 if quick else 5 if heavy else 9,
            wall_repeats=2 if quick else 1 if heavy else 7,
        ),
        ours=networks.OURS,
        items=batch,
        checks=[*check_dense(name), check_plain(name)] if training else [],
        targets=targets,
        absent=absent,
        notes=[
            f"{int(jets.ptr[-1]):,} constituents, largest jet {int(jets.sizes.max())}; float32; "
            "every network gets the batch in the form its loader makes",
            *(
                [
                    "weaver-core as shipped drops constituents of the largest jets at random while "
                    "training: less work for another result"
                ]
                if training
                else []
            ),
        ],
    )


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    tables = [
        table_of(name, training=training, quick=quick)
        for name in ("particlenet", "particlenet-lite")
        for training in (True, False)
    ]
    return [table.as_json() for table in [*tables, *block_tables(quick)]]
