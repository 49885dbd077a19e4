"""ROOT file -> seven features computed on the way -> shuffled batches of 256."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import jets as real_jets
from benchmarks import peers
from benchmarks.equality import Check, compare
from benchmarks.results import timing_table
from benchmarks.timing import measure

SUBJECT = "from a ROOT file to shuffled batches of 256, features computed on the way"

BATCH = 256
BUFFER = 0.5  # of the file, 50,000 jets: held in memory and shuffled at a time, on both sides
SAME_COLUMNS: dict[str, Any] = {"p4": False, "columns": []}  # x, pos, y as the peer delivers
EVENT = ["jet_pt", "jet_eta", "jet_phi", "jet_mass", "is_top"]

# The same features in weaver-core's own configuration language: numpy and awkward expressions.
# Padding with zeros to 128 and three input groups are what its ParticleNet configurations use.
WEAVER_CONFIG = """
treename: jets
new_variables:
  part_pt: np.hypot(part_px, part_py)
  jet_energy: np.sqrt(jet_mass**2 + (jet_pt * np.cosh(jet_eta))**2)
  jet_side: np.where(jet_eta >= 0, np.float32(1), np.float32(-1))
  part_deta: (np.arcsinh(part_pz / part_pt) - jet_eta) * jet_side
  part_dphi: (np.arctan2(part_py, part_px) - jet_phi + np.pi) % (2 * np.pi) - np.pi
  part_pt_log: np.log(part_pt)
  part_e_log: np.log(part_energy)
  part_logptrel: np.log(part_pt / jet_pt)
  part_logerel: np.log(part_energy / jet_energy)
  part_deltaR: np.hypot(part_deta, part_dphi)
  part_mask: ak.ones_like(part_energy)
preprocess:
  method: manual
inputs:
  points:
    length: 128
    pad_mode: constant
    vars:
      - [part_deta, null]
      - [part_dphi, null]
  features:
    length: 128
    pad_mode: constant
    vars:
      - [part_pt_log, 1.7, 0.7]
      - [part_e_log, 2.0, 0.7]
      - [part_logptrel, -4.7, 0.7]
      - [part_logerel, -4.7, 0.7]
      - [part_deltaR, 0.2, 4.0]
      - [part_deta, null]
      - [part_dphi, null]
  mask:
    length: 128
    pad_mode: constant
    vars:
      - [part_mask, null]
labels:
  type: custom
  value:
    label: is_top
