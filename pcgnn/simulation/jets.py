"""Jets of known origin in a parametrised detector, from Pythia to one ROOT file."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import get_args

from pcgnn.data.jet_shapes import load_fastjet
from pcgnn.errors import ConfigError
from pcgnn.io.atomic import atomic_path
from pcgnn.io.writing import Compression
from pcgnn.simulation.acts_backend import load_pythia
from pcgnn.simulation.jet_chain import SimulatedJets, simulate_range
from pcgnn.simulation.jet_processes import JetClass
from pcgnn.simulation.jet_settings import JetSettings
from pcgnn.simulation.table_output import write_tables
from pcgnn.simulation.tables import JaggedTable
from pcgnn.simulation.workers import run_ranges, split_events

__all__ = ["JetSimulation", "simulate_jets"]

TREE = "jets"
_JETS_PER_RANGE = 500


@dataclass(frozen=True)
class JetSimulation:
    """What :func:`simulate_jets` made.

    Args:
        path: the file.
        jets: number of jets.
        particles: number of particles in all jets.
        collisions: number of hard collisions made for them.
        seconds: time it took.
    """

    path: Path
    jets: int
    particles: int
    collisions: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.jets} jets, {self.particles / self.jets:.1f} particles per jet, "
            f"from {self.collisions} collisions, {self.jets / self.seconds:.0f} jets per second"
        )


def simulate_jets(
    output: str | os.PathLike[str],
    jets: int,
    *,
    classes: Sequence[JetClass] = ("top", "qcd"),
    preset: str = "pf",
    pile_up: float = 0.0,
    pt_min: float = 550.0,
    pt_max: float = 650.0,
    eta_max: float = 2.0,
    radius: float = 0.8,
    multiple_interactions: bool = False,
    max_particles: int = 200,
    seed: int = 1,
    processes: int = 1,
    compression: Compression = "zstd",
    overwrite: bool = False,
    progress: bool = True,
) -> JetSimulation:
    """Simulate jets of several classes, in equal numbers and shuffled, to a ROOT file.

    Pythia 8 makes proton collisions at 14 TeV, a parametrised detector sees them
    (:mod:`pcgnn.simulation.jet_detector`), FastJet clusters what it saw with anti-kT, and the
    leading jet of a collision is kept if it lies in the window and is what its class says:

    - "top" (label 1): top-quark pairs, both decaying to quarks; a top quark and its three
      decay products lie within the radius of the jet.
    - "qcd" (label 0): any two-parton scattering.
    - "b" (label 3): b-quark pairs; a b hadron lies in the jet.
    - "light" (label 2): gluons and light quarks; neither a b nor a c hadron lies in the jet.
    - "w" (label 4): a W boson and a parton; the boson and its two quarks lie within the radius.

    Pile-up is laid over the selected collisions, so that the same jets are seen again among
    particles of other collisions: the window holds for the jet without them.

    Tree ``jets``: ``part_px, part_py, part_pz, part_energy`` (GeV), ``part_charge``,
    ``part_pid``, ``part_d0, part_d0err, part_dz, part_dzerr`` (mm, 0 for neutral ones), with
    pile-up ``part_from_pileup`` (share of the energy); ``jet_pt, jet_eta, jet_phi, jet_mass,
    jet_energy``, ``jet_sdmass`` (soft drop, z_cut 0.1, beta 0), ``jet_tau1`` to ``jet_tau4``,
    ``jet_flavour`` (5 with a b hadron in the jet, 4 with a c hadron, else 0), ``label``,
    ``is_top``, ``is_b``. The jet's columns belong to all its particles, also those beyond
    ``max_particles``.

    A seed gives the same file whatever the number of processes.

    Args:
        output: the ROOT file; it appears when it is complete.
        jets: number of jets, all classes together.
        classes: some of "top", "qcd", "b", "light", "w".
        preset: "pf": fine cells, overlapping showers separated well; "tower": cells of
            0.1 x 10 degrees.
        pile_up: mean number of minimum-bias collisions per event.
        pt_min: lowest transverse momentum of the jets, GeV.
        pt_max: highest, GeV.
        eta_max: largest absolute pseudorapidity of the jets.
        radius: of anti-kT.
        multiple_interactions: whether other partons of the two protons of the hard collision
            scatter too.
        max_particles: most particles kept per jet, those of largest transverse momentum.
        seed: fixes everything random.
        processes: number of processes.
        compression: "zstd", "lz4", "zlib", "lzma" or "none".
        overwrite: replace an existing file.
        progress: show a progress bar.

    Returns:
        Counts.

    Raises:
        BackendError: pythia8mc or fastjet is not installed (extra ``simulation``), or fails.
        ConfigError: an argument makes no sense, or hardly any collision has such a jet.
        WriteError: the file exists already, or cannot be written.

    Example:
        >>> print(simulate_jets("jets.root", 1000, seed=3))  # doctest: +SKIP
        jets.root: 1000 jets, 52.7 particles per jet, from 3200 collisions, 85 jets per second
    """
    settings = JetSettings(
        classes=classes,
        preset=preset,
        pile_up=pile_up,
        pt_min=pt_min,
        pt_max=pt_max,
        eta_max=eta_max,
        radius=radius,
        multiple_interactions=multiple_interactions,
        max_particles=max_particles,
        seed=seed,
    )
    return run_jets(output, jets, settings, processes, compression, overwrite, progress)


def run_jets(
    output: str | os.PathLike[str],
    jets: int,
    settings: JetSettings,
    processes: int,
    compression: Compression,
    overwrite: bool,
    progress: bool,
) -> JetSimulation:
    """Simulate jets with these settings, see :func:`simulate_jets`."""
    begin = time.monotonic()
    if isinstance(jets, bool) or not isinstance(jets, int) or jets < 1:
        raise ConfigError(f"jets={jets!r} must be a whole number from 1")
    if compression not in get_args(Compression):
        raise ConfigError(
            f"compression={compression!r} is not one of {', '.join(get_args(Compression))}"
        )
    load_pythia()
    load_fastjet()
    tally = _Tally()
    simulated = run_ranges(
        functools.partial(simulate_range, settings),
        split_events(jets, _JETS_PER_RANGE),
        processes=processes,
        progress=progress,
        label="simulating jets",
    )
    versions = {name: metadata.version(name) for name in ("pythia8mc", "fastjet")}
    about = {**settings.to_dict(), "jets": jets, "versions": versions}
    with atomic_path(output, overwrite) as temporary:
        write_tables(temporary, TREE, tally.watch(simulated), about, compression)
    return JetSimulation(
        path=Path(output),
        jets=jets,
        particles=tally.particles,
        collisions=tally.collisions,
        seconds=time.monotonic() - begin,
    )


class _Tally:
    """Counts what passes on its way to the file."""

    def __init__(self) -> None:
        self.particles = 0
        self.collisions = 0

    def watch(self, ranges: Iterator[SimulatedJets]) -> Iterator[JaggedTable]:
        """Pass on the jets."""
        for jets in ranges:
            self.particles += int(jets.table.sizes.sum())
            self.collisions += jets.collisions
            yield jets.table
