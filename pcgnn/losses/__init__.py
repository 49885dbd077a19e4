"""Losses: one file each, found by name."""

from pcgnn.losses.cross_entropy import WeightedCrossEntropy
from pcgnn.losses.registry import create_loss, list_losses

__all__ = ["WeightedCrossEntropy", "create_loss", "list_losses"]
