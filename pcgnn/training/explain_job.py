"""One batch of graphs whose output is explained."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError
from pcgnn.nn.relevance import RelevanceRule
from pcgnn.training.explain_edges import EdgeJob
from pcgnn.training.explain_gradients import attribute, norm_or_sum
from pcgnn.training.explain_lime import leave_out
from pcgnn.training.explain_lrp import check_lrp, propagate
from pcgnn.training.explain_source import Explained, OutputKind, find_targets

__all__ = ["Job", "Part"]


class Part:
    """Attributions of one batch, on the host."""

    def __init__(
        self,
        values: Sequence[Tensor],
        particles: Tensor,
        target: Tensor,
        output: Tensor,
        baseline: Tensor,
        edges: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.values = [value.double().cpu().numpy() for value in values]
        self.particles = particles.double().cpu().numpy()
        self.target = target.cpu().numpy()
        self.output = output.double().cpu().numpy()
        self.baseline = baseline.double().cpu().numpy()
        self.quality = np.empty(0)
        self.edge_index = None if edges is None else edges[0].cpu().numpy()
        self.edges = None if edges is None else edges[1].double().cpu().numpy()


class Job:
    """One batch of graphs whose output is explained."""

    def __init__(
        self,
        explained: Explained,
        clouds: ParticleClouds,
        numbers: np.ndarray,
        names: tuple[str, ...],
        device: torch.device,
        target: Any,
        kind: OutputKind,
    ) -> None:
        self.explained, self.clouds, self.numbers = explained, clouds, numbers
        self.names, self.device, self.kind = names, device, kind
        self._copies: dict[int, Any] = {}
        batch = self.copies(1)
        self.inputs = tuple(getattr(batch, name).detach() for name in names)
        with torch.no_grad():
            logits = explained.module(batch)
        self.target = find_targets(explained, logits, target).to(device)
        self.classes = logits.shape[1]
        self.output = explained.output(logits, self.target, kind)

    def copies(self, count: int) -> Any:
        """The graphs several times over, as one batch."""
        if count not in self._copies:
            batch = self.clouds.batch(np.tile(self.numbers, count)).to(self.device)
            self._copies[count] = batch
        return self._copies[count]

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output of each graph for inputs of one or several copies of the batch."""
        count = len(inputs[0]) // len(self.inputs[0])
        batch = copy.copy(self.copies(count))
        for name, value in zip(self.names, inputs, strict=True):
            setattr(batch, name, value)
        logits = self.explained.module(batch)
        return self.explained.output(logits, self.target.repeat(count), self.kind)

    def run(
        self, method: str, baselines: dict[str, Tensor], steps: int, edges: EdgeJob | None = None
    ) -> Part:
        """Explain the batch by gradients, and the edges of a block if wanted."""
        rows = tuple(baselines[name].to(self.device) for name in self.names)
        with torch.enable_grad():
            values = attribute(method, self.forward, self.inputs, rows, steps)
        zeros = method == "gradient-x-input"
        at = tuple(
            torch.zeros_like(x) if zeros else row.expand_as(x)
            for x, row in zip(self.inputs, rows, strict=True)
        )
        with torch.no_grad():
            baseline = self.forward(*at)
        if method == "gradient":
            baseline = torch.full_like(baseline, float("nan"))
        particles = norm_or_sum(method, values)
        found = None
        if edges is not None:
            seen = self.copies(1)
            if self.explained.standardizer is not None:
                seen = self.explained.standardizer(seen)
            found = edges.run(seen, self.outputs, method, steps)
        return Part(values, particles, self.target, self.output, baseline, found)

    def outputs(self, count: int) -> Tensor:
        """The output of each graph of several copies of the batch as it is."""
        logits = self.explained.module(self.copies(count))
        return self.explained.output(logits, self.target.repeat(count), self.kind)

    def run_lrp(self, baselines: dict[str, Tensor], rule: RelevanceRule) -> Part:
        """Explain the batch by relevance."""
        network, classes = self.explained.network, self.classes
        check_lrp(network, self.names, self.kind, classes)
        rows = tuple(baselines[name].to(self.device) for name in self.names)
        with torch.enable_grad():
            values = propagate(network, self.forward, self.inputs, rows, rule)
        particles = norm_or_sum("lrp", values)
        return Part(values, particles, self.target, self.output, torch.zeros_like(self.output))

    def run_lime(self, samples: int, rng: np.random.Generator) -> Part:
        """Explain the batch by leaving particles out."""
        if getattr(self.explained.network, "one_row", False):
            raise ConfigError(
                "a graph of one row has no particles to leave out",
                remedy="take integrated-gradients or lrp",
            )

        def outputs(clouds: ParticleClouds) -> Tensor:
            batch = clouds.batch(np.arange(len(clouds))).to(self.device)
            with torch.no_grad():
                logits = self.explained.module(batch)
            target = self.target.repeat(len(clouds) // len(self.numbers))
            return self.explained.output(logits, target, self.kind)

        found = leave_out(outputs, self.clouds.select(self.numbers), samples, rng)
        part = Part((), found.particles, self.target, self.output, found.baseline)
        part.quality = found.quality.numpy()
        return part
