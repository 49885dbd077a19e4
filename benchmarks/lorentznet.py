"""LorentzNet of full size on real jets: training step and inference, time and memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.children import call
from benchmarks.equality import Check, compare
from benchmarks.jets import Jets, resampled
from benchmarks.plain_lorentznet import PaddedLorentzNet, RaggedLorentzNet, pairs_of, psi
from benchmarks.results import Table, timing_table
from benchmarks.rss import peak_of
from benchmarks.timing import measure

SUBJECT = (
    "LorentzNet, 224k parameters: training step (forward + backward, cross entropy), inference"
)

BATCH = 32
OURS, RAGGED, PADDED = "pcgnn", "plain, list of pairs", "plain, padded"


@dataclass(frozen=True)
class Batch:
    """A batch in the form each network wants; making these forms is in no time."""

    p4: Tensor
    ptr: Tensor
    plan: Any
    y: Tensor
    x: Tensor
    s: Tensor
    pairs: tuple[Tensor, Tensor]
    graph: Tensor
    counts: Tensor
    padded: tuple[Tensor, Tensor, Tensor]

    @property
    def num_pairs(self) -> int:
        """Ordered pairs of different particles, beams among them."""
        return self.pairs[0].numel()


def batch_of(number: int, dtype: torch.dtype = torch.float32, *, seed: int | None = None) -> Batch:
    """Real jets; without a seed a batch whose largest jet is that of the median batch."""
    if seed is None:
        candidates = sorted(
            (resampled(number, seed=each) for each in range(15)), key=lambda j: int(j.sizes.max())
        )
        jets = candidates[len(candidates) // 2]
    else:
        jets = resampled(number, seed=seed)
    return _batch(jets, dtype)


def _batch(jets: Jets, dtype: torch.dtype) -> Batch:
    from pcgnn.ops import SizePlan

    p4 = torch.from_numpy(np.stack([jets.energy, jets.px, jets.py, jets.pz], 1))
    sizes = torch.from_numpy(jets.sizes)
    beams = p4.new_tensor([[2**0.5, 0, 0, 1], [2**0.5, 0, 0, -1]])
    parts = p4.split(sizes.tolist())
    x = torch.cat([torch.cat([beams, part]) for part in parts])
    counts = sizes + 2
    graph = torch.repeat_interleave(torch.arange(len(parts)), counts)
    ptr = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
    mass = psi((x[:, 0] ** 2 - x[:, 1:].square().sum(1)).abs().sqrt())
    is_beam = torch.arange(len(x)) - ptr[graph] < 2
    s = torch.stack([mass * ~is_beam, mass * is_beam], 1)
    place = torch.arange(int(counts.max()))
    mask = place < counts[:, None]
    tables = []
    for values in (x, s):
        table = values.new_zeros(len(parts), place.numel(), values.size(1))
        table[mask] = values
        tables.append(table.to(dtype))
    return Batch(
        p4=p4.to(dtype),
        ptr=torch.from_numpy(jets.ptr),
        plan=SizePlan.from_sizes(jets.sizes),
        y=torch.from_numpy(jets.is_top.astype(np.int64)),
        x=x.to(dtype),
        s=s.to(dtype),
        pairs=pairs_of(ptr),
        graph=graph,
        counts=counts,
        padded=(tables[0], tables[1], mask),
    )


def networks(
    batch: Batch, *, dtype: torch.dtype = torch.float32, dropout: float = 0.2
) -> dict[str, tuple[nn.Module, Callable[[], Tensor]]]:
    """All three, each with its own copy of the same weights, and what runs them."""
    import pcgnn
    from pcgnn.models import LorentzNet

    found: dict[str, tuple[nn.Module, Callable[[], Tensor]]] = {}
    for row in (OURS, RAGGED, PADDED):
        torch.manual_seed(0)
        own = pcgnn.create_model("lorentznet", features=7, dropout=dropout).to(dtype)
        assert isinstance(own, LorentzNet)
        if row == OURS:
            arguments = {"p4": batch.p4, "ptr": batch.ptr, "plan": batch.plan}
            found[row] = own, lambda own=own, a=arguments: own.forward_tensors(**a)
        elif row == RAGGED:
            ragged = RaggedLorentzNet(own)
            found[row] = (
                ragged,
                lambda m=ragged: m(batch.x, batch.s, batch.pairs, batch.graph, batch.counts),
            )
        else:
            padded = PaddedLorentzNet(own)
            found[row] = padded, lambda m=padded: m(*batch.padded)
    return found


def step(
    network: nn.Module, forward: Callable[[], Tensor], y: Tensor, *, training: bool
) -> Callable[[], Tensor]:
    """Forward and backward in training mode, or a forward pass in evaluation mode."""

    def train_once() -> Tensor:
        network.train()
        network.zero_grad(set_to_none=True)
        logits = forward()
        cross_entropy(logits, y).backward()
        return logits

    @torch.inference_mode()
    def infer_once() -> Tensor:
        network.eval()
        return forward()

    return train_once if training else infer_once


def checks() -> list[Check]:
    """In float64: logits and gradients of the list of pairs, logits of the padded form."""
    batch = batch_of(16, torch.float64, seed=5)
    found = networks(batch, dtype=torch.float64, dropout=0.0)
    results: dict[str, dict[str, Tensor]] = {}
    for row in (OURS, RAGGED):
        network, forward = found[row]
        logits = step(network, forward, batch.y, training=True)()
        gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
        flat = torch.cat([gradients[name].reshape(-1) for name in sorted(gradients)])
        results[row] = {"logits": logits.detach(), "weight gradients": flat}
    # of running statistics that are not trivial, the same for both
    own, padded = found[OURS][0], found[PADDED][0]
    padded.load_state_dict(own.state_dict())
    evaluated = {
        row: {"logits": step(*found[row], batch.y, training=False)()} for row in (OURS, PADDED)
    }
    return [
        compare(
            "logits and gradients in training mode, float64, against the list of pairs",
            results[OURS],
            results[RAGGED],
            tolerance=1e-8,
        ),
        compare(
            "logits in evaluation mode, float64, against the padded form",
            evaluated[OURS],
            evaluated[PADDED],
            tolerance=1e-9,
        ),
    ]


def step_peak(*, row: str, number: int, training: bool) -> float:
    """MB needed by one step of one network, the first of its process."""
    batch = batch_of(number)
    return peak_of(step(*networks(batch)[row], batch.y, training=training))


def table_of(*, training: bool, quick: bool, allocator: str) -> Table:
    """Time and memory on one batch of real jets."""
    number = 8 if quick else BATCH
    batch = batch_of(number)
    found = networks(batch)
    what = "training step" if training else "inference"
    table = timing_table(
        f"LorentzNet, {what}, batch {number}",
        measure(
            {row: step(*pair, batch.y, training=training) for row, pair in found.items()},
            repeats=3 if quick else 5,
            wall_repeats=1,
        ),
        ours=OURS,
        items=number,
        checks=checks() if training else [],
        targets={PADDED: 4.0, RAGGED: 1.4} if training else {},
        notes=[
            f"{batch.num_pairs:,} pairs, largest jet {int(batch.counts.max()) - 2}; float32, but "
            "four-vectors of pcgnn in float64; the plain forms get lists and tables ready made; "
            "peak MB: resident memory above that before the first step, one process per figure"
        ],
    )
    ratio = f"MB / {OURS}"
    table.columns += ["peak MB", ratio]
    peaks = {
        row: call(
            "benchmarks.lorentznet:step_peak", allocator, row=row, number=number, training=training
        )
        for row in found
    }
    for line in table.rows:
        line["peak MB"] = peaks[line["variant"]]
        line[ratio] = peaks[line["variant"]] / peaks[OURS]
    return table


def run(*, quick: bool, scratch: str, allocator: str = "default") -> list[dict[str, Any]]:
    return [
        table_of(training=training, quick=quick, allocator=allocator).as_json()
        for training in (True, False)
    ]
