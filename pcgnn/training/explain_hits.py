"""Why an edge or a hit of a hit graph gets its score: attributions to hits and edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.explanation import Explanation
from pcgnn.models.hit_graph_model import EdgeModel, HitGraphModel, HitModel
from pcgnn.tracking.graphs import HitGraph, HitGraphs
from pcgnn.training.explain_gradients import GRADIENT_METHODS, attribute, norm_or_sum
from pcgnn.training.predicting import load_source

__all__ = ["explain_hit_graphs", "hit_module"]

_INPUTS = ("x", "edge_attr")


def hit_module(source: Any) -> nn.Module:
    """The model behind a source, which gives each edge or each hit one logit.

    Raises:
        ConfigError: it is something else.
    """
    module: nn.Module = source if isinstance(source, HitGraphModel) else load_source(source)
    network = getattr(module, "network", module)
    if not isinstance(network, (EdgeModel, HitModel)):
        raise ConfigError(
            f"a {type(network).__name__} has no score of an edge or a hit to explain",
            remedy="give a model of edges or of hits",
        )
    return module


def explain_hit_graphs(
    module: nn.Module,
    graphs: HitGraphs,
    *,
    method: str,
    target: Any,
    output: str,
    baseline: str,
    steps: int,
    device: torch.device,
    progress: bool,
) -> Explanation:
    """Attributions to features of hits and edges, graph by graph.

    Args:
        module: of :func:`hit_module`.
        graphs: the hit graphs.
        method: one of the methods by gradients.
        target: which edges (or hits) are explained: None for all, or for each graph one number or
            several; the output is the mean of their logits.
        output: "logit" (the log-odds of a single logit) or "probability".
        baseline: "zero" or "mean".
        steps: of "integrated-gradients".
        device: where.
        progress: show a progress bar.

    Raises:
        ConfigError: a method or target that does not fit.
    """
    from rich.progress import track

    if method not in GRADIENT_METHODS:
        raise ConfigError(
            f"hit graphs are not explained by {method!r}",
            remedy=f"choose from {', '.join(GRADIENT_METHODS)}",
        )
    if baseline not in ("zero", "mean"):
        raise ConfigError(f"baseline {baseline!r}", remedy="choose 'zero' or 'mean'")
    chosen = _targets(graphs, target)
    found = [
        _HitJob(module, graph, numbers, output, baseline, device).run(method, steps)
        for graph, numbers in track(
            list(zip(graphs, chosen, strict=True)),
            "explaining",
            disable=not progress,
            transient=True,
        )
    ]
    sizes = np.array([graph.x.shape[0] for graph in graphs], np.int64)
    ptr = np.concatenate([[0], np.cumsum(sizes)])
    values = {
        name: np.concatenate([part[number] for part, _, _ in found])
        for number, name in enumerate(_INPUTS)
    }
    parts = (torch.from_numpy(values["x"]),), (torch.from_numpy(values["edge_attr"]),)
    particles, edges = (norm_or_sum(method, part).numpy() for part in parts)
    if not (np.isfinite(particles).all() and np.isfinite(edges).all()):
        raise DataError("an attribution is not finite", remedy="look for NaN in the weights")
    ends = [graph.edge_index.numpy() + begin for graph, begin in zip(graphs, ptr, strict=False)]
    return Explanation(
        method=method,
        output_kind=output,
        values=values,
        particles=particles,
        features={
            "x": _names(graphs, "features", 0),
            "edge_attr": _names(graphs, "edge_features", 1),
        },
        ptr=ptr,
        target=np.zeros(len(sizes), np.int64),
        classes=("true edge" if isinstance(_network(module), EdgeModel) else "hit of interest",),
        output=np.array([value for _, value, _ in found]),
        baseline=np.array([value for _, _, value in found]),
        edge_index=np.concatenate(ends, axis=1),
        edges=edges,
        settings={"steps": steps} if method == "integrated-gradients" else {},
    )


def _network(module: nn.Module) -> Any:
    return getattr(module, "network", module)


def _targets(graphs: HitGraphs, target: Any) -> list[Tensor | None]:
    if target is None:
        return [None] * len(graphs)
    if not isinstance(target, Sequence) or isinstance(target, str) or len(target) != len(graphs):
        raise ConfigError(
            f"target must list the edges (or hits) of each of the {len(graphs)} graphs",
            remedy="give target=[[7], [3, 4], ...], or None for all",
        )
    return [torch.as_tensor(np.atleast_1d(np.asarray(numbers, np.int64))) for numbers in target]


def _names(graphs: HitGraphs, key: str, number: int) -> tuple[str, ...]:
    width = int(graphs[0][_INPUTS[number]].shape[1])
    names = tuple(str(name) for name in graphs.description.get(key, ()))
    return names if len(names) == width else tuple(f"{_INPUTS[number]}[{f}]" for f in range(width))


class _HitJob:
    """One hit graph whose edges or hits are explained."""

    def __init__(
        self,
        module: nn.Module,
        graph: HitGraph,
        numbers: Tensor | None,
        output: str,
        baseline: str,
        device: torch.device,
    ) -> None:
        self.module, self.output = module, output
        self.graph = graph.clone().to(device)  # moved in place: the caller's stays
        self.inputs = tuple(self.graph[name].detach() for name in _INPUTS)
        self.rows = tuple(x.mean(0) if baseline == "mean" else x[:0].sum(0) for x in self.inputs)
        with torch.no_grad():
            self.count = int(module(self.graph).shape[0])
        self.numbers = torch.arange(self.count) if numbers is None else numbers
        low, high = int(self.numbers.min()), int(self.numbers.max())
        if not (low >= 0 and high < self.count):
            raise ConfigError(f"there is no edge or hit {high} of {self.count} in the graph")
        self.numbers = self.numbers.to(device)
        self._copies: dict[int, Any] = {}

    def forward(self, *inputs: Tensor) -> Tensor:
        """Mean output of the chosen edges or hits in each copy of the graph."""
        copies = len(inputs[0]) // len(self.inputs[0])
        if copies not in self._copies:
            self._copies[copies] = Batch.from_data_list([self.graph] * copies)
        batch = self._copies[copies].clone()
        for name, value in zip(_INPUTS, inputs, strict=True):
            batch[name] = value
        logits = self.module(batch).view(copies, self.count)
        chosen: Tensor = logits.index_select(1, self.numbers)
        return (chosen.sigmoid() if self.output == "probability" else chosen).mean(1)

    def run(self, method: str, steps: int) -> tuple[list[np.ndarray], float, float]:
        """Attributions to both inputs, the output, and the output at the baseline."""
        with torch.enable_grad():
            values = attribute(method, self.forward, self.inputs, self.rows, steps)
        zero = method == "gradient-x-input"
        at = tuple(
            torch.zeros_like(x) if zero else row.expand_as(x)
            for x, row in zip(self.inputs, self.rows, strict=True)
        )
        with torch.no_grad():
            output, baseline = float(self.forward(*self.inputs)), float(self.forward(*at))
        found = [value.double().cpu().numpy() for value in values]
        return found, output, float("nan") if method == "gradient" else baseline
