"""Track reports as plain text: no number without the choices behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcgnn.metrics.text import table

if TYPE_CHECKING:
    from pcgnn.metrics.tracks.report import TrackReport

__all__ = ["report_text"]


def report_text(report: TrackReport) -> str:
    """The printed report: rates with counts, then every choice they depend on.

    Args:
        report: the report.
    """
    lhc, pairs = report.rule.name == "lhc", report.rule.family == "pairs"
    rates = [
        ("efficiency", report.efficiency, "counted tracks" if lhc else "particles"),
        ("fake rate", report.fake_rate, "counted tracks"),
        ("duplicate rate", report.duplicate_rate, "particles found" if pairs else "counted tracks"),
    ]
    if lhc:
        rates.insert(1, ("particle efficiency", report.particle_efficiency, "particles"))
    counted = f">= {report.min_track_hits} hits"
    if report.rule.family == "clusters":
        counted += ", majority particle selected"
    given = f"{report.n_tracks:,} given, {report.n_counted_tracks:,} counted ({counted})"
    hits = f"{report.hits:,}: {report.noise_hits:,} noise, {report.assigned_hits:,} in tracks"
    facts = [
        ("particles", f"{report.n_particles:,} with {report.selection}"),
        ("tracks", given),
        ("hits", hits),
        ("noise", report.noise),
        ("truth", report.truth),
        ("selection by truth", report.truth_selection),
        ("errors", f"{report.efficiency.level:.2%} Clopper-Pearson intervals"),
    ]
    width = max(len(name) for name, _ in facts)
    events = f"{report.events:,} event{'' if report.events == 1 else 's'}"
    return "\n".join(
        [
            f"Track report: {events}, rule {report.rule.name} ({report.rule.describe()})",
            table(
                ["rate", "value", "counts", "out of"],
                [[name, str(rate), rate.counts, over] for name, rate, over in rates],
                "  ",
            ),
            "",
            *(f"  {name.ljust(width)}  {text}" for name, text in facts),
        ]
    )
