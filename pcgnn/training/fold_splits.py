"""Which graphs train, choose the epoch and are held out: k folds or random splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.data import ParticleClouds, splitting
from pcgnn.data.checks import GRAPH
from pcgnn.errors import ConfigError, DataError

__all__ = ["Fold", "Units", "make_folds"]

_FOLDS, _SPLITS, _INNER = 0xF01D, 0x5B17, 0x1A4E  # apart, so that no two draws are the same


@dataclass(frozen=True)
class Fold:
    """One training of a cross-validation, by numbers of graphs.

    Args:
        number: from 0, over all repeats.
        repeat: which permutation the fold is of.
        train: graphs that are trained on, and that the standardisation is fitted on.
        validation: graphs that choose the epoch; none of them is in ``train`` or ``test``.
        test: graphs that are held out.

    **Shapes:** train, validation, test: (.,) int64, rising
    """

    number: int
    repeat: int
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Units:
    """What is dealt out as a whole: groups of graphs, or single graphs.

    Args:
        of_graph: unit of each graph.
        stratum: units of the same stratum hold the same numbers of graphs of each class.

    **Shapes:** of_graph (G,), stratum (U,)
    """

    of_graph: NDArray[np.int64]
    stratum: NDArray[np.int64]

    @classmethod
    def of(cls, groups: NDArray[np.int64], strata: NDArray[np.int64]) -> Units:
        """From the group and the class of each graph, both (G,)."""
        _, unit = np.unique(groups, return_inverse=True)
        _, label = np.unique(strata, return_inverse=True)
        unit, label = unit.reshape(-1), label.reshape(-1)
        units, labels = int(unit.max()) + 1, int(label.max()) + 1
        if units == len(unit):  # single graphs: the composition is the class
            stratum = np.empty(units, np.int64)
            stratum[unit] = label
            return cls(unit.astype(np.int64), stratum)
        counts = np.bincount(unit * labels + label, minlength=units * labels)
        _, stratum = np.unique(counts.reshape(units, labels), axis=0, return_inverse=True)
        return cls(unit.astype(np.int64), stratum.reshape(-1).astype(np.int64))

    def __len__(self) -> int:
        return len(self.stratum)

    def deal(self, hands: int, seed: Sequence[int]) -> NDArray[np.int64]:
        """Fold of each graph, (G,): units sorted by composition and dealt in turn.

        Single graphs: each fold has each class to within one graph. Groups of different size are
        dealt forth and back, so that no fold gets the larger one of every round.
        """
        if len(self) < hands:
            what = "graphs" if len(self) == len(self.of_graph) else "groups"
            raise ConfigError(
                f"{len(self)} {what} cannot be dealt to {hands} folds", remedy="use fewer folds"
            )
        order = np.random.default_rng(seed).permutation(len(self))
        order = order[np.argsort(self.stratum[order], kind="stable")]
        turn, place = np.divmod(np.arange(len(self)), hands)
        if len(self) < len(self.of_graph):
            place = np.where(turn % 2 == 1, hands - 1 - place, place)
        fold = np.empty(len(self), np.int64)
        fold[order] = place
        return fold[self.of_graph]

    def take(self, fraction: float, seed: int) -> NDArray[np.bool_]:
        """Mask (G,) of about this fraction of the units, in proportion from each stratum."""
        _, chosen = splitting.by_parts(len(self), (1 - fraction, fraction), self.stratum, seed)
        mask = np.zeros(len(self), bool)
        mask[chosen] = True
        return mask[self.of_graph]


def make_folds(
    clouds: ParticleClouds,
    *,
    folds: int | None,
    splits: tuple[int, float] | None,
    validation: float,
    stratified: bool | str,
    groups: Any,
    repeats: int,
    seed: int,
) -> list[Fold]:
    """All folds of a cross-validation; the arguments are those of ``cross_validate``.

    Raises:
        ConfigError: numbers that make no folds.
        DataError: a column that is not there, or a part that would be empty.
    """
    _check(folds, splits, validation, repeats)
    grouped = _groups(clouds, groups)
    strata = _strata(clouds, stratified)
    units = Units.of(grouped, strata)
    masks: list[tuple[int, NDArray[np.bool_]]] = []
    if splits is not None:
        masks = [(n, units.take(splits[1], _mix(seed, _SPLITS, n))) for n in range(splits[0])]
    else:
        count = 5 if folds is None else folds
        for repeat in range(repeats):
            dealt = units.deal(count, [seed, _FOLDS, repeat])
            masks += [(repeat, dealt == fold) for fold in range(count)]
    found = []
    for number, (repeat, held) in enumerate(masks):
        rest = np.flatnonzero(~held)
        inner = np.zeros(len(rest), bool)
        if validation > 0:
            left = Units.of(grouped[rest], strata[rest])
            inner = left.take(validation, _mix(seed, _INNER, number))
        found.append(Fold(number, repeat, rest[~inner], rest[inner], np.flatnonzero(held)))
    return found


def _check(
    folds: int | None, splits: tuple[int, float] | None, validation: float, repeats: int
) -> None:
    if folds is not None and splits is not None:
        raise ConfigError("folds and splits are both given", remedy="choose one")
    if folds is not None and folds < 2:
        raise ConfigError(f"folds = {folds} must be at least 2")
    if repeats < 1:
        raise ConfigError(f"repeats = {repeats} must be at least 1")
    if splits is not None:
        if len(splits) != 2 or int(splits[0]) != splits[0] or splits[0] < 1:
            raise ConfigError(
                f"splits = {splits!r}", remedy="give (number of splits, fraction held out)"
            )
        if not 0 < splits[1] < 1:
            raise ConfigError(f"the fraction held out, {splits[1]}, must be between 0 and 1")
        if repeats != 1:
            raise ConfigError("random splits have no repeats", remedy="ask for more splits")
    if not 0 <= validation < 1:
        raise ConfigError(f"validation = {validation} must be at least 0 and below 1")


def _mix(*words: int) -> int:
    return int(np.random.SeedSequence(list(words)).generate_state(1)[0])


def _groups(clouds: ParticleClouds, groups: Any) -> NDArray[np.int64]:
    if groups is None:
        return np.arange(len(clouds))
    names = [groups] if isinstance(groups, str) else groups
    if isinstance(names, (list, tuple)) and names and all(isinstance(n, str) for n in names):
        columns = [np.asarray(clouds.graph_column(name)) for name in names]
    else:
        columns = [np.asarray(groups)]
    for column in columns:
        if column.shape != (len(clouds),):
            raise DataError(
                f"groups have the shape {column.shape}, the clouds {len(clouds)} graphs",
                remedy="give one number per graph, or names of per-graph columns",
            )
    table = np.zeros(len(clouds), np.int64)
    for column in columns:
        _, number = np.unique(column, return_inverse=True)
        # counted anew after each column, so that the products stay small
        joint = table * (int(number.max()) + 1) + number.reshape(-1)
        table = np.unique(joint, return_inverse=True)[1].reshape(-1)
    return table.astype(np.int64)


def _strata(clouds: ParticleClouds, stratified: bool | str) -> NDArray[np.int64]:
    flat = np.zeros(len(clouds), np.int64)
    if isinstance(stratified, str):
        values = np.asarray(clouds.graph_column(stratified))
        if values.ndim != 1 or values.dtype.kind not in "biu":
            raise DataError(
                f"{stratified} is {values.dtype} of shape {values.shape}",
                branch=stratified,
                remedy="stratify by one whole number per graph",
            )
        return values.astype(np.int64)
    if not stratified or clouds.y is None or clouds.levels.get("y") != GRAPH:
        return flat
    labels = np.asarray(clouds.y)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    return labels.astype(np.int64) if labels.ndim == 1 and labels.dtype.kind in "biu" else flat
