"""Temperature scaling: scores that are probabilities."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.training.calibrated import Calibrated
from pcgnn.training.fitting import resolve_device
from pcgnn.training.multi_label_task import MultiLabelTask
from pcgnn.training.predicting import load_source, ordered_batches
from pcgnn.training.task import ClassificationTask

__all__ = ["calibrate", "fit_temperature"]

FloatArray = NDArray[np.float64]

# Temperatures are looked for between these; a fit that runs beyond has found no optimum.
_COLDEST, _HOTTEST = 1e-3, 1e3


def calibrate(
    source: Any,
    val: Any,
    *,
    batch_size: int = 512,
    device: str | torch.device = "auto",
) -> Calibrated:
    r"""Fit the temperature that makes the scores of a classifier probabilities.

    From "On Calibration of Modern Neural Networks" (`arXiv:1706.04599
    <https://arxiv.org/abs/1706.04599>`__): with logits z,

    .. math::  p = \mathrm{softmax}(z / T), \qquad T = \arg\min_T \sum_g w_g (-\ln p_{g, y_g})

    One number T > 0, so that the order of the scores, the AUC of two classes and the class with
    the highest probability stay what they are. Labels that do not exclude each other get one T
    each.

    Args:
        source: result of :func:`pcgnn.fit`, a task or a checkpoint file. It is left as it is; a
            temperature that it has already is replaced.
        val: clouds with targets that the network was not trained on, a loader or a stream.
        batch_size: graphs at a time.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``.

    Returns:
        A :class:`pcgnn.training.Calibrated`, to be used in :func:`pcgnn.predict` and saved.

    Raises:
        ConfigError: the task does not classify graphs.
        DataError: no graphs or targets, a single class, or classes that the scores separate
            without exception, so that no temperature is the best.

    Example:
        >>> calibrated = calibrate(result, val)  # doctest: +SKIP
        >>> scores = pcgnn.predict(calibrated, test)  # doctest: +SKIP
        >>> calibrated.save("runs/top/calibrated.ckpt")  # doctest: +SKIP
    """
    task = load_source(source)
    if not isinstance(task, (ClassificationTask, MultiLabelTask)):
        raise ConfigError(
            f"scores of a task on {task.kind} are not calibrated",
            remedy="give a classifier of jets or events",
        )
    task = copy.deepcopy(task)
    logits, target, weight = _evaluate(task, val, batch_size, resolve_device(device))
    task.to("cpu").eval()
    if isinstance(task, MultiLabelTask):
        # one label against its absence: two logits that differ by the label's
        pairs = [np.stack([np.zeros(len(logits)), logits[:, k]], 1) for k in range(logits.shape[1])]
        weights = [None if weight is None else weight[:, k] for k in range(logits.shape[1])]
        problems = [(pair, target[:, k], weights[k]) for k, pair in enumerate(pairs)]
    else:
        problems = [(logits, target, weight)]
    fitted = [fit_temperature(*problem) for problem in problems]
    temperature = tuple(value for value, _ in fitted)
    losses = [
        np.mean([_loss(1 / t, *problem) for t, problem in zip(ts, problems, strict=True)])
        for ts in ([1.0] * len(problems), temperature)
    ]
    task.temperature = temperature
    return Calibrated(
        task,
        temperature,
        tuple(error for _, error in fitted),
        float(losses[0]),
        float(losses[1]),
        len(logits),
    )


def fit_temperature(
    logits: FloatArray, target: NDArray[np.int64], weight: FloatArray | None = None
) -> tuple[float, float]:
    r"""Temperature of the highest likelihood, and its error.

    The likelihood is concave in :math:`\beta = 1/T`: its slope

    .. math::  \sum_g w_g \big( z_{g, y_g} - \textstyle\sum_c p_{gc} z_{gc} \big)

    falls with β and has one zero.

    **Shapes:** logits (G, C), target (G,), weight (G,).

    Raises:
        DataError: a single class, or no zero: the scores separate the classes without exception,
            or are worse than none.

    Example:
        >>> z = np.array([[0.0, 2.0]] * 4)
        >>> t, _ = fit_temperature(z, np.array([1, 1, 1, 0]))
        >>> float(round(t, 6))  # three of four: 2 / T = ln 3
        1.820478
    """
    if len(np.unique(target)) < 2:
        raise DataError("a temperature needs graphs of at least two classes")
    z = logits - logits.max(axis=1, keepdims=True)
    own = np.take_along_axis(z, target[:, None], axis=1)[:, 0]
    w = np.ones(len(z)) if weight is None else weight

    def residual(beta: float) -> tuple[FloatArray, FloatArray]:
        p = np.exp(beta * z)
        p /= p.sum(axis=1, keepdims=True)
        mean = (p * z).sum(axis=1)
        return own - mean, (p * z * z).sum(axis=1) - mean**2

    def slope(log_beta: float) -> float:
        return float((w * residual(float(np.exp(log_beta)))[0]).sum())

    low, high = np.log(1 / _HOTTEST), np.log(1 / _COLDEST)
    if slope(low) <= 0:
        raise DataError(
            "the scores are no better than chance: no temperature is the best",
            remedy="check that the graphs and their classes belong together",
        )
    if slope(high) >= 0:
        raise DataError(
            "the scores separate the classes of these graphs without exception",
            remedy="calibrate on more graphs, which were not trained on",
        )
    beta = float(np.exp(brentq(slope, low, high, xtol=1e-12)))
    gradient, curvature = residual(beta)
    # weights are not counts: the spread of the weighted gradients, over the curvature
    sigma = float(np.sqrt((w**2 * gradient**2).sum()) / (w * curvature).sum())
    return 1 / beta, sigma / beta**2


def _loss(
    beta: float, logits: FloatArray, target: NDArray[np.int64], weight: FloatArray | None
) -> float:
    z = beta * (logits - logits.max(axis=1, keepdims=True))
    own = np.take_along_axis(z, target[:, None], axis=1)[:, 0]
    return float(np.average(np.log(np.exp(z).sum(axis=1)) - own, weights=weight))


def _evaluate(
    task: Any, data: Any, batch_size: int, device: torch.device
) -> tuple[FloatArray, NDArray[np.int64], FloatArray | None]:
    """Logits, targets and weights of all graphs."""
    logits: list[Tensor] = []
    targets: list[Tensor] = []
    weights: list[Tensor] = []
    task.to(device).eval()
    with torch.inference_mode():
        for batch in ordered_batches(task, data, batch_size):
            batch = batch.to(device)
            target, weight = task.targets(batch)
            logits.append(task(batch).double())
            targets.append(target)
            if weight is not None:
                weights.append(weight.double())
    if not logits:
        raise DataError("there are no graphs to calibrate on", remedy="check files and cut")
    return (
        torch.cat(logits).cpu().numpy(),
        torch.cat(targets).cpu().numpy().astype(np.int64),
        torch.cat(weights).cpu().numpy() if weights else None,
    )
