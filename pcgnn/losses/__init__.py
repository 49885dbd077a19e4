"""Losses: one file each, found by name."""

from pcgnn.losses.binary import BinaryCrossEntropy, FocalLoss
from pcgnn.losses.condensation import CondensationLoss
from pcgnn.losses.cross_entropy import WeightedCrossEntropy
from pcgnn.losses.pair_hinge import PairHingeLoss
from pcgnn.losses.registry import create_loss, list_losses

__all__ = [
    "BinaryCrossEntropy",
    "CondensationLoss",
    "FocalLoss",
    "PairHingeLoss",
    "WeightedCrossEntropy",
    "create_loss",
    "list_losses",
]
