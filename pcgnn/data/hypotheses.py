"""Which hypothesis, such as a mass, a background event is looked at under."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch

from pcgnn.data.clouds import ParticleClouds
from pcgnn.errors import ConfigError, DataError

__all__ = ["Hypotheses", "HypothesisPolicy"]

HypothesisPolicy: TypeAlias = Literal["identical", "uniform"]


class Hypotheses:
    """Gives background events the parameters of a signal hypothesis.

    A parametric network takes the parameters m of the signal it looks for. Background events have
    none, so they are given some, by one of two policies (`arXiv:2202.00424
    <https://arxiv.org/abs/2202.00424>`__):

    - "identical": drawn from the signal's own values, each equally often;
    - "uniform": drawn uniformly between the smallest and the largest of them;

    either once and for all (:meth:`assign`) or anew in every batch (``redraw=`` of a
    :class:`~pcgnn.data.CloudLoader`). The paper finds identical values, drawn anew, to be best: the
    distribution of m alone then tells nothing, and no event is tied to one value.

    The parameters are the last columns of ``x``, the same in all rows of a graph. They are changed
    there, and nowhere else.

    Args:
        values: values that the signal has, (K,) or (K, P) for P parameters.
        policy: "identical" or "uniform".
        signal: the class of ``y`` whose parameters are left alone.

    Raises:
        ConfigError: no values, values that are not finite, or an unknown policy.

    Example:
        >>> hypotheses = Hypotheses([500.0, 1000.0])
        >>> clouds = ParticleClouds(x=torch.tensor([[1.0, 0.0], [2.0, 500.0]]),
        ...                         ptr=torch.arange(3), y=torch.tensor([0, 1]))
        >>> hypotheses.assign(clouds).x[:, 1].tolist()
        [1000.0, 500.0]
    """

    def __init__(
        self, values: Any, policy: HypothesisPolicy = "identical", *, signal: int = 1
    ) -> None:
        table = np.atleast_1d(np.asarray(values, np.float64))
        table = table[:, None] if table.ndim == 1 else table
        if policy not in get_args(HypothesisPolicy):
            raise ConfigError(
                f"policy = {policy!r}", remedy=f"choose of {', '.join(get_args(HypothesisPolicy))}"
            )
        if table.ndim != 2 or table.size == 0 or not np.isfinite(table).all():
            raise ConfigError(
                f"the values of a hypothesis have the shape {np.shape(values)}",
                remedy="give finite numbers, one per signal point, or one row per point",
            )
        self.values = np.unique(table, axis=0)
        self.policy = policy
        self.signal = signal

    @classmethod
    def of(
        cls,
        clouds: ParticleClouds,
        policy: HypothesisPolicy = "identical",
        *,
        parameters: int = 1,
        signal: int = 1,
    ) -> Hypotheses:
        """Take the values that the signal of some clouds has in the last columns of x.

        Args:
            clouds: the training part.
            policy: "identical" or "uniform".
            parameters: how many columns are parameters.
            signal: the class of ``y`` that is signal.

        Raises:
            DataError: the clouds have no x, no signal, or fewer columns.
        """
        if clouds.x is None or clouds.y is None or not 1 <= parameters <= clouds.x.shape[1]:
            raise DataError(
                f"clouds with classes and at least {parameters} features are needed", branch="x"
            )
        chosen = clouds.y == signal
        if not bool(chosen.any()):
            raise DataError(f"there are no graphs of class {signal}", branch="y")
        first = clouds.ptr[:-1][chosen]
        found = cls(clouds.x[first, -parameters:].numpy(), policy, signal=signal)
        if policy == "identical" and len(first) >= 100 and 2 * len(found.values) > len(first):
            names = clouds.features.names[-parameters:] if clouds.features is not None else ()
            warnings.warn(
                f"{' and '.join(names) or 'the last column'} has {len(found.values):,} values in "
                f"{len(first):,} signal graphs: the parameters of the signal must be the last "
                "features; for a signal of many masses take policy='uniform'",
                stacklevel=2,
            )
        return found

    def __repr__(self) -> str:
        points = [", ".join(f"{value:g}" for value in row) for row in self.values[:8]]
        more = f", ... {len(self.values):,} in all" if len(self.values) > 8 else ""
        pairs = points if self.parameters == 1 else [f"({each})" for each in points]
        return f"Hypotheses({', '.join(pairs)}{more}; policy {self.policy!r})"

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return int(self.values.shape[1])

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Parameters for ``count`` graphs, (count, P)."""
        if self.policy == "identical":
            return np.asarray(self.values[random.integers(0, len(self.values), count)])
        return random.uniform(self.values.min(0), self.values.max(0), (count, self.parameters))

    def assign(self, clouds: ParticleClouds, seed: int = 0) -> ParticleClouds:
        """Clouds whose background has fixed parameters; the signal keeps its own.

        Args:
            clouds: they are not changed.
            seed: of the draw.
        """
        result = clouds.copy()
        self._fill(result, np.random.default_rng([seed, 2]), clouds.sizes)
        return result

    def redraw(self, batch: Any, random: np.random.Generator) -> None:
        """Give the background of a batch new parameters; called by loaders."""
        self._fill(batch, random, batch.plan.sizes)

    def _fill(self, data: Any, random: np.random.Generator, sizes: np.ndarray) -> None:
        if data.x is None or data.y is None or data.x.shape[1] <= self.parameters:
            raise DataError(
                f"x needs more than {self.parameters} columns, the last ones for the hypothesis, "
                "and there must be classes",
                branch="x",
            )
        drawn = torch.from_numpy(self.draw(len(sizes), random)).to(data.x.dtype)
        graph = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
        background = (data.y != self.signal).index_select(0, graph)[:, None]
        own = data.x[:, -self.parameters :]
        data.x[:, -self.parameters :] = torch.where(background, drawn.index_select(0, graph), own)

    def record(self) -> dict[str, Any]:
        """Plain values, by which other hypotheses would be noticed."""
        return {"policy": self.policy, "values": self.values.tolist(), "signal": self.signal}


def at_hypothesis(clouds: ParticleClouds, value: float | Sequence[float]) -> ParticleClouds:
    """Clouds all of whose graphs, signal and background, are looked at under one hypothesis.

    Args:
        clouds: they are not changed.
        value: the parameters, written into the last columns of x.

    Raises:
        DataError: x has not more columns than there are parameters.

    Example:
        >>> clouds = ParticleClouds(x=torch.tensor([[1.0, 500.0]]), ptr=torch.arange(2))
        >>> at_hypothesis(clouds, 750.0).x.tolist()
        [[1.0, 750.0]]
    """
    numbers = torch.tensor(np.atleast_1d(np.asarray(value, np.float64)))
    result = clouds.copy()
    if result.x is None or result.x.shape[1] <= numbers.numel():
        raise DataError(
            f"x needs more than {numbers.numel()} columns, the last ones for the hypothesis",
            branch="x",
        )
    result.x[:, -numbers.numel() :] = numbers.to(result.x.dtype)
    return result
