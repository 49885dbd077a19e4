"""The hidden space of a network in two dimensions."""

from __future__ import annotations

import importlib
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pcgnn.errors import BackendError, ConfigError, DataError
from pcgnn.metrics.embedding import Embedding
from pcgnn.models.base import CloudModel
from pcgnn.models.hidden import capture
from pcgnn.training.base_task import Task
from pcgnn.training.fitting import resolve_device
from pcgnn.training.predicting import load_source, ordered_batches
from pcgnn.training.task import ClassificationTask

__all__ = ["EmbeddingMethod", "embed"]

EmbeddingMethod: TypeAlias = Literal["pca", "tsne"]


def embed(
    source: Any,
    data: Any,
    *,
    method: EmbeddingMethod = "pca",
    perplexity: float = 30.0,
    seed: int = 0,
    batch_size: int = 512,
    device: str | torch.device = "auto",
) -> Embedding:
    r"""Draw the graphs as points by their hidden representation h, the input of the last layer.

    - "pca": the two directions of the largest variance; the sign of each is the one in which its
      largest coefficient is positive. Linear, so other graphs can be projected on them.
    - "tsne": t-distributed stochastic neighbour embedding (van der Maaten and Hinton, JMLR 9 (2008)
      2579) by scikit-learn: near points are near in h, distances between groups mean nothing. Its
      cost grows faster than the number of graphs: a few thousand at a time.

    Args:
        source: a model, the result of :func:`pcgnn.fit`, a task or a checkpoint file.
        data: clouds, a loader or a stream.
        method: "pca" or "tsne".
        perplexity: of "tsne", about the number of near neighbours that count.
        seed: of "tsne".
        batch_size: graphs at a time.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``.

    Returns:
        A :class:`pcgnn.metrics.Embedding` with the points in the order of the graphs.

    Raises:
        ConfigError: an unknown method, a perplexity too large, or a model without a hidden
            representation.
        DataError: fewer than three graphs.
        BackendError: scikit-learn is not installed (extra ``embedding``).

    Example:
        >>> seen = embed(result, test[:2000], method="tsne")  # doctest: +SKIP
        >>> pcgnn.plots.embedding(seen)  # doctest: +SKIP
    """
    if method not in get_args(EmbeddingMethod):
        raise ConfigError(f"no such method: {method!r}", remedy="choose 'pca' or 'tsne'")
    task: Task = (
        ClassificationTask(source) if isinstance(source, CloudModel) else load_source(source)
    )
    hidden, y = _hidden(task, data, batch_size, resolve_device(device))
    if len(hidden) < 3:
        raise DataError(f"{len(hidden)} graphs are too few to embed", remedy="give at least 3")
    values = hidden.cpu().numpy()
    classes = tuple(getattr(data, "classes", ()) or task.classes)
    if method == "pca":
        mean, axes, explained = _principal(hidden)
        points = ((hidden - mean) @ axes.t()).cpu().numpy()
        return Embedding(
            method,
            points,
            values,
            y,
            classes,
            explained.cpu().numpy(),
            mean.cpu().numpy(),
            axes.cpu().numpy(),
        )
    if not 1 <= perplexity < len(values):
        raise ConfigError(
            f"perplexity = {perplexity} for {len(values)} graphs",
            remedy="it must be at least 1 and smaller than the number of graphs",
        )
    tsne = _manifold().TSNE(2, perplexity=perplexity, random_state=seed, init="pca")
    return Embedding(method, np.asarray(tsne.fit_transform(values), np.float64), values, y, classes)


def _principal(hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (H,), two axes (2, H) and their shares of the variance (2,)."""
    mean = hidden.mean(0)
    away = hidden - mean
    covariance = away.t() @ away / len(hidden)
    values, vectors = torch.linalg.eigh(covariance)
    if len(values) < 2:
        raise ConfigError("a hidden representation of one number is no plane")
    axes = vectors[:, -2:].flip(1).t()
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    axes = axes * torch.where(largest < 0, -1.0, 1.0)
    total = values.clamp(min=0).sum().clamp(min=torch.finfo(values.dtype).tiny)
    return mean, axes, values[-2:].flip(0).clamp(min=0) / total


def _hidden(
    task: Task, data: Any, batch_size: int, device: torch.device
) -> tuple[Tensor, NDArray[np.int64] | None]:
    """Hidden representation of all graphs in float64, and their classes where known."""
    rows: list[Tensor] = []
    labels: list[Tensor] = []
    home, was_training = task.device, task.training
    task.to(device).eval()
    try:
        with torch.inference_mode(), capture(task) as hidden:
            for batch in ordered_batches(task, data, batch_size):
                task(batch.to(device))
                rows.append(hidden.value.double())
                y = getattr(batch, "y", None)
                if isinstance(y, Tensor) and y.dim() == 1 and not y.is_floating_point():
                    labels.append(y)
    finally:
        task.to(home).train(was_training)
    if not rows:
        raise DataError("there are no graphs to embed", remedy="check files and cut")
    known = torch.cat(labels).cpu().numpy().astype(np.int64) if len(labels) == len(rows) else None
    if known is not None and len(known) != sum(len(row) for row in rows):
        known = None  # targets of particles, not of graphs
    return torch.cat(rows), known


def _manifold() -> Any:
    try:
        return importlib.import_module("sklearn.manifold")
    except ImportError as error:
        raise BackendError(
            "t-SNE needs scikit-learn, which is not installed",
            remedy="pip install 'pcgnn[embedding]', or use method='pca'",
        ) from error
