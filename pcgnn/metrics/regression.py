"""True and predicted values -> resolution, bias and tails."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics._inputs import numeric, weights
from pcgnn.metrics.intervals import LEVEL
from pcgnn.metrics.regression_summary import RegressionReport, measured

__all__ = ["regression_report"]


def regression_report(
    y: Any,
    prediction: Any,
    *,
    weight: Any = None,
    bins: ArrayLike | None = None,
    name: str | None = None,
    unit: str = "",
    tail_widths: float = 3.0,
    level: float = LEVEL,
) -> RegressionReport:
    r"""Compare predicted with true values.

    With $R = p / y$, its 84% and 16% quantiles a and b and its median c:

    - resolution $M = (a - b) / (2c)$: an overall factor drops out, and the outer 32% are ignored;
    - bias $c - 1$;
    - tails: share of the graphs with $|R / c - 1| > 3 M$.

    Errors of the first two are bootstrapped, see
    [`ratio_shape`][pcgnn.metrics.ratio_quantiles.ratio_shape]; that of the share is
    Clopper-Pearson.

    Args:
        y: true values; graphs where they are not above 0 are left out and counted.
        prediction: predicted ones, or a prediction of one target.
        weight: one weight per graph, not negative.
        bins: edges (or number) of bins of the true value, in which the numbers are given too.
        name: the target; by default that of the prediction.
        unit: its unit.
        tail_widths: where the tails begin, in resolutions.
        level: confidence level.

    Shapes:
        - **y**, **prediction**, **weight**: $(G,)$ or $(G, 1)$

    Raises:
        DataError: shapes differ, values are not finite, weights negative, or nothing is left.
        ConfigError: bad bins or tails.

    Example:
        >>> report = regression_report([100.0, 100.0, 50.0], [110.0, 100.0, 45.0])
        >>> round(report.bias.value, 3), len(report)
        (0.0, 3)
    """
    if name is None:
        targets = tuple(getattr(prediction, "targets", ()))
        name = targets[0] if len(targets) == 1 else "value"
    if not tail_widths > 0:
        raise ConfigError(f"tail_widths = {tail_widths} must be positive")
    truth, values = (_column(given, what) for given, what in ((y, "y"), (prediction, "prediction")))
    if truth.shape != values.shape:
        raise DataError(
            f"{truth.size} true values but {values.size} predictions",
            remedy="both must come from the same graphs in the same order",
        )
    each = weights(weight, truth.size)
    if each is not None and (each < 0).any():
        raise DataError(
            f"weight: {int((each < 0).sum())} are negative, of which no quantile is made",
            remedy="leave these graphs out",
        )
    kept = truth > 0
    if not kept.any():
        raise DataError(f"{name}: no true value is above 0", remedy="check target and cut")
    truth, values = truth[kept], values[kept]
    each = None if each is None else each[kept]
    resolution, bias, tail = measured(values / truth, each, tail_widths, level)
    report = RegressionReport(
        name,
        unit,
        resolution,
        bias,
        tail,
        float(tail_widths),
        truth,
        values,
        each,
        int((~kept).sum()),
    )
    if bins is None:
        return report
    return RegressionReport(**{**vars(report), "binned": report.vs(bins)})


def _column(given: Any, what: str) -> np.ndarray:
    array = numeric(given, what).astype(np.float64)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"{what}: shape {array.shape}",
            remedy="one value per graph; of several targets take them one by one",
        )
    if not np.isfinite(array).all():
        first = int(np.flatnonzero(~np.isfinite(array))[0])
        raise DataError(f"{what}: the value at index {first} is not finite")
    return array
