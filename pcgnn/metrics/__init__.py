"""Truth and prediction -> numbers with uncertainties, for anybody's arrays.

Nothing here needs a model: numpy arrays, lists, torch tensors and predictions are all taken.
"""

from pcgnn.metrics.binned import BinnedEfficiency, efficiency_vs
from pcgnn.metrics.binned_rejection import BinnedRejection, rejection_vs
from pcgnn.metrics.calibration import (
    CalibrationReport,
    ReliabilityCurve,
    calibration_report,
)
from pcgnn.metrics.combinations import CombinationTable
from pcgnn.metrics.comparison import Comparison, ComparisonRow, TrainedTagger
from pcgnn.metrics.confusion import ConfusionMatrix
from pcgnn.metrics.counting import efficiency_estimate, rejection_estimate
from pcgnn.metrics.edge_summary import EdgeReport
from pcgnn.metrics.edges import edge_report
from pcgnn.metrics.embedding import Embedding
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.explanation import Explanation, RankedAttribution
from pcgnn.metrics.intervals import clopper_pearson, efficiency_interval, kish_n_eff
from pcgnn.metrics.labels import label_reports
from pcgnn.metrics.mass_study import MassResult, MassStudy
from pcgnn.metrics.precision_recall import PrecisionRecall, precision_recall
from pcgnn.metrics.priors import at_priors, likelihood_ratio
from pcgnn.metrics.regression import regression_report
from pcgnn.metrics.regression_summary import BinnedRegression, RegressionReport
from pcgnn.metrics.report import ClassReport, TaggingReport
from pcgnn.metrics.roc import RocCurve
from pcgnn.metrics.significance import (
    SignificanceScan,
    asimov_significance,
    significance_scan,
)
from pcgnn.metrics.significance_ratio import SignificanceRatio, significance_ratio
from pcgnn.metrics.symmetry import SymmetryAudit, SymmetryRow
from pcgnn.metrics.tagging import tagging_report
from pcgnn.metrics.text import compare
from pcgnn.metrics.tracks import (
    BinnedResolution,
    LossLedger,
    TrackReport,
    TrackResolution,
    loss_ledger,
    track_report,
    track_reports,
    track_resolution,
    trackml_score,
    trackml_scores,
    trackml_weights,
)
from pcgnn.metrics.working_point import WorkingPoint

__all__ = [
    "BinnedEfficiency",
    "BinnedRegression",
    "BinnedRejection",
    "BinnedResolution",
    "CalibrationReport",
    "ClassReport",
    "CombinationTable",
    "Comparison",
    "ComparisonRow",
    "ConfusionMatrix",
    "EdgeReport",
    "Embedding",
    "Estimate",
    "Explanation",
    "LossLedger",
    "MassResult",
    "MassStudy",
    "PrecisionRecall",
    "RankedAttribution",
    "RegressionReport",
    "ReliabilityCurve",
    "RocCurve",
    "SignificanceRatio",
    "SignificanceScan",
    "SymmetryAudit",
    "SymmetryRow",
    "TaggingReport",
    "TrackReport",
    "TrackResolution",
    "TrainedTagger",
    "WorkingPoint",
    "asimov_significance",
    "at_priors",
    "calibration_report",
    "clopper_pearson",
    "compare",
    "edge_report",
    "efficiency_estimate",
    "efficiency_interval",
    "efficiency_vs",
    "kish_n_eff",
    "label_reports",
    "likelihood_ratio",
    "loss_ledger",
    "precision_recall",
    "regression_report",
    "rejection_estimate",
    "rejection_vs",
    "significance_ratio",
    "significance_scan",
    "tagging_report",
    "track_report",
    "track_reports",
    "track_resolution",
    "trackml_score",
    "trackml_scores",
    "trackml_weights",
]
