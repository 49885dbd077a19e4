"""Scores in input order, one row per graph."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from pcgnn.data import CloudStream
from pcgnn.errors import ConfigError, DataError
from pcgnn.io.predicted_rows import Origin
from pcgnn.tracking.graphs import HitGraphs
from pcgnn.tracking.scores import GraphScores
from pcgnn.training.base_task import Task
from pcgnn.training.calibrated import Calibrated
from pcgnn.training.checkpoint import load_checkpoint
from pcgnn.training.ensembles import Ensemble, EnsemblePrediction, is_ensemble, load_ensemble
from pcgnn.training.fitting import FitResult, resolve_device
from pcgnn.training.prediction_parts import check_inputs, origin_of
from pcgnn.training.trees import BoostedTrees, load_trees

__all__ = ["load_source", "ordered_batches", "predict"]


@overload
def predict(
    source: Ensemble,
    data: Any,
    *,
    batch_size: int = 512,
    device: str | torch.device = "auto",
) -> EnsemblePrediction: ...
@overload
def predict(
    source: FitResult | Calibrated | Task | BoostedTrees | str | os.PathLike[str],
    data: HitGraphs,
    *,
    batch_size: int = 512,
    device: str | torch.device = "auto",
) -> GraphScores: ...
@overload
def predict(
    source: FitResult | Calibrated | Task | BoostedTrees | str | os.PathLike[str],
    data: Any,
    *,
    batch_size: int = 512,
    device: str | torch.device = "auto",
) -> Any: ...
def predict(
    source: FitResult | Calibrated | Task | BoostedTrees | Ensemble | str | os.PathLike[str],
    data: Any,
    *,
    batch_size: int = 512,
    device: str | torch.device = "auto",
) -> Any:
    """Probabilities, values or distances of every graph, in input order; scores of hit graphs.

    The order of a shuffled loader does not matter: clouds behind a
    :class:`~pcgnn.data.CloudLoader` are read in their own order, each exactly once; the rows of
    a stream are put back into the order of files and entries. A foreign loader is taken as it
    comes. The batch size changes nothing but speed and memory.

    Args:
        source: result of :func:`pcgnn.fit` (its best epoch) or of :func:`pcgnn.calibrate`, a
            checkpoint file, a task, or an ensemble or its folder.
        data: clouds, hit graphs, a CloudLoader, a CloudStream, or any iterable of PyG batches.
        batch_size: graphs per batch, where the data are clouds.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``.

    Returns:
        one row per graph with its file and entry: a :class:`pcgnn.Prediction` with probabilities
        (G, C); of a regression a :class:`pcgnn.RegressionPrediction` with values (G, T); of an
        autoencoder :class:`pcgnn.io.AnomalyScores` with distances (G,). For hit graphs and for
        models of particles :class:`pcgnn.tracking.GraphScores`, one score per edge (E,), hit (N,)
        or particle (N,), in the order of the input.

    Raises:
        ConfigError: if the source or the inputs are of the wrong kind.
        CheckpointError: if the checkpoint cannot be used.
        DataError: if there is nothing to predict or a score is not finite.

    Example:
        >>> scores = predict("runs/top/best.ckpt", test)  # doctest: +SKIP
        >>> scores.signal[:3]  # doctest: +SKIP
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size = {batch_size} must be at least 1")
    if is_ensemble(source):
        source = load_ensemble(source)
    if isinstance(source, Ensemble):
        return source.predict(data, batch_size=batch_size, device=device)
    if isinstance(source, (str, os.PathLike)) and os.fspath(source).endswith(".json"):
        source = load_trees(source)
    if isinstance(source, BoostedTrees):
        return source.predict(data)
    task = load_source(source)
    if isinstance(data, HitGraphs):
        return _score_graphs(task, data, resolve_device(device))
    if task.of_particles:
        return _score_particles(task, data, batch_size, resolve_device(device))
    if not task.of_graphs:
        raise ConfigError(
            f"a task on {task.kind} scores hit graphs, not a {type(data).__name__}",
            remedy="make them with pcgnn.tracking.build_graphs",
        )
    if isinstance(data, CloudStream):
        data = _whole(data)
    clouds = _clouds(data)
    where = resolve_device(device)
    home, was_training = task.device, task.training
    task.to(where).eval()
    try:
        batches = ordered_batches(task, data, batch_size)
        values, file, entry = _run(task, batches, where)
    finally:
        task.to(home).train(was_training)
    if clouds is not None:
        return task.rows(values, origin_of(clouds))
    if hasattr(data, "set_epoch") and file is not None and entry is not None:
        order = np.lexsort((entry, file))
        values, file, entry = values[order], file[order], entry[order]
    provenance = dict(getattr(data, "provenance", None) or {})
    return task.rows(values, Origin.of(len(values), file, entry, provenance))


