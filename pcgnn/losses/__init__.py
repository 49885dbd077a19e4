"""Losses: one file each, found by name."""

from pcgnn.losses.binary import BinaryCrossEntropy, FocalLoss
from pcgnn.losses.cross_entropy import WeightedCrossEntropy
from pcgnn.losses.registry import create_loss, list_losses

__all__ = [
    "BinaryCrossEntropy",
    "FocalLoss",
    "WeightedCrossEntropy",
    "create_loss",
    "list_losses",
]
