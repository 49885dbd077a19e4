"""Losses by name."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from torch import nn

from pcgnn.errors import ConfigError
from pcgnn.losses.binary import BinaryCrossEntropy, FocalLoss
from pcgnn.losses.condensation import CondensationLoss
from pcgnn.losses.cross_entropy import WeightedCrossEntropy
from pcgnn.losses.likelihood_ratio import LikelihoodRatioLoss
from pcgnn.losses.mean_distance import MeanDistance
from pcgnn.losses.pair_hinge import PairHingeLoss
from pcgnn.losses.regression import HuberLoss, MeanSquaredError, MeanSquaredRatio
from pcgnn.losses.regression_central import CentralFractionLoss
from pcgnn.losses.regression_gaussian import GaussianLikelihood
from pcgnn.losses.significance import AsimovLoss, SignificanceLoss

__all__ = ["create_loss", "list_losses"]

LOSSES: dict[str, type[nn.Module]] = {
    "asimov": AsimovLoss,
    "binary-cross-entropy": BinaryCrossEntropy,
    "central-fraction": CentralFractionLoss,
    "condensation": CondensationLoss,
    "cross-entropy": WeightedCrossEntropy,
    "focal": FocalLoss,
    "likelihood-ratio": LikelihoodRatioLoss,
    "mean-distance": MeanDistance,
    "gaussian-likelihood": GaussianLikelihood,
    "huber": HuberLoss,
    "mean-squared-error": MeanSquaredError,
    "mean-squared-ratio": MeanSquaredRatio,
    "pair-hinge": PairHingeLoss,
    "significance": SignificanceLoss,
}


def list_losses() -> list[str]:
    """The names that :func:`create_loss` knows.

    Example:
        >>> list_losses()
        ['asimov', 'binary-cross-entropy', 'central-fraction', ..., 'pair-hinge', 'significance']
    """
    return sorted(LOSSES)


def create_loss(name: str, **arguments: Any) -> nn.Module:
    """Makes a loss from its name.

    Args:
        name: one of :func:`list_losses`.
        **arguments: passed to the loss.

    Raises:
        ConfigError: if the name or an argument is not known, or an argument is missing.

    Example:
        >>> create_loss("cross-entropy", label_smoothing=0.1)
        WeightedCrossEntropy(label_smoothing=0.1)
    """
    if name not in LOSSES:
        close = difflib.get_close_matches(name, LOSSES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose from {list_losses()}"
        raise ConfigError(f"no loss is called {name!r}", remedy=hint)
    loss = LOSSES[name]
    parameters = {
        # nn.Module's own (*args, **kwargs) are no arguments of a loss
        key: each
        for key, each in inspect.signature(loss).parameters.items()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }
    known = set(parameters)
    if unknown := set(arguments) - known:
        raise ConfigError(
            f"loss {name!r} has no argument {sorted(unknown)[0]!r}",
            remedy=f"choose from {sorted(known)}" if known else "it has none",
        )
    empty = inspect.Parameter.empty
    needed = [name for name, each in parameters.items() if each.default is empty]
    if missing := [name for name in needed if name not in arguments]:
        raise ConfigError(
            f"loss {name!r} needs {' and '.join(missing)}",
            remedy=f"give loss_arguments={{{', '.join(f'{each!r}: ...' for each in missing)}}}",
        )
    return loss(**arguments)
