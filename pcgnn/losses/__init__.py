"""Losses: one file each, found by name."""

from pcgnn.losses.binary import BinaryCrossEntropy, FocalLoss
from pcgnn.losses.condensation import CondensationLoss
from pcgnn.losses.cross_entropy import WeightedCrossEntropy
from pcgnn.losses.likelihood_ratio import LikelihoodRatioLoss
from pcgnn.losses.pair_hinge import PairHingeLoss
from pcgnn.losses.protocols import BatchLoss, EpochLoss
from pcgnn.losses.registry import create_loss, list_losses
from pcgnn.losses.regression import HuberLoss, MeanSquaredError, MeanSquaredRatio, ValueLoss
from pcgnn.losses.regression_central import CentralFractionLoss
from pcgnn.losses.regression_gaussian import GaussianLikelihood
from pcgnn.losses.significance import AsimovLoss, SignificanceLoss

__all__ = [
    "AsimovLoss",
    "BatchLoss",
    "BinaryCrossEntropy",
    "CentralFractionLoss",
    "CondensationLoss",
    "EpochLoss",
    "FocalLoss",
    "GaussianLikelihood",
    "HuberLoss",
    "LikelihoodRatioLoss",
    "MeanSquaredError",
    "MeanSquaredRatio",
    "PairHingeLoss",
    "SignificanceLoss",
    "ValueLoss",
    "WeightedCrossEntropy",
    "create_loss",
    "list_losses",
]
