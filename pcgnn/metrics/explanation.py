"""What an explanation found: how much each particle and each feature moved the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError, DataError

__all__ = ["Explanation", "RankedAttribution"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RankedAttribution:
    """Mean attribution of the hardest, second hardest, ... particle of a jet.

    Attributes:
        rank: 1 for the hardest particle of each jet, (R,).
        mean: mean attribution over the jets that have such a particle, (R,).
        error: its standard error, 0 for a single jet, (R,).
        jets: number of those jets, (R,).
    """

    rank: NDArray[np.int64]
    mean: FloatArray
    error: FloatArray
    jets: NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    r"""Attributions of one output of a model to its inputs, in the order of the input.

    Attributions of a jet whose method is ``complete`` add up to the difference of the outputs,

    .. math::  \sum_{i, f} A_{if} \approx F(x) - F(x_0)

    Attributes:
        method: how they were made.
        output_kind: what F is: "logit", "log-odds" or "probability".
        values: attribution to each number of an input, by name of the input, (N, F).
        particles: attribution to each particle, (N,): the sum over inputs and features, for
            "gradient" the Euclidean norm.
        features: names of the columns of each input.
        ptr: offsets of the graphs, (G + 1,).
        target: class explained, of each graph, (G,).
        classes: names of the classes.
        output: F(x), (G,).
        baseline: F(x_0), (G,); NaN where the method has no baseline.
        edge_index: numbers of the two ends of each edge, (2, E), where edges were explained.
        edges: attribution to each edge, (E,), where edges were explained.
        settings: options of the method.
    """

    method: str
    output_kind: str
    values: Mapping[str, FloatArray]
    particles: FloatArray
    features: Mapping[str, tuple[str, ...]]
    ptr: NDArray[np.int64]
    target: NDArray[np.int64]
    classes: tuple[str, ...]
    output: FloatArray
    baseline: FloatArray
    edge_index: NDArray[np.int64] | None = None
    edges: FloatArray | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def x(self) -> FloatArray:
        """Attribution to the features, (N, F).

        Raises:
            ConfigError: the features were not explained.
        """
        if "x" not in self.values:
            raise ConfigError(
                f"the explanation is of {', '.join(self.values) or 'particles'}, not of x",
                remedy="explain a model that reads features, with inputs=('x',)",
            )
        return self.values["x"]

    def __len__(self) -> int:
        return len(self.ptr) - 1

    @property
    def residual(self) -> FloatArray:
        """F(x) - F(x_0) minus the sum of the attributions of each graph, (G,); NaN without F(x_0).

        How far a complete method is from complete; for "taylor" the terms of higher order.
        """
        return self.output - self.baseline - self.total

    @property
    def total(self) -> FloatArray:
        """Sum of the attributions of the particles (and edges' features) of each graph, (G,)."""
        found = _sums(self.particles, self.ptr)
        attr = self.values.get("edge_attr")
        if attr is not None and self.edge_index is not None and attr.size:
            graph = np.searchsorted(self.ptr, self.edge_index[0], side="right") - 1
            found = found + np.bincount(graph, attr.sum(axis=1), minlength=len(self))
        return found

    def ranking(self, name: str = "x") -> dict[str, tuple[float, float]]:
        r"""Features by their mean absolute attribution, the largest first.

        With ``method="gradient"`` these are the first-order Taylor coefficients
        :math:`\langle |\partial F / \partial x_f| \rangle` of `arXiv:1803.08782
        <https://arxiv.org/abs/1803.08782>`__.

        Args:
            name: the input.

        Returns:
            name of the feature -> mean and its standard error.

        Raises:
            ConfigError: this input was not explained.
        """
        if name not in self.values:
            raise ConfigError(
                f"the explanation is not of {name!r}", remedy=f"it is of {list(self.values)}"
            )
        size = np.abs(self.values[name])
        mean = size.mean(axis=0)
        error = size.std(axis=0) / np.sqrt(max(len(size), 1))
        order = np.argsort(-mean, kind="stable")
        names = self.features[name]
        return {names[f]: (float(mean[f]), float(error[f])) for f in order}

    def by_rank(
        self, pt: ArrayLike, ranks: int = 30, *, absolute: bool = False
    ) -> RankedAttribution:
        """Mean attribution of the particles of each rank in pT.

        Args:
            pt: pT of each particle in GeV, (N,).
            ranks: how many ranks, from the hardest.
            absolute: average the absolute values.

        Raises:
            DataError: not one pT per particle.
        """
        momentum = np.asarray(pt, np.float64)
        if momentum.shape != self.particles.shape:
            raise DataError(
                f"pt has the shape {momentum.shape}, there are {len(self.particles):,} particles",
                remedy="give one pT per particle of the explained clouds",
            )
        sizes = np.diff(self.ptr)
        graph = np.repeat(np.arange(len(self)), sizes)
        order = np.lexsort((-momentum, graph))
        rank = np.arange(len(order)) - np.repeat(self.ptr[:-1], sizes)
        inside = rank < ranks
        rank, value = rank[inside], self.particles[order][inside]
        value = np.abs(value) if absolute else value
        count = np.bincount(rank, minlength=min(ranks, int(sizes.max(initial=0))))
        mean = np.bincount(rank, value, minlength=len(count)) / count
        square = np.bincount(rank, value**2, minlength=len(count)) / count
        spread = np.maximum(square - mean**2, 0.0)
        error = np.sqrt(spread / np.maximum(count - 1, 1))
        return RankedAttribution(np.arange(1, len(count) + 1), mean, error, count)

    def __repr__(self) -> str:
        return (
            f"Explanation({self.method} of the {self.output_kind}, {len(self):,} graphs, "
            f"{len(self.particles):,} particles, inputs {list(self.values)})"
        )

    def __str__(self) -> str:
        names = sorted({int(target) for target in self.target})
        of = ", ".join(self.classes[name] for name in names if name < len(self.classes))
        lines = [
            f"{self.method} of the {self.output_kind} of {of or 'the score'}: {len(self):,} graphs"
        ]
        if np.isfinite(self.residual).any():
            change = np.nanmean(np.abs(self.output - self.baseline))
            missing = np.nanmean(np.abs(self.residual))
            lines.append(
                f"  mean |F(x) - F(x0)| {change:.4g}, not accounted for {missing:.2g} on average"
            )
        for name in self.values:
            lines.append(f"  mean |attribution| to {name}")
            lines += [
                f"    {feature:<24}{mean:>10.4g} ± {error:.2g}"
                for feature, (mean, error) in self.ranking(name).items()
            ]
        return "\n".join(lines)


def _sums(values: FloatArray, ptr: NDArray[np.int64]) -> FloatArray:
    graph = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    return np.bincount(graph, values, minlength=len(ptr) - 1).astype(np.float64)
