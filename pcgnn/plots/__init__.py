"""Figures from reports, clouds and histories: each function returns a matplotlib figure.

The style is that of mplhep, applied to these figures alone. In a notebook a figure shows itself;
`save` writes it to a file.
"""

from pcgnn.plots.binned import efficiency, rejection_vs_pt
from pcgnn.plots.combinations import combinations
from pcgnn.plots.comparison import auc_against_cost, auc_against_jets, compared_rocs
from pcgnn.plots.confusion import confusion
from pcgnn.plots.edge_curves import edge_curves
from pcgnn.plots.edge_scores import edge_scores
from pcgnn.plots.embedding import embedding
from pcgnn.plots.event_display import event_display
from pcgnn.plots.event_display_3d import event_display_3d
from pcgnn.plots.explanation import attribution_by_rank, explanation, feature_attributions
from pcgnn.plots.features import features
from pcgnn.plots.history import history
from pcgnn.plots.hit_graph import hit_graph
from pcgnn.plots.jet_images import jet_image
from pcgnn.plots.jets import jet_display
from pcgnn.plots.ledger import ledger
from pcgnn.plots.lr_range import lr_range
from pcgnn.plots.masses import mass_study
from pcgnn.plots.regression import calibration, ratio, resolution
from pcgnn.plots.reliability import reliability
from pcgnn.plots.roc import roc
from pcgnn.plots.scan import scan_history, scan_importance, scan_slices
from pcgnn.plots.scores import scores
from pcgnn.plots.significance import significance
from pcgnn.plots.style import save, style
from pcgnn.plots.symmetry import symmetry
from pcgnn.plots.track_efficiency import track_efficiency
from pcgnn.plots.track_resolution import track_resolution

__all__ = [
    "attribution_by_rank",
    "auc_against_cost",
    "auc_against_jets",
    "calibration",
    "combinations",
    "compared_rocs",
    "confusion",
    "edge_curves",
    "edge_scores",
    "efficiency",
    "embedding",
    "event_display",
    "event_display_3d",
    "explanation",
    "feature_attributions",
    "features",
    "history",
    "hit_graph",
    "jet_display",
    "jet_image",
    "ledger",
    "lr_range",
    "mass_study",
    "ratio",
    "rejection_vs_pt",
    "reliability",
    "resolution",
    "roc",
    "save",
    "scan_history",
    "scan_importance",
    "scan_slices",
    "scores",
    "significance",
    "style",
    "symmetry",
    "track_efficiency",
    "track_resolution",
]
