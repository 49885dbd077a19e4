"""Simulation beside data, and mixed samples: clouds for trainings without true labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch

from pcgnn.data.checks import GRAPH
from pcgnn.data.clouds import ParticleClouds
from pcgnn.data.features import FeatureDefinition
from pcgnn.errors import ConfigError, DataError

__all__ = ["DOMAIN", "join_domains", "join_mixtures", "mix"]

DOMAIN = "domain"
_TRUTH = "truth"


def join_domains(simulation: ParticleClouds, data: ParticleClouds) -> ParticleClouds:
    """Labelled simulation and unlabelled data as one set, told apart by the column ``domain``.

    Args:
        simulation: clouds with classes; their ``domain`` is 0.
        data: clouds of the same features; their ``domain`` is 1. Classes, where they have some,
            are not used: all become 0. Weights, where only the simulation has some, are 1.

    Returns:
        The joined clouds, for :class:`pcgnn.training.DomainAdversarialTask`.

    Raises:
        DataError: there are no classes, or columns that the two do not share.

    Example:
        >>> simulation = ParticleClouds(x=torch.ones(2, 1), ptr=torch.arange(3),
        ...                             y=torch.tensor([0, 1]))
        >>> data = ParticleClouds(x=torch.zeros(1, 1), ptr=torch.arange(2))
        >>> join_domains(simulation, data).domain.tolist()
        [0, 0, 1]
    """
    if simulation.y is None:
        raise DataError(
            "the simulation has no classes", branch="y", remedy="make its clouds with target=..."
        )
    if data.features is not None and data.features != simulation.features:
        raise DataError("simulation and data have different feature definitions")
    shared = set(simulation.columns) & set(data.columns)
    parts = []
    for number, clouds in enumerate((simulation, data)):
        given = _tensors(clouds, shared)
        if number:
            given["y"] = torch.zeros(len(clouds), dtype=simulation.y.dtype)
        if simulation.weight is not None and clouds.weight is None:
            given["weight"] = torch.ones(len(clouds), dtype=simulation.weight.dtype)
        given[DOMAIN] = torch.full((len(clouds),), number, dtype=torch.int64)
        parts.append(_remade(clouds, given, simulation.features, simulation.classes))
    return ParticleClouds.concatenate(parts)


def _tensors(clouds: ParticleClouds, columns: Collection[str]) -> dict[str, Any]:
    """Tensors that are there, and some columns, which may have the name of a method ("split")."""
    standard = {name: getattr(clouds, name) for name in ("x", "pos", "p4", "y", "weight")}
    found = {name: value for name, value in standard.items() if value is not None}
    return found | {name: value for name, value in clouds.columns.items() if name in columns}


def _remade(
    clouds: ParticleClouds,
    given: dict[str, Any],
    features: FeatureDefinition | None,
    classes: Sequence[str],
) -> ParticleClouds:
    """The same graphs with these tensors, of which new ones are of the graphs."""
    levels = {name: clouds.levels.get(name, GRAPH) for name in given}
    return ParticleClouds(
        ptr=clouds.ptr,
        features=features,
        classes=classes or None,
        provenance=clouds.provenance,
        levels=levels,
        **given,
    )


def join_mixtures(poor: ParticleClouds, rich: ParticleClouds) -> ParticleClouds:
    """Two mixed samples with the sample as the class: classification without labels (CWoLa).

    From "Classification without labels" (`arXiv:1708.02949 <https://arxiv.org/abs/1708.02949>`__):
    the best classifier of two mixtures of signal and background, with different signal fractions
    and otherwise alike, is the best classifier of signal and background.

    Args:
        poor: the sample with less signal, class 0 ("poor").
        rich: the sample with more of it, class 1 ("rich").

    Returns:
        The joined clouds. True classes, where both samples have them, are kept in the column
        ``truth``, to judge the result by.

    Raises:
        DataError: columns or features differ.

    Example:
        >>> a = ParticleClouds(x=torch.ones(2, 1), ptr=torch.arange(3), y=torch.tensor([0, 1]))
        >>> both = join_mixtures(a, a)
        >>> both.y.tolist(), both.truth.tolist()
        ([0, 0, 1, 1], [0, 1, 0, 1])
    """
    labelled = poor.y is not None and rich.y is not None
    parts = []
    for number, clouds in enumerate((poor, rich)):
        given = _tensors(clouds, clouds.columns)
        if labelled:
            given[_TRUTH] = clouds.y
        given["y"] = torch.full((len(clouds),), number, dtype=torch.int64)
        parts.append(_remade(clouds, given, clouds.features, ("poor", "rich")))
    return ParticleClouds.concatenate(parts)


def mix(
    clouds: ParticleClouds, fractions: Sequence[float], *, signal: int = 1, seed: int = 0
) -> tuple[ParticleClouds, ...]:
    """Disjoint mixtures of given signal fractions, as large as the labelled clouds allow.

    For studies of :func:`join_mixtures`. All mixtures have the same number of graphs.

    Args:
        clouds: with classes.
        fractions: of signal in each mixture, 0 to 1.
        signal: the class of the signal; all others are background.
        seed: of the choice.

    Raises:
        ConfigError: no fractions, or one outside [0, 1].
        DataError: no classes, or too few graphs of one kind.

    Example:
        >>> clouds = ParticleClouds(x=torch.ones(8, 1), ptr=torch.arange(9),
        ...                         y=torch.tensor([0, 1] * 4))
        >>> [part.y.tolist().count(1) for part in mix(clouds, [0.25, 0.75])]
        [1, 3]
    """
    if not len(fractions) or not all(0 <= fraction <= 1 for fraction in fractions):
        raise ConfigError(f"fractions = {list(fractions)}", remedy="numbers from 0 to 1")
    if clouds.y is None:
        raise DataError("mixtures are made of labelled clouds", branch="y")
    random = np.random.default_rng([seed, 5])
    is_signal = clouds.y.numpy() == signal
    pools = [random.permutation(np.flatnonzero(part)) for part in (is_signal, ~is_signal)]
    needed = [sum(fractions), sum(1 - fraction for fraction in fractions)]
    each = min(
        int(pool.size / need + 1e-9) for pool, need in zip(pools, needed, strict=True) if need > 0
    )
    if each < 1:
        raise DataError("there are too few graphs for these mixtures", branch="y")
    parts, used = [], [0, 0]
    for fraction in fractions:
        counts = [round(each * fraction), each - round(each * fraction)]
        chosen = []
        for kind, count in enumerate(counts):
            count = min(count, pools[kind].size - used[kind])
            chosen.append(pools[kind][used[kind] : used[kind] + count])
            used[kind] += count
        parts.append(clouds[np.sort(np.concatenate(chosen))])
    return tuple(parts)
