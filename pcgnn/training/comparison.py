"""Train many taggers on the same jets and judge them on the same test part."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.data import FeatureDefinition, ParticleClouds
from pcgnn.data.checks import GRAPH
from pcgnn.errors import ConfigError
from pcgnn.io.atomic import atomic_path
from pcgnn.metrics import tagging_report
from pcgnn.metrics.comparison import Comparison, TrainedTagger
from pcgnn.models import create_model
from pcgnn.training.costs import flops_per_graph, jets_per_second
from pcgnn.training.fitting import fit
from pcgnn.training.plain import to_plain
from pcgnn.training.predicting import predict
from pcgnn.training.recipes import TREES, Recipe, default_recipe
from pcgnn.training.study_folder import check_folder_name
from pcgnn.training.target_checks import check_rows
from pcgnn.training.trees import fit_trees

__all__ = ["compare"]

RESULT = "result.json"
SCORES = "scores.npz"
_ORDER_SEED = 20190226
_PARTS = ("train", "validation", "test")
# arguments of fit and fit_trees that the comparison sets itself
_OURS = {
    "model", "train", "val", "task", "directory", "resume", "overwrite", "seed", "device",
    "progress", "callbacks",
}  # fmt: skip


def compare(
    taggers: Sequence[str] | Mapping[str, Recipe],
    train: ak.Array,
    validation: ak.Array,
    test: ak.Array,
    *,
    target: Any,
    signal: str | None = None,
    fractions: Sequence[float] = (1.0,),
    seeds: Sequence[int] = (1,),
    directory: str | os.PathLike[str] = "runs/compare",
    epochs: int | None = None,
    jet_axis: str = "particles",
    signal_efficiencies: Sequence[float] = (0.5, 0.3),
    device: str = "auto",
    progress: bool = True,
) -> Comparison:
    """Trains taggers by name on parts of the training jets and judges them on the same test jets.

    Every training is one folder, ``<tagger>/<jets>-seed<n>``. A finished one is read, not trained
    again; one that was interrupted goes on from its last epoch. The parts of the training jets are
    nested: the first jets of one fixed permutation. The epoch kept is chosen on the validation
    part, never on the test part.

    Args:
        taggers: names with a default recipe (:func:`pcgnn.training.list_recipes`), or recipes by
            name.
        train: records with particles, of :func:`pcgnn.read_root`.
        validation: the same.
        test: the same.
        target: column with two or more classes.
        signal: the class whose AUC and rejections are shown; needed with more than two.
        fractions: parts of the training jets, each above 0 and at most 1.
        seeds: of the initial weights, the order and dropout.
        directory: where the trainings are kept.
        epochs: instead of the number in each recipe; trees keep theirs.
        jet_axis: of all features: "particles", "columns" or "auto".
        signal_efficiencies: where rejections are given.
        device: as in :func:`pcgnn.fit`.
        progress: show progress.

    Raises:
        ConfigError: an unknown name or argument, a fraction out of range, no signal among several
            classes, or a folder that holds a training of another recipe or of other data.

    Example:
        >>> found = compare(["pfn", "trees"], train, val, test, target="is_top")  # doctest: +SKIP
        >>> print(found)  # doctest: +SKIP
    """
    recipes = (
        dict(taggers)
        if isinstance(taggers, Mapping)
        else {name: default_recipe(name) for name in taggers}
    )
    if not recipes or not seeds or not fractions:
        raise ConfigError("taggers, fractions and seeds must not be empty")
    if min(fractions) <= 0 or max(fractions) > 1:
        raise ConfigError(f"fractions = {list(fractions)}", remedy="above 0 and at most 1")
    if epochs is not None:
        recipes = {name: _with_epochs(recipe, epochs) for name, recipe in recipes.items()}
    jets = {"train": train, "validation": validation, "test": test}
    field = _Field(jets, target, jet_axis)
    _check_recipes(recipes, field)
    counts = sorted({max(round(fraction * len(train)), 1) for fraction in fractions})
    runs = []
    for count in counts:
        for name, recipe in recipes.items():
            parts = field.parts(recipe, count)
            _check_classes(parts["train"], signal)
            for seed in dict.fromkeys(seeds):
                folder = Path(directory) / name / f"{len(parts['train'])}-seed{seed}"
                run = _Run(name, recipe, seed, parts, folder, device, progress)
                found = run.result(signal_efficiencies)
                runs.append(replace(found, input_speed=field.speed))
    return Comparison(runs, signal)


_OF_NETWORKS = set(inspect.signature(fit).parameters) - _OURS
_OF_TREES = set(inspect.signature(fit_trees).parameters) - _OURS


class _Field:
    """The jets of all parts as clouds of any features, each kept while it is in use.

    Attributes:
        speed: jets per second of CPU time whose inputs were made last.
    """

    def __init__(self, jets: Mapping[str, ak.Array], target: Any, jet_axis: str) -> None:
        self.speed = math.nan
        self._jets = jets
        self._target, self._axis = target, jet_axis
        self._made: tuple[str, dict[str, ParticleClouds]] | None = None

    def definition(self, recipe: Recipe) -> FeatureDefinition:
        given = FeatureDefinition.parse(recipe.features).to_dict()
        return FeatureDefinition.from_dict({**given, "jet_axis": self._axis})

    def parts(self, recipe: Recipe, count: int) -> dict[str, ParticleClouds]:
        definition = self.definition(recipe)
        key = json.dumps(definition.to_dict(), sort_keys=True)
        if self._made is None or self._made[0] != key:
            made = {
                part: ParticleClouds.from_awkward(
                    self._jets[part], features=definition, target=self._target
                )
                for part in _PARTS
            }
            self._made = (key, made)
            # once more for the clock: the first time includes imports
            start = time.process_time()
            ParticleClouds.from_awkward(
                self._jets["validation"], features=definition, target=self._target
            )
            self.speed = len(made["validation"]) / max(time.process_time() - start, 1e-9)
        whole = self._made[1]
        if count == len(whole["train"]):
            return dict(whole)
        order = np.random.default_rng(_ORDER_SEED).permutation(len(whole["train"]))
        return {**whole, "train": whole["train"][order[:count]]}


class _Run:
    """One training of one tagger in its folder."""

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        seed: int,
        parts: dict[str, ParticleClouds],
        folder: Path,
        device: str,
        progress: bool,
    ) -> None:
        self.name, self.recipe, self.seed = name, recipe, seed
        self.parts, self.folder = parts, folder
        self.device, self.progress = device, progress

    def result(self, efficiencies: Sequence[float]) -> TrainedTagger:
        """Of the files if they are there, else of a training."""
        record = self._read()
        if record is None:
            if self.progress:
                print(f"{self.name}, {len(self.parts['train']):,} jets, seed {self.seed}")
            record = self._train()
        with np.load(self.folder / SCORES) as file:
            probabilities = file["probabilities"]
        report = tagging_report(
            self.parts["test"].y,
            probabilities,
            classes=self.parts["test"].classes or None,
            signal_efficiencies=efficiencies,
        )
        return TrainedTagger(
            self.name,
            len(self.parts["train"]),
            self.seed,
            report,
            recipe=self.recipe.to_dict(),
            **record["costs"],
        )

    def _key(self) -> dict[str, Any]:
        data = {part: clouds.data_hash() for part, clouds in self.parts.items()}
        recipe = json.dumps(to_plain(self.recipe.to_dict()), sort_keys=True)
        return {"recipe": hashlib.sha256(recipe.encode()).hexdigest()[:16], "data": data}

    def _read(self) -> dict[str, Any] | None:
        path = self.folder / RESULT
        if not path.is_file() or not (self.folder / SCORES).is_file():
            return None
        try:
            record = json.loads(path.read_text())
            key = record["key"]
            record["costs"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "the result of an earlier training cannot be read",
                file=path,
                remedy="delete its folder to train again",
            ) from error
        if key != self._key():
            what = "another recipe" if key["recipe"] != self._key()["recipe"] else "other data"
            raise ConfigError(
                f"the folder holds a training with {what}",
                file=path,
                remedy="choose another directory, or delete this folder to train again",
            )
        return dict(record)

    def _train(self) -> dict[str, Any]:
        start = time.perf_counter()
        trainer = _train_trees if self.recipe.model == TREES else _train_network
        source, costs = trainer(self)
        scores: Any = predict(source, self.parts["test"], device=self.device)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            atomic_path(self.folder / SCORES, overwrite=True) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez_compressed(file, probabilities=scores.probabilities)
        record = {
            "tagger": self.name,
            "seed": self.seed,
            "recipe": to_plain(self.recipe.to_dict()),
            "training_jets": len(self.parts["train"]),
            "seconds": time.perf_counter() - start,
            "costs": costs,
            "key": self._key(),
        }
        with atomic_path(self.folder / RESULT, overwrite=True) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n")
        return record


def _train_network(run: _Run) -> tuple[Any, dict[str, Any]]:
    import torch

    from pcgnn.training.callbacks.seeding import kept_random_state

    train = run.parts["train"]
    with kept_random_state():
        torch.manual_seed(run.seed)  # the initial weights; fit seeds the rest
        model = _network(run.recipe, train)
    result = fit(
        model,
        train,
        run.parts["validation"],
        directory=run.folder,
        resume=True,
        seed=run.seed,
        device=run.device,
        progress=run.progress,
        **run.recipe.fit,
    )
    size = int(run.recipe.fit.get("batch_size", 256))
    task = result.task
    costs = {
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "flops": flops_per_graph(task, run.parts["test"]),
        "training_speed": jets_per_second(task, train, training=True, batch_size=size),
        "inference_speed": jets_per_second(task, train, training=False, batch_size=512),
    }
    return result, costs


def _train_trees(run: _Run) -> tuple[Any, dict[str, Any]]:
    trees = fit_trees(
        run.parts["train"],
        run.parts["validation"],
        seed=run.seed,
        directory=run.folder,
        overwrite=True,
        **run.recipe.fit,
    )
    times = []
    for _ in range(6):
        start = time.process_time()
        trees.predict(run.parts["train"])
        times.append(max(time.process_time() - start, 1e-9))
    return trees, {
        "parameters": None,
        "flops": None,
        "training_speed": None,
        "inference_speed": len(run.parts["train"]) / median(times[1:]),
    }


def _network(recipe: Recipe, clouds: ParticleClouds) -> Any:
    assert clouds.features is not None
    classes = max(len(clouds.classes or ()), 2)
    return create_model(
        recipe.model, features=len(clouds.features), classes=classes, **recipe.arguments
    )


def _check_recipes(recipes: Mapping[str, Recipe], field: _Field) -> None:
    """Find wrong names and arguments before the first hour of training, not after it."""
    for name, recipe in recipes.items():
        known = _OF_TREES if recipe.model == TREES else _OF_NETWORKS
        if unknown := sorted(set(recipe.fit) - known):
            raise ConfigError(
                f"the recipe {name!r} has {unknown[0]!r} under fit, which is not to be set there",
                remedy=f"use {', '.join(sorted(known))}",
            )
        check_folder_name(name)
        definition = field.definition(recipe)
        if recipe.model != TREES:
            try:
                model = create_model(recipe.model, features=len(definition), **recipe.arguments)
            except ConfigError as error:
                raise ConfigError(
                    f"the recipe {name!r}: {error.problem}", remedy=error.remedy
                ) from error
            check_rows(model, definition)
        elif definition.rows != GRAPH:
            raise ConfigError(
                f"trees take one row per graph, the features {definition.name!r} are of particles",
                remedy="take features with one row per graph, for example 'high-level'",
            )


def _check_classes(clouds: ParticleClouds, signal: str | None) -> None:
    classes = clouds.classes or ()
    if clouds.multi_label or len(classes) < 2:
        raise ConfigError(
            "taggers are compared on classes that exclude each other",
            remedy="name one column of classes as target",
        )
    if signal is None and len(classes) > 2:
        raise ConfigError(
            f"there are {len(classes)} classes: which one is the signal?",
            remedy=f"give signal=, one of {', '.join(classes)}",
        )
    if signal is not None and signal not in classes:
        raise ConfigError(f"no class {signal!r}", remedy=f"use one of {', '.join(classes)}")


def _with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    if recipe.model == TREES:
        return recipe
    given = recipe.to_dict()
    return Recipe(
        given["model"], given["features"], given["arguments"], {**given["fit"], "epochs": epochs}
    )
