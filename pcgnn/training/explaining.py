"""Why a jet gets its score: attributions to its particles and their features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import nn

from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.explanation import Explanation
from pcgnn.nn.relevance import RelevanceRule
from pcgnn.tracking.graphs import HitGraphs
from pcgnn.training.explain_edges import EdgeJob, edge_block
from pcgnn.training.explain_hits import explain_hit_graphs, hit_module
from pcgnn.training.explain_job import Job, Part
from pcgnn.training.explain_source import (
    OutputKind,
    explained_inputs,
    find_baseline,
    find_explained,
    input_names,
)
from pcgnn.training.fitting import resolve_device

__all__ = ["Method", "explain"]

Method: TypeAlias = Literal[
    "integrated-gradients", "gradient", "gradient-x-input", "taylor", "lrp", "lime"
]


def explain(
    source: Any,
    clouds: ParticleClouds | HitGraphs,
    *,
    method: Method = "integrated-gradients",
    target: Any = None,
    inputs: Sequence[str] | str | None = None,
    output: OutputKind = "logit",
    baseline: Any = "zero",
    edges: int | None = None,
    steps: int = 50,
    rule: RelevanceRule = "epsilon",
    samples: int = 500,
    seed: int = 0,
    batch_size: int = 64,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> Explanation:
    r"""Attribute an output F of a model to the particles of each graph and to their features.

    Methods, with x the raw inputs as they are in the clouds (a standardisation inside the task is
    part of F) and x0 the baseline:

    - "integrated-gradients" (`arXiv:1703.01365 <https://arxiv.org/abs/1703.01365>`__):
      :math:`A = (x - x_0) \int_0^1 \partial F / \partial x\,(x_0 + \alpha (x - x_0))\, d\alpha`;
      the attributions of a graph add up to :math:`F(x) - F(x_0)`.
    - "taylor": the first term of the expansion around x,
      :math:`A = (x - x_0)\, \partial F / \partial x`; what is missing is ``residual``.
    - "gradient-x-input": the same with :math:`x_0 = 0` in raw inputs.
    - "gradient": :math:`A = \partial F / \partial x`, signed; per particle its norm.
    - "lrp": layer-wise relevance propagation by :func:`pcgnn.nn.relevance.relevance`, for dense
      networks and deep sets; ``residual`` is what biases took.
    - "lime" (`arXiv:1602.04938 <https://arxiv.org/abs/1602.04938>`__): what a particle adds in a
      linear model of the output with random particles left out; per particle only. Features that
      refer to the whole jet stay those of the whole jet. A lone particle gets 0.

    The neighbours that a graph network picks are a step function of the inputs and have no
    gradient; along a path they change, which integrated gradients see as they come.

    The order of the particles is that of the clouds: a model that sorts them inside passes the
    gradients back.

    Args:
        source: a model, the result of :func:`pcgnn.fit`, a task or a checkpoint file.
        clouds: what is explained. Of hit graphs: features of hits (``values["x"]``) and of edges
            (``values["edge_attr"]``, their sum ``edges``), by the methods with gradients.
        method: see above.
        target: class whose output is explained: number, name, one number per graph, "predicted",
            or None for the last (the signal). Of hit graphs: for each graph the numbers of the
            edges (or hits) whose mean logit is explained, or None for all.
        inputs: "x", "pos" and "p4", those that are explained; the others stay as they are. By
            default x, or, of a model without x, what it reads.
        output: F is the "logit" of the class, its "log-odds" against all others,
            :math:`z_c - \ln \sum_{k \ne c} e^{z_k}`, or its "probability".
        baseline: "zero": zero after standardisation, that is the mean particle (without
            standardisation zero); "mean": the mean particle of these clouds; or a mapping from
            inputs to values, (F,) each.
        edges: number of an EdgeConv block, from 0, whose edges are explained too: by the strength
            of each message, from none to full. Their attributions add up to F with all edges of
            the block less F with none.
        steps: points of the integral.
        rule: of "lrp": "epsilon" or "gamma".
        samples: of "lime", per graph: several times the number of particles.
        seed: of "lime".
        batch_size: graphs at a time.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``.
        progress: show a progress bar.

    Returns:
        An :class:`pcgnn.metrics.Explanation`.

    **Shapes:** attributions (N, F) per feature and (N,) per particle.

    Raises:
        ConfigError: unknown options, classes or inputs, or a model that is no classifier of graphs.
        DataError: no graphs, or an attribution that is not finite.
        BackendError: Captum is not installed (extra ``explain``).

    Example:
        >>> why = explain(result, test[:1000], target="top")  # doctest: +SKIP
        >>> pcgnn.plots.explanation(why, test, 3)  # doctest: +SKIP
    """
    _check(method, output, steps, samples, batch_size, clouds)
    if isinstance(clouds, HitGraphs):
        module = hit_module(source)
        with _evaluation(module, resolve_device(device)) as where:
            return explain_hit_graphs(
                module,
                clouds,
                method=method,
                target=target,
                output=output,
                baseline=baseline,
                steps=steps,
                device=where,
                progress=progress,
            )
    explained = find_explained(source, clouds)
    names = explained_inputs(explained, clouds, inputs)
    baselines = {name: find_baseline(explained, clouds, name, baseline) for name in names}
    parts: list[Part] = []
    edge_job = None
    if edges is not None:
        network: Any = explained.network
        edge_job = EdgeJob(network, edge_block(network, edges, method))
    rng = np.random.default_rng(seed)
    if method == "lime":
        names = ()
    with _evaluation(explained.module, resolve_device(device)) as where:
        for numbers in _batches(len(clouds), batch_size, progress):
            chosen = target
            if not isinstance(target, (str, int, type(None))):
                chosen = np.asarray(target)[numbers]
            job = Job(explained, clouds, numbers, names, where, chosen, output)
            if method == "lime":
                parts.append(job.run_lime(samples, rng))
            elif method == "lrp":
                parts.append(job.run_lrp(baselines, rule))
            else:
                parts.append(job.run(method, baselines, steps, edge_job))
    values = {
        name: np.concatenate([part.values[number] for part in parts])
        for number, name in enumerate(names)
    }
    particles = np.concatenate([part.particles for part in parts])
    if not np.isfinite(particles).all():
        raise DataError(
            f"{int((~np.isfinite(particles)).sum())} attributions are not finite",
            remedy="look for NaN or infinite values in the weights, or take another baseline",
        )
    return Explanation(
        method=method,
        output_kind=output,
        values=values,
        particles=particles,
        features={name: input_names(clouds, name) for name in names},
        ptr=np.asarray(clouds.ptr, np.int64),
        target=np.concatenate([part.target for part in parts]),
        classes=explained.classes,
        output=np.concatenate([part.output for part in parts]),
        baseline=np.concatenate([part.baseline for part in parts]),
        edge_index=_edge_index(parts, clouds, batch_size),
        edges=None if edge_job is None else np.concatenate([part.edges for part in parts]),
        settings=_settings(method, steps, rule, samples, parts),
    )


def _settings(
    method: str, steps: int, rule: str, samples: int, parts: Sequence[Part]
) -> dict[str, Any]:
    if method == "integrated-gradients":
        return {"steps": steps}
    if method == "lrp":
        return {"rule": rule}
    if method == "lime":
        quality = np.concatenate([part.quality for part in parts])
        return {"samples": samples, "mean_quality": float(quality.mean())}
    return {}


def _edge_index(
    parts: Sequence[Part], clouds: ParticleClouds, batch_size: int
) -> np.ndarray | None:
    """Ends of the edges, numbered as the particles of all clouds."""
    begins = np.asarray(clouds.ptr)[::batch_size]
    found = [
        part.edge_index + begin
        for part, begin in zip(parts, begins, strict=False)
        if part.edge_index is not None
    ]
    return np.concatenate(found, axis=1) if found else None


@contextmanager
def _evaluation(module: nn.Module, device: torch.device) -> Iterator[torch.device]:
    """The model in evaluation on the device, then as it was."""
    first = next(module.parameters(), None)
    home = torch.device("cpu") if first is None else first.device
    modes = [(layer, layer.training) for layer in module.modules()]
    trained = [p for p in module.parameters() if p.requires_grad]
    module.to(device).eval()
    try:
        for parameter in trained:
            parameter.requires_grad_(False)  # else what only their gradients need is kept
        # cuDNN has no backward pass of recurrent layers in evaluation
        with torch.backends.cudnn.flags(enabled=False):
            yield device
    finally:
        module.to(home)
        for parameter in trained:
            parameter.requires_grad_()
        for layer, training in modes:
            layer.training = training


def _batches(graphs: int, batch_size: int, progress: bool) -> Iterator[np.ndarray]:
    from rich.progress import track

    begins = range(0, graphs, batch_size)
    for begin in track(begins, "explaining", disable=not progress, transient=True):
        yield np.arange(begin, min(begin + batch_size, graphs))


def _check(
    method: str, output: str, steps: int, samples: int, batch_size: int, clouds: Any
) -> None:
    if method not in get_args(Method):
        raise ConfigError(
            f"no such method: {method!r}", remedy=f"choose from {', '.join(get_args(Method))}"
        )
    if output not in get_args(OutputKind):
        raise ConfigError(
            f"no such output: {output!r}", remedy=f"choose from {', '.join(get_args(OutputKind))}"
        )
    if min(steps, samples, batch_size) < 1:
        raise ConfigError(
            f"steps = {steps}, samples = {samples} and batch_size = {batch_size} must be at least 1"
        )
    if not isinstance(clouds, (ParticleClouds, HitGraphs)):
        raise ConfigError(
            f"a {type(clouds).__name__} cannot be explained",
            remedy="give particle clouds or hit graphs",
        )
    if len(clouds) == 0:
        raise DataError("there are no graphs to explain")