"""


def make_file(path: Path, jets: int) -> Path:
    """A ZSTD file of so many jets, unless it is there."""
    if not path.exists():
        real_jets.resampled(jets, seed=1).write_root(path)
    return path


def weaver_loader(
    path: Path, *, shuffle: bool = True, fetch: float = BUFFER, threads: bool = False
) -> Iterable[Any] | peers.Missing:
    """weaver-core's data set inside a torch DataLoader, as its training command builds it.

    Args:
        path: the ROOT file.
        shuffle: its training mode, else file order.
        fetch: fraction of the file read, prepared and shuffled at a time.
        threads: whether it reads ahead in a thread of its own.
    """
    module = peers.weaver("utils.dataset")
    if isinstance(module, peers.Missing):
        return module
    from torch.utils.data import DataLoader

    config = path.with_suffix(".yaml")
    config.write_text(WEAVER_CONFIG)
    dataset = module.SimpleIterDataset(
        {"jets": [str(path)]},
        str(config),
        batch_size=BATCH,
        for_training=shuffle,
        load_range_and_fraction=((0, 1), 1, 1),
        fetch_step=fetch,
        async_load=threads,
        name="train" if shuffle else "test",
    )
    return DataLoader(dataset, batch_size=BATCH, num_workers=0)


def stream(
    path: Path, jets: int, *, shuffle: bool = True, everything: bool = False
) -> Iterable[Any]:
    """The same batches as a pcgnn stream.

    Args:
        path: the ROOT file.
        jets: how many it holds.
        shuffle: or in file order.
        everything: also four-vectors and jet columns, which pcgnn gives unless told not to.
    """
    import pcgnn

    return pcgnn.CloudStream(
        [path],
        tree="jets",
        particles="part_*",
        event=EVENT,
        features="particlenet",
        target="is_top",
        batch_size=BATCH,
        buffer_size=int(BUFFER * jets),
        shuffle=shuffle,
        **({} if everything else SAME_COLUMNS),
    )


def read_whole(path: Path) -> Iterable[Any]:
    """The whole file into memory, then a loader."""
    import pcgnn

    jets = pcgnn.read_root(path, tree="jets", particles="part_*", event=EVENT)
    clouds = pcgnn.ParticleClouds.from_awkward(
        jets, features="particlenet", target="is_top", **SAME_COLUMNS
    )
    return pcgnn.CloudLoader(clouds, BATCH, shuffle=True)


def _drain(make: Callable[[], Iterable[Any]], jets: int) -> Callable[[], None]:
    """A function that consumes one epoch and counts that every jet came once."""

    def epoch() -> None:
        seen = 0
        for batch in make():
            label = batch.y if hasattr(batch, "y") else batch[1]["label"]
            seen += len(label)
        if seen != jets:
            raise RuntimeError(f"{seen} jets in an epoch of {jets}")

    return epoch


def ragged_from_weaver(loader: Iterable[Any], jets: int) -> dict[str, Tensor]:
    """The first jets of a loader in file order, padding taken off."""
    features, labels = [], []
    for inputs, label, _observers in loader:
        real = inputs["mask"][:, 0] > 0
        features.append(torch.cat([inputs["features"], inputs["points"]], 1).transpose(1, 2)[real])
        labels.append(torch.cat([real.sum(1)[:, None], label["label"][:, None]], 1))
        if sum(len(block) for block in labels) >= jets:
            break
    per_jet = torch.cat(labels)[:jets]
    return {"x_pos": torch.cat(features)[: int(per_jet[:, 0].sum())], "size_label": per_jet}


def ragged_from_pcgnn(loader: Iterable[Any], jets: int) -> dict[str, Tensor]:
    """The first jets of our batches in file order; at most 128 constituents, as the peer keeps."""
    features, labels = [], []
    for batch in loader:
        place = torch.arange(batch.x.shape[0]) - batch.ptr[batch.batch]
        features.append(torch.cat([batch.x, batch.pos], 1)[place < 128])
        sizes = (batch.ptr[1:] - batch.ptr[:-1]).clamp(max=128)
        labels.append(torch.stack([sizes, batch.y.long()], 1))
        if sum(len(block) for block in labels) >= jets:
            break
    per_jet = torch.cat(labels)[:jets]
    return {"x_pos": torch.cat(features)[: int(per_jet[:, 0].sum())], "size_label": per_jet}


def ragged_from_formula(jets: real_jets.Jets) -> dict[str, Tensor]:
    """The plain float64 formula on the same jets."""
    ready = real_jets.tensors(jets, torch.float64)
    keep = torch.arange(ready.x.shape[0]) - ready.ptr[ready.graph()] < 128
    return {
        "x_pos": torch.cat([ready.x, ready.pos], 1)[keep],
        "size_label": torch.stack([ready.sizes.clamp(max=128), ready.y], 1),
    }


def check_features(path: Path, jets: int) -> list[Check]:
    """Same features, coordinates, sizes and labels for the same 2,000 jets, in file order."""
    number = min(2_000, jets)
    ours = ragged_from_pcgnn(stream(path, jets, shuffle=False), number)
    first = real_jets.resampled(jets, seed=1)
    import numpy as np

    formula = ragged_from_formula(first.take(np.arange(number)))
    checks = [
        compare("features against the float64 formula", ours, formula, tolerance=1e-4),
    ]
    peer = weaver_loader(path, shuffle=False)
    if not isinstance(peer, peers.Missing):
        theirs = ragged_from_weaver(peer, number)
        checks.append(compare("features against weaver-core", ours, theirs, tolerance=1e-4))
    return checks


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    jets = 20_000 if quick else 100_000
    path = make_file(Path(scratch) / "jets.root", jets)
    variants: dict[str, Callable[[], None]] = {
        "pcgnn CloudStream": _drain(lambda: stream(path, jets), jets),
        "pcgnn CloudStream, with four-vectors and jet columns": _drain(
            lambda: stream(path, jets, everything=True), jets
        ),
        "pcgnn read_root + CloudLoader": _drain(lambda: read_whole(path), jets),
    }
    absent: dict[str, str] = {}
    best = "weaver-core"
    found = weaver_loader(path)
    if isinstance(found, peers.Missing):
        absent[best] = str(found)
    else:
        for name, fetch, threads in (
            (best, BUFFER, False),
            ("weaver-core, reading ahead in a thread", BUFFER, True),
            ("weaver-core, whole file at once", 1.0, False),
        ):
            variants[name] = _drain(
                lambda fetch=fetch, threads=threads: weaver_loader(  # type: ignore[misc,return-value]
                    path, fetch=fetch, threads=threads
                ),
                jets,
            )
    timings = measure(variants, repeats=3 if quick else 7)
    table = timing_table(
        f"{jets:,} jets, ZSTD, one epoch",
        timings,
        ours="pcgnn CloudStream",
        items=jets,
        checks=check_features(path, jets),
        targets={best: 3.0},
        absent=absent,
        notes=[
            f"{path.stat().st_size / 1e6:.0f} MB on disk (in the page cache), 4 float32 columns of "
            "constituents, about 49 constituents a jet; CPU time counts every thread",
            f"both sides hold and shuffle {BUFFER:.0%} of the file at a time, one process, no "
            "workers; weaver-core after its JIT compilation, padded with zeros to 128, features "
            "by its own expressions in float32",
        ],
    )
    return [table.as_json()]
