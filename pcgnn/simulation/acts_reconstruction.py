"""The classical reference: seeds, combinatorial Kalman filter, ambiguity resolution of ACTS.

X. Ai et al., *A Common Tracking Software Project*, Comput. Softw. Big Sci. 6 (2022) 8,
arXiv:2106.13593.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcgnn.simulation.acts_backend import load_acts
from pcgnn.simulation.digitisation import write_seeding_layers

__all__ = ["REFERENCE_TRACKS", "ReferenceCounts", "add_reconstruction"]

REFERENCE_TRACKS = ("ckf", "ambi")
"""Reference tracks: before and after the resolution of ambiguities."""


@dataclass(frozen=True)
class ReferenceCounts:
    """Counts of ACTS for its own tracks.

    A track is matched to a particle that owns at least half of its measurements, if the track
    holds at least half of the particle's as well. Selected particles: charged, transverse
    momentum above 1 GeV, |eta| < 3, at least 9 measurements.

    Args:
        particles: selected particles.
        matched: selected particles with a track.
        tracks: all tracks.
        fakes: tracks that match no particle.
        duplicates: further tracks of a particle.
    """

    particles: int = 0
    matched: int = 0
    tracks: int = 0
    fakes: int = 0
    duplicates: int = 0

    def __add__(self, other: ReferenceCounts) -> ReferenceCounts:
        return ReferenceCounts(
            self.particles + other.particles,
            self.matched + other.matched,
            self.tracks + other.tracks,
            self.fakes + other.fakes,
            self.duplicates + other.duplicates,
        )

    @property
    def efficiency(self) -> float:
        """Fraction of the selected particles with a track."""
        return self.matched / self.particles if self.particles else float("nan")

    @property
    def fake_rate(self) -> float:
        """Fraction of the tracks that match no particle."""
        return self.fakes / self.tracks if self.tracks else float("nan")

    @property
    def duplicate_rate(self) -> float:
        """Fraction of the tracks that repeat a particle."""
        return self.duplicates / self.tracks if self.tracks else float("nan")

    @classmethod
    def from_writer(cls, writer: Any) -> ReferenceCounts:
        """Take the counts from ACTS' performance writer."""
        stats = writer.stats()
        names = ("Particles", "MatchedParticles", "Tracks", "FakeTracks", "DuplicateTracks")
        return cls(*(int(stats[f"nTotal{name}"]) for name in names))


def add_reconstruction(
    sequence: Any, geometry: Any, field: Any, folder: Path, csv: Path
) -> dict[str, Any]:
    """Add seeding, track finding and ambiguity resolution to a sequence.

    Seeds are triplets of pixel hits with transverse momentum above 0.9 GeV and transverse
    impact parameter below 5 mm. Tracks have transverse momentum above 1 GeV, |eta| < 3, at least
    7 measurements, at most 2 holes and 2 outliers.

    Args:
        sequence: ACTS sequencer, with simulation and digitisation.
        geometry: tracking geometry.
        field: magnetic field.
        folder: for configuration files.
        csv: where the tracks go.

    Returns:
        By name of the tracks, the writer that knows their performance after the run.
    """
    acts = load_acts()
    examples, units = acts.examples, acts.UnitConstants
    reconstruction, simulation = examples.reconstruction, examples.simulation
    simulation.addDigiParticleSelection(
        sequence,
        simulation.ParticleSelectorConfig(
            pt=(1.0 * units.GeV, None), eta=(-3.0, 3.0), measurements=(9, None), removeNeutral=True
        ),
    )
    _add_seeding(acts, sequence, geometry, field, folder)
    reconstruction.addCKFTracks(
        sequence,
        geometry,
        field,
        reconstruction.TrackSelectorConfig(
            pt=(1.0 * units.GeV, None),
            absEta=(None, 3.0),
            nMeasurementsMin=7,
            maxHoles=2,
            maxOutliers=2,
        ),
        reconstruction.CkfConfig(
            chi2CutOffMeasurement=15.0,
            chi2CutOffOutlier=25.0,
            numMeasurementsCutOff=1,
            seedDeduplication=True,
            stayOnSeed=True,
        ),
        outputDirCsv=str(csv),
    )
    writers = {"ckf": _add_performance(acts, sequence, "ckf_tracks", "ckf_")}
    reconstruction.addAmbiguityResolution(
        sequence,
        reconstruction.AmbiguityResolutionConfig(maximumSharedHits=3, nMeasurementsMin=7),
        outputDirCsv=str(csv),
    )
    writers["ambi"] = _add_performance(acts, sequence, "tracks", "")
    return writers


def _add_seeding(acts: Any, sequence: Any, geometry: Any, field: Any, folder: Path) -> None:
    reconstruction, units = acts.examples.reconstruction, acts.UnitConstants
    reconstruction.addSeeding(
        sequence,
        geometry,
        field,
        geoSelectionConfigFile=write_seeding_layers(folder / "seeding.json"),
        seedingAlgorithm=reconstruction.SeedingAlgorithm.GridTriplet,
        seedFinderConfigArg=reconstruction.SeedFinderConfigArg(
            r=(None, 200 * units.mm),
            deltaR=(1 * units.mm, 150 * units.mm),
            collisionRegion=(-250 * units.mm, 250 * units.mm),
            z=(-2000 * units.mm, 2000 * units.mm),
            maxSeedsPerSpM=2,
            sigmaScattering=5,
            radLengthPerSeed=0.1,
            minPt=900 * units.MeV,
            impactMax=5 * units.mm,
            cotThetaMax=11.0,
        ),
        seedFinderOptionsArg=reconstruction.SeedFinderOptionsArg(
            bFieldInZ=2 * units.T, beamPos=(0.0, 0.0)
        ),
        initialSigmas=[
            1 * units.mm,
            1 * units.mm,
            1 * units.degree,
            1 * units.degree,
            0 * units.e / units.GeV,
            1 * units.ns,
        ],
        initialSigmaQoverPt=0.1 * units.e / units.GeV,
        initialSigmaPtRel=0.1,
        initialVarInflation=[1.0] * 6,
    )


def _add_performance(acts: Any, sequence: Any, tracks: str, prefix: str) -> Any:
    Writer = acts.examples.PythonPatternRecognitionPerformanceWriter
    config = Writer.Config()
    config.inputTracks = tracks
    config.inputParticles = "particles_selected"
    config.inputTrackParticleMatching = f"{prefix}track_particle_matching"
    config.inputParticleTrackMatching = f"{prefix}particle_track_matching"
    config.inputParticleMeasurementsMap = "particle_measurements_map"
    writer = Writer(config, acts.logging.ERROR)
    sequence.addWriter(writer)
    return writer
