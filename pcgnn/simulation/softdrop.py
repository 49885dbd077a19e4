"""Jets with pile-up and their soft-drop mass without it: a sample for regressions."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pcgnn.io.writing import Compression
from pcgnn.simulation.jet_processes import JetClass
from pcgnn.simulation.jet_settings import JetSettings
from pcgnn.simulation.jets import JetSimulation, run_jets

__all__ = ["simulate_softdrop"]


def simulate_softdrop(
    output: str | os.PathLike[str],
    jets: int,
    *,
    classes: Sequence[JetClass] = ("qcd", "top", "w"),
    preset: str = "pf",
    pile_up: float = 50.0,
    pile_up_pool: int = 4000,
    pt_min: float = 550.0,
    pt_max: float = 650.0,
    eta_max: float = 2.0,
    radius: float = 0.8,
    multiple_interactions: bool = False,
    max_particles: int = 250,
    seed: int = 1,
    processes: int = 1,
    compression: Compression = "zstd",
    overwrite: bool = False,
    progress: bool = True,
) -> JetSimulation:
    """Simulate jets among pile-up for the regression of their soft-drop mass, to a ROOT file.

    As :func:`pcgnn.simulation.simulate_jets` (particle flow, anti-kT), with these columns beside:

    - ``softdrop_mass``, the target: soft-drop mass (z_cut 0.1, beta 0; arXiv:1402.2657) of the jet
      that the stable particles of the hard collision make, neutrinos left out, without detector
      and without pile-up; the one within half the radius of the jet seen without pile-up. With it
      ``particle_pt`` and ``particle_mass`` (GeV).
    - ``jet_sdmass``: the same of the jet seen among pile-up, the baseline; ``jet_sdmass_chs``
      without the tracks further than 0.1 mm and three errors from the collision along the beam.
    - ``part_ecal``, ``part_hcal``: energies in the two calorimeters, GeV; they add up to
      ``part_energy`` but for muons (:mod:`pcgnn.simulation.jet_deposits`).
    - ``part_from_pileup``: share of the energy from pile-up, 0 or 1 for tracks.

    QCD jets have soft-drop masses up to some 120 GeV, most of them small; W bosons and top quarks
    fill the range to 200 GeV. From 550 GeV on the decay products of a top quark lie in one jet of
    radius 0.8.

    Args:
        output: the ROOT file; it appears when it is complete.
        jets: number of jets, all classes together.
        classes: some of "qcd", "top", "w", "b", "light".
        preset: "pf" or "tower".
        pile_up: mean of the Poisson number of minimum-bias collisions per event.
        pile_up_pool: these collisions are drawn from so many, each time turned around the beam;
            0 makes fresh ones for each jet, which takes ten times as long.
        pt_min: lowest transverse momentum of the jet seen without pile-up, GeV.
        pt_max: highest, GeV.
        eta_max: largest absolute pseudorapidity of it.
        radius: of anti-kT.
        multiple_interactions: whether other partons of the two protons of the hard collision
            scatter too.
        max_particles: most particles kept per jet, those of largest transverse momentum.
        seed: fixes everything random.
        processes: number of processes.
        compression: "zstd", "lz4", "zlib", "lzma" or "none".
        overwrite: replace an existing file.
        progress: show a progress bar.

    Raises:
        BackendError: pythia8mc or fastjet is not installed (extra ``simulation``), or fails.
        ConfigError: an argument makes no sense, or hardly any collision has such a jet.
        WriteError: the file exists already, or cannot be written.

    Example:
        >>> print(simulate_softdrop("softdrop.root", 1000, seed=3))  # doctest: +SKIP
    """
    settings = JetSettings(
        classes=classes,
        preset=preset,
        pile_up=pile_up,
        pile_up_pool=pile_up_pool,
        pt_min=pt_min,
        pt_max=pt_max,
        eta_max=eta_max,
        radius=radius,
        multiple_interactions=multiple_interactions,
        max_particles=max_particles,
        seed=seed,
        softdrop_target=True,
    )
    return run_jets(output, jets, settings, processes, compression, overwrite, progress)
