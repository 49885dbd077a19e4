"""What a track report holds, how it prints, and its numbers in bins."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.binned import BinnedEfficiency, assign_bins, efficiency_vs
from pcgnn.metrics.counting import estimate_from_sums
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.tracks.counting import STATUS, extra_per_unique
from pcgnn.metrics.tracks.rules import MatchRule

__all__ = ["FoundTracks", "SelectedParticles", "TrackReport"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_UNITS = {"pt": "GeV", "eta": "", "vertex_radius": "mm", "hits": ""}


@dataclass(frozen=True, eq=False)
class SelectedParticles:
    r"""The particles of the denominator, one entry each.

    Args:
        event: number of the event, from 0.
        particle_id: id inside the event.
        hits: hits in the input, $N_m$.
        pt: transverse momentum in GeV; NaN where not known.
        eta: pseudorapidity; NaN where not known.
        vertex_radius: transverse distance of the production vertex in mm; NaN where not known.
        matches: tracks matched to it.

    Shapes:
        - **all**: $(P,)$
    """

    event: IntArray
    particle_id: IntArray
    hits: IntArray
    pt: FloatArray
    eta: FloatArray
    vertex_radius: FloatArray
    matches: IntArray

    @property
    def matched(self) -> NDArray[np.bool_]:
        """Whether at least one track is matched to it."""
        return self.matches > 0

    def __len__(self) -> int:
        return len(self.event)


@dataclass(frozen=True, eq=False)
class FoundTracks:
    r"""All tracks given, one entry each.

    Args:
        event: number of the event, from 0.
        label: the label, or the place in the list of its event.
        size: hits of the track, $|c|$.
        particle_id: majority particle; 0 is noise.
        shared: its hits in the track, $n_m$.
        status: position in `STATUS`: not counted, matched, duplicate, fake.
        counted: whether it is in the denominator of fake and duplicate rate.
        pt: transverse momentum of the majority particle; NaN for noise or where not known.
        eta: its pseudorapidity.
        vertex_radius: its production radius.

    Shapes:
        - **all**: $(T,)$
    """

    event: IntArray
    label: IntArray
    size: IntArray
    particle_id: IntArray
    shared: IntArray
    status: NDArray[np.uint8]
    counted: NDArray[np.bool_]
    pt: FloatArray
    eta: FloatArray
    vertex_radius: FloatArray

    def __len__(self) -> int:
        return len(self.event)


@dataclass(frozen=True, repr=False, eq=False)
class TrackReport:
    """Efficiency, fake and duplicate rate of track finding, with all choices behind them.

    Made by [`track_report`][pcgnn.metrics.tracks.measure.track_report].

    Args:
        rule: the matching rule.
        selection: the cuts on particles, in words.
        noise: how noise is treated, in words.
        truth: the truth that tracks are compared with, in words.
        truth_selection: how the hits were selected by truth, in words.
        min_track_hits: fewest hits of a track.
        events: number of events.
        hits: number of hits.
        noise_hits: how many of them are noise.
        assigned_hits: how many of them are in a track.
        efficiency: by the rule; for `lhc` the share of counted tracks that match.
        fake_rate: fakes over counted tracks.
        duplicate_rate: duplicates over counted tracks; for `atlas`, `one_way` and `two_way`
            matches beyond the first over particles found.
        particles: the particles of the denominator.
        tracks: all tracks given.
    """

    rule: MatchRule
    selection: str
    noise: str
    truth: str
    truth_selection: str
    min_track_hits: int
    events: int
    hits: int
    noise_hits: int
    assigned_hits: int
    efficiency: Estimate
    fake_rate: Estimate
    duplicate_rate: Estimate
    particles: SelectedParticles = field(repr=False)
    tracks: FoundTracks = field(repr=False)

    @property
    def particle_efficiency(self) -> Estimate:
        """Selected particles with at least one matched track, over selected particles.

        Differs from `efficiency` for the rule `lhc` alone, which counts tracks there.
        """
        found = int(self.particles.matched.sum())
        return estimate_from_sums(found, self.n_particles, level=self.efficiency.level)

    @property
    def n_particles(self) -> int:
        """Particles of the denominator."""
        return len(self.particles)

    @property
    def n_tracks(self) -> int:
        """Tracks given, of any length."""
        return len(self.tracks)

    @property
    def n_counted_tracks(self) -> int:
        """Tracks in the denominator of the fake rate (cleaned clusters)."""
        return int(self.tracks.counted.sum())

    @property
    def matched_particles(self) -> NDArray[np.bool_]:
        """Whether each particle of the denominator is matched."""
        return self.particles.matched

    def vs(self, variable: str, bins: ArrayLike, *, of: str = "efficiency") -> BinnedEfficiency:
        """A rate in bins of a quantity of the true particle.

        Args:
            variable: `"pt"`, `"eta"`, `"vertex_radius"` or `"hits"` (of the particle; not for
                rates over tracks).
            bins: rising edges, or a number of bins of equal population.
            of: `"efficiency"`, `"particle_efficiency"`, `"fake_rate"` or `"duplicate_rate"`.
                Rates over tracks use the majority particle; tracks without one are in no bin.
                The duplicate rate of `atlas`, `one_way` and `two_way` is per particle found.

        Raises:
            ConfigError: an unknown name, or bad bins.
            DataError: the quantity is not known.

        Example:
            >>> from pcgnn.metrics import track_report
            >>> hits = {"particle_id": [1, 1, 1, 2, 2, 2], "pt": [1.0] * 3 + [5.0] * 3,
            ...         "eta": [0.0] * 6}
            >>> report = track_report(hits, [0, 0, 0, -1, -1, -1], rule="double_majority")
            >>> [each.counts for each in report.vs("pt", [0.9, 2, 10]).efficiency]
            ['1 / 1', '0 / 1']
        """
        if variable not in _UNITS:
            raise ConfigError(f"variable {variable!r}", remedy=f"choose one of {[*_UNITS]}")
        rates = ("efficiency", "particle_efficiency", "fake_rate", "duplicate_rate")
        if of not in rates:
            raise ConfigError(f"of={of!r}", remedy=f"choose one of {list(rates)}")
        extra = of == "duplicate_rate" and self.rule.family == "pairs"
        over_tracks = of.endswith("rate") or (of == "efficiency" and self.rule.name == "lhc")
        over_tracks = over_tracks and not extra
        level = self.efficiency.level
        if not over_tracks:
            values = np.asarray(getattr(self.particles, variable), np.float64)
            passed = self.particles.matched
        else:
            if variable == "hits":
                raise ConfigError(f"{of} vs {variable} is not defined for {self.rule.name!r}")
            wanted = {"efficiency": (1, 2), "fake_rate": (3,), "duplicate_rate": (2,)}[of]
            counted = self.tracks.counted
            values = getattr(self.tracks, variable)[counted]
            passed = np.isin(self.tracks.status[counted], wanted)
        known = ~np.isnan(values)
        if values.size and not known.any():
            raise DataError(
                f"{variable} of the particles is not known",
                remedy=f"give the hits a column {variable!r}",
            )
        if not over_tracks and not known.all():
            raise DataError(f"{variable}: {int((~known).sum())} selected particles have NaN")
        if extra:
            return self._extra_matches_vs(variable, values, bins)
        binned = efficiency_vs(
            passed[known], values[known], bins, name=variable, unit=_UNITS[variable], level=level
        )
        missing = int((~known).sum())
        return BinnedEfficiency(
            binned.edges, binned.efficiency, binned.name, binned.unit, binned.outside + missing
        )

    def _extra_matches_vs(
        self, variable: str, values: FloatArray, bins: ArrayLike
    ) -> BinnedEfficiency:
        """Matches beyond the first per particle found, in bins of the particles."""
        edges, index = assign_bins(values, bins, len(self.particles), variable)
        inside, matches = index >= 0, self.particles.matches
        size = len(edges) - 1
        found = np.bincount(index[inside], matches[inside] > 0, size).astype(np.int64)
        all_matches = np.bincount(index[inside], matches[inside], size).astype(np.int64)
        counts = zip((all_matches - found).tolist(), found.tolist(), strict=True)
        estimates = tuple(extra_per_unique(*pair, self.efficiency.level) for pair in counts)
        outside = int((~inside).sum())
        return BinnedEfficiency(edges, estimates, variable, _UNITS[variable], outside)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON: everything but the single particles and tracks."""
        return {
            "rule": self.rule.name,
            "limits": self.rule.describe(),
            "selection": self.selection,
            "min_track_hits": self.min_track_hits,
            "noise": self.noise,
            "truth": self.truth,
            "truth_selection": self.truth_selection,
            "events": self.events,
            "hits": self.hits,
            "noise_hits": self.noise_hits,
            "assigned_hits": self.assigned_hits,
            "particles": self.n_particles,
            "tracks": self.n_tracks,
            "counted_tracks": self.n_counted_tracks,
            "efficiency": self.efficiency.to_dict(),
            "particle_efficiency": self.particle_efficiency.to_dict(),
            "fake_rate": self.fake_rate.to_dict(),
            "duplicate_rate": self.duplicate_rate.to_dict(),
            "status": {
                name: int((self.tracks.status == code).sum()) for code, name in enumerate(STATUS)
            },
        }

    def __str__(self) -> str:
        from pcgnn.metrics.tracks.text import report_text

        return report_text(self)

    def __repr__(self) -> str:
        return (
            f"TrackReport({self.rule.name}, {self.n_particles:,} particles, efficiency "
            f"{self.efficiency}, fake rate {self.fake_rate})"
        )
