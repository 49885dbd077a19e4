"""Posteriors for other shares of the classes, and likelihood ratios, from probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics._inputs import numeric

__all__ = ["at_priors", "likelihood_ratio"]

FloatArray = NDArray[np.float64]


def at_priors(
    probabilities: Any, trained: Sequence[float] | None, wanted: Sequence[float] | None = None
) -> FloatArray:
    r"""Probabilities that a classifier would give had its training had other class shares.

    By Bayes' theorem

    .. math:: p'(c|x) = \frac{p(c|x)\, \pi'_c / \pi_c}{\sum_k p(k|x)\, \pi'_k / \pi_k}

    Args:
        probabilities: of the classes, or a prediction.
        trained: shares of the classes in the training, by weight; None for equal ones, as those of
            the loss ``likelihood-ratio`` or a balanced training.
        wanted: shares of the classes in the data; None for equal ones.

    Shapes:
        - **probabilities**: $(G, C)$
        - **output**: $(G, C)$

    Raises:
        ConfigError: shares that are not positive, or of another number.

    Example:
        >>> at_priors([[0.5, 0.5]], trained=None, wanted=[0.99, 0.01]).tolist()
        [[0.99, 0.01]]
    """
    table = _table(probabilities)
    ratio = _shares(wanted, table) / _shares(trained, table)
    scaled = table * ratio
    result: FloatArray = scaled / scaled.sum(1, keepdims=True)
    return result


def likelihood_ratio(
    probabilities: Any,
    trained: Sequence[float] | None = None,
    *,
    numerator: int = 1,
    denominator: int = 0,
) -> FloatArray:
    r"""Ratio of the likelihoods of two classes.

    .. math:: \frac{p(x|1)}{p(x|0)} = \frac{p(1|x)}{p(0|x)} \frac{\pi_0}{\pi_1}

    Args:
        probabilities: of the classes, or a prediction.
        trained: shares of the classes in the training, by weight; None for equal ones.
        numerator: class above.
        denominator: class below; where its probability is 0 the ratio is infinite.

    Shapes:
        - **probabilities**: $(G, C)$
        - **output**: $(G)$

    Raises:
        ConfigError: shares that are not positive or of another number, or no such class.

    Example:
        >>> likelihood_ratio([[0.8, 0.2]], trained=[0.9, 0.1]).round(3).tolist()
        [2.25]
    """
    table = _table(probabilities)
    for number in (numerator, denominator):
        if not 0 <= number < table.shape[1]:
            raise ConfigError(f"there is no class {number} of {table.shape[1]}")
    shares = _shares(trained, table)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: FloatArray = table[:, numerator] / table[:, denominator]
    return np.asarray(ratio * (shares[denominator] / shares[numerator]))


def _table(probabilities: Any) -> FloatArray:
    table = numeric(getattr(probabilities, "probabilities", probabilities), "probabilities")
    if table.ndim != 2 or table.shape[1] < 2:
        raise ConfigError(
            f"probabilities have the shape {table.shape}", remedy="give (G, C) with C >= 2"
        )
    return table.astype(np.float64)


def _shares(values: Sequence[float] | None, table: FloatArray) -> FloatArray:
    classes = table.shape[1]
    if values is None:
        return np.full(classes, 1 / classes)
    shares = np.asarray(values, np.float64)
    if shares.shape != (classes,) or not ((shares > 0) & np.isfinite(shares)).all():
        raise ConfigError(
            f"shares {list(values)} for {classes} classes", remedy="one positive number per class"
        )
    result: FloatArray = shares / shares.sum()
    return result
