"""Truth and prediction -> numbers with uncertainties, for anybody's arrays.

Nothing here needs a model: numpy arrays, lists, torch tensors and predictions are all taken.
"""

from pcgnn.metrics.binned import BinnedEfficiency, efficiency_vs
from pcgnn.metrics.binned_rejection import BinnedRejection, rejection_vs
from pcgnn.metrics.confusion import ConfusionMatrix
from pcgnn.metrics.counting import efficiency_estimate, rejection_estimate
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import clopper_pearson, efficiency_interval, kish_n_eff
from pcgnn.metrics.report import ClassReport, TaggingReport
from pcgnn.metrics.roc import RocCurve
from pcgnn.metrics.tagging import tagging_report
from pcgnn.metrics.text import compare
from pcgnn.metrics.working_point import WorkingPoint

__all__ = [
    "BinnedEfficiency",
    "BinnedRejection",
    "ClassReport",
    "ConfusionMatrix",
    "Estimate",
    "RocCurve",
    "TaggingReport",
    "WorkingPoint",
    "clopper_pearson",
    "compare",
    "efficiency_estimate",
    "efficiency_interval",
    "efficiency_vs",
    "kish_n_eff",
    "rejection_estimate",
    "rejection_vs",
    "tagging_report",
]
