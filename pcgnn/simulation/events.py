"""Events with one lepton in a parametrised detector, from Pythia to one ROOT file."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import numpy as np

from pcgnn.data.jet_shapes import load_fastjet
from pcgnn.errors import ConfigError
from pcgnn.io.atomic import atomic_path
from pcgnn.io.writing import Compression
from pcgnn.simulation.acts_backend import load_pythia
from pcgnn.simulation.event_chain import EVENT_SAMPLES, simulate_events
from pcgnn.simulation.event_sample import EventSample
from pcgnn.simulation.event_slices import BEAM_ENERGY, collisions_of, cross_section
from pcgnn.simulation.seeds import Purpose, event_seed
from pcgnn.simulation.table_output import write_tables
from pcgnn.simulation.tables import JaggedTable
from pcgnn.simulation.workers import run_ranges, split_events

__all__ = ["TREE", "EventSimulation", "simulate_resonance", "simulate_stop"]

TREE = "events"
_COLLISIONS_PER_RANGE = 4_000
_LEAST_COLLISIONS = 100
_TRIALS = (500, 20_000)  # to measure a cross-section to 2% and to 0.4%


@dataclass(frozen=True)
class EventSimulation:
    """What :func:`simulate_stop` or :func:`simulate_resonance` made.

    Args:
        path: the file.
        collisions: number of collisions that passed the lepton filter of the generator.
        events: number of selected events of each process.
        expected: sum of their weights: events expected for the luminosity.
        seconds: time it took.
    """

    path: Path
    collisions: int
    events: tuple[int, ...]
    expected: tuple[float, ...]
    seconds: float

    def __str__(self) -> str:
        processes = ", ".join(
            f"{events} of process {place} ({expected:.4g} expected)"
            for place, (events, expected) in enumerate(zip(self.events, self.expected, strict=True))
        )
        rate = sum(self.events) / self.seconds
        return (
            f"{self.path}: {sum(self.events)} events of {self.collisions} collisions: {processes}; "
            f"{rate:.0f} events per second"
        )


def simulate_stop(
    output: str | os.PathLike[str],
    collisions: int,
    *,
    signal_share: float = 0.35,
    luminosity: float = 30.0,
    seed: int = 1,
    processes: int = 1,
    compression: Compression = "zstd",
    overwrite: bool = False,
    progress: bool = True,
) -> EventSimulation:
    """Simulate stop pairs and top-quark pairs with one lepton, to a ROOT file.

    Proton collisions at 13 TeV, leading order, without pile-up and multiple interactions:
    top-quark pairs (``process`` 0), and stop pairs t1 t1bar -> t chi t chi of (m_stop, m_lsp) =
    (900, 100) GeV (1) and (600, 400) GeV (2). Exactly one isolated electron or muon, pT > 40 GeV;
    at least four anti-kT jets, R = 0.4, pT > 30 GeV, |eta| < 2.5; at least one b tag. Decays
    (one or two leptons, tau leptons included) and ranges of the top quarks' pT are simulated in
    numbers that fill the tails; ``weight`` makes up for it and must be used.

    Branches of the tree ``events`` (GeV, rad): ``lep_pt, lep_eta, lep_phi, lep_charge,
    lep_flavour``; of the four leading jets ``jet1_pt, jet1_eta, jet1_phi, jet1_mass, jet1_btag``,
    ...; ``njet, nbjet, met, met_phi, ht, mt, mt2w`` (:func:`pcgnn.data.mt2w.mt2w`);
    ``m_stop, m_lsp`` (0 for top-quark pairs), ``process, is_signal``; ``decay`` of the two W
    bosons (1: e or mu and quarks, 2: tau and quarks, 3: two of e and mu, 4: one and tau, 5: two
    tau); ``weight``: events expected per simulated event. Lists ``part_pt, part_eta, part_phi,
    part_mass, part_charge, part_btag, part_pid``: the lepton (pid +-11, +-13), the missing
    momentum (12), all jets (0).

    A seed gives the same file whatever the number of processes.

    Args:
        output: the ROOT file; it appears when it is complete.
        collisions: number of collisions that pass the lepton filter of the generator, all
            processes together; about one in six is selected.
        signal_share: share of the stop pairs among them, 0 to 1.
        luminosity: that the weights are made for, 1/fb.
        seed: fixes everything random.
        processes: number of processes of the computer.
        compression: "zstd", "lz4", "zlib", "lzma" or "none".
        overwrite: replace an existing file.
        progress: show a progress bar.

    Returns:
        Counts.

    Raises:
        BackendError: pythia8mc or fastjet is not installed (extra ``simulation``), or fails.
        ConfigError: an argument makes no sense.
        WriteError: the file exists already, or cannot be written.

    Example:
        >>> print(simulate_stop("stop.root", 40_000, seed=3))  # doctest: +SKIP
    """
    return _simulate(
        "stop", output, collisions, signal_share, luminosity, seed, processes, compression,
        overwrite, progress,
    )  # fmt: skip


def simulate_resonance(
    output: str | os.PathLike[str],
    collisions: int,
    *,
    signal_share: float = 0.55,
    luminosity: float = 30.0,
    seed: int = 1,
    processes: int = 1,
    compression: Compression = "zstd",
    overwrite: bool = False,
    progress: bool = True,
) -> EventSimulation:
    """Simulate a resonance X -> t tbar of several masses and top-quark pairs, to a ROOT file.

    Proton collisions at 13 TeV, leading order, without pile-up and multiple interactions, one W
    boson to e or mu and one to quarks: top-quark pairs (``process`` 0), and a Z' with the
    couplings of the Z boson and masses of 500, 750, 1000, 1250 and 1500 GeV (1 to 5). Exactly one
    isolated electron or muon, pT > 30 GeV; at least four anti-kT jets, R = 0.4, pT > 30 GeV,
    |eta| < 2.5; at least one b tag.

    Branches of the tree ``events`` (GeV, rad): like :func:`simulate_stop` without masses of the
    jets, ht, mt and mt2w, but with ``m_lv, m_jj, m_jjj, m_blv, m_wwbb`` of the best assignment
    (:func:`pcgnn.data.top_pairs.top_pair_masses`); ``mass`` of the resonance, 0 for background.

    A seed gives the same file whatever the number of processes.

    Args:
        output: the ROOT file; it appears when it is complete.
        collisions: number of collisions that pass the lepton filter of the generator, all
            processes together; about one in three is selected.
        signal_share: share of the resonances among them, in equal parts, 0 to 1.
        luminosity: that the weights are made for, 1/fb.
        seed: fixes everything random.
        processes: number of processes of the computer.
        compression: "zstd", "lz4", "zlib", "lzma" or "none".
        overwrite: replace an existing file.
        progress: show a progress bar.

    Returns:
        Counts.

    Raises:
        BackendError: pythia8mc or fastjet is not installed (extra ``simulation``), or fails.
        ConfigError: an argument makes no sense.
        WriteError: the file exists already, or cannot be written.

    Example:
        >>> print(simulate_resonance("resonance.root", 40_000, seed=3))  # doctest: +SKIP
    """
    return _simulate(
        "resonance", output, collisions, signal_share, luminosity, seed, processes, compression,
        overwrite, progress,
    )  # fmt: skip


def _simulate(
    name: str,
    output: str | os.PathLike[str],
    collisions: int,
    signal_share: float,
    luminosity: float,
    seed: int,
    processes: int,
    compression: Compression,
    overwrite: bool,
    progress: bool,
) -> EventSimulation:
    begin = time.monotonic()
    _check(collisions, signal_share, luminosity, seed, compression)
    ranges = _ranges(collisions)
    load_pythia()
    load_fastjet()
    sample = EVENT_SAMPLES[name]
    about = _about(sample, collisions, signal_share, luminosity, seed)
    weights = tuple(part["weight"] for part in about["slices"])
    tally = _Tally(1 + max(part.process for part in sample.slices))
    simulated = run_ranges(
        functools.partial(simulate_events, name, sample.shares(signal_share), weights, seed),
        ranges,
        processes=processes,
        progress=progress,
        label="simulating collisions",
    )
    with atomic_path(output, overwrite) as temporary:
        write_tables(temporary, TREE, tally.watch(simulated), about, compression)
    return EventSimulation(
        path=Path(output),
        collisions=collisions,
        events=tuple(tally.events.tolist()),
        expected=tuple(tally.expected.tolist()),
        seconds=time.monotonic() - begin,
    )


def _ranges(collisions: int) -> list[tuple[int, int]]:
    """Ranges of collisions, none so short that rounding could take one from a slice."""
    ranges = split_events(collisions, _COLLISIONS_PER_RANGE)
    if len(ranges) > 1 and collisions % _COLLISIONS_PER_RANGE:
        ranges[-2:] = [(ranges[-2][0], collisions)]
    return ranges


def _check(
    collisions: int, signal_share: float, luminosity: float, seed: int, compression: str
) -> None:
    whole = isinstance(collisions, int) and not isinstance(collisions, bool)
    if not whole or collisions < _LEAST_COLLISIONS:
        raise ConfigError(
            f"collisions={collisions!r} must be a whole number from {_LEAST_COLLISIONS}"
        )
    if not _is_real(signal_share) or not 0 < signal_share < 1:
        raise ConfigError(f"signal_share={signal_share!r} must lie between 0 and 1")
    if not _is_real(luminosity) or not 0 < luminosity < float("inf"):
        raise ConfigError(f"luminosity={luminosity!r} must be a positive number of 1/fb")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed={seed!r} must be a whole number from 0")
    if compression not in get_args(Compression):
        raise ConfigError(
            f"compression={compression!r} is not one of {', '.join(get_args(Compression))}"
        )


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _about(
    sample: EventSample, collisions: int, signal_share: float, luminosity: float, seed: int
) -> dict[str, Any]:
    """Provenance, with cross-section, collisions and weight of each slice."""
    slices = []
    trials = min(max(collisions // 4, _TRIALS[0]), _TRIALS[1])
    numbers = collisions_of(sample.shares(signal_share), 0, collisions)
    if 0 in numbers:
        raise ConfigError(
            f"no collision is left for {sample.slices[numbers.index(0)].name}",
            remedy="simulate more collisions",
        )
    for place, (part, of_slice) in enumerate(zip(sample.slices, numbers, strict=True)):
        picobarn, error = cross_section(
            part, sample.filter, trials, event_seed(seed, Purpose.CROSS_SECTION, place)
        )
        slices.append(
            {
                "name": part.name,
                "process": part.process,
                "collisions": of_slice,
                "cross_section_pb": picobarn,
                "cross_section_error_pb": error,
                "weight": picobarn * 1e3 * luminosity / of_slice,
            }
        )
    return {
        "sample": sample.name,
        "beam_energy": BEAM_ENERGY,
        "collisions": collisions,
        "signal_share": signal_share,
        "luminosity": luminosity,
        "seed": seed,
        "slices": slices,
        "versions": {name: metadata.version(name) for name in ("pythia8mc", "fastjet")},
    }


class _Tally:
    """Counts what passes on its way to the file."""

    def __init__(self, processes: int) -> None:
        self.events = np.zeros(processes, dtype=np.int64)
        self.expected = np.zeros(processes)

    def watch(self, tables: Iterator[JaggedTable]) -> Iterator[JaggedTable]:
        """Pass on the tables."""
        for table in tables:
            process, size = table.entry["process"], len(self.events)
            self.events += np.bincount(process, minlength=size)
            self.expected += np.bincount(process, table.entry["weight"], size)
            yield table
