"""Peak memory: of a training step, one process per network, and of streaming a large file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import networks
from benchmarks.children import call
from benchmarks.data_root import BATCH, make_file
from benchmarks.equality import Check
from benchmarks.jets import typical_batch
from benchmarks.results import Table, check_record
from benchmarks.rss import peak_of

SUBJECT = "peak resident memory above that before the work"

FLAT = 0.15  # by how much the peak may grow from a file of 5 buffers to one of 20


def step_peak(*, name: str, row: str, jets: int, training: bool) -> float | str:
    """MB needed by one step of one network; the reason where it is not there."""
    batch = typical_batch(jets)
    found, absent = networks.forwards(name, batch)
    if row not in found:
        return absent[row]
    return peak_of(networks.step(*found[row], batch.y, training=training))


def stream_peak(*, path: str, buffer: int, whole: bool) -> dict[str, float]:
    """MB and jets of one epoch: streamed with a buffer, or with the whole file read first."""
    import pcgnn

    options: dict[str, Any] = {
        "tree": "jets",
        "particles": "part_*",
        "event": ["jet_pt", "jet_eta", "jet_phi", "jet_mass", "is_top"],
    }
    target = {"features": "particlenet", "target": "is_top"}
    seen = 0

    def work() -> None:
        nonlocal seen
        seen = 0
        if whole:
            jets = pcgnn.read_root(path, **options)
            clouds = pcgnn.ParticleClouds.from_awkward(jets, **target)
            batches: Any = pcgnn.CloudLoader(clouds, BATCH, shuffle=True)
        else:
            batches = pcgnn.CloudStream(
                [path], **options, **target, batch_size=BATCH, buffer_size=buffer, shuffle=True
            )
        for batch in batches:
            seen += batch.num_graphs

    return {"mb": peak_of(work), "jets": seen}


def step_table(name: str, quick: bool, allocator: str) -> Table:
    jets = 32 if quick else 256
    rows = [networks.OURS, networks.PLAIN, networks.WEAVER, networks.WEAVER_SHIPPED]
    table = Table(
        f"{name}, batch {jets}", ["variant", "training step MB", "inference MB", "training / pcgnn"]
    )
    reference = 0.0
    for row in rows:
        peaks = [
            call(
                "benchmarks.memory:step_peak",
                allocator,
                name=name,
                row=row,
                jets=jets,
                training=training,
            )
            for training in (True, False)
        ]
        training_mb, inference_mb = peaks
        if isinstance(training_mb, str):
            table.rows.append({"variant": row, "training step MB": training_mb})
            continue
        reference = reference or training_mb
        table.rows.append(
            {
                "variant": row,
                "training step MB": training_mb,
                "inference MB": inference_mb,
                "training / pcgnn": training_mb / reference,
            }
        )
    table.notes.append("every figure is the first step of a process of its own")
    return table


def stream_table(scratch: Path, quick: bool, allocator: str) -> Table:
    buffer = 1_000 if quick else 5_000
    table = Table(
        f"streaming a ROOT file, buffer of {buffer:,} jets",
        ["file, in buffers", "file MB", "CloudStream peak MB", "whole file read: peak MB"],
    )
    peaks: dict[tuple[int, bool], float] = {}
    for multiple in (2, 5, 20, 40):
        path = make_file(scratch / f"stream{multiple}.root", multiple * buffer)
        for whole in (False, True):
            found = call(
                "benchmarks.memory:stream_peak",
                allocator,
                path=str(path),
                buffer=buffer,
                whole=whole,
            )
            if found["jets"] != multiple * buffer:
                raise RuntimeError(f"{found['jets']} jets of {multiple * buffer}")
            peaks[multiple, whole] = found["mb"]
        table.rows.append(
            {
                "file, in buffers": multiple,
                "file MB": path.stat().st_size / 1e6,
                "CloudStream peak MB": peaks[multiple, False],
                "whole file read: peak MB": peaks[multiple, True],
            }
        )
    table.checks.append(check_record(flatness(peaks)))
    return table


def flatness(peaks: dict[tuple[int, bool], float]) -> Check:
    """Growth of the peak from 5 to 20 buffers; reading the whole file must be seen to grow."""
    return Check(
        name="peak of a stream of 20 buffers with that of 5",
        difference=peaks[20, False] / peaks[5, False] - 1,
        tolerance=FLAT,
        planted=peaks[20, True] / peaks[5, True] - 1,
        measure="relative growth",
    )


def run(*, quick: bool, scratch: str, allocator: str = "default") -> list[dict[str, Any]]:
    tables = [step_table(name, quick, allocator) for name in ("particlenet", "particlenet-lite")]
    return [table.as_json() for table in [*tables, stream_table(Path(scratch), quick, allocator)]]
