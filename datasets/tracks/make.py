"""Make pixels_pt05.root and event_pu200.root: simulated hits, particles and reference tracks.

Needs the extra: ``pip install 'pcgnn[simulation]'``. Then::

    python make.py --output . --processes 2

The arrays are the same each time and for any number of processes; the script prints their
checksums, which stand in README.md too. The files around them carry fresh identifiers and dates.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from pcgnn.io.atomic import atomic_path
from pcgnn.simulation.acts_chain import simulate_range
from pcgnn.simulation.acts_events import TrackEvent, keep_hits, without_hitless_particles
from pcgnn.simulation.acts_output import write_track_events
from pcgnn.simulation.acts_settings import TrackSettings
from pcgnn.simulation.digitisation import PIXEL_VOLUMES
from pcgnn.simulation.workers import run_ranges, split_events

PIXELS = TrackSettings(pile_up=200, seed=31)
PIXEL_EVENTS = 30
PT_FLOOR = 0.5
"""GeV; particles of lower transverse momentum, and all their hits, are taken out by truth."""

COMPLETE = TrackSettings(pile_up=200, seed=32, reconstruction=True)

STEPS_PER_MM = 1024
"""Hit positions are rounded to 1/1024 mm: a fifteenth of the pixel resolution, half the size."""

DROPPED = {"hit": ("nsim",), "particle": ("mass",)}
"""Columns left out: ``nsim`` is 1 with smearing, the mass follows from the particle code."""


def smaller(event: TrackEvent) -> TrackEvent:
    """Round the positions and leave columns out."""
    hit = {name: values for name, values in event.hit.items() if name not in DROPPED["hit"]}
    hit |= {axis: np.round(hit[axis] * STEPS_PER_MM) / np.float32(STEPS_PER_MM) for axis in "xyz"}
    particle = {k: v for k, v in event.particle.items() if k not in DROPPED["particle"]}
    return replace(event, hit=hit, particle=particle)


def truth_selected(event: TrackEvent) -> TrackEvent:
    """Pixel hits of particles above the floor in transverse momentum."""
    pt = np.hypot(event.particle["px"], event.particle["py"])
    above = np.concatenate([[False], pt > PT_FLOOR])[event.hit["particle_id"]]
    return without_hitless_particles(
        keep_hits(event, above & np.isin(event.hit["volume"], PIXEL_VOLUMES))
    )


def pixels(processes: int) -> Iterator[Sequence[TrackEvent]]:
    """Events of pixels_pt05.root, a few at a time."""
    ranges = split_events(PIXEL_EVENTS, 5)
    for found in run_ranges(functools.partial(simulate_range, PIXELS), ranges, processes=processes):
        yield [smaller(truth_selected(event)) for event in found.events]


def complete() -> Iterator[Sequence[TrackEvent]]:
    """The event of event_pu200.root."""
    found = simulate_range(COMPLETE, 0, 1)
    for name, counts in found.counts.items():
        print(f"ACTS, {name}: {counts}, efficiency {counts.efficiency:.4f}")
    yield [smaller(event) for event in found.events]


def content_sha256(tree: Mapping[str, Any]) -> str:
    """Checksum of the numbers alone: names, lengths of lists and values, in order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tree):
        values = ak.Array(tree[name])
        digest.update(name.encode())
        if values.ndim > 1:
            digest.update(ak.to_numpy(ak.num(values)).astype("<i8").tobytes())
            values = ak.flatten(values)
        numbers = ak.to_numpy(values)
        digest.update(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def write(path: Path, chunks: Iterator[Sequence[TrackEvent]], **about: Any) -> None:
    """Write one file and say what is in it."""
    flag = int("truth_pt_min" in about)
    with atomic_path(path, overwrite=True) as temporary:
        write_track_events(temporary, chunks, about, constants={"truth_selected": flag})
    with uproot.open(path) as file:
        arrays = file["events"].arrays()
    hits, particles = ak.num(arrays["hit_x"]), ak.num(arrays["particle_px"])
    print(f"{path.name}: {len(arrays)} events, {ak.sum(hits)} hits, {ak.sum(particles)} particles")
    print(f"  content sha256 {content_sha256({name: arrays[name] for name in arrays.fields})}")
    print(f"  file sha256    {hashlib.sha256(path.read_bytes()).hexdigest()}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make both files and SHA256SUMS."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder, it must exist")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    folder: Path = options.output
    write(folder / "event_pu200.root", complete(), **COMPLETE.to_dict(), events=1)
    write(
        folder / "pixels_pt05.root",
        pixels(options.processes),
        **PIXELS.to_dict(),
        events=PIXEL_EVENTS,
        volumes=PIXEL_VOLUMES,
        truth_pt_min=PT_FLOOR,
    )
    names = ("event_pu200.root", "pixels_pt05.root")
    sums = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (folder / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
