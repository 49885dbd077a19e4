"""Gradient-boosted decision trees on variables of the jet, trained and judged like a network."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcgnn.data import FeatureDefinition, ParticleClouds
from pcgnn.errors import BackendError, CheckpointError, ConfigError, DataError
from pcgnn.io.atomic import atomic_path
from pcgnn.io.prediction import Prediction
from pcgnn.training.prediction_parts import check_inputs, origin_of
from pcgnn.training.task import probabilities_of

if TYPE_CHECKING:
    import xgboost

__all__ = ["BoostedTrees", "fit_trees", "load_trees"]

_FORMAT = "pcgnn trees 1"


@dataclass(frozen=True)
class BoostedTrees:
    """Trees and what is needed to score with them.

    Args:
        booster: the trees, cut off at the best round.
        features: how the variables are made.
        classes: names of the classes.
        history: column name -> one value per round.
        provenance: where the training data came from.
    """

    booster: xgboost.Booster
    features: FeatureDefinition | None
    classes: tuple[str, ...]
    history: dict[str, list[float]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What is classified, as of a task."""
        return "classification"

    @property
    def of_graphs(self) -> bool:
        """Whether the scores are of graphs, as of a task."""
        return True

    @property
    def rounds(self) -> int:
        """Number of rounds kept."""
        return int(self.booster.num_boosted_rounds())

    def predict(self, clouds: ParticleClouds) -> Prediction:
        """Class probabilities in input order; :func:`pcgnn.predict` comes here.

        Raises:
            ConfigError: the clouds hold other inputs than the trees were trained on.
            DataError: a graph has more than one row.
        """
        clouds = getattr(clouds, "clouds", clouds)  # behind a loader
        check_inputs(self.features, clouds)
        raw = self.booster.inplace_predict(_rows(clouds))
        signal = np.asarray(raw, np.float64)
        if signal.ndim == 1:
            signal = np.stack([1 - signal, signal], 1)
        # single precision leaves sums off by 1e-7
        shares = signal / signal.sum(1, keepdims=True)
        return probabilities_of(shares, origin_of(clouds), self.classes)

    def importance(self) -> dict[str, float]:
        """Share of each variable in the total gain of all splits, the largest first."""
        names = _names(self.features, self.booster.num_features())
        gain = self.booster.get_score(importance_type="total_gain")
        found = {name: float(gain.get(f"f{i}", 0.0)) for i, name in enumerate(names)}  # type: ignore[arg-type]
        total = sum(found.values()) or 1.0
        return {n: g / total for n, g in sorted(found.items(), key=lambda item: -item[1])}

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write everything as JSON, complete or not at all.

        Raises:
            WriteError: the file exists and ``overwrite`` is not set.
        """
        content = {
            "format": _FORMAT,
            "features": None if self.features is None else self.features.to_dict(),
            "classes": list(self.classes),
            "history": self.history,
            "provenance": self.provenance,
            "booster": json.loads(bytes(self.booster.save_raw("json"))),
        }
        with atomic_path(path, overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(content))
        return Path(path)


def fit_trees(
    train: ParticleClouds,
    val: ParticleClouds | None = None,
    *,
    rounds: int = 1000,
    depth: int = 4,
    lr: float = 0.05,
    subsample: float = 0.8,
    min_child_weight: float = 1.0,
    l2: float = 1.0,
    early_stopping: int = 50,
    seed: int = 0,
    threads: int = 1,
    directory: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> BoostedTrees:
    r"""Train gradient-boosted trees with XGBoost.

    "XGBoost: A Scalable Tree Boosting System" (`arXiv:1603.02754
    <https://arxiv.org/abs/1603.02754>`__): each round adds a tree that lowers the second-order
    expansion of the cross entropy,

    .. math::
        \hat y \leftarrow \hat y + \eta f_t(x), \qquad
        f_t = \arg\min \sum_i \big[g_i f(x_i) + \tfrac12 h_i f(x_i)^2\big] + \tfrac\lambda2 |w|^2

    Args:
        train: clouds of one row per graph, for example ``features="high-level"``, with classes;
            weights are used.
        val: the same; the rounds after its lowest cross entropy are dropped.
        rounds: largest number of trees (per class, if there are more than two).
        depth: largest depth of a tree.
        lr: eta, the shrinkage.
        subsample: share of the graphs each tree sees.
        min_child_weight: smallest sum of second derivatives in a leaf.
        l2: lambda.
        early_stopping: rounds without improvement on ``val`` before the end.
        seed: of the subsamples.
        threads: of XGBoost.
        directory: where ``trees.json`` is written, or None.
        overwrite: replace an earlier file there.

    Raises:
        BackendError: XGBoost is not installed (``pip install 'pcgnn[trees]'``).
        ConfigError: a number out of its range.
        DataError: several rows per graph, no classes, or negative weights.

    Example:
        >>> trees = fit_trees(train, val)  # doctest: +SKIP
        >>> pcgnn.predict(trees, test).signal  # doctest: +SKIP
    """
    if min(rounds, depth, early_stopping, threads) < 1 or not lr > 0 or not 0 < subsample <= 1:
        raise ConfigError(
            f"rounds = {rounds}, depth = {depth}, early_stopping = {early_stopping}, threads = "
            f"{threads}, lr = {lr}, subsample = {subsample}",
            remedy="numbers from 1, lr above 0, subsample above 0 and at most 1",
        )
    library = _library()
    data = _matrix(library, train, "train")
    classes = tuple(train.classes or ())
    number = max(len(classes), int(data.get_label().max()) + 1, 2)
    if len(classes) < number:
        classes = ("background", "signal") if number == 2 else tuple(map(str, range(number)))
    parameters: dict[str, Any] = {
        "max_depth": depth,
        "eta": lr,
        "subsample": subsample,
        "min_child_weight": min_child_weight,
        "lambda": l2,
        "seed": seed,
        "nthread": threads,
        "tree_method": "hist",
        "verbosity": 0,
    }
    if number == 2:
        parameters |= {"objective": "binary:logistic", "eval_metric": "logloss"}
    else:
        parameters |= {
            "objective": "multi:softprob",
            "eval_metric": "mlogloss",
            "num_class": number,
        }
    watched = [(data, "train")]
    if val is not None:
        watched.append((_matrix(library, val, "validation"), "val"))
    found: dict[str, dict[str, list[float]]] = {}
    booster = library.train(
        parameters,
        data,
        rounds,
        evals=watched,
        evals_result=found,
        early_stopping_rounds=early_stopping if val is not None else None,
        verbose_eval=False,
    )
    if val is not None:
        booster = booster[: booster.best_iteration + 1]
    history = {f"{part}_loss": list(next(iter(values.values()))) for part, values in found.items()}
    trees = BoostedTrees(booster, train.features, classes, history, dict(train.provenance))
    if directory is not None:
        Path(directory).mkdir(parents=True, exist_ok=True)
        trees.save(Path(directory) / "trees.json", overwrite=overwrite)
    return trees


def load_trees(path: str | os.PathLike[str]) -> BoostedTrees:
    """Read what :meth:`BoostedTrees.save` wrote; JSON, nothing in it is executed.

    Raises:
        CheckpointError: the file is missing, damaged, or of another program.
        BackendError: XGBoost is not installed.
    """
    library = _library()
    try:
        content = json.loads(Path(path).read_text())
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise CheckpointError(
                "the file holds no trees of pcgnn",
                file=path,
                remedy="give the trees.json of fit_trees",
            )
        booster = library.Booster()
        booster.load_model(bytearray(json.dumps(content["booster"]).encode()))
        definition = content["features"]
        return BoostedTrees(
            booster,
            None if definition is None else FeatureDefinition.from_dict(definition),
            tuple(content["classes"]),
            dict(content["history"]),
            dict(content["provenance"]),
        )
    except (OSError, ValueError, KeyError, TypeError, library.core.XGBoostError) as error:
        raise CheckpointError(
            f"the trees cannot be read: {str(error).splitlines()[0]}",
            file=path,
            remedy="train them again",
        ) from error


def _library() -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise BackendError(
            "boosted trees need XGBoost, which is not installed",
            remedy="pip install 'pcgnn[trees]'",
        ) from error
    return xgboost


def _rows(clouds: ParticleClouds) -> np.ndarray:
    if not isinstance(clouds, ParticleClouds):
        raise DataError(
            f"trees take all graphs at once, not a {type(clouds).__name__}",
            remedy="make ParticleClouds of them",
        )
    if clouds.x is None or clouds.num_particles != len(clouds):
        raise DataError(
            f"{len(clouds)} graphs have {clouds.num_particles} rows of features; trees take one "
            "row per graph",
            remedy='make the clouds with one row per graph, for example features="high-level"',
        )
    return np.asarray(clouds.x.numpy())


def _matrix(library: Any, clouds: ParticleClouds, part: str) -> Any:
    rows = _rows(clouds)
    if clouds.y is None or clouds.y.dim() != 1 or clouds.y.dtype.is_floating_point:
        raise DataError(
            f"the {part} part has no classes", remedy="make the clouds with target=COLUMN"
        )
    weight = None if clouds.weight is None else clouds.weight.numpy()
    if weight is not None and (weight < 0).any():
        raise DataError(
            f"{int((weight < 0).sum())} weights of the {part} part are negative, which boosted "
            "trees cannot have",
            branch="weight",
            remedy="train without weights, or with their absolute values, and judge with them",
        )
    return library.DMatrix(rows, label=clouds.y.numpy(), weight=weight)


def _names(features: FeatureDefinition | None, count: int) -> list[str]:
    return [f"x{i}" for i in range(count)] if features is None else list(features.names)
