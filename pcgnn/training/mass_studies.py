"""One network for all masses of a signal, or one per mass: trained, interpolated, compared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import nn

from pcgnn.data import (
    Balance,
    BalancedLoader,
    CloudLoader,
    Hypotheses,
    HypothesisPolicy,
    ParticleClouds,
    at_hypothesis,
)
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import precision_recall, significance_ratio, tagging_report
from pcgnn.metrics.mass_study import MassResult, MassStudy
from pcgnn.models import create_model
from pcgnn.training.callbacks.seeding import kept_random_state
from pcgnn.training.fitting import fit
from pcgnn.training.kept_results import kept_result
from pcgnn.training.plain import to_plain
from pcgnn.training.predicting import predict
from pcgnn.training.study_folder import check_folder_name

__all__ = ["MassApproach", "mass_study"]

MassKind: TypeAlias = Literal["parametric", "single", "per-mass"]

_PUBLISHED: dict[str, Any] = {
    "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "schedule": "constant",
    "monitor": "val_auc",
}  # fmt: skip


@dataclass(frozen=True)
class MassApproach:
    """A way to deal with the masses of a signal.

    Args:
        kind: "parametric" - the network is told the mass; "single" - one network that is not;
            "per-mass" - one network for each mass.
        model: name of the network. A parametric one takes ``parameters``, or has the mass as its
            last feature.
        arguments: of the network.

    Raises:
        ConfigError: an unknown kind.
    """

    kind: MassKind
    model: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(MassKind):
            raise ConfigError(
                f"kind = {self.kind!r}", remedy=f"choose of {', '.join(get_args(MassKind))}"
            )


_DENSE: dict[str, Any] = {"widths": [300, 150, 100, 50], "dropout": 0.25}
_DEFAULT = {
    "single": MassApproach("single", "dense", _DENSE),
    "per-mass": MassApproach("per-mass", "dense", _DENSE),
    "pnn": MassApproach("parametric", "pnn"),
    "affine-pnn": MassApproach("parametric", "affine-pnn"),
}


def mass_study(
    train: ParticleClouds,
    validation: ParticleClouds,
    test: ParticleClouds,
    *,
    mass: str = "mass",
    process: str = "process",
    drop: Sequence[float] = (),
    approaches: Sequence[str] | Mapping[str, MassApproach] = tuple(_DEFAULT),
    policy: HypothesisPolicy = "identical",
    sampled: bool = True,
    balance: Balance | None = "class",
    seeds: Sequence[int] = (1,),
    directory: str | os.PathLike[str] = "runs/masses",
    epochs: int = 20,
    batch_size: int = 1024,
    device: str = "auto",
    progress: bool = True,
    **fit_arguments: Any,
) -> MassStudy:
    r"""Compares ways to search for a signal of unknown mass, at each mass.

    From "Improving parametric neural networks for high-energy physics (and beyond)"
    (`arXiv:2202.00424 <https://arxiv.org/abs/2202.00424>`__). At each mass m the signal of that
    mass is held against all background, both looked at under the hypothesis m, and the
    :func:`pcgnn.metrics.significance_ratio`, AUC and average precision are taken, all with the
    weights of the test part if it has some. With ``drop``
    networks are trained once more without the signal of these masses and judged at them: that is
    interpolation, and its price is the difference to the training that has seen the mass.

    The last column of x is the mass, that of the signal or, for background, anything: it is
    replaced according to ``policy``. Every training is one folder; a finished one is read, an
    interrupted one goes on. The epoch kept is that of the best ``val_auc``.

    Args:
        train: the training part, with two classes, 1 the signal.
        validation: the validation part.
        test: the test part.
        mass: per-graph column with the mass of the signal.
        process: per-graph column of the background process, for ``balance``.
        drop: masses left out of the second training, each between two that stay.
        approaches: names of "single", "per-mass", "pnn", "affine-pnn", or own ones by name.
        policy: masses of the background, see :class:`pcgnn.data.Hypotheses`.
        sampled: draw them anew in every batch instead of once.
        balance: of the batches, see :class:`pcgnn.data.BalancedLoader`; None shuffles plainly.
        seeds: of weights, order and dropout.
        directory: where the trainings are kept.
        epochs: of each training.
        batch_size: graphs per batch, at most: rounded down to what the balance can share.
        device: as in :func:`pcgnn.fit`.
        progress: show progress.
        **fit_arguments: further arguments of :func:`pcgnn.fit`; by default those of the paper:
            Adam, learning rate 1e-3, constant, no weight decay.

    Raises:
        ConfigError: an unknown approach, a mass to drop that is not there, or a folder that holds
            other trainings.
        DataError: columns or classes are missing.

    Example:
        >>> study = mass_study(train, val, test, drop=[750.0, 1250.0])  # doctest: +SKIP
        >>> print(study)  # doctest: +SKIP
    """
    chosen = _chosen(approaches)
    parts = {"train": train, "validation": validation, "test": test}
    for name, part in parts.items():
        _check(part, name, mass)
    masses = _masses(train, mass)
    for value in drop:
        if value not in masses or value in (masses[0], masses[-1]):
            raise ConfigError(
                f"drop = {value:g}: interpolation needs one of the inner masses",
                remedy=f"choose of {', '.join(f'{m:g}' for m in masses[1:-1])}",
            )
    for name in ("validation", "test"):
        missing = [value for value in masses if value not in _masses(parts[name], mass)]
        if missing:
            raise DataError(
                f"the {name} part has no signal of {mass} = {missing[0]:g}",
                branch=mass,
                remedy="split such that each part has signal of every mass",
            )
    study = _Study(
        parts, mass, process, policy, sampled, balance, Path(directory), device, progress,
        {**_PUBLISHED, **fit_arguments, "epochs": epochs}, batch_size,
    )  # fmt: skip
    results: list[MassResult] = []
    kept = [value for value in masses if value not in drop]
    for seed in dict.fromkeys(seeds):
        for name, approach in chosen.items():
            if approach.kind == "per-mass":
                for value in masses:
                    results += study.train(name, approach, [value], [value], seed, False)
                continue
            results += study.train(name, approach, masses, masses, seed, False)
            if drop:
                results += study.train(name, approach, kept, list(drop), seed, True)
    return MassStudy(results)


@dataclass(frozen=True)
class _Study:
    parts: Mapping[str, ParticleClouds]
    mass: str
    process: str
    policy: HypothesisPolicy
    sampled: bool
    balance: Balance | None
    directory: Path
    device: str
    progress: bool
    fit: Mapping[str, Any]
    batch_size: int

    def train(
        self,
        name: str,
        approach: MassApproach,
        trained: Sequence[float],
        judged: Sequence[float],
        seed: int,
        interpolated: bool,
    ) -> list[MassResult]:
        """Results of one training at some masses."""
        label = "-".join(f"{value:g}" for value in trained)
        folder = self.directory / name / f"{label}-seed{seed}"
        parts = {
            part: self._prepared(clouds, approach, trained if part != "test" else judged)
            for part, clouds in self.parts.items()
        }
        key = {
            "approach": to_plain(vars(approach) | {"arguments": dict(approach.arguments)}),
            "settings": to_plain(dict(self.fit))
            | {"batch_size": self.batch_size, "balance": self.balance, "policy": self.policy,
               "sampled": self.sampled, "seed": seed, "judged": list(judged)},
            "data": {part: clouds.data_hash() for part, clouds in parts.items()},
        }  # fmt: skip

        def make() -> dict[str, Any]:
            if self.progress:
                print(f"{name}, masses {label}, seed {seed}")
            return {"rows": self._run(approach, parts, trained, judged, seed, folder)}

        rows = kept_result(folder / "result.json", key, make)["rows"]
        return [MassResult(name, interpolated, seed=seed, **row) for row in rows]

    def _prepared(
        self, clouds: ParticleClouds, approach: MassApproach, masses: Sequence[float]
    ) -> ParticleClouds:
        """The background and the signal of some masses; without the mass where it is not told."""
        assert clouds.y is not None
        values = clouds.graph_column(self.mass).numpy()
        wanted = (clouds.y.numpy() != 1) | np.isin(values, masses)
        return clouds[wanted] if approach.kind == "parametric" else _without_last(clouds[wanted])

    def _run(
        self,
        approach: MassApproach,
        parts: Mapping[str, ParticleClouds],
        trained: Sequence[float],
        judged: Sequence[float],
        seed: int,
        folder: Path,
    ) -> list[dict[str, float]]:
        train, validation = parts["train"], parts["validation"]
        told = approach.kind == "parametric"
        hypotheses = Hypotheses(list(trained), self.policy)
        if told:
            validation = hypotheses.assign(validation, seed=0)
            train = train if self.sampled else hypotheses.assign(train, seed=seed)
        result = fit(
            _network(approach, train, seed),
            self._loader(train, hypotheses if told and self.sampled else None, seed),
            validation,
            directory=folder,
            resume=True,
            seed=seed,
            device=self.device,
            progress=self.progress,
            **self.fit,
        )
        test = parts["test"]
        assert test.y is not None
        values = test.graph_column(self.mass)
        rows = []
        for value in judged:
            looked = test[(test.y != 1) | (values == value)]
            seen = at_hypothesis(looked, value) if told else looked
            scores = predict(result, seen, device=self.device)
            ratio = significance_ratio(looked.y, scores, weight=looked.weight)
            report = tagging_report(looked.y, scores, weight=looked.weight)
            curve = precision_recall(looked.y, scores, looked.weight)
            rows.append(
                {
                    "mass": float(value),
                    "ratio": ratio.value,
                    "ratio_error": ratio.error,
                    "auc": report.auc.value,
                    "average_precision": curve.average_precision,
                }
            )
        return rows

    def _loader(
        self, train: ParticleClouds, redraw: Hypotheses | None, seed: int
    ) -> CloudLoader | BalancedLoader:
        size = min(self.batch_size, len(train))
        if self.balance is None:
            return CloudLoader(train, size, shuffle=True, seed=seed, redraw=redraw)
        unit = BalancedLoader.unit(train, self.balance, process=self.process, mass=self.mass)
        return BalancedLoader(
            train,
            max(size // unit, 1) * unit,
            balance=self.balance,
            process=self.process,
            mass=self.mass,
            seed=seed,
            redraw=redraw,
        )


def _network(approach: MassApproach, train: ParticleClouds, seed: int) -> nn.Module:
    assert train.x is not None
    with kept_random_state():
        torch.manual_seed(seed)  # the initial weights; fit seeds the rest
        return create_model(
            approach.model, features=int(train.x.shape[1]), classes=2, **approach.arguments
        )


def _without_last(clouds: ParticleClouds) -> ParticleClouds:
    """The same clouds without the last column of x."""
    assert clouds.x is not None
    return clouds.replace(x=clouds.x[:, :-1].contiguous())


def _chosen(approaches: Sequence[str] | Mapping[str, MassApproach]) -> dict[str, MassApproach]:
    if isinstance(approaches, Mapping):
        found = dict(approaches)
    else:
        unknown = [name for name in approaches if name not in _DEFAULT]
        if unknown:
            raise ConfigError(
                f"no approach {unknown[0]!r}", remedy=f"choose of {', '.join(_DEFAULT)}"
            )
        found = {name: _DEFAULT[name] for name in approaches}
    if not found:
        raise ConfigError("no approaches are given")
    for name in found:
        check_folder_name(name)
    return found


def _check(clouds: ParticleClouds, name: str, mass: str) -> None:
    clouds.graph_column(mass)
    if clouds.x is None or clouds.y is None or clouds.x.shape[1] < 2:
        raise DataError(
            f"the {name} part needs classes and at least two features, the last one the mass",
            branch="x",
        )


def _masses(clouds: ParticleClouds, mass: str) -> list[float]:
    assert clouds.y is not None
    signal = (clouds.y == 1).numpy()
    if not signal.any() or signal.all():
        raise DataError("there must be signal (class 1) and background", branch="y")
    return [float(m) for m in np.unique(clouds.graph_column(mass).numpy()[signal])]