def ordered_batches(task: Task, data: Any, batch_size: int) -> Iterable[Any]:
    """The graphs of clouds, a loader or a stream, each once, in their own order.

    Raises:
        ConfigError: they hold other inputs than the task was trained on.
    """
    if isinstance(data, CloudStream):
        data = _whole(data)
    clouds = _clouds(data)
    check_inputs(task.features, clouds if clouds is not None else data)
    return data if clouds is None else _in_order(clouds, batch_size)


def load_source(source: Any) -> Task:
    """The task behind the result of a training, a task or a checkpoint file.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(source, (FitResult, Calibrated)):
        return source.task
    if isinstance(source, Task):
        return source
    if isinstance(source, (str, os.PathLike)):
        return load_checkpoint(source)
    raise ConfigError(
        f"a {type(source).__name__} cannot predict",
        remedy="pass the result of fit, a checkpoint file or a task",
    )


def _score_graphs(task: Task, graphs: HitGraphs, device: torch.device) -> GraphScores:
    """Scores of hit graphs, one graph at a time."""
    if task.of_graphs:
        raise ConfigError(
            "the task scores whole graphs", remedy="train a model for edges on hit graphs"
        )
    home, was_training = task.device, task.training
    task.to(device).eval()
    scores: list[np.ndarray] = []
    try:
        with torch.inference_mode():
            for graph in graphs:
                logits = task(graph.to(device, non_blocking=True))
                scores.append(task.scores(logits.float()).cpu().numpy())
    finally:
        task.to(home).train(was_training)
    for number, values in enumerate(scores):
        if not np.isfinite(values).all():
            raise DataError(
                f"a score of {task.kind} is not finite",
                entry=number,
                remedy="look for NaN or infinite values in features or weights",
            )
    return GraphScores.join(scores)


def _score_particles(task: Task, data: Any, batch_size: int, device: torch.device) -> GraphScores:
    """Scores of the particles of clouds, in their order."""
    clouds = _clouds(data)
    if clouds is None:
        raise ConfigError(
            f"a task on particles scores clouds, not a {type(data).__name__}",
            remedy="make them with pcgnn.ParticleClouds.from_awkward",
        )
    check_inputs(task.features, clouds)
    home, was_training = task.device, task.training
    task.to(device).eval()
    try:
        scores = _run(task, _in_order(clouds, batch_size), device)[0]
    finally:
        task.to(home).train(was_training)
    if not np.isfinite(scores).all():
        row = int(np.argmin(np.isfinite(scores)))
        raise DataError(
            f"the score of particle {row} is not finite",
            remedy="look for NaN or infinite values in features or weights",
        )
    return GraphScores(scores, np.concatenate([[0], np.cumsum(clouds.sizes)]).astype(np.int64))


def _clouds(data: Any) -> Any:
    from pcgnn.data import ParticleClouds

    if isinstance(data, ParticleClouds):
        return data
    inner = getattr(data, "clouds", None)
    return inner if isinstance(inner, ParticleClouds) else None


def _whole(stream: CloudStream) -> CloudStream:
    """The same entries from the first to the last, for one process; the stream stays as it is."""
    other = stream.shard(0, 1)
    other.drop_last = other.shuffle = False
    return other


def _in_order(clouds: Any, batch_size: int) -> Iterator[Any]:
    for begin in range(0, len(clouds), batch_size):
        yield clouds.batch(np.arange(begin, min(begin + batch_size, len(clouds))))


def _run(
    task: Task, batches: Iterable[Any], device: torch.device
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    scores: list[Tensor] = []
    places: dict[str, list[Tensor]] = {"file": [], "entry": []}
    with torch.inference_mode():
        for batch in batches:
            logits = task(batch.to(device))
            wide = logits if logits.dtype == torch.float64 else logits.float()
            scores.append(task.scores(wide))
            for name, parts in places.items():
                value = getattr(batch, name, None)
                if isinstance(value, Tensor):
                    parts.append(value)
    if not scores:
        raise DataError("there are no graphs to predict", remedy="check files and cut")
    found = [
        torch.cat(parts).cpu().numpy() if len(parts) == len(scores) else None
        for parts in places.values()
    ]
    return torch.cat(scores).cpu().numpy(), found[0], found[1]
