"""Jets in memory -> shuffled batches of 256, each side with the columns x, pos and y."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

from benchmarks.equality import Check, compare
from benchmarks.jets import TensorJets, resampled, tensors
from benchmarks.results import timing_table
from benchmarks.timing import measure

SUBJECT = "from memory to shuffled batches of 256, columns x, pos, y"

BATCH = 256


def clouds_of(jets: TensorJets) -> Any:
    """The jets as pcgnn clouds."""
    import pcgnn

    return pcgnn.ParticleClouds(x=jets.x, pos=jets.pos, ptr=jets.ptr, y=jets.y)


def _drain(loader: Iterable[Any], jets: int) -> Callable[[], None]:
    """A function that consumes one epoch and counts that every jet came once."""

    def epoch() -> None:
        seen = sum(batch.num_graphs for batch in loader)
        if seen != jets:
            raise RuntimeError(f"{seen} jets in an epoch of {jets}")

    return epoch


def columns(batch: Batch) -> dict[str, Tensor]:
    """What both sides must agree in."""
    return {name: batch[name] for name in ("x", "pos", "y", "batch", "ptr")}


def checks(jets: TensorJets, listed: list[Any], clouds: Any) -> list[Check]:
    """Our gather against torch_geometric's own collation, and the way back to single jets."""
    indices = torch.randperm(len(listed), generator=torch.Generator().manual_seed(3))[:BATCH]
    theirs = Batch.from_data_list([listed[i] for i in indices.tolist()])
    ours = clouds.batch(indices)
    again = Batch.from_data_list([_plain(item) for item in ours.to_data_list()])
    return [
        compare("batch against torch_geometric's collation", columns(ours), columns(theirs),
                tolerance=0.0),
        compare("to_data_list() collated again", columns(again), columns(theirs), tolerance=0.0),
    ]  # fmt: skip


def _plain(item: Any) -> Any:
    from torch_geometric.data import Data

    return Data(x=item.x, pos=item.pos, y=item.y)


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    import pcgnn

    number = 10_000 if quick else 40_000
    jets = tensors(resampled(number, seed=2))
    listed, clouds = jets.data_list(), clouds_of(jets)
    loader, peer = "pcgnn CloudLoader", "PyG DataLoader"
    variants = {
        loader: _drain(pcgnn.CloudLoader(clouds, BATCH, shuffle=True), number),
        "pcgnn CloudLoader, file order": _drain(pcgnn.CloudLoader(clouds, BATCH), number),
        peer: _drain(DataLoader(listed, batch_size=BATCH, shuffle=True), number),
        "PyG: building the list of Data": jets.data_list,
        "pcgnn: building the clouds": lambda: clouds_of(jets),
    }
    table = timing_table(
        f"{number:,} jets in memory, one epoch",
        measure(variants, repeats=3 if quick else 9),
        ours=loader,
        items=number,
        checks=checks(jets, listed, clouds),
        targets={peer: 5.0},
        notes=[
            "one process, no workers on either side; the list of Data objects is built beforehand, "
            "its one-off cost is a row of its own, and so is that of the clouds (with their checks "
            "for NaN, infinity and empty jets)",
        ],
    )
    return [table.as_json()]
