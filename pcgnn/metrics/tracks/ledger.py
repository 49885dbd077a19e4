"""What a loss ledger holds, and how it prints."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pcgnn.metrics.counting import estimate_from_sums
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.text import table
from pcgnn.metrics.tracks.rules import MatchRule

__all__ = ["LedgerRow", "LossLedger"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class LedgerRow:
    """One stage.

    Args:
        stage: its name.
        lost: particles lost here, none of them found in the end.
        remaining: particles not lost up to here.
        share: lost over the denominator.
        cumulative: remaining over the denominator.
    """

    stage: str
    lost: int
    remaining: int
    share: Estimate
    cumulative: Estimate

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "stage": self.stage,
            "lost": self.lost,
            "remaining": self.remaining,
            "share": self.share.to_dict(),
            "cumulative": self.cumulative.to_dict(),
        }


@dataclass(frozen=True, repr=False, eq=False)
class LossLedger:
    """Particles of one fixed denominator, by the stage that lost them.

    Made by [`loss_ledger`][pcgnn.metrics.tracks.losses.loss_ledger]. The losses of all rows and
    `found` add up to `particles`.

    Args:
        rule: the matching rule.
        selection: the cuts on particles, in words.
        truth_selection: how the hits were selected by truth, in words.
        min_track_hits: fewest hits of a track.
        threshold: cut on the edge score; None without scores.
        particles: the denominator.
        found: particles found (matched; without tracks: still findable after the last stage).
        rescued: those of them whose own hits would not have been enough at some stage: their
            hits were joined through hits of others.
        rows: the stages that were given, in order.
        has_tracks: whether tracks were given.
        lost_at: position in `rows` of the stage that lost each particle; -1 for those found.
        event: event of each particle.
        particle_id: id of each particle.

    Shapes:
        - **lost_at**, **event**, **particle_id**: $(P,)$
    """

    rule: MatchRule
    selection: str
    truth_selection: str
    min_track_hits: int
    threshold: float | None
    particles: int
    found: int
    rescued: int
    rows: tuple[LedgerRow, ...]
    has_tracks: bool
    lost_at: IntArray = field(repr=False)
    event: IntArray = field(repr=False)
    particle_id: IntArray = field(repr=False)

    @property
    def efficiency(self) -> Estimate:
        """Found over the denominator."""
        level = self.rows[0].share.level
        return estimate_from_sums(self.found, self.particles, level=level)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "rule": self.rule.name,
            "limits": self.rule.describe(),
            "selection": self.selection,
            "truth_selection": self.truth_selection,
            "min_track_hits": self.min_track_hits,
            "threshold": self.threshold,
            "particles": self.particles,
            "rows": [row.to_dict() for row in self.rows],
            "found": self.found,
            "rescued": self.rescued,
            "has_tracks": self.has_tracks,
            "efficiency": self.efficiency.to_dict(),
        }

    def __str__(self) -> str:
        rows = [
            [row.stage, f"{row.lost:,}", str(row.share), f"{row.remaining:,}", str(row.cumulative)]
            for row in self.rows
        ]
        end = "found" if self.has_tracks else "findable"
        rows.append([end, f"{self.found:,}", str(self.efficiency), "", ""])
        lines = [
            f"Loss ledger: {self.particles:,} particles with {self.selection}; rule "
            f"{self.rule.name} ({self.rule.describe()}), >= {self.min_track_hits} hits",
            table(["lost at", "particles", "share", "remaining", "cumulative"], rows, "  "),
            f"Selection by truth: {self.truth_selection}.",
        ]
        if self.threshold is not None:
            lines.append(f"Edges kept: score >= {self.threshold:g}.")
        if self.rescued:
            lines.append(
                f"Of those found, {self.rescued:,} did not hold together by their own hits."
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        lost = ", ".join(f"{row.stage} {row.lost:,}" for row in self.rows)
        return f"LossLedger({self.particles:,} particles: {lost}, found {self.found:,})"
