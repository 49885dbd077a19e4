"""Figures from reports, clouds and histories: each function returns a matplotlib figure.

The style is that of mplhep, applied to these figures alone. In a notebook a figure shows itself;
`save` writes it to a file.
"""

from pcgnn.plots.binned import efficiency, rejection_vs_pt
from pcgnn.plots.confusion import confusion
from pcgnn.plots.features import features
from pcgnn.plots.history import history
from pcgnn.plots.jets import jet_display
from pcgnn.plots.roc import roc
from pcgnn.plots.scores import scores
from pcgnn.plots.style import save, style

__all__ = [
    "confusion",
    "efficiency",
    "features",
    "history",
    "jet_display",
    "rejection_vs_pt",
    "roc",
    "save",
    "scores",
    "style",
]
