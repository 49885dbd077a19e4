"""Found tracks and the truth -> efficiencies, fakes, duplicates, scores and where losses arise."""

from pcgnn.metrics.tracks.counting import STATUS
from pcgnn.metrics.tracks.ledger import LedgerRow, LossLedger
from pcgnn.metrics.tracks.losses import loss_ledger
from pcgnn.metrics.tracks.measure import track_report, track_reports
from pcgnn.metrics.tracks.report import FoundTracks, SelectedParticles, TrackReport
from pcgnn.metrics.tracks.resolution import track_resolution
from pcgnn.metrics.tracks.resolution_report import BinnedResolution, TrackResolution
from pcgnn.metrics.tracks.rules import RULES, MatchRule
from pcgnn.metrics.tracks.trackml import trackml_score, trackml_scores, trackml_weights

__all__ = [
    "RULES",
    "STATUS",
    "BinnedResolution",
    "FoundTracks",
    "LedgerRow",
    "LossLedger",
    "MatchRule",
    "SelectedParticles",
    "TrackReport",
    "TrackResolution",
    "loss_ledger",
    "track_report",
    "track_reports",
    "track_resolution",
    "trackml_score",
    "trackml_scores",
    "trackml_weights",
]
